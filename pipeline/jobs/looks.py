"""Looks at an upload while it comes: whether its bytes are what they are said to be."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final, Protocol

from pipeline.jobs.errors import BadUploadError, TooLargeError

if TYPE_CHECKING:
    from pipeline.jobs.model import Compression, Format

__all__ = ["Look", "look_of"]

_GZIP: Final = 31
"""The `wbits` of zlib for gzip and nothing else."""

_UNPACKED_AT_ONCE: Final = 128 * 1024
_MAGIC: Final = {
    b"\x1f\x8b": "the upload is gzip: send it with Content-Encoding: gzip",
    b"\x28\xb5\x2f\xfd": "the upload is zstd, which is not taken; pack it with gzip, or not at all",
    b"PK\x03\x04": "the upload is a zip archive, which is not taken; pack its file with gzip",
}
"""How what is packed begins; no text does."""

_LONGEST_MAGIC: Final = max(map(len, _MAGIC))


class Look(Protocol):
    """Sees the bytes of an upload go by; both raise `BadUploadError` or `TooLargeError`."""

    def feed(self, block: bytes) -> None:
        """Look at the next bytes."""

    def finish(self) -> None:
        """Judge the whole."""


def look_of(form: Format, compression: Compression, most_unpacked: int) -> Look:
    """Return what looks at such an upload; unpacked it has *most_unpacked* bytes at most."""
    return _Unpacking(form, most_unpacked) if compression == "gzip" else _Plain(form)


class _Plain:
    """See that text is not packed, and not empty where that is an error."""

    def __init__(self, form: Format) -> None:
        self._form = form
        self._size = 0
        self._head = b""

    def feed(self, block: bytes) -> None:
        self._size += len(block)
        if len(self._head) < _LONGEST_MAGIC:
            self._head += block[:_LONGEST_MAGIC]
            for magic, told in _MAGIC.items():
                if self._head.startswith(magic):
                    raise BadUploadError(told)

    def finish(self) -> None:
        _require_content(self._form, self._size)


def _require_content(form: Format, size: int) -> None:
    if form == "csv" and not size:
        raise BadUploadError("the upload is empty: a CSV file begins with its column names")


class _Unpacking:
    """Unpack gzip as it comes, to see that it is sound and how large; nothing of it is kept."""

    def __init__(self, form: Format, most: int) -> None:
        self._form = form
        self._most = most
        self._size = 0
        self._stream = zlib.decompressobj(_GZIP)
        self._inside = False
        self._members = 0

    def feed(self, block: bytes) -> None:
        while block:
            if not self._inside and self._members:
                block = block.lstrip(b"\0")  # what pads to a tape's block
            if block:
                block = self._member(block)

    def _member(self, block: bytes) -> bytes:
        """Unpack up to the end of a member, and return what follows it."""
        self._inside = True
        while True:
            try:
                piece = self._stream.decompress(block, _UNPACKED_AT_ONCE)
            except zlib.error:
                raise BadUploadError("the upload is no sound gzip, as it is said to be") from None
            self._size += len(piece)
            if self._size > self._most:
                raise TooLargeError(f"an upload unpacks to at most {self._most:,} bytes")
            if self._stream.eof:
                rest = self._stream.unused_data
                self._stream, self._inside = zlib.decompressobj(_GZIP), False
                self._members += 1
                return rest
            block = self._stream.unconsumed_tail
            if not block and len(piece) < _UNPACKED_AT_ONCE:
                return b""

    def finish(self) -> None:
        if self._inside or not self._members:
            raise BadUploadError("the upload is gzip that is cut short")
        _require_content(self._form, self._size)
