"""Memory stays flat and the event loop free, whatever a file holds."""

from __future__ import annotations

import asyncio
import gzip
import sys
import tracemalloc
import zlib
from collections import deque
from contextlib import aclosing
from itertools import repeat
from typing import TYPE_CHECKING

import pytest
import zstandard

from pipeline.model import Position
from pipeline.sources.formats.delimited.rows import CsvFramer
from pipeline.sources.formats.framer import FramerSpec
from pipeline.sources.formats.json_array import JsonArrayFramer
from pipeline.sources.formats.jsonl import JsonlFramer
from tests.unit.sources.drive import file_source

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pipeline.model import Record
    from pipeline.sources import Source
    from pipeline.sources.formats.framer import Framer

MEGABYTE = 1024 * 1024
SIZE = 128 * 1024
FRAMERS: dict[str, type[CsvFramer | JsonArrayFramer | JsonlFramer]] = {
    "jsonl": JsonlFramer,
    "json": JsonArrayFramer,
    "csv": CsvFramer,
}


async def _count(source: Source) -> tuple[int, Record | None]:
    """Read everything and keep nothing; give the number of records, and the last."""
    count, last = 0, None
    for part in await source.parts():
        async with aclosing(source.read(part)) as chunks:
            async for chunk in chunks:
                count += len(chunk.records)
                last = chunk.records[-1]
    return count, last


def _peak(source: Source) -> tuple[int, int, Record | None]:
    """Read *source*; give the peak of memory in bytes, the number of records and the last."""
    tracemalloc.start()
    try:
        count, last = asyncio.run(_count(source))
        return tracemalloc.get_traced_memory()[1], count, last
    finally:
        tracemalloc.stop()


def _write_packed(path: Path, compression: str, blocks: Iterable[bytes]) -> None:
    packer = (
        zlib.compressobj(wbits=31)
        if compression == "gzip"
        else zstandard.ZstdCompressor(write_checksum=True).compressobj()
    )
    with path.open("wb") as file:
        for block in blocks:
            file.write(packer.compress(block))
        file.write(packer.flush())


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_bomb_stays_flat(tmp_path: Path, compression: str) -> None:
    """200 MB of zeros, a thousand times and more their size on disk, are one refused line."""
    path = tmp_path / "part.jsonl"
    _write_packed(path, compression, [b"{}\n", *repeat(bytes(MEGABYTE), 200)])
    assert path.stat().st_size < MEGABYTE

    peak, count, last = _peak(file_source(path, format="jsonl"))

    assert peak < 64 * MEGABYTE
    assert count == 2
    assert last is not None
    assert (last.length, last.raw) == (200 * MEGABYTE, bytes(256))


def test_a_line_without_an_end_stays_flat(tmp_path: Path) -> None:
    """A quarter of a gigabyte is measured and let go, and the good one before it was read."""
    path = tmp_path / "part.jsonl"
    with path.open("wb") as file:
        file.write(b'{"id":1}\n')
        file.truncate(256 * MEGABYTE)  # sparse: it takes no room on disk

    peak, count, last = _peak(file_source(path))

    assert peak < 32 * MEGABYTE
    assert count == 2
    assert last is not None
    assert last.length == 256 * MEGABYTE - 9
    assert last.violation is not None
    assert last.violation.rule == "record_too_long"


@pytest.mark.parametrize(
    ("form", "begin", "block"),
    [
        ("json", b"[", b"[" * 1024),
        ("json", b'["', b"\\\\" * 512),
        ("json", b"[1", b" " * 1024),
        ("json", b"", b" " * 1024),
        ("csv", b'a,b\n1,"', b"\n" * 1024),
        ("csv", b'a,b\n1,"', b"x" * 1024),
        ("csv", b"a,b\n", b'a","b\n' * 170),
        ("csv", b"a,b\n", b"\n" * 1024),
        ("jsonl", b"", b"\n" * 1024),
        ("jsonl", b"", b"x" * 1024),
    ],
)
def test_nothing_that_a_file_holds_piles_up(form: str, begin: bytes, block: bytes) -> None:
    """Neither what never ends nor what is all ends is held, beyond the limit of a record."""
    framer = FRAMERS[form](FramerSpec("part", 16 * 1024), Position("part", 0, 0, 0))
    held = 0

    for piece in (begin, *repeat(block, 128)):
        for _ in framer.feed(piece):
            held = max(held, _held(framer))

    assert held <= 2 * 16 * 1024


def _held(framer: Framer) -> int:
    """Count the bytes, or the lines if they are more, that *framer* keeps."""
    if isinstance(framer, JsonArrayFramer):
        return len(framer._buffer)
    if isinstance(framer, JsonlFramer):
        return framer._lines._held
    assert isinstance(framer, CsvFramer)
    raws = framer._window.raws
    return framer._assembler._held + len(framer._head) + sum(len(raw) + 1 for raw in raws)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("jsonl", b"\n" * SIZE),
        ("jsonl", b"1\n" * (SIZE // 2)),
        ("json", b"[" + b"[" * SIZE),
        ("json", b"[" + b"1," * (SIZE // 2)),
        ("json", b"[" + b"[[[[[[[[[]]]]]]]]]," * (SIZE // 19)),
        ("csv", b"a\n" + b"\n" * SIZE),
        ("csv", b"a\n" + b"1\n" * (SIZE // 2)),
        ("csv", b"a\n" + b'"\n' * (SIZE // 2)),
        ("csv", b"a\n" + b'x","y\n' * (SIZE // 6)),
        ("csv", b"a\n" + b'"x"y\n' * (SIZE // 5)),
    ],
)
def test_framing_pauses_often(form: str, text: bytes) -> None:
    """However much is in a block, a framer offers its pauses in proportion to the bytes."""
    framer = FRAMERS[form](FramerSpec("part", 8 * MEGABYTE), Position("part", 0, 0, 0))

    pauses = sum(1 for _ in framer.feed(text))

    assert pauses >= SIZE // (64 * 1024)


@pytest.mark.parametrize(
    ("begin", "line"), [(b'a\n"', b"x\n"), (b"a,b\n", b'x","y\n'), (b"a\n", b'"x\n')]
)
def test_broken_quotes_cost_in_proportion(begin: bytes, line: bytes) -> None:
    """Twice as many lines after an open quote, or with one each, are about twice the work."""
    once, twice = (_calls(begin + line * count) for count in (3_000, 6_000))

    assert twice < 3 * once


def _calls(text: bytes) -> int:
    """Count the calls that it takes to frame *text* in small blocks: work without a clock."""
    framer = CsvFramer(FramerSpec("part", MEGABYTE), Position("part", 0, 0, 0))
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        for begin in range(0, len(text), 500):
            deque(framer.feed(text[begin : begin + 500]), maxlen=0)
        deque(framer.finish(), maxlen=0)
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.usefixtures("no_blocking")
async def test_reading_blocks_nothing(tmp_path: Path) -> None:
    """No file is opened, looked at or read on the event loop itself."""
    path = tmp_path / "part.jsonl"
    await asyncio.to_thread(path.write_bytes, gzip.compress(b'{"id":1}\n' * 1_000))

    count, _ = await _count(file_source(path))

    assert count == 1_000


async def test_others_have_their_turn(tmp_path: Path) -> None:
    """While a large file is read, another task of the loop runs again and again."""
    path = tmp_path / "part.csv"
    await asyncio.to_thread(path.write_bytes, b"a,b\n" + b"1,2\n" * 100_000)
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with asyncio.TaskGroup() as group:
        other = group.create_task(take_turns())
        count, _ = await _count(file_source(path))
        other.cancel()

    assert count == 100_000
    assert turns >= 400_000 // (64 * 1024)
