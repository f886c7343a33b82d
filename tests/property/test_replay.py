"""Laws of replaying: every record comes back from its letter, and reading resumes exactly."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple

from pipeline.errors import Refused
from pipeline.model import Position, Record, Rejection, Violation
from pipeline.sources import Cut, ReplaySpec, open_source
from pipeline.sources.formats.framer import FramerSpec
from pipeline.sources.reading import decode
from pipeline.state.deadletter import dead_letter
from tests.property.test_sources import FORMATS, LIMIT
from tests.unit.sources.drive import read_part, records_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.model import Chunk
    from pipeline.sources import Source

WHY = Violation("schema", "rule", "why")

FACTS = ("ordinal", "line", "offset", "length", "raw", "digest")


def facts(record: Record, header: tuple[str, ...] | None) -> list[Any]:
    """Give where *record* stands, its bytes, and its fields or the rule that refuses it."""
    try:
        outcome: Any = decode(record, header, frozenset())
    except Refused as refused:
        outcome = refused.violations[0].rule
    return [*(getattr(record, name) for name in FACTS), outcome]


def letter_of(record: Record, part: str, header: tuple[str, ...] | None) -> bytes:
    """Write the letter of *record*, refused for what is wrong with it, or for something else."""
    rejection = Rejection(record, part, 0, (record.violation or WHY,))
    return json.dumps(dead_letter(rejection, header)).encode()


async def replayed(
    path: Path, start: Position | None = None, cut: Cut | None = None
) -> list[Chunk]:
    """Read the letters in *path*, from *start* on."""
    source: Source = open_source(ReplaySpec(path, cut=cut or Cut()))
    (part,) = await source.parts()
    return await read_part(source, part, start)


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=50)
@given(choice=st.data())
def test_every_record_comes_back_from_its_letter(form: str, choice: st.DataObject) -> None:
    """Good or bad, a record is replayed as it was read; only an over-long one cannot be."""
    framer_type, texts = FORMATS[form]
    framer = framer_type(FramerSpec("part", LIMIT), Position("part", 0, 0, 0))
    text = choice.draw(texts)
    records = [
        one for rows in (framer.feed(text), framer.finish()) for some in rows for one in some
    ]
    letters = [letter_of(record, "part", framer.header) for record in records]

    with TemporaryDirectory() as folder:
        path = Path(folder, "dead-letter.jsonl")
        path.write_bytes(b"".join(letter + b"\n" for letter in letters))
        chunks = asyncio.run(replayed(path))

    expected = [facts(record, framer.header) for record in records]
    for record in expected:
        if record[-1] == "record_too_long":
            record[-1] = "not_replayable"
    assert [facts(record, framer.header) for record in records_of(chunks)] == expected
    assert all((chunk.part, chunk.header) == ("part", framer.header) for chunk in chunks)


LETTERS = [
    letter_of(Record(0, 1, 0, 7, b'{"a":1}'), "a.jsonl", None),
    letter_of(Record(1, 2, 8, 7, b'{"b":1}'), "b.jsonl", None),
    letter_of(Record(1, 3, 9, 3, b"1,2"), "a.csv", ("x", "y")),
    letter_of(Record(2, 3, 9, 3, b"1,2"), "a.csv", ("y", "x")),
    b"{}",
    b"",
    b"  \r",
]


@settings(max_examples=50)
@given(
    lines=st.lists(st.sampled_from(LETTERS), max_size=12),
    block=st.integers(1, 600),
    records=st.integers(1, 5),
    ended=st.booleans(),
)
def test_replaying_resumes_exactly(
    lines: Sequence[bytes],
    block: int,
    records: int,
    ended: bool,  # noqa: FBT001 - hypothesis gives it by name
) -> None:
    """After any chunk the rest comes as one clean reading has it, however letters are mixed."""
    text = b"\n".join(lines) + b"\n" * ended

    async def check(path: Path) -> None:
        clean = await replayed(path, cut=Cut(block, records, 1))
        known = [
            (chunk.part, chunk.header, astuple(one)) for chunk in clean for one in chunk.records
        ]
        done = 0
        for chunk in clean:
            done += len(chunk.records)
            assert chunk.end.record == done
            rest = await replayed(path, chunk.end)
            assert [
                (chunk.part, chunk.header, astuple(one)) for chunk in rest for one in chunk.records
            ] == known[done:]

    with TemporaryDirectory() as folder:
        path = Path(folder, "dead-letter.jsonl")
        path.write_bytes(text)
        asyncio.run(check(path))
