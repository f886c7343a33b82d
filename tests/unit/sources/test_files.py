"""Which files are read, in which order, as what, and what is told before the first record."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import PreflightError
from pipeline.sources import FileSpec, open_source
from tests.unit.sources.drive import outcomes_of, read_all


def _names(pattern: str, root: Path, **options: Any) -> list[str]:
    source = open_source(FileSpec(pattern, root, **options))
    return [part.name for part in asyncio.run(_parts(source))]


async def _parts(source: Any) -> Any:
    return await source.parts()


def _refusal(pattern: str, root: Path, **options: Any) -> str:
    with pytest.raises(PreflightError) as refused:
        _names(pattern, root, **options)
    return str(refused.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with files of several kinds."""
    inside = tmp_path / "configs" / "parts"
    inside.mkdir(parents=True)
    for name in ("b.jsonl", "a.jsonl", "c10.jsonl", "c9.jsonl", ".hidden.jsonl", "_SUCCESS"):
        (inside / name).write_text(f'{{"id":"{name}"}}\n')
    return tmp_path / "configs"


def test_a_folder_is_read_in_name_order(folder: Path) -> None:
    """Hidden files and markers are passed over; names are as seen from the definition."""
    expected = ["parts/a.jsonl", "parts/b.jsonl", "parts/c10.jsonl", "parts/c9.jsonl"]

    assert _names("parts", folder) == expected
    assert _names("parts/", folder) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("parts/c*.jsonl", ["parts/c10.jsonl", "parts/c9.jsonl"]),
        ("**/[ab].jsonl", ["parts/a.jsonl", "parts/b.jsonl"]),
        ("../configs/parts/a.jsonl", ["parts/a.jsonl"]),
        ("parts/?.jsonl", ["parts/a.jsonl", "parts/b.jsonl"]),
        ("parts/.hidden.jsonl", ["parts/.hidden.jsonl"]),
    ],
)
def test_globs_and_single_files(folder: Path, pattern: str, expected: list[str]) -> None:
    """A hidden file is read if it is named."""
    assert _names(pattern, folder) == expected


def test_an_absolute_path_stays_one(folder: Path) -> None:
    """What the user wrote in full is named in full."""
    assert _names(str(folder / "parts/a*"), Path("elsewhere")) == [str(folder / "parts/a.jsonl")]


def test_a_name_with_the_signs_of_a_glob(folder: Path) -> None:
    """A file that is really called so is meant."""
    (folder / "x[1].jsonl").write_text("{}\n")

    assert _names("x[1].jsonl", folder) == ["x[1].jsonl"]


def test_parts_of_a_folder_may_differ(folder: Path) -> None:
    """Each part is told apart by itself, and its records are decoded accordingly."""
    (folder / "parts" / "d.csv").write_text("id,n\nd,1\n")
    (folder / "parts" / "e.json").write_text('[{"id":"e"}]')
    source = open_source(FileSpec("parts/[de].*", folder))

    chunks = asyncio.run(read_all(source))

    assert outcomes_of(source, chunks) == [{"id": "d", "n": "1"}, {"id": "e"}]
    assert [chunk.part for chunk in chunks] == ["parts/d.csv", "parts/e.json"]


def test_links_are_followed(folder: Path) -> None:
    """A link to a regular file is as good as the file; one to nowhere is told."""
    (folder / "link.jsonl").symlink_to(folder / "parts/a.jsonl")
    (folder / "broken.jsonl").symlink_to(folder / "nowhere")

    assert _names("link.jsonl", folder) == ["link.jsonl"]
    assert "'broken.jsonl' is a link to a file that does not exist" in _refusal("broken*", folder)


@pytest.mark.parametrize("pattern", ["**/*.jsonl", "*/*.jsonl", "parts"])
def test_a_folder_that_cannot_be_listed_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    """What lies in it would be missing from the load, and nobody would know."""
    list_names = os.listdir

    def refuse(path: Path) -> list[str]:
        if path.name == "parts":
            raise PermissionError(13, "Permission denied", str(path))
        return list_names(path)

    monkeypatch.setattr(os, "listdir", refuse)

    message = _refusal(pattern, folder)
    assert message.startswith(f"'{pattern}' cannot be read: Permission denied (")
    assert "parts" in message


def test_a_link_that_leads_back_is_told(folder: Path) -> None:
    """Two of them would keep a search busy for ever, and give each file again and again."""
    for name in ("one", "two"):
        (folder / "parts" / name).symlink_to(folder)

    assert "'**/*.jsonl' cannot be read: the link leads back" in _refusal("**/*.jsonl", folder)
    assert _names("parts/a*.jsonl", folder) == ["parts/a.jsonl"]


def test_a_link_to_itself_is_told(folder: Path) -> None:
    """It is as broken as a link to nowhere, and in nobody's way who does not mean it."""
    (folder / "parts" / "loop.jsonl").symlink_to("loop.jsonl")

    assert "Too many levels of symbolic links" in _refusal("parts/l*", folder)
    assert _names("**/a.jsonl", folder) == ["parts/a.jsonl"]


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("x" * 5_000, "cannot be read: File name too long"),
        ("a\0b", "is no path: it holds a NUL"),
        ("~nobody-of-this-name/x", "is no path: Could not determine home directory"),
        ("parts/a.jsonl/x", "Not a directory"),
    ],
)
def test_what_is_no_path_is_told(folder: Path, pattern: str, says: str) -> None:
    """Whatever the system has against it is a sentence."""
    assert says in _refusal(pattern, folder)


def test_what_is_no_file_is_refused(folder: Path) -> None:
    """Neither missing files nor pipes, devices and empty folders get a run going."""
    os.mkfifo(folder / "pipe")
    (folder / "empty").mkdir()
    (folder / "nested" / "deeper").mkdir(parents=True)

    assert "'no.csv' does not exist" in _refusal("no.csv", folder)
    assert "no file matches 'no*.csv'" in _refusal("no*.csv", folder)
    assert "'pipe' is a pipe" in _refusal("pipe", folder)
    assert "'/dev/null' is a device" in _refusal("/dev/null", folder)
    assert "folder 'empty' holds no file" in _refusal("empty", folder)
    assert "holds the folder 'deeper'" in _refusal("nested", folder)
    assert "'nested/**/*.jsonl'" in _refusal("nested", folder)


def test_a_bad_part_stops_before_the_first_is_read(folder: Path) -> None:
    """All parts are looked at, not only the first."""
    (folder / "parts" / "z.json").write_text('{"id":1}')

    assert "'parts/z.json' begins with '{'" in _refusal("parts", folder)


def test_an_unreadable_file_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's own reason is given, and its permissions as the thing to look at."""

    def refuse(*_args: Any, **_options: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)

    message = _refusal("parts/a.jsonl", folder)
    assert message == ("'parts/a.jsonl' cannot be read: Permission denied; check its permissions")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("x.jsonl", "{}\n", [{}]),
        ("x.NDJSON", "{}\n", [{}]),
        ("x.json", "[{}]", [{}]),
        ("x.csv", "a\n1\n", [{"a": "1"}]),
        ("x.tsv", "a\tb\n1\t2\n", [{"a": "1", "b": "2"}]),
        ("x", ' \n{"a":1}\n', [{"a": 1}]),
        ("x.txt", '\n[{"a":1}]', [{"a": 1}]),
        ("x.export", "a,b\n1,2\n", [{"a": "1", "b": "2"}]),
        ("x.jsonl", 'oops\n{"a":1}\n', ["json_syntax", {"a": 1}]),
    ],
)
def test_the_form_is_told_by_name_and_content(
    tmp_path: Path, name: str, text: str, expected: list[Any]
) -> None:
    """A known ending is confirmed by the content; without one the content alone tells."""
    (tmp_path / name).write_text(text)
    source = open_source(FileSpec(name, tmp_path))

    assert outcomes_of(source, asyncio.run(read_all(source))) == expected


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("x.jsonl", "[\n{}\n]", "begins with '['; set source.format: json"),
        ("x.json", "{}\n{}\n", "set source.format: jsonl"),
        ("x.csv", "[{}]", "begins like JSON; set source.format: json or csv"),
        ("x.txt", "just a line\n", "neither its name nor its beginning says what 'x.txt' holds"),
        ("x.txt", "a,a\n", "neither its name nor its beginning"),
        ("x", "", "is blank, and its name does not say what it holds"),
        ("x.txt", "\n" * 2_000_000, "is blank"),
        ("x.csv", "a" * 2_000_000, "no line end within its first 1048576 bytes"),
        ("x.parquet", "PAR1....", "is Parquet, which is not read"),
    ],
)
def test_doubt_is_told_and_the_definition_asked(
    tmp_path: Path, name: str, text: str, says: str
) -> None:
    """Where name and content do not agree nothing is guessed."""
    (tmp_path / name).write_text(text)

    assert says in _refusal(name, tmp_path)


def test_a_stated_format_is_believed(tmp_path: Path) -> None:
    """JSON Lines may begin with a line that is an array; it is refused, and no other."""
    (tmp_path / "x.jsonl").write_text('[1]\n{"a":1}\n')
    source = open_source(FileSpec("x.jsonl", tmp_path, format="jsonl"))

    assert outcomes_of(source, asyncio.run(read_all(source))) == ["not_an_object", {"a": 1}]


def test_nothing_is_touched_before_it_is_asked_for(tmp_path: Path) -> None:
    """To open a source neither reads nor checks anything."""
    open_source(FileSpec("missing.csv", tmp_path))
