"""Pages of a file of lines: from one byte to another, however large the file is."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pipeline.jobs.errors import BadCursorError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

__all__ = ["Lines", "open_lines"]

_LONGEST: Final = 256 * 1024
"""Bytes of a line that are given; the rest is passed over."""

_PAGE: Final = 8 * 1024 * 1024
"""Bytes after which a page ends, however few lines it has."""


class Lines:
    """Whole lines of an open file; a last one that is still being written is not there yet."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self.size = os.fstat(file.fileno()).st_size

    def require_start(self, offset: int) -> None:
        """Raise `BadCursorError` unless a line begins at *offset*, or the file ends there."""
        if offset == 0:
            return
        # Compared first: there are offsets that no file has.
        if not 0 < offset <= self.size or os.pread(self._file.fileno(), 1, offset - 1) != b"\n":
            raise BadCursorError("`after` is no cursor of a page")

    def page(self, offset: int, limit: int) -> Iterator[tuple[bytes, int]]:
        """
        Yield up to *limit* lines from *offset* on, each with the offset behind it.

        Of a line that is longer than 256 KiB only so much is given. A page of long lines has fewer.
        """
        begin = offset
        self._file.seek(offset)
        for _ in range(limit):
            line = piece = self._file.readline(_LONGEST)
            offset += len(line)
            while piece and not piece.endswith(b"\n"):
                piece = self._file.readline(_LONGEST)
                offset += len(piece)
            if not piece:
                return
            yield line.removesuffix(b"\n"), offset
            if offset - begin >= _PAGE:
                return


@contextmanager
def open_lines(path: Path) -> Iterator[Lines | None]:
    """Open *path* for reading, None if it is not there; a link is not followed. Raise OSError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    with os.fdopen(descriptor, "rb") as file:
        yield Lines(file)
