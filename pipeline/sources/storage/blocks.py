"""A file's text, block by block, and a close watch that it stays the file it was."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiofiles

from pipeline.errors import SourceCorruptError
from pipeline.sources.storage.inflate import DamagedError, inflater

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from pipeline.sources.base import Compression
    from pipeline.sources.storage.inflate import Inflater

__all__ = ["Block", "Stamp", "inflate", "plain", "read_file", "skip"]


@dataclass(frozen=True, slots=True)
class Block:
    """Some text of a part; *consumed* bytes on disk have been read for it and all before it."""

    text: bytes
    consumed: int


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells that a path still leads to the same bytes."""

    inode: int
    size: int
    changed_ns: int

    @classmethod
    def of(cls, stat: os.stat_result) -> Stamp:
        """Take the stamp of a file."""
        return cls(stat.st_ino, stat.st_size, stat.st_mtime_ns)


async def read_file(
    path: Path, name: str, stamp: Stamp, *, offset: int, size: int
) -> AsyncGenerator[bytes, None]:
    """
    Read the file in blocks of at most *size* bytes, from byte *offset* on.

    Raises `SourceCorruptError` if it is not the file of *stamp*, before the first block and again
    after the last; so whoever reaches the end has read one and the same file.
    """
    try:
        async with aiofiles.open(path, "rb", buffering=0) as file:
            _check(name, stamp, os.fstat(file.fileno()))
            if offset > stamp.size:
                raise SourceCorruptError(
                    f"{name!r} has {stamp.size} bytes and is to be read on from byte {offset}: it "
                    "is not the file that was read before"
                )
            if offset:
                await file.seek(offset)
            while block := await file.read(size):
                yield block
            _check(name, stamp, os.fstat(file.fileno()))
        _check(name, stamp, await asyncio.to_thread(os.stat, path))
    except OSError as error:
        raise SourceCorruptError(f"{name!r} cannot be read to its end: {error.strerror}") from error


async def plain(raws: AsyncGenerator[bytes, None], offset: int) -> AsyncGenerator[Block, None]:
    """Pass on text that is not compressed; *offset* bytes lie before it."""
    async with aclosing(raws):
        async for raw in raws:
            offset += len(raw)
            yield Block(raw, offset)


async def inflate(
    raws: AsyncGenerator[bytes, None], name: str, compression: Compression, size: int
) -> AsyncGenerator[Block, None]:
    """
    Inflate *raws* in a thread, in pieces of about *size* bytes.

    Raises `SourceCorruptError` where they are damaged, cut short or followed by something else.
    """
    pieces = _inflate(raws, inflater(compression, size))
    try:
        async with aclosing(raws), aclosing(pieces):
            async for block in pieces:
                yield block
    except DamagedError as error:
        check = "gzip -t" if compression == "gzip" else "zstd -t"
        raise SourceCorruptError(
            f"{name!r} is damaged at or before byte {error.at}: {error}; copy it again and check "
            f"it with {check} (records shortly before the damage may be wrong already)"
        ) from error


async def _inflate(
    raws: AsyncGenerator[bytes, None], stream: Inflater
) -> AsyncGenerator[Block, None]:
    consumed = 0
    async for raw in raws:
        consumed += len(raw)
        stream.feed(raw)
        while not stream.hungry:
            yield Block(await asyncio.to_thread(stream.read), consumed)
    stream.finish()


async def skip(
    blocks: AsyncGenerator[Block, None], name: str, offset: int
) -> AsyncGenerator[Block, None]:
    """
    Drop the first *offset* bytes of text.

    Raises `SourceCorruptError` if there are not that many.
    """
    left = offset
    async with aclosing(blocks):
        async for block in blocks:
            if not left:
                yield block
            elif left < len(block.text):
                yield Block(block.text[left:], block.consumed)
            left = max(0, left - len(block.text))
    if left:
        raise SourceCorruptError(
            f"{name!r} has {offset - left} bytes of text and is to be read on from byte {offset}: "
            "it is not the file that was read before"
        )


def _check(name: str, stamp: Stamp, stat: os.stat_result) -> None:
    now = Stamp.of(stat)
    if now == stamp:
        return
    what = "is another file now"
    if now.inode == stamp.inode:
        what = f"had {stamp.size} bytes and has {now.size}"
    raise SourceCorruptError(
        f"{name!r} was changed while it was read: it {what}; run again when nothing writes to it"
    )
