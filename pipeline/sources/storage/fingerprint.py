"""What tells a file from another: hashes of its bytes as they lie on disk."""

from __future__ import annotations

import hashlib
import os
import zlib
from contextlib import aclosing
from typing import TYPE_CHECKING

from pipeline.errors import SourceCorruptError
from pipeline.sources.storage.stamp import check, open_at_once, unreadable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from pipeline.sources.storage.stamp import DiskFile

__all__ = ["STRETCH", "Hash", "hash_of", "stretch_before"]

STRETCH = 64 * 1024
"""Bytes of a file's head, and of the stretch before a position, that are hashed."""


class Hash:
    """The hashes of a part as it is read, and how far it has been read."""

    def __init__(self, passed: Callable[[int], None]) -> None:
        self._sha256 = hashlib.sha256()
        self._passed = passed
        self._read = 0
        self.crc = 0

    def hexdigest(self) -> str:
        """Give the SHA-256."""
        return self._sha256.hexdigest()

    async def through(self, raws: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """Pass *raws* on and hash them: a block costs less than to hand it to a thread."""
        async with aclosing(raws):
            async for raw in raws:
                self._sha256.update(raw)
                self.crc = zlib.crc32(raw, self.crc)
                self._read += len(raw)
                self._passed(self._read)
                yield raw


def hash_of(raw: bytes) -> str:
    """Give the SHA-256 (hex) of *raw*."""
    return hashlib.sha256(raw).hexdigest()


def stretch_before(file: DiskFile, end: int) -> str:
    """
    Give the SHA-256 (hex) of up to 64 KB before byte *end* of the file.

    Raises `SourceCorruptError` if it is not the file that was looked at, or has no such byte.
    """
    begin = max(0, end - STRETCH)
    try:
        with open(file.path, "rb", buffering=0, opener=open_at_once) as opened:
            check(file, os.fstat(opened.fileno()))
            raw = os.pread(opened.fileno(), end - begin, begin)
    except OSError as error:
        raise unreadable(file.name, error) from error
    if len(raw) < end - begin:
        raise SourceCorruptError(
            f"{file.name!r} has {file.stamp.size} bytes and was read up to byte {end}: it is not "
            "the file that was read before"
        )
    return hash_of(raw)
