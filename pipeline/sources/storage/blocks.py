"""A file's text, block by block, and a close watch that it stays the file it was."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from typing import TYPE_CHECKING

import aiofiles

from pipeline.errors import SourceCorruptError
from pipeline.sources.storage.fingerprint import STRETCH, Hash, hash_of
from pipeline.sources.storage.inflate import DamagedError
from pipeline.sources.storage.stamp import changed, check, open_at_once, unreadable
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from pipeline.sources.storage.inflate import Inflater
    from pipeline.sources.storage.stamp import DiskFile

__all__ = ["Block", "inflate", "plain", "read_file", "skip"]


_STRETCH = 1024 * 1024
"""
Bytes that are read or inflated at once, after a first block. To hand the interpreter to a thread,
and back while another wants it, costs as much as to decode fifty records.
"""


@dataclass(frozen=True, slots=True)
class Block:
    """Some text of a part; *consumed* bytes on disk have been read for it and all before it."""

    text: bytes
    consumed: int


async def read_file(
    file: DiskFile, *, offset: int, size: int, sha256: str | None = None, seen: Hash | None = None
) -> AsyncGenerator[bytes, None]:
    """
    Read the file in blocks of at most *size* bytes, from byte *offset* on.

    Raises `SourceCorruptError` as soon as it is not the file that was looked at: before each block
    is given and after the last, so that whoever reaches the end has read one and the same file.
    *sha256* (hex) is that of the whole of it, where it is known, and must be that of what was read
    from its beginning; *seen* takes in what is read.
    """
    # No CRC-32: a stored gzip member ends with its own, which cancels out any change before it.
    seen = seen or Hash()
    async with aclosing(_stretches(file, offset, size, sha256, seen)) as stretches:
        async for stretch in stretches:
            for begin in range(0, len(stretch), size):
                yield stretch[begin : begin + size]


async def _stretches(
    file: DiskFile, offset: int, size: int, sha256: str | None, seen: Hash
) -> AsyncGenerator[bytes, None]:
    """Do what `read_file` does, in larger pieces: the first of *size* bytes, then stretches."""
    try:
        async with aiofiles.open(file.path, "rb", buffering=0, opener=open_at_once) as opened:
            check(file, os.fstat(opened.fileno()))
            if offset > file.stamp.size:
                raise SourceCorruptError(
                    f"{file.name!r} has {file.stamp.size} bytes and is to be read on from byte "
                    f"{offset}: it is not the file that was read before"
                )
            if offset:
                await opened.seek(offset)
            reach = size
            while stretch := await opened.read(reach):
                check(file, os.fstat(opened.fileno()))
                seen.update(stretch)
                yield stretch
                reach = max(size, _STRETCH)
            check(file, os.fstat(opened.fileno()))
        status = await asyncio.to_thread(os.stat, file.path)
        check(file, status)
        if sha256 is not None and not offset:
            held = seen.hexdigest() == sha256
        else:
            held = status.st_ctime_ns == file.stamp.changed_ns or await _is_same(
                file, offset, size, seen.hexdigest()
            )
    except OSError as error:
        raise unreadable(file.name, error) from error
    if not held:
        raise changed(file.name, "holds other bytes than before, under the same size and time")


async def _is_same(file: DiskFile, offset: int, size: int, seen: str) -> bool:
    """
    Read once more from *offset* on, and say whether its SHA-256 is again what was *seen*.

    For a file whose inode was touched and neither its size nor its time: a new mode or link is no
    reason to fail, a writer who set the time back is.
    """
    again = Hash()
    async with aiofiles.open(file.path, "rb", buffering=0, opener=open_at_once) as opened:
        if hash_of(await opened.read(STRETCH)) != file.head:
            return False
        await opened.seek(offset)
        while block := await opened.read(size):
            again.update(block)
    return again.hexdigest() == seen


async def plain(raws: AsyncGenerator[bytes, None], offset: int) -> AsyncGenerator[Block, None]:
    """Pass on text that is not compressed; *offset* bytes lie before it."""
    async with aclosing(raws):
        async for raw in raws:
            offset += len(raw)
            yield Block(raw, offset)


async def inflate(
    raws: AsyncGenerator[bytes, None], name: str, stream: Inflater
) -> AsyncGenerator[Block, None]:
    """
    Inflate *raws* in a thread, in the pieces that *stream* gives.

    Raises `SourceCorruptError` where they are damaged, cut short or followed by something else.
    """
    pieces = _inflate(raws, stream)
    try:
        async with aclosing(raws), aclosing(pieces):
            async for block in pieces:
                yield block
    except DamagedError as error:
        raise SourceCorruptError(
            f"{name!r} is damaged at or before byte {error.at}: {error}; copy it again and check "
            f"it with {stream.tester}"
        ) from error


async def _inflate(
    raws: AsyncGenerator[bytes, None], stream: Inflater
) -> AsyncGenerator[Block, None]:
    least = 1
    async for raw in raws:
        stream.feed(raw)
        while not stream.hungry:
            for piece, taken in await asyncio.to_thread(stream.read_some, least):
                yield Block(piece, taken)
            least = _STRETCH
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
