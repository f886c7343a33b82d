"""What tells a part from another, and the look at all of it before the first write."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import os
import tracemalloc
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
import zstandard

from pipeline.errors import SourceCorruptError
from pipeline.model import Position
from pipeline.sources import Cut, GenerateSpec, StdinSpec, Verified, open_source
from tests.unit.sources.drive import file_source, read_all, read_part

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from pipeline.sources import Part, Source

T = TypeVar("T")

MEGABYTE = 1024 * 1024
TEXT = b"".join(b'{"id":%d}\n' % number for number in range(40_000))
SKIPPABLE = b"\x50\x2a\x4d\x18\x04\x00\x00\x00note"


def _zstd(text: bytes, *, checksum: bool = True) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=checksum).compress(text)


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _ignore(_: int) -> None:
    pass


async def _opened(path: Path, raw: bytes, cut: Cut | None = None) -> tuple[Source, Part]:
    await asyncio.to_thread(path.write_bytes, raw)
    source = file_source(path, format="jsonl", cut=cut or Cut())
    (part,) = await source.parts()
    return source, part


@pytest.mark.parametrize(
    ("raw", "checked"),
    [
        (TEXT, False),
        (b"", False),
        (gzip.compress(TEXT), True),
        (gzip.compress(TEXT) + gzip.compress(TEXT) + b"\0" * 500, True),
        (_zstd(TEXT), True),
        (SKIPPABLE + _zstd(TEXT) + SKIPPABLE + _zstd(b""), True),
        (_zstd(TEXT, checksum=False), False),
        (_zstd(TEXT) + _zstd(TEXT, checksum=False), False),
        (_zstd(TEXT, checksum=False) + SKIPPABLE + _zstd(TEXT), False),
    ],
)
@pytest.mark.usefixtures("no_blocking")
async def test_the_whole_of_a_part_is_verified(
    tmp_path: Path, raw: bytes, *, checked: bool
) -> None:
    """The hash is that of `sha256sum`; whether there were checksums to hold it against is told."""
    source, part = await _opened(tmp_path / "part", raw)
    told: list[int] = []

    assert await source.verify(part, told.append) == Verified(_sha256(raw), checked)
    assert await source.digest(part, _ignore) == _sha256(raw)
    assert told == sorted(told)
    assert told[-1:] == ([len(raw)] if raw else [])
    assert len(told) >= len(raw) // (256 * 1024)


@pytest.mark.parametrize(
    "raw",
    [
        gzip.compress(TEXT)[:-1],
        gzip.compress(TEXT) + b"garbage",
        _zstd(TEXT)[:-1],
        _zstd(TEXT) + b"\n",
    ],
)
async def test_damage_is_told_by_verifying(tmp_path: Path, raw: bytes) -> None:
    """By the same sentence as by reading; to hash the bytes alone does not mind."""
    source, part = await _opened(tmp_path / "part", raw)

    with pytest.raises(SourceCorruptError) as verified:
        await source.verify(part, _ignore)
    with pytest.raises(SourceCorruptError) as read:
        await read_part(source, part)

    assert str(verified.value) == str(read.value)
    assert await source.digest(part, _ignore) == _sha256(raw)


async def test_what_cannot_be_verified_says_so() -> None:
    """Neither what is made up nor what comes but once has bytes to look at before it is read."""
    generated = open_source(GenerateSpec(10))
    out, into = os.pipe()
    os.write(into, b'{"id":1}\n')
    os.close(into)
    piped = open_source(StdinSpec(fd=out, digest=True))

    for source in (generated, piped):
        (part,) = await source.parts()
        assert await source.verify(part, _ignore) is None
        assert await source.digest(part, _ignore) is None
        assert await source.stretch(part, Position(part.name, 9, 1, 1), 9) is None
        assert source.sha256 is None
    await read_all(piped)
    assert piped.sha256 == _sha256(b'{"id":1}\n')
    os.close(out)


@pytest.mark.parametrize("packed", [False, True])
async def test_standard_input_is_hashed_while_it_is_read(tmp_path: Path, *, packed: bool) -> None:
    """As it came, and only to its end: half of it, or damaged, it has no hash."""
    raw = gzip.compress(TEXT) if packed else TEXT
    (tmp_path / "input").write_bytes(raw)
    with (tmp_path / "input").open("rb") as file:
        source = open_source(StdinSpec(fd=file.fileno(), digest=True, cut=Cut(block=1_000)))
        (part,) = await source.parts()
        async with aclosing(source.read(part)) as chunks:
            async for _ in chunks:
                assert source.sha256 is None
        assert source.sha256 == _sha256(raw)

    (tmp_path / "input").write_bytes(gzip.compress(TEXT)[:-1])
    with (tmp_path / "input").open("rb") as file:
        source = open_source(StdinSpec(fd=file.fileno(), digest=True))
        with pytest.raises(SourceCorruptError):
            await read_all(source)
        assert source.sha256 is None


async def test_the_identity_is_that_of_the_bytes_on_disk(tmp_path: Path) -> None:
    """It survives a checkpoint's JSON; what cannot be read again has none."""
    for raw, compression in ((TEXT, "none"), (gzip.compress(TEXT), "gzip"), (_zstd(TEXT), "zstd")):
        source, part = await _opened(tmp_path / "part", raw)
        assert part.identity == {
            "size": len(raw),
            "mtime_ns": (tmp_path / "part").stat().st_mtime_ns,
            "head": _sha256(raw[: 64 * 1024]),
        }
        assert part.compression == compression
        assert json.loads(json.dumps(part.identity)) == part.identity
        assert source.sha256 is None

    (part,) = await open_source(GenerateSpec(10, 3)).parts()
    assert part.identity == {"kind": "users", "seed": 3, "count": 10, "generator": 1}
    assert part.compression == "none"


@pytest.mark.parametrize("block", [1_000, 256 * 1024])
@pytest.mark.parametrize("packer", [bytes, gzip.compress, _zstd])
@pytest.mark.usefixtures("no_blocking")
async def test_the_stretch_before_every_position(
    tmp_path: Path, packer: Callable[[bytes], bytes], block: int
) -> None:
    """It lies directly before it: in the text, or before what was inflated for it."""
    raw = packer(TEXT)
    source, part = await _opened(tmp_path / "part", raw, Cut(block=block))
    begin = Position(part.name, 0, 0, 0)

    assert await source.stretch(part, begin, 0) == {"end": 0, "sha256": _sha256(b"")}
    for chunk in await read_part(source, part):
        end = chunk.end.offset if packer is bytes else chunk.consumed
        assert await source.stretch(part, chunk.end, chunk.consumed) == {
            "end": end,
            "sha256": _sha256(raw[max(0, end - 64 * 1024) : end]),
        }


@pytest.mark.parametrize("packer", [bytes, gzip.compress])
async def test_a_stretch_that_is_not_there_is_told(
    tmp_path: Path, packer: Callable[[bytes], bytes]
) -> None:
    """A position beyond the end is not one of this file."""
    source, part = await _opened(tmp_path / "part", packer(TEXT))

    with pytest.raises(SourceCorruptError, match="not the file that was read before"):
        await source.stretch(part, Position(part.name, MEGABYTE, 1, 1), MEGABYTE)


def _bomb(compression: str, size: int) -> bytes:
    """Pack *size* megabytes of short lines; they take a thousandth of that."""
    block = b"1\n" * (MEGABYTE // 2)
    if compression == "gzip":
        return gzip.compress(block) * size
    return _zstd(block) * size


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
async def test_verifying_stays_flat_and_lets_others_run(tmp_path: Path, compression: str) -> None:
    """However much comes out of a few bytes, it is let go, and others have their turn."""
    source, part = await _opened(tmp_path / "part", _bomb(compression, 64))
    turns = _Turns()
    tracemalloc.start()
    try:
        await turns.beside(source.verify(part, _ignore))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 16 * MEGABYTE
    assert turns.count >= 64


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
async def test_skipping_to_a_position_stays_flat_and_lets_others_run(
    tmp_path: Path, compression: str
) -> None:
    """A resume in a compressed part inflates all that was read before, and holds nothing up."""
    source, part = await _opened(tmp_path / "part", _bomb(compression, 64))
    start = Position(part.name, 64 * MEGABYTE - 2, 32 * MEGABYTE - 1, 32 * MEGABYTE - 1)
    turns = _Turns()
    tracemalloc.start()
    try:
        (chunk,) = await turns.beside(read_part(source, part, start))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert [record.offset for record in chunk.records] == [start.offset]
    assert peak < 16 * MEGABYTE
    assert turns.count >= 64


class _Turns:
    """Another task of the loop, which counts how often it runs."""

    def __init__(self) -> None:
        self.count = 0
        self.begun = asyncio.Event()

    async def beside(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it beside *work*."""
        async with asyncio.TaskGroup() as group:
            other = group.create_task(self._take())
            try:
                return await work
            finally:
                other.cancel()

    async def _take(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.count += 1
            self.begun.set()


@pytest.mark.parametrize("raw", [b"1\n" * (32 * MEGABYTE), _bomb("gzip", 64), _bomb("zstd", 64)])
async def test_verifying_can_be_cancelled_at_once(tmp_path: Path, raw: bytes) -> None:
    """A stop does not wait until the end of a large file is seen."""
    source, part = await _opened(tmp_path / "part", raw)
    told: list[int] = []

    async with asyncio.TaskGroup() as group:

        def stop(read: int) -> None:
            told.append(read)
            verifying.cancel()

        verifying = group.create_task(source.verify(part, stop))

    assert verifying.cancelled()
    assert len(told) == 1


# Cancelled while it is opened, a file is closed when nobody has it any more, which Python tells.
@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("compression", ["gzip", "zstd"])
async def test_skipping_can_be_cancelled_at_once(tmp_path: Path, compression: str) -> None:
    """A stop does not wait until a compressed part is inflated up to its position."""
    source, part = await _opened(tmp_path / "part", _bomb(compression, 64))
    start = Position(part.name, 64 * MEGABYTE - 2, 32 * MEGABYTE - 1, 32 * MEGABYTE - 1)
    turns = _Turns()

    async with asyncio.TaskGroup() as group:
        skipping = group.create_task(turns.beside(read_part(source, part, start)))
        await turns.begun.wait()
        skipping.cancel()
        with suppress(asyncio.CancelledError):
            await skipping

    assert skipping.cancelled()
