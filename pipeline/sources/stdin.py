"""Records from standard input, as they come."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from pipeline.errors import PreflightError, SourceCorruptError
from pipeline.model import Position
from pipeline.sources.base import Part
from pipeline.sources.reading import cut_chunks, decode, framer_of
from pipeline.sources.sniff import may_be_magic, tell_compression, tell_format
from pipeline.sources.storage.blocks import inflate, plain, skip
from pipeline.sources.storage.fingerprint import Hash
from pipeline.sources.storage.inflate import inflater

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from pipeline.model import Chunk, Record, Value
    from pipeline.sources.base import StdinSpec
    from pipeline.sources.sniff import Look
    from pipeline.sources.storage.blocks import Block

__all__ = ["StdinSource"]

T = TypeVar("T")

_NAME = "stdin"


class StdinSource:
    """
    What comes in through a file descriptor, by default standard input; it can be read once.

    `parts` waits for the beginning of the input, to tell what it is. A chunk goes out as soon as
    a read has completed a record, so that a slow writer's records are not held back.
    """

    resumable = False

    def __init__(self, spec: StdinSpec) -> None:
        self._spec = spec
        self._null_values = frozenset(spec.csv.null_values)
        self._hash = Hash() if spec.digest else None
        self._ended = False
        self._begun: tuple[Look, AsyncGenerator[Block, None]] | None = None

    async def parts(self) -> Sequence[Part]:
        """Wait for the beginning and look at it."""
        if self._begun is None:
            self._begun = await self._begin()
        return [Part(_NAME, columns=self._begun[0].columns)]

    async def read(self, part: Part, start: Position | None = None) -> AsyncGenerator[Chunk, None]:
        """Read the input to its end, once; there is no *start* to read it from again."""
        await self.parts()
        if start is not None or self._begun is None:
            raise PreflightError("standard input was read already, and cannot be read again")
        look, blocks = self._begun
        begin = Position(part.name, look.skip, 0, 0)
        framer = framer_of(look, self._spec, begin)
        async with (
            aclosing(skip(blocks, part.name, look.skip)) as text,
            aclosing(cut_chunks(text, framer, self._spec.cut, eager=True)) as chunks,
        ):
            async for chunk in chunks:
                yield chunk
        self._ended = True

    @property
    def sha256(self) -> str | None:
        """SHA-256 (hex) of the bytes as they came, after their end, if it was asked for."""
        return self._hash.hexdigest() if self._hash is not None and self._ended else None

    async def stretch(self, part: Part, position: Position, consumed: int) -> None:
        """Give nothing: what was read is gone."""

    async def verify(self, part: Part, passed: Callable[[int], None]) -> None:
        """Give nothing: it can be read but once."""

    async def digest(self, part: Part, passed: Callable[[int], None]) -> None:
        """Give nothing, as `verify`."""

    def decode(self, record: Record, header: tuple[str, ...] | None) -> dict[str, Value]:
        """Turn *record* into its fields; raises `Refused`."""
        return decode(record, header, self._null_values)

    async def _begin(self) -> tuple[Look, AsyncGenerator[Block, None]]:
        spec = self._spec
        if spec.fd == 0 and sys.stdin is None:  # the number belongs to something else by now
            raise PreflightError("standard input is closed; pipe records into it")
        raws = _read_descriptor(spec.fd, spec.cut.block)
        if self._hash is not None:
            raws = self._hash.through(raws)
        head = b""
        async for raw in raws:
            head += raw
            if not may_be_magic(head):
                break
        compression = tell_compression(_NAME, head, spec.compression)
        rest = _after([head], raws)
        if compression == "none":
            blocks = plain(rest, 0)
        else:
            blocks = inflate(rest, _NAME, inflater(compression, spec.cut.block))
        seen: list[Block] = []
        text = b""
        look = None
        async for block in blocks:
            seen.append(block)
            text += block.text
            look = tell_format(_NAME, text, spec, whole=False)
            if look is not None:
                break
        look = look or tell_format(_NAME, text, spec, whole=True)
        assert look is not None  # noqa: S101 - only a part of a text leaves it open
        return look, _after(seen, blocks)


async def _after(seen: list[T], rest: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    async with aclosing(rest):
        for each in seen:
            yield each
        async for each in rest:
            yield each


async def _read_descriptor(fd: int, size: int) -> AsyncGenerator[bytes, None]:
    """Read what is there, at most *size* bytes at once, and wait without blocking the loop."""
    watched = True
    while True:
        if watched:
            watched = await _readable(fd)
        try:
            # A file, which cannot be watched, is always ready: its read ends by itself.
            block = os.read(fd, size) if watched else await asyncio.to_thread(os.read, fd, size)
        except BlockingIOError:
            continue
        except OSError as error:
            raise SourceCorruptError(f"standard input cannot be read: {error.strerror}") from error
        if not block:
            return
        yield block


async def _readable(fd: int) -> bool:
    """Wait until *fd* has something to read; False: it is of a kind that cannot be watched."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(fd, ready.set)
    except OSError:
        return False
    try:
        await ready.wait()
    finally:
        loop.remove_reader(fd)
    return True
