"""The catalogue: each definition by its name, as it stands on the disk, however broken the rest."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import PreflightError
from pipeline.jobs.catalogue.catalogue import Catalogue
from pipeline.jobs.catalogue.definitions import read_definition
from pipeline.jobs.catalogue.folder import named, read_folder
from pipeline.jobs.errors import BadDefinitionError, UnknownPipelineError
from tests.unit.jobs.stage import DEFINITION, define, staged

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.jobs.catalogue.folder import Listed


def listed(folder: Path, **environment: str) -> dict[str, Listed]:
    """Give what is listed of a folder."""
    return named(read_folder(folder, {}, environment).values())


def test_a_definition_is_listed_with_what_it_says(tmp_path: Path) -> None:
    """Its name, what it reads, the table, and what kind of endpoint that is at."""
    define(tmp_path, "users")
    text = DEFINITION.format(name="local").replace(
        "region: us-east-1", "endpoint: 'http://u-${HOST}:8000'"
    )
    (tmp_path / "b.yml").write_text(text)
    found = listed(tmp_path, HOST="secret-host")
    assert {
        one.name: (one.entry.source, one.entry.table, one.entry.endpoint) for one in found.values()
    } == {
        "users": ("generate", "Users", "aws"),
        "local": ("generate", "Users", "url"),
    }
    text = text.replace("'http://u-${HOST}:8000'", "embedded")
    (tmp_path / "b.yml").write_text(text)
    assert listed(tmp_path)["local"].entry.endpoint == "embedded"


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/data/in/users.jsonl", "/data/in"),
        ("/data/in/**/*.jsonl", "/data/in"),
        ("/data/in/users-2026-*.jsonl", "/data/in"),
        ("data/users.jsonl", None),
    ],
)
def test_where_a_source_stands_is_known_if_the_definition_says_it(
    tmp_path: Path, path: str, place: str | None
) -> None:
    """So that it is not told to whoever watches a job; what is relative tells nothing."""
    text = DEFINITION.format(name="a").replace(
        "{type: generate, count: 10}", f"{{type: file, path: '{path}'}}"
    )
    (tmp_path / "a.yaml").write_text(text)
    found = listed(tmp_path)["a"].entry.place
    assert (None if found is None else str(found)) == place


def test_only_definitions_are_read(tmp_path: Path) -> None:
    """Other files, hidden ones and folders below are none."""
    define(tmp_path, "users")
    (tmp_path / "README.md").write_text("hello")
    define(tmp_path, ".hidden")
    (tmp_path / "below").mkdir()
    define(tmp_path / "below", "deep")
    assert list(listed(tmp_path)) == ["users"]


def test_a_broken_definition_breaks_no_other(tmp_path: Path) -> None:
    """Each is listed with its problem, by the name that it would have, without paths or values."""
    define(tmp_path, "users")
    (tmp_path / "cut.yaml").write_text("name: cities\nsource: {type: file\n")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "env.yaml").write_text("name: ${MISSING:?set it}\nsource: ${TOKEN}\n")
    (tmp_path / "deep.yaml").write_text("[" * 5_000)
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "dangling.yaml").symlink_to(tmp_path / "nowhere")
    found = listed(tmp_path, TOKEN="s3cr3t")
    assert found["users"].problem is None
    problems = {name: one.problem for name, one in found.items() if name != "users"}
    assert set(problems) == {"cities", "bytes", "env", "deep", "folder", "pipe", "dangling"}
    for problem in problems.values():
        assert problem
        assert str(tmp_path) not in problem
        assert "s3cr3t" not in problem
    assert "cut.yaml:2" in str(problems["cities"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_definition_is_listed(tmp_path: Path) -> None:
    """With the reason."""
    define(tmp_path, "users").chmod(0)
    assert "cannot be read" in str(listed(tmp_path)["users"].problem)


def test_two_of_one_name_stand_in_each_other_s_way(tmp_path: Path) -> None:
    """Which is meant nobody knows: neither is run, and both files are named."""
    define(tmp_path, "users")
    (tmp_path / "other.yaml").write_text(DEFINITION.format(name="users"))
    define(tmp_path, "cities")
    found = listed(tmp_path)
    assert sorted(found) == ["cities", "users"]
    assert found["cities"].problem is None
    problem = str(found["users"].problem)
    assert "other.yaml, users.yaml all have the name 'users'" in problem


def test_a_broken_one_never_takes_a_sound_one_s_name(tmp_path: Path) -> None:
    """It goes by its file's name then."""
    (tmp_path / "a.yaml").write_text("name: users\nsource: 7\n")
    (tmp_path / "b.yaml").write_text("name: users\nsource: 8\n")
    assert sorted(listed(tmp_path)) == ["a.yaml", "b.yaml"]
    define(tmp_path, "users")
    found = listed(tmp_path)
    assert sorted(found) == ["a.yaml", "b.yaml", "users"]
    assert found["users"].problem is None


async def test_what_has_changed_is_read_again_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the time of its file, or by its content while that is fresh."""
    parsed: list[str] = []

    def counting(path: Path, before: object, environment: object) -> object:
        entry = read_definition(path, before, environment)  # type: ignore[arg-type]  # as it came
        if entry.digest != getattr(before, "digest", None):
            parsed.append(path.name)
        return entry

    monkeypatch.setattr("pipeline.jobs.catalogue.folder.read_definition", counting)
    define(tmp_path, "users")
    old = define(tmp_path, "old")
    os.utime(old, ns=(10**18, 10**18))
    catalogue = Catalogue(tmp_path, {})
    assert await catalogue.refresh()
    assert sorted(parsed) == ["old.yaml", "users.yaml"]
    await catalogue.refresh()
    assert len(parsed) == 2
    await catalogue.current("users")
    assert len(parsed) == 2
    (tmp_path / "users.yaml").write_text(DEFINITION.format(name="people"))
    with pytest.raises(UnknownPipelineError):
        await catalogue.current("users")
    assert (await catalogue.current("people")).name == "people"
    assert parsed[2:] == ["users.yaml"]


async def test_a_schema_file_that_changes_changes_its_definition(tmp_path: Path) -> None:
    """It is part of it, although it stands in a file of its own."""
    schema = tmp_path / "user.schema.json"
    schema.write_text('{"type": "object"}')
    path = define(tmp_path, "users")
    path.write_text(path.read_text().replace("{type: object}", "{$ref: user.schema.json}"))
    for file in (schema, path):
        os.utime(file, ns=(10**18, 10**18))
    catalogue = Catalogue(tmp_path, {})
    await catalogue.refresh()
    assert (await catalogue.current("users")).valid
    schema.write_text('{"type": 7}')
    with pytest.raises(BadDefinitionError):
        await catalogue.current("users")
    schema.unlink()
    with pytest.raises(BadDefinitionError, match="cannot be read"):
        await catalogue.current("users")


async def test_a_folder_that_goes_away_is_no_crash(tmp_path: Path) -> None:
    """Its pipelines are unknown until it is back."""
    async with staged(tmp_path) as stage, stage.open() as service:
        stage.folder.rename(tmp_path / "away")
        with pytest.raises(UnknownPipelineError):
            await service._office.catalogue.current("users")
        (tmp_path / "away").rename(stage.folder)
        assert (await service._office.catalogue.current("users")).valid


@pytest.mark.parametrize("kind", ["nothing", "file"])
async def test_what_is_no_folder_is_refused_at_the_start(tmp_path: Path, kind: str) -> None:
    """With its name, and what is wanted."""
    async with staged(tmp_path) as stage:
        (stage.folder / "users.yaml").unlink()
        stage.folder.rmdir()
        if kind == "file":
            stage.folder.write_text("hello")
        with pytest.raises(PreflightError, match=r"configs.*name a folder of definitions"):
            async with stage.open():
                pass
