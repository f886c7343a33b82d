"""Compressed sources, and the ways in which they are damaged."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import zstandard

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

__all__ = ["PACKINGS", "Damaged", "Packing", "damages", "pack", "record", "text_of"]

Packing = Literal["jsonl.gz", "csv.gz", "jsonl.zst"]
PACKINGS: Final[tuple[Packing, ...]] = ("jsonl.gz", "csv.gz", "jsonl.zst")

_GZIP_HEADER: Final = 10
_CUTS: Final = (0.0, 0.01, 0.3, 0.6, 0.95)


@dataclass(frozen=True, slots=True)
class Damaged:
    """A file's name, what was done to it, and its bytes."""

    packing: Packing
    what: str
    block: bytes


def record(ordinal: int) -> dict[str, object]:
    """Give one record; its text does not compress to nothing, so that the file has some length."""
    text = "".join(hashlib.sha256(b"%d %d" % (ordinal, n)).hexdigest() for n in range(8))
    return {"id": f"k{ordinal:07}", "n": ordinal, "text": text}


def text_of(packing: str, records: int) -> bytes:
    """Give the text of a source before it is packed."""
    rows = (record(ordinal) for ordinal in range(records))
    if packing.startswith("csv"):
        lines = [",".join(map(str, row.values())) for row in rows]
        return "\n".join(["id,n,text", *lines, ""]).encode()
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def pack(packing: str, text: bytes) -> bytes:
    """Compress *text* as gzip(1) and zstd(1) do: with a checksum."""
    if packing.endswith(".gz"):
        return gzip.compress(text, 6, mtime=0)
    return zstandard.ZstdCompressor(write_checksum=True).compress(text)


def _unpacked(packing: str, block: bytes) -> bytes | None:
    """Give what a reference reader makes of *block*; None where it says that it is damaged."""
    try:
        if packing.endswith(".gz"):
            return gzip.decompress(block)
        reader = zstandard.ZstdDecompressor().stream_reader(block, read_across_frames=True)
        return reader.read()
    except (OSError, EOFError, zlib.error, zstandard.ZstdError):
        return None


def damages(packing: Packing, text: bytes, dice: random.Random, flips: int) -> Iterator[Damaged]:
    """Yield damaged versions of *text*; none that a reference reader takes for the whole text."""
    whole = pack(packing, text)
    middle = len(text) // 2
    two = pack(packing, text[:middle]) + pack(packing, text[middle:])
    for what, block in [
        *((f"cut at {share:.0%}", whole[: int(len(whole) * share)]) for share in _CUTS),
        ("its last byte cut off", whole[:-1]),
        ("its last four bytes cut off", whole[:-4]),
        ("its last eight bytes cut off", whole[:-8]),
        ("the second of two members cut", two[:-100]),
        ("a bit flipped in the second of two members", _flipped(two, len(two) * 3 // 4, 3)),
        ("text behind it", whole + b"not compressed\n"),
        ("one byte behind it", whole + b"x"),
        ("the beginning of a member behind it", whole + whole[:20]),
        ("a hole of zeros", whole[: len(whole) // 2] + bytes(512) + whole[len(whole) // 2 + 512 :]),
        ("a wrong checksum", _flipped(whole, len(whole) - (8 if "gz" in packing else 4), 0)),
    ]:
        yield Damaged(packing, what, block)
    found = 0
    while found < flips:
        at = dice.randrange(_GZIP_HEADER, len(whole) - 8)
        block = _flipped(whole, at, dice.randrange(8))
        if _unpacked(packing, block) != text:
            found += 1
            yield Damaged(packing, f"a bit flipped in byte {at} of {len(whole)}", block)


def _flipped(block: bytes, at: int, bit: int) -> bytes:
    return block[:at] + bytes((block[at] ^ (1 << bit),)) + block[at + 1 :]
