"""Standard input: records as they come, once."""

from __future__ import annotations

import asyncio
import gzip
import os
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.errors import PreflightError, SourceCorruptError
from pipeline.model import Position
from pipeline.sources import StdinSpec, open_source
from tests.unit.sources.drive import outcomes_of, read_all, read_part

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.sources import Source


class Pipe:
    """Both ends of a pipe."""

    def __init__(self) -> None:
        self.out, self.into = os.pipe()
        self._open = {self.out, self.into}

    def write(self, text: bytes) -> None:
        """Write what fits into a pipe."""
        os.write(self.into, text)

    def close(self, *ends: int) -> None:
        """Close *ends*, by default both."""
        for end in ends or tuple(self._open):
            self._open.discard(end)
            os.close(end)

    def source(self, text: bytes | None = None, **options: Any) -> Source:
        """Read from the pipe; of a *text* it gets that and then its end."""
        if text is not None:
            self.write(text)
            self.close(self.into)
        return open_source(StdinSpec(fd=self.out, **options))


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """Give a pipe."""
    made = Pipe()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"a":1}\noops\n{"a":2}', [{"a": 1}, "json_syntax", {"a": 2}]),
        (b'\xef\xbb\xbf[{"a":1},{"a":2}]', [{"a": 1}, {"a": 2}]),
        (b"a,b\n1,2\n3\n", [{"a": "1", "b": "2"}, "csv_columns"]),
        (gzip.compress(b'{"a":1}\n') + gzip.compress(b'{"a":2}\n'), [{"a": 1}, {"a": 2}]),
        (b"{}", [{}]),
    ],
)
async def test_the_form_is_told_by_the_content(pipe: Pipe, text: bytes, expected: Any) -> None:
    """There is no name to go by; compressed input is inflated."""
    source = pipe.source(text)

    assert outcomes_of(source, await read_all(source)) == expected
    assert not source.resumable


async def test_records_are_not_held_back(pipe: Pipe) -> None:
    """A record goes out when it is complete, long before the input ends or a chunk is full."""
    source = pipe.source()
    pipe.write(b'{"a":1}\n{"a":')
    (part,) = await source.parts()

    async with aclosing(source.read(part)) as chunks:
        first = await anext(chunks)
        pipe.write(b'2}\n{"a":3}\n')
        second = await anext(chunks)
        pipe.write(b'{"a":4}')
        pipe.close(pipe.into)
        last = await anext(chunks)
        rest = [chunk async for chunk in chunks]

    assert [len(chunk.records) for chunk in (first, second, last)] == [1, 2, 1]
    assert [chunk.end.record for chunk in (first, second, last)] == [1, 3, 4]
    assert last.consumed == 31
    assert rest == []


async def test_the_first_byte_may_come_alone(pipe: Pipe) -> None:
    """A beginning that could still be that of a compressed input is waited for, no other."""
    packed = gzip.compress(b'{"a":1}\n')
    source = pipe.source()
    pipe.write(packed[:1])

    async with asyncio.TaskGroup() as group:
        reading = group.create_task(read_all(source))
        await asyncio.sleep(0)
        pipe.write(packed[1:])
        pipe.close(pipe.into)

    assert outcomes_of(source, reading.result()) == [{"a": 1}]


async def test_waiting_can_be_cancelled(pipe: Pipe) -> None:
    """A writer that says nothing holds nobody up: the wait ends at once when it is cancelled."""
    source = pipe.source()

    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(source.parts())
        for _ in range(5):
            await asyncio.sleep(0)
        waiting.cancel()

    assert waiting.cancelled()


async def test_more_than_a_pipe_holds(pipe: Pipe) -> None:
    """A large input arrives whole while its writer is held up by the reader."""
    text = b"".join(b'{"id":%d}\n' % number for number in range(50_000))
    source = pipe.source()

    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.to_thread(_write_all, pipe, text))
        chunks = await read_all(source)

    records = [record.raw for chunk in chunks for record in chunk.records]
    assert b"\n".join([*records, b""]) == text
    assert max(len(chunk.records) for chunk in chunks) <= 10_000


def _write_all(pipe: Pipe, text: bytes) -> None:
    for begin in range(0, len(text), 10_000):
        pipe.write(text[begin : begin + 10_000])
    pipe.close(pipe.into)


async def test_a_redirected_file_is_read_too(tmp_path: Path) -> None:
    """A file cannot be watched like a pipe, and is always ready."""
    path = tmp_path / "input"
    path.write_bytes(b'{"a":1}\n' * 5_000)
    with path.open("rb") as file:
        chunks = await read_all(open_source(StdinSpec(fd=file.fileno())))

    assert sum(len(chunk.records) for chunk in chunks) == 5_000


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        (b"", {}, "'stdin' is blank"),
        (b"", {"format": "csv"}, "'stdin' is empty: a CSV file begins with its column names"),
        (b'{"a":1}', {"format": "json"}, "'stdin' begins with '{'"),
        (b"a,a\n", {"format": "csv"}, "has the same name for columns 1 and 2"),
        (b"PK\x03\x04", {}, "'stdin' is a zip archive"),
        (b"hello\n", {}, "neither its name nor its beginning"),
    ],
)
async def test_what_cannot_be_read_is_told_first(
    pipe: Pipe, text: bytes, options: dict[str, Any], says: str
) -> None:
    """The beginning is looked at before the first record, as a file's is."""
    with pytest.raises(PreflightError) as refused:
        await pipe.source(text, **options).parts()

    assert says in str(refused.value)


async def test_damage_at_the_beginning_is_told_first(pipe: Pipe) -> None:
    """Before the first record, and by the same error as later damage."""
    with pytest.raises(SourceCorruptError, match="'stdin' is damaged"):
        await pipe.source(gzip.compress(b'{"a":1}\n')[:12]).parts()


async def test_damage_later_on_ends_the_run(pipe: Pipe) -> None:
    """A compressed input that is cut short is no clean end."""
    source = pipe.source(gzip.compress(b'{"a":1}\n' * 90_000)[:-4])

    with pytest.raises(SourceCorruptError, match="'stdin' is damaged"):
        await read_all(source)


async def test_it_cannot_be_read_twice(pipe: Pipe) -> None:
    """Nor from a position in the middle: what was read is gone."""
    source = pipe.source(b'{"a":1}\n')
    (part,) = await source.parts()

    with pytest.raises(PreflightError, match="cannot be read again"):
        await read_part(source, part, Position("stdin", 8, 1, 1))


async def test_a_closed_standard_input_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number may belong to another file by then, which is not touched."""
    monkeypatch.setattr(sys, "stdin", None)

    with pytest.raises(PreflightError, match="standard input is closed"):
        await open_source(StdinSpec()).parts()
