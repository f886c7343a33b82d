"""Replaying dead letters: records come back as they stood, and what cannot come back is told."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.errors import PreflightError
from pipeline.model import Position, Record, Rejection, Violation
from pipeline.sources import CsvSpec, ReplaySpec, open_source
from pipeline.sources.replay import ReplaySource
from pipeline.state.deadletter import DeadLetters, dead_letter
from tests.unit.sources.drive import (
    file_source,
    outcomes_of,
    read_all,
    read_part,
    records_of,
    small_cut,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.model import Chunk
    from pipeline.sources import Source

LETTER: dict[str, Any] = {
    "v": 1,
    "part": "people.jsonl",
    "line": 8,
    "offset": 90,
    "length": 7,
    "record": 7,
    "item": None,
    "kind": "schema",
    "rule": "required",
    "field": "b",
    "message": "is missing",
    "key": None,
    "raw": '{"a":1}',
}


def letters_of(chunks: list[Chunk]) -> str:
    """Refuse every record of *chunks* and write the letters as a run does."""
    why = Violation("schema", "rule", "why")
    lines = [
        dead_letter(
            Rejection(record, chunk.part, 0, (record.violation or why,)),
            chunk.header,
        )
        for chunk in chunks
        for record in chunk.records
    ]
    return "".join(f"{json.dumps(line)}\n" for line in lines)


def replay(folder: Path, *letters: dict[str, Any] | str, **options: Any) -> list[Chunk]:
    """Write *letters*, or lines that are none, and replay them."""
    lines = [one if isinstance(one, str) else json.dumps(one) for one in letters]
    path = folder / "dead-letter.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    return asyncio.run(read_all(source_of(path, **options)))


def source_of(path: Path, **options: Any) -> Source:
    return open_source(ReplaySpec(path, **options))


def only_record(chunks: list[Chunk]) -> Record:
    (record,) = records_of(chunks)
    return record


@pytest.mark.parametrize(
    ("name", "text", "options"),
    [
        ("a.jsonl", '{"a":1}\n\n {"b":"\u2028é"} \r\n{\n', {}),
        ("a.json", '[ {"a":1},\n{"b":\n2}, 3 ]', {}),
        ("a.csv", 'a,b\n1,2\r\n"x\n""y",\n1,2,3\n', {}),
        ("a.csv", "a,b\n1,2\r\r\n1\r\n", {}),
        ("a.csv", "a|b\n1|2\n", {"csv": CsvSpec("|")}),
        ("a.csv", "a,b\nNA,\n", {"csv": CsvSpec(null_values=("", "NA"))}),
        ("a.tsv", "a\tb\n1,2\t3\n", {}),
        ("a.TSV.gz", "a\tb\n1,2\t3\n", {}),
    ],
)
def test_records_come_back_as_they_stood(
    tmp_path: Path, name: str, text: str, options: dict[str, Any]
) -> None:
    """Place, bytes, cells and fields are those of the source, whose part and header they have."""
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    source = file_source(path, **options)
    first = asyncio.run(read_all(source))
    (tmp_path / "letters").write_text(letters_of(first))
    again = source_of(tmp_path / "letters", **options)

    chunks = asyncio.run(read_all(again))

    assert records_of(chunks) == records_of(first)
    assert {(chunk.part, chunk.header) for chunk in chunks} == {(name, first[0].header)}
    assert outcomes_of(again, chunks) == outcomes_of(source, first)


def test_bytes_that_are_no_text_come_back(tmp_path: Path) -> None:
    """They stand in the letter as base64."""
    letter = {**LETTER, "raw_b64": "/3t9"}
    del letter["raw"]

    assert only_record(replay(tmp_path, letter)).raw == b"\xff{}"


def test_neighbours_of_one_part_and_header_share_a_chunk(tmp_path: Path) -> None:
    """A letter of another source, and a line that is none, go into chunks of their own."""
    row = {**LETTER, "part": "a.csv", "header": ["a"], "raw": "1"}

    chunks = replay(tmp_path, LETTER, LETTER, row, {**row, "header": ["b"]}, row, row, "{")

    letters = str(tmp_path / "dead-letter.jsonl")
    assert [(chunk.part, chunk.header, len(chunk.records)) for chunk in chunks] == [
        ("people.jsonl", None, 2),
        ("a.csv", ("a",), 1),
        ("a.csv", ("b",), 1),
        ("a.csv", ("a",), 2),
        (letters, None, 1),
    ]
    assert [(chunk.end.part, chunk.end.record, chunk.end.line) for chunk in chunks] == [
        (letters, count, count) for count in (2, 3, 4, 6, 7)
    ]


@pytest.mark.parametrize("compressed", [False, True])
def test_reading_resumes_after_every_chunk(tmp_path: Path, *, compressed: bool) -> None:
    """Blank lines and carriage returns, left by an editor, do not move a position."""
    row = {**LETTER, "part": "a.csv", "header": ["a"], "raw": "1"}
    order = [LETTER, row, {}, row, LETTER, LETTER, row]
    lines = [json.dumps({**one, "record": number}) for number, one in enumerate(order)]
    text = "\n\r\n".join(lines).encode()
    path = tmp_path / "dead-letter.jsonl"
    path.write_bytes(gzip.compress(text) if compressed else text)

    async def check() -> None:
        source = source_of(path, cut=small_cut(100, 3))
        (part,) = await source.parts()
        chunks = await read_part(source, part)
        records = records_of(chunks)
        assert len(records) == len(order)
        for done, chunk in enumerate(chunks, 1):
            rest = await read_part(source_of(path), part, chunk.end)
            assert records_of(rest) == records_of(chunks[done:])

    asyncio.run(check())


@pytest.mark.parametrize(
    ("kind", "item", "only", "wanted"),
    [
        ("table", 1, None, 1),
        ("retry_exhausted", 0, None, 0),
        ("rule", 1, None, None),
        ("mapping", None, None, None),
        ("rule", 0, 1, 1),
    ],
)
def test_what_the_table_took_is_not_wanted_again(
    tmp_path: Path, kind: str, item: int | None, only: int | None, wanted: int | None
) -> None:
    """If the table refused one item, its record's others are written; else none of them is."""
    letter = {**LETTER, "kind": kind, "item": item, "only": only}

    assert only_record(replay(tmp_path, letter)).only == wanted


def test_a_replay_that_is_refused_wants_the_same_item_again(tmp_path: Path) -> None:
    """Its letter says which one, whatever refuses it the second time."""
    record = only_record(replay(tmp_path, {**LETTER, "kind": "table", "item": 1}))
    refused = Rejection(record, "people.jsonl", 0, (Violation("schema", "rule", "why"),))

    letter = dead_letter(refused, None)

    assert (letter["item"], letter["only"]) == (None, 1)
    assert only_record(replay(tmp_path, letter)).only == 1


def test_an_over_long_record_cannot_be_replayed(tmp_path: Path) -> None:
    """Only its beginning is there; the letter says so, keeps it, and says where to go."""
    letter = {**LETTER, "raw": "xx", "length": 9_000_000, "sha256": "abc"}

    record = only_record(replay(tmp_path, letter))

    assert record.violation is not None
    assert (record.violation.kind, record.violation.rule) == ("malformed", "not_replayable")
    assert "load it from there" in record.violation.message
    assert (record.raw, record.length, record.digest) == (b"xx", 9_000_000, "abc")
    assert (record.ordinal, record.line, record.offset) == (7, 8, 90)


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in LETTER.items() if key != name}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "before it is complete"),
        ("[]", "is an array"),
        ("[" * 100_000, "nest|deep"),
        ({"a": "secret"}, "missing required field `v`"),
        (without("raw"), "either `raw` or `raw_b64`"),
        ({**LETTER, "raw_b64": ""}, "either `raw` or `raw_b64`"),
        ({**LETTER, "raw": 12345}, r"`\$\.raw`"),
        ({**without("raw"), "raw_b64": "secret?"}, "base64"),
        ({**LETTER, "line": 0}, r"`\$\.line`"),
        ({**LETTER, "record": -1}, r"`\$\.record`"),
        ({**LETTER, "header": []}, r"`\$\.header`"),
        ({**LETTER, "header": [None]}, "header"),
        ({**LETTER, "v": 2}, "format version 2, and this program knows 1"),
        ({"v": 3, "all": "new"}, "format version 3"),
        (json.dumps(LETTER).replace('"b"', r'"\ud800"'), "surrogate"),
    ],
)
def test_a_line_that_is_no_letter_costs_no_other(
    tmp_path: Path, line: dict[str, Any] | str, why: str
) -> None:
    """It is refused where it stands, with its bytes; letters around it are replayed."""
    chunks = replay(tmp_path, LETTER, line, LETTER)

    good, bad, other = records_of(chunks)
    assert good.violation is None
    assert other.violation is None
    assert bad.violation is not None
    assert (bad.violation.kind, bad.violation.rule) == ("malformed", "not_replayable")
    with pytest.raises(ValueError, match=rf"no dead letter \(.*{why}.*put it right"):
        raise ValueError(bad.violation.message)
    assert "secret" not in bad.violation.message
    assert "12345" not in bad.violation.message
    assert bad.raw.decode() == (line if isinstance(line, str) else json.dumps(line))
    assert (bad.ordinal, bad.line) == (1, 2)
    assert chunks[1].part == str(tmp_path / "dead-letter.jsonl")


def test_a_line_that_was_no_letter_never_becomes_a_record(tmp_path: Path) -> None:
    """Replayed once more, its own letter is refused again: JSON that it may be, it is no record."""
    bad = records_of(replay(tmp_path, without("raw")))[0]
    assert bad.violation is not None
    letter = dead_letter(Rejection(bad, "letters", 0, (bad.violation,)), None)

    again = only_record(replay(tmp_path, letter))

    assert again.violation is not None
    assert again.violation.rule == "not_replayable"
    assert again.raw == bad.raw


@pytest.mark.parametrize(("raw", "count"), [("1\n2", 2), ("", 0), ("\n", 0)])
def test_a_csv_letter_holds_one_row(tmp_path: Path, raw: str, count: int) -> None:
    """One that was edited into several is refused, and can be put right in its new letter."""
    row = {**LETTER, "header": ["a"], "raw": raw}

    record = only_record(replay(tmp_path, row))

    assert record.violation is not None
    assert record.violation.rule == "csv_rows"
    assert f"holds {count} CSV rows" in record.violation.message
    assert record.raw == raw.encode()
    letter = dead_letter(Rejection(record, "a.csv", 0, (record.violation,)), ("a",))
    assert only_record(replay(tmp_path, {**letter, "raw": "1"})).cells == ["1"]


def test_a_row_that_is_whole_is_never_cut_short(tmp_path: Path) -> None:
    """Also if records may be shorter by now than when it was read: its bytes are there."""
    row = {**LETTER, "header": ["a"], "raw": "x" * 5_000}

    assert only_record(replay(tmp_path, row, max_record=1_000)).cells == ["x" * 5_000]


def test_a_letter_that_was_put_right_is_taken_as_it_is(tmp_path: Path) -> None:
    """Whoever mends the bytes of a letter need not count them."""
    record = only_record(replay(tmp_path, {**LETTER, "raw": '{"a":1,"b":22222}'}))

    assert (record.length, record.violation) == (17, None)


def test_the_largest_record_fits_into_a_letter(tmp_path: Path) -> None:
    """Four megabytes of control characters, each six bytes of JSON, come back."""
    raw = b"\x01" * (4 * 1024 * 1024)
    record = Record(0, 1, 0, len(raw), raw)
    path = tmp_path / "dead-letter.jsonl"

    async def write() -> None:
        letters = DeadLetters(path)
        await letters.append([Rejection(record, "p", 0, (Violation("schema", "r", "m"),))], None)
        letters.close()

    asyncio.run(write())

    assert records_of(asyncio.run(read_all(source_of(path)))) == [record]


def test_a_line_beyond_all_measure_is_refused(tmp_path: Path) -> None:
    """It is not held; its beginning and its SHA-256 are kept, as of any record that is too long."""
    chunks = replay(tmp_path, "x" * (8 * 1024 * 1024 + 700), max_record=100)

    record = only_record(chunks)
    assert record.violation is not None
    assert record.violation.rule == "not_replayable"
    assert "too long" in record.violation.message
    assert (len(record.raw), record.length) == (256, 8 * 1024 * 1024 + 700)
    assert record.digest is not None


def test_the_file_is_the_one_part_and_is_told_from_others(tmp_path: Path) -> None:
    """What a resume and a verification need is that of the file itself."""
    replay(tmp_path, LETTER, LETTER)
    path = tmp_path / "dead-letter.jsonl"

    async def look() -> None:
        source = source_of(path)
        (part,) = await source.parts()
        assert (part.name, part.size) == (str(path), path.stat().st_size)
        assert set(part.identity) == {"size", "mtime_ns", "head"}
        verified = await source.verify(part, lambda _: None)
        assert verified is not None
        assert verified.sha256 == await source.digest(part, lambda _: None)
        at = Position(part.name, 100, 0, 0)
        assert await source.stretch(part, at, 0) == await file_source(path).stretch(
            (await file_source(path).parts())[0], at, 0
        )
        assert source.resumable
        assert source.sha256 is None

    asyncio.run(look())


def test_latest_may_move_once_the_source_was_looked_at(tmp_path: Path) -> None:
    """A replay of a replay makes `latest` point to its own, empty folder: the old one is read."""
    old, new, latest = (tmp_path / name for name in ("old", "new", "latest"))
    old.mkdir()
    new.mkdir()
    replay(old, LETTER)
    latest.symlink_to(old)

    async def check() -> list[Chunk]:
        source = source_of(latest / "dead-letter.jsonl")
        (part,) = await source.parts()
        latest.unlink()
        latest.symlink_to(new)
        return await read_part(source, part)

    assert only_record(asyncio.run(check())).raw == b'{"a":1}'


def test_a_file_without_letters_is_empty(tmp_path: Path) -> None:
    """Nothing to replay is no error."""
    assert replay(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("none.jsonl", "cannot be read: No such file"),
        ("circle", r"cannot be read: .*(circle|links)"),
        (".", "is no regular file"),
        ("/dev/null", "is no regular file"),
    ],
)
def test_what_is_no_file_is_told_with_what_to_give(tmp_path: Path, name: str, why: str) -> None:
    """Before anything is read."""
    (tmp_path / "circle").symlink_to("circle")

    with pytest.raises(PreflightError, match=rf"{why}.*give th.*runs/NAME/RUN/dead-letter.jsonl"):
        asyncio.run(read_all(source_of(tmp_path / name)))


def test_a_file_that_holds_no_letters_at_all_is_refused(tmp_path: Path) -> None:
    """A mistaken file is told before anything of it is read as records."""
    path = tmp_path / "users.jsonl"
    path.write_bytes(b'{"id":1}\n{"id":2}\n')

    with pytest.raises(PreflightError, match="holds no dead letters"):
        asyncio.run(ReplaySource(ReplaySpec(path)).require_letters())
