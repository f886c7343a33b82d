"""What tells a file from another: hashes of its bytes as they lie on disk."""

from __future__ import annotations

import hashlib
import os
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
    """The SHA-256 of bytes that are read; *passed* is told how many they are so far."""

    def __init__(self, passed: Callable[[int], None] = lambda _: None) -> None:
        self._sha256 = hashlib.sha256()
        self._passed = passed
        self._read = 0

    def update(self, raw: bytes) -> None:
        """Take in *raw*; to do so costs less than to hand a block to a thread."""
        self._sha256.update(raw)
        self._read += len(raw)
        self._passed(self._read)

    def hexdigest(self) -> str:
        """Give it for what was read so far."""
        return self._sha256.hexdigest()

    async def through(self, raws: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """Pass *raws* on and take them in."""
        async with aclosing(raws):
            async for raw in raws:
                self.update(raw)
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
