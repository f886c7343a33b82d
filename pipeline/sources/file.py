"""Records from files."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.errors import PreflightError
from pipeline.model import Position
from pipeline.sources.base import Part
from pipeline.sources.reading import cut_chunks, decode, framer_of
from pipeline.sources.sniff import Look, tell_compression, tell_format
from pipeline.sources.storage.blocks import Stamp, inflate, plain, read_file, skip
from pipeline.sources.storage.inflate import DamagedError, inflater
from pipeline.sources.storage.paths import find_files

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from pipeline.model import Chunk, Record, Value
    from pipeline.sources.base import Compression, FileSpec
    from pipeline.sources.storage.blocks import Block

__all__ = ["FileSource"]

_HEAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class _File:
    """A file that was looked at, and what it holds."""

    path: Path
    name: str
    stamp: Stamp
    compression: Compression
    look: Look


class FileSource:
    """
    The files of a path, folder or glob, each a part.

    A compressed part is inflated again from its beginning up to the position where reading
    resumes; a plain one is read from there.
    """

    resumable = True

    def __init__(self, spec: FileSpec) -> None:
        self._spec = spec
        self._null_values = frozenset(spec.csv.null_values)
        self._files: dict[str, _File] = {}

    async def parts(self) -> Sequence[Part]:
        """Find the files and look into each; raises `PreflightError` for the first bad one."""
        self._files = await asyncio.to_thread(self._look_at_all)
        return [
            Part(file.name, file.stamp.size, columns=file.look.columns)
            for file in self._files.values()
        ]

    async def read(self, part: Part, start: Position | None = None) -> AsyncGenerator[Chunk, None]:
        """Read the file *part*, which `parts` named."""
        if part.name not in self._files:
            await self.parts()
        file = self._files.get(part.name)
        if file is None:
            raise PreflightError(f"{part.name!r} is no part of {self._spec.pattern!r} any more")
        begin = start or Position(file.name, file.look.skip, 0, 0)
        framer = framer_of(file.look, self._spec, begin)
        async with (
            aclosing(self._blocks(file, begin.offset)) as blocks,
            aclosing(cut_chunks(blocks, framer, self._spec.cut)) as chunks,
        ):
            async for chunk in chunks:
                yield chunk

    def decode(self, record: Record, header: tuple[str, ...] | None) -> dict[str, Value]:
        """Turn *record* into its fields; raises `Refused`."""
        return decode(record, header, self._null_values)

    def _blocks(self, file: _File, offset: int) -> AsyncGenerator[Block, None]:
        size = self._spec.cut.block
        if file.compression == "none":
            return plain(
                read_file(file.path, file.name, file.stamp, offset=offset, size=size), offset
            )
        raws = read_file(file.path, file.name, file.stamp, offset=0, size=size)
        return skip(inflate(raws, file.name, file.compression, size), file.name, offset)

    def _look_at_all(self) -> dict[str, _File]:
        found = find_files(self._spec.pattern, self._spec.root)
        return {name: self._look_at(name, path) for name, path in found.items()}

    def _look_at(self, name: str, path: Path) -> _File:
        try:
            with path.open("rb") as opened:
                stamp = Stamp.of(os.fstat(opened.fileno()))
                head = opened.read(_HEAD)
                compression = tell_compression(name, head, self._spec.compression)
                look = self._tell(name, _beginning(head, opened, compression))
        except OSError as error:
            raise PreflightError(
                f"{name!r} cannot be read: {error.strerror}; check its permissions"
            ) from error
        except DamagedError as error:
            raise PreflightError(
                f"{name!r} is damaged at its beginning: {error}; copy it again"
            ) from error
        return _File(path, name, stamp, compression, look)

    def _tell(self, name: str, beginning: Iterator[bytes]) -> Look:
        """Take as much of the text as it takes to tell what it is."""
        text = b""
        for piece in beginning:
            text += piece
            look = tell_format(name, text, self._spec, whole=False)
            if look is not None:
                return look
        look = tell_format(name, text, self._spec, whole=True)
        assert look is not None  # noqa: S101 - only a part of a text leaves it open
        return look


def _beginning(head: bytes, opened: BinaryIO, compression: Compression) -> Iterator[bytes]:
    """Give the text of a file piece by piece, up to its end."""
    stream = None if compression == "none" else inflater(compression, _HEAD)
    while head:
        if stream is None:
            yield head
        else:
            stream.feed(head)
            while not stream.hungry:
                yield stream.read()
        head = opened.read(_HEAD)
    if stream is not None:
        stream.finish()
