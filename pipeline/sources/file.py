"""Records from files."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections import deque
from contextlib import aclosing
from itertools import islice
from typing import TYPE_CHECKING

from pipeline.errors import PreflightError, SourceCorruptError
from pipeline.model import Position
from pipeline.sources.base import Part, Verified
from pipeline.sources.reading import cut_chunks, decode, framer_of
from pipeline.sources.sniff import Look, tell_compression, tell_format
from pipeline.sources.storage.blocks import inflate, plain, read_file, skip
from pipeline.sources.storage.fingerprint import STRETCH, Hash, hash_of, stretch_before
from pipeline.sources.storage.inflate import DamagedError, inflater
from pipeline.sources.storage.paths import find_files
from pipeline.sources.storage.stamp import DiskFile, Stamp, check_all, open_at_once
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from pipeline.model import Chunk, Record, Value
    from pipeline.sources.base import Compression, FileSpec
    from pipeline.sources.storage.blocks import Block

__all__ = ["FileSource"]

_HEAD = STRETCH
_FAR = 512
"""Pieces of text, of the size of a head, in which a checksum is looked for."""


@dataclass(frozen=True, slots=True)
class _File:
    """A file that was looked at, and what it holds."""

    disk: DiskFile
    compression: Compression
    look: Look

    def part(self) -> Part:
        """Give it as a part."""
        stamp = self.disk.stamp
        return Part(
            self.disk.name,
            stamp.size,
            columns=self.look.columns,
            identity={
                "size": stamp.size,
                "mtime_ns": stamp.modified_ns,
                "head": self.disk.head,
            },
            compression=self.compression,
        )


class FileSource:
    """
    The files of a path, folder or glob, each a part.

    A compressed part is inflated again from its beginning up to the position where reading
    resumes; a plain one is read from there.
    """

    resumable = True
    sha256 = None

    def __init__(self, spec: FileSpec) -> None:
        self._spec = spec
        self._null_values = frozenset(spec.csv.null_values)
        self._files: dict[str, _File] = {}
        self._hashes: dict[str, str] = {}

    async def parts(self) -> Sequence[Part]:
        """Find the files and look into each; raises for the first bad one."""
        found = await asyncio.to_thread(find_files, self._spec.pattern, self._spec.root)
        self._files = {name: await self._settled(name, path) for name, path in found.items()}
        self._hashes = {}
        return [file.part() for file in self._files.values()]

    async def _settled(self, name: str, path: Path) -> _File:
        """Look at a file; if it was written just now, wait and look again at what that gave."""
        file = await asyncio.to_thread(self._look_at, name, path)
        if wait := file.disk.stamp.unsettled_s(time.time_ns()):
            await asyncio.sleep(wait)
            file = await asyncio.to_thread(self._look_at, name, path)
        return file

    async def _file(self, part: Part) -> _File:
        if not self._files:
            await self.parts()
        file = self._files.get(part.name)
        if file is None:
            raise PreflightError(f"{part.name!r} is no part of {self._spec.pattern!r} any more")
        return file

    async def read(self, part: Part, start: Position | None = None) -> AsyncGenerator[Chunk, None]:
        """
        Read the file *part*, which `parts` named.

        After the last part the others are looked at once more: the source held still as a whole.
        """
        file = await self._file(part)
        begin = start or Position(part.name, file.look.skip, 0, 0)
        framer = framer_of(file.look, self._spec, begin)
        async with (
            aclosing(self._blocks(file, begin.offset)) as blocks,
            aclosing(cut_chunks(blocks, framer, self._spec.cut)) as chunks,
        ):
            async for chunk in chunks:
                yield chunk
        if part.name == next(reversed(self._files)):
            await asyncio.to_thread(self._check_all)

    def decode(self, record: Record, header: tuple[str, ...] | None) -> dict[str, Value]:
        """Turn *record* into its fields; raises `Refused`."""
        return decode(record, header, self._null_values)

    async def stretch(
        self, part: Part, position: Position, consumed: int
    ) -> Mapping[str, int | str]:
        """Take the fingerprint of the bytes on disk before *position*."""
        file = await self._file(part)
        end = position.offset if file.compression == "none" else consumed
        return {"end": end, "sha256": await asyncio.to_thread(stretch_before, file.disk, end)}

    async def verify(self, part: Part, passed: Callable[[int], None]) -> Verified:
        """Read the whole file, and inflate it where it is compressed."""
        file = await self._file(part)
        taken = Hash(passed)
        raws = self._raws(file, 0, taken)
        if file.compression == "none":
            await _exhaust(raws)
            checked = False
        else:
            stream = inflater(file.compression, self._spec.cut.block)
            await _exhaust(inflate(raws, part.name, stream))
            checked = stream.checked
        return Verified(self._keep(part, taken), checked)

    async def digest(self, part: Part, passed: Callable[[int], None]) -> str:
        """Take the SHA-256 of the file as it lies on disk."""
        file = await self._file(part)
        taken = Hash(passed)
        await _exhaust(self._raws(file, 0, taken))
        return self._keep(part, taken)

    def _keep(self, part: Part, taken: Hash) -> str:
        """Remember what was taken: whoever reads the part from now on reads those very bytes."""
        self._hashes[part.name] = taken.hexdigest()
        return self._hashes[part.name]

    def _raws(
        self, file: _File, offset: int, seen: Hash | None = None
    ) -> AsyncGenerator[bytes, None]:
        known = self._hashes.get(file.disk.name)
        size = self._spec.cut.block
        return read_file(file.disk, offset=offset, size=size, sha256=known, seen=seen)

    def _blocks(self, file: _File, offset: int) -> AsyncGenerator[Block, None]:
        if file.compression == "none":
            return plain(self._raws(file, offset), offset)
        stream = inflater(file.compression, self._spec.cut.block)
        return skip(inflate(self._raws(file, 0), file.disk.name, stream), file.disk.name, offset)

    def _check_all(self) -> None:
        """Raise `SourceCorruptError` if a file has changed, gone, or come since `parts`."""
        pattern = self._spec.pattern
        try:
            found = find_files(pattern, self._spec.root)
        except PreflightError as error:
            raise SourceCorruptError(
                f"{pattern!r} was changed while the source was read: {error}"
            ) from error
        check_all({name: file.disk for name, file in self._files.items()}, found)

    def _look_at(self, name: str, path: Path) -> _File:
        try:
            with open(path, "rb", opener=open_at_once) as opened:
                stamp = Stamp.of(status := os.fstat(opened.fileno()))
                if not stat.S_ISREG(status.st_mode):
                    raise PreflightError(f"{name!r} is no regular file any more; run again")
                head = opened.read(_HEAD)
                compression = tell_compression(name, head, self._spec.compression)
                look = self._tell(name, _beginning(head, opened, compression))
        except OSError as error:
            raise PreflightError(
                f"{name!r} cannot be read: {error.strerror}; check its permissions"
            ) from error
        except DamagedError as error:
            raise SourceCorruptError(
                f"{name!r} is damaged at its beginning: {error}; copy it again"
            ) from error
        return _File(DiskFile(path, name, stamp, hash_of(head)), compression, look)

    def _tell(self, name: str, beginning: Iterator[bytes]) -> Look:
        """Take as much of the text as it takes to tell what it is."""
        text = b""
        for piece in beginning:
            text += piece
            try:
                look = tell_format(name, text, self._spec, whole=False)
            except PreflightError:
                # What makes no sense may be damaged, which its checksum tells if it is not far.
                deque(islice(beginning, _FAR), maxlen=0)
                raise
            if look is not None:
                return look
        look = tell_format(name, text, self._spec, whole=True)
        assert look is not None  # noqa: S101 - only a part of a text leaves it open
        return look


async def _exhaust(pieces: AsyncGenerator[object, None]) -> None:
    async with aclosing(pieces):
        async for _ in pieces:
            pass


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
