"""gzip and zstd: told by content, inflated whole or told to be damaged."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from pipeline.errors import PreflightError, SourceCorruptError
from tests.unit.sources.drive import file_source, outcomes, read_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COUNT = 6_000
NOISE = random.Random(7)  # so that it does not shrink to a single block
TEXT = b"".join(
    b'{"id":%d,"noise":"%s"}\n' % (number, NOISE.randbytes(20).hex().encode())
    for number in range(COUNT)
)
ROWS = [json.loads(line) for line in TEXT.splitlines()]
SKIPPABLE = b"\x50\x2a\x4d\x18\x04\x00\x00\x00note"


def _zstd(text: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(text)


PACKERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": _zstd}


def _outcomes(folder: Path, packed: bytes, **options: Any) -> list[Any]:
    options = dict(options)
    path = folder / options.pop("name", "part.jsonl")
    path.write_bytes(packed)
    os.utime(path, (1, 1))  # long ago, so that nobody waits for the clock's next tick
    return outcomes(path, **options)


@pytest.mark.parametrize("name", ["part.jsonl.gz", "part"])
@pytest.mark.parametrize(
    "packed",
    [
        TEXT,
        gzip.compress(TEXT),
        gzip.compress(TEXT[:70_001]) + gzip.compress(b"") + gzip.compress(TEXT[70_001:]),
        gzip.compress(TEXT) + b"\0" * 1_000,
        _zstd(TEXT),
        _zstd(TEXT[:70_001]) + _zstd(b"") + SKIPPABLE + _zstd(TEXT[70_001:]),
        SKIPPABLE + _zstd(TEXT),
        zstandard.ZstdCompressor(level=19).compress(TEXT),
    ],
)
def test_the_content_says_how_it_is_compressed(tmp_path: Path, packed: bytes, name: str) -> None:
    """Whatever its name, a file of any number of members is read whole."""
    assert _outcomes(tmp_path, packed, name=name) == ROWS


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda packed: packed[: len(packed) // 2], "ends in the middle"),
        (lambda packed: packed[:-1], "ends in the middle"),
        (lambda packed: packed[:-4], "ends in the middle"),
        (lambda packed: packed[:-4] + b"\0\0\0\0", "its checksum does not match"),
        (lambda packed: packed + b"garbage", "what follows its compressed bytes is not"),
        (lambda packed: packed + b"x", "what follows its compressed bytes is not"),
        (lambda packed: packed + packed[:3], "ends in the middle"),
        (lambda packed: packed + packed[:-2], "ends in the middle"),
        (lambda packed: packed[:-9_000] + b"\xff" * 9_000, ""),
    ],
)
def test_damage_is_told_and_never_a_clean_end(
    tmp_path: Path, packer: str, damage: Any, says: str
) -> None:
    """The message names the file, the place, and the program that checks it."""
    packed = damage(PACKERS[packer](TEXT))
    check = {"gzip": "gzip -t", "zstd": "zstd -t"}[packer]

    with pytest.raises(SourceCorruptError) as corrupt:
        _outcomes(tmp_path, packed)

    message = str(corrupt.value)
    assert message.startswith("'part.jsonl' is damaged at or before byte ")
    assert says in message
    assert check in message


@pytest.mark.parametrize("packer", PACKERS)
def test_the_place_of_the_damage_is_told(tmp_path: Path, packer: str) -> None:
    """It counts bytes of the file as it lies on disk, and the damage is not after it."""
    packed = bytearray(PACKERS[packer](TEXT))
    middle = len(packed) // 2
    packed[middle : middle + 2_000] = b"\xff" * 2_000

    with pytest.raises(SourceCorruptError) as corrupt:
        _outcomes(tmp_path, bytes(packed))

    place = int(str(corrupt.value).split("at or before byte ")[1].split(":")[0])
    assert middle < place <= len(packed)


@pytest.mark.parametrize(
    ("packer", "options"),
    [
        ("gzip", {"name": "part.jsonl.gz"}),
        ("gzip", {"name": "part.CSV.GZ"}),
        ("gzip", {"compression": "gzip"}),
        ("zstd", {"name": "part.jsonl.zst"}),
        ("zstd", {"name": "part.json.zst"}),
        ("zstd", {"compression": "zstd"}),
    ],
)
def test_damage_of_the_very_first_bytes_is_damage(
    tmp_path: Path, packer: str, options: dict[str, Any]
) -> None:
    """What should be compressed and does not begin so is no text with very odd lines."""
    packed = PACKERS[packer](TEXT[:1_000])
    bits = 32 if packer == "zstd" else 24  # what follows are flags of gzip, which may mean a thing

    for bit in range(bits):
        damaged = bytearray(packed)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SourceCorruptError, match="is damaged"):
            _outcomes(tmp_path, bytes(damaged), **options)


@pytest.mark.parametrize("packer", PACKERS)
def test_damage_that_makes_no_sense_is_damage(tmp_path: Path, packer: str) -> None:
    """Not a wrong definition, if the checksum is near: it is not the user who is to blame."""
    text = b"".join(b"%d,%d,%d\n" % (n, n * 7, n * 49) for n in range(1_000, 30_000))
    packed = bytearray(PACKERS[packer](b"a,a\n" + text))
    whole = bytes(packed)
    packed[-2] ^= 1

    with pytest.raises(SourceCorruptError, match="is damaged at its beginning"):
        _outcomes(tmp_path, bytes(packed), name="part.csv")
    with pytest.raises(PreflightError, match="the same name for columns 1 and 2"):
        _outcomes(tmp_path, whole, name="part.csv")


def test_no_cut_last_record_is_given(tmp_path: Path) -> None:
    """Of a file that is cut short, half a line at its end is no record."""
    path = tmp_path / "part.jsonl"
    path.write_bytes(gzip.compress(b'{"id":12}\n{"id":34}')[:-8])
    source = file_source(path)
    seen: list[bytes] = []

    async def read() -> None:
        (part,) = await source.parts()
        async for chunk in source.read(part):
            seen.extend(record.raw for record in chunk.records)

    with pytest.raises((SourceCorruptError, PreflightError)):
        asyncio.run(read())
    assert b'{"id":34}' not in seen


@pytest.mark.parametrize(
    ("packed", "options", "says"),
    [
        (TEXT, {"compression": "gzip"}, "is not compressed, and source.compression says gzip"),
        (gzip.compress(TEXT), {"compression": "none"}, "is gzip, and source.compression says none"),
        (_zstd(TEXT), {"compression": "gzip"}, "is zstd, and source.compression says gzip"),
        (b"BZh91AY", {}, "is bzip2, which is not read"),
        (b"PK\x03\x04....", {"name": "part.csv"}, "is a zip archive, which is not read"),
    ],
)
def test_what_cannot_be_inflated_is_told_first(
    tmp_path: Path, packed: bytes, options: dict[str, Any], says: str
) -> None:
    """Before the first record, with what to do."""
    with pytest.raises(PreflightError, match=says):
        _outcomes(tmp_path, packed, **options)


@pytest.mark.parametrize(
    ("packed", "options", "says"),
    [
        (b"", {"name": "part.jsonl.gz"}, "is empty, which no compressed file is"),
        (b"", {"name": "part.csv.zst"}, "is empty, which no compressed file is"),
        (b"(", {"name": "part.jsonl.zst"}, "is damaged at its beginning"),  # one byte of zstd
        (gzip.compress(TEXT)[:9], {}, "is damaged at its beginning"),
        (b"\x1f\x8b" + b"\xff" * 20, {}, "is damaged at its beginning"),
    ],
)
def test_damage_that_shows_early_is_damage(
    tmp_path: Path, packed: bytes, options: dict[str, Any], says: str
) -> None:
    """It is told before the first record, and by the same error as later damage."""
    with pytest.raises(SourceCorruptError, match=says):
        _outcomes(tmp_path, packed, **options)


def test_consumed_counts_bytes_on_disk(tmp_path: Path) -> None:
    """Progress is measured against the size of the file as it lies on disk."""
    path = tmp_path / "part.jsonl.gz"
    path.write_bytes(gzip.compress(TEXT))
    source = file_source(path)

    (part,) = asyncio.run(_parts(source))
    chunks = asyncio.run(read_all(source))

    assert part.size == path.stat().st_size
    assert chunks[-1].consumed == part.size
    assert [chunk.consumed for chunk in chunks] == sorted(chunk.consumed for chunk in chunks)


@pytest.mark.parametrize("packer", [bytes, gzip.compress])
def test_how_far_a_chunk_reaches_is_told_within_a_block(
    tmp_path: Path, packer: Callable[[bytes], bytes]
) -> None:
    """A file of one block is read at once, and its chunks are parts of it all the same."""
    path = tmp_path / ("part.jsonl" if packer is bytes else "part.jsonl.gz")
    path.write_bytes(
        packer(b"".join(b'{"id":%06d}\n' % number for number in range(100_000, 105_000)))
    )

    chunks = asyncio.run(read_all(file_source(path)))

    size, records = path.stat().st_size, 0
    assert len(chunks) >= 5
    for chunk in chunks:
        records += len(chunk.records)
        assert chunk.reached == pytest.approx(size * records / 5_000, abs=1)


@pytest.mark.parametrize("packer", PACKERS.values(), ids=PACKERS)
def test_a_block_that_holds_many_pieces_is_not_reached_at_the_first(
    tmp_path: Path, packer: Callable[[bytes], bytes]
) -> None:
    """Text that packs well: a file of one block is 2 MB of records, and is told of evenly."""
    records = 200_000
    text = b"".join(b'{"id":%06d}\n' % number for number in range(100_000, 100_000 + records))
    path = tmp_path / "part.jsonl.packed"
    path.write_bytes(packer(text))

    chunks = asyncio.run(read_all(file_source(path)))

    size, read = path.stat().st_size, 0
    assert size < 1024 * 1024
    for chunk in chunks:
        read += len(chunk.records)
        assert chunk.reached == pytest.approx(size * read / records, abs=size / 10)
    assert chunks[-1].reached == size


async def _parts(source: Any) -> Any:
    return await source.parts()
