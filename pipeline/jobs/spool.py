"""The spool: uploads on their way to a job, on the disk, within limits."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from pipeline.core.threads import outlasted
from pipeline.jobs.errors import (
    ClosingError,
    SpoolFullError,
    StoreError,
    TooLargeError,
)
from pipeline.jobs.looks import look_of
from pipeline.jobs.model import Upload
from pipeline.state.durable import make_folder, sync_folder, write_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection
    from concurrent.futures import Executor
    from pathlib import Path

    from pipeline.jobs.looks import Look
    from pipeline.jobs.model import Compression, Format, Settings

__all__ = ["Incoming", "Spool"]

T = TypeVar("T")

_BLOCK: Final = 256 * 1024
_PACKED_BLOCK: Final = 32 * 1024
"""Bytes that are handed to a thread together; packed ones may be a thousand times as many."""

_SYNC_EVERY: Final = 8 * 1024 * 1024
"""Bytes after which what was written goes to the disk, so that little is left for the end."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Spool:
    """The folder of uploads, in *threads* of its own; `total` counts the bytes that are in it."""

    def __init__(self, folder: Path, settings: Settings, threads: Executor) -> None:
        self.folder = folder
        self.settings = settings
        self.total = 0
        self.closing = False
        self._kept: set[Path] = set()
        self._threads = threads

    async def do(self, work: Callable[..., T], *arguments: object) -> T:
        """Do *work* in a thread of the spool's, to its end, even if the caller is cancelled."""
        run = asyncio.get_running_loop().run_in_executor
        return await outlasted(run(self._threads, work, *arguments))

    async def open(self, wanted: Collection[str]) -> None:
        """Make the folder, and remove what a crash left in it but for *wanted*. Raise OSError."""
        self.total = await self.do(_swept, self.folder, wanted)

    @asynccontextmanager
    async def incoming(self, form: Format, compression: Compression) -> AsyncIterator[Incoming]:
        """Take one upload; it is removed after the body, unless it was kept in it."""
        if self.closing:
            raise ClosingError("the service is closing")
        suffix = ".gz" if compression == "gzip" else ""
        path = self.folder / f"{secrets.token_urlsafe(16)}.{form}{suffix}"
        one = Incoming(self, path, form, compression)
        try:
            yield one
        finally:
            kept = path in self._kept
            self._kept.discard(path)
            if not kept:
                self.total -= one.bytes
            await self.do(one.close, kept)

    def keep(self, upload: Upload) -> None:
        """Let *upload* stand, although whoever took it is done with it: it is a job's now."""
        self._kept.add(upload.path)

    async def remove(self, upload: Upload) -> None:
        """Remove the upload of a job that has no use for it any more; raises nothing."""
        if await self.do(_removed, upload.path):
            self.total -= upload.bytes


class Incoming:
    """One upload that comes in; see `JobService.spool`."""

    def __init__(self, spool: Spool, path: Path, form: Format, compression: Compression) -> None:
        self.bytes = 0
        self._spool = spool
        self._path = path
        self._form: Format = form
        self._compression: Compression = compression
        self._buffer = bytearray()
        self._block = _BLOCK if compression == "none" else _PACKED_BLOCK
        self._written = _Written(path, look_of(form, compression, spool.settings.max_inflated))

    async def write(self, piece: bytes) -> None:
        """Take the next bytes. Raise `TooLargeError`, `SpoolFullError` or `BadUploadError`."""
        settings = self._spool.settings
        if self._spool.closing:
            raise ClosingError("the service is closing")
        if self.bytes + len(piece) > settings.max_body:
            raise TooLargeError(f"an upload has at most {settings.max_body:,} bytes")
        if self._spool.total + len(piece) > settings.max_spool:
            raise SpoolFullError("other uploads that are not loaded yet leave no room for this one")
        self.bytes += len(piece)
        self._spool.total += len(piece)
        self._buffer += piece
        if len(self._buffer) >= self._block:
            await self._flush()

    async def finish(self) -> Upload:
        """Return the upload, whole and on the disk. Raise as `write` does."""
        await self._flush()
        digest = await self._translated(self._written.finish)
        return Upload(self._path, self._form, self._compression, self.bytes, digest)

    async def _flush(self) -> None:
        block, self._buffer = bytes(self._buffer), bytearray()
        await self._translated(self._written.append, block)

    async def _translated(self, work: Callable[..., T], *arguments: object) -> T:
        """Do *work* in a thread; say what the disk does not take as our errors do."""
        try:
            return await self._spool.do(work, *arguments)
        except OSError as error:
            if error.errno in _FULL:
                raise SpoolFullError("the disk has no room for the upload") from error
            raise StoreError("the upload cannot be written") from error

    def close(self, kept: bool) -> None:  # noqa: FBT001 - handed to a thread
        """Close the file, and remove it unless it is *kept*. Blocks."""
        self._written.close()
        if not kept:
            _removed(self._path)


class _Written:
    """The file, and what is to be known of its content; all of it blocks."""

    def __init__(self, path: Path, look: Look) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._digest = hashlib.sha256()
        self._unsynced = 0
        self._look = look

    def append(self, block: bytes) -> None:
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o600)
        self._look.feed(block)
        write_all(self._descriptor, block)
        self._digest.update(block)
        self._unsynced += len(block)
        if self._unsynced >= _SYNC_EVERY:
            os.fdatasync(self._descriptor)
            self._unsynced = 0

    def finish(self) -> str:
        self._look.finish()
        if self._descriptor is not None:
            os.fsync(self._descriptor)
        sync_folder(self._path.parent)
        return self._digest.hexdigest()

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _swept(folder: Path, wanted: Collection[str]) -> int:
    make_folder(folder)
    total = 0
    with os.scandir(folder) as found:
        for one in found:
            if one.name not in wanted:
                _removed(folder / one.name)
            elif one.is_file(follow_symlinks=False):
                total += one.stat(follow_symlinks=False).st_size
    return total


def _removed(path: Path) -> bool:
    with contextlib.suppress(OSError):
        path.unlink()
        return True
    return False
