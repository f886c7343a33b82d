"""gzip and zstd, of any number of members or frames, piece by piece and never more than a piece."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.sources.base import Compression

__all__ = ["COMPRESSED", "DamagedError", "Inflater", "compression_of", "inflater"]

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"
_SKIPPABLE = tuple(bytes([first]) + _ZSTD_SKIPPABLE for first in range(0x50, 0x60))
_MAGIC = 4
_BEGINNING = 5
"""Bytes that tell what begins: the magic number and, of zstd, the flags; every member has more."""

_CUT = "it ends in the middle of its compressed bytes"
_STRANGE = "what follows its compressed bytes is not compressed"

COMPRESSED = (_GZIP, _ZSTD, *_SKIPPABLE)
"""How compressed files begin."""


class DamagedError(Exception):
    """The compressed bytes are not whole; *at* counts the bytes of the file before the damage."""

    def __init__(self, what: str, at: int) -> None:
        super().__init__(what)
        self.at = at


@dataclass(frozen=True, slots=True)
class _Codec:
    """
    How one kind of compression is taken apart.

    *taken* bytes are given to it at once. They bound what comes out: at most 1,032 times as much
    from gzip, a 128 KB block for every 4 bytes from zstd; so a bomb stays flat.
    """

    tester: str
    taken: int
    is_start: Callable[[bytes], bool]
    open: Callable[[], Any]
    errors: tuple[type[Exception], ...]
    padding: bytes = b""
    has_checksum: Callable[[bytes], bool] = lambda _: True


def compression_of(head: bytes) -> Compression:
    """Tell the compression by the first bytes of a file."""
    if head.startswith(_GZIP):
        return "gzip"
    return "zstd" if _is_zstd(head) else "none"


def inflater(compression: Compression, size: int) -> Inflater:
    """Make the inflater for *compression*, which is not ``none``; pieces of about *size* bytes."""
    return Inflater(_gzip() if compression == "gzip" else _zstd(), size)


class Inflater:
    """
    Takes compressed bytes as they come, gives what they hold.

    `feed` it when it is *hungry*; else `read`, and at the end of the file `finish`. Every member's
    checksum is verified. A file that was cut exactly between two members cannot be told from a
    whole one.
    """

    def __init__(self, codec: _Codec, size: int) -> None:
        self._codec = codec
        self._size = size
        self._waiting = b""
        self._at = 0
        self._fed = 0
        self._frame: Any = None  # a decompression object, as zlib and zstandard have it
        self._frames = 0
        self._damage: DamagedError | None = None
        self.hungry = True
        self.checked = True
        """Whether every member so far has a checksum; one that has is always held against it."""

    @property
    def tester(self) -> str:
        """The program that tells on the command line whether such a file is whole."""
        return self._codec.tester

    def feed(self, piece: bytes) -> None:
        """Take the next bytes of the file."""
        self._waiting = self._waiting[self._at :] + piece
        self._at = 0
        self._fed += len(piece)
        self.hungry = False

    def read(self) -> bytes:
        """Give the next piece; it may be empty. Raises `DamagedError`."""
        if self._damage is not None:
            raise self._damage
        pieces: list[bytes] = []
        size = 0
        while size < self._size:
            if self._at == len(self._waiting) or not (self._frame or self._begin()):
                self.hungry = True
                break
            piece = self._step()
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)

    def read_some(self, least: int) -> list[tuple[bytes, int]]:
        """
        Give the next pieces, as `read` does, up to *least* bytes together; none if it is hungry.

        With each comes what was *taken* for it and all before.

        What comes before damage is given first; whoever reads on then meets it.
        """
        pieces: list[tuple[bytes, int]] = []
        size = 0
        while not self.hungry and size < least:
            try:
                pieces.append((self.read(), self.taken))
            except DamagedError as damage:
                if not pieces:
                    raise
                self._damage = damage
                break
            size += len(pieces[-1][0])
        return pieces

    def finish(self) -> None:
        """Check that the end of the file is the end of a member. Raises `DamagedError`."""
        if self._frame is not None or not self._frames:
            raise DamagedError(_CUT, self._fed)
        if rest := self._waiting[self._at :]:
            begun = any(magic.startswith(rest[: len(magic)]) for magic in COMPRESSED)
            raise DamagedError(_CUT if begun else _STRANGE, self.taken)

    def _begin(self) -> bool:
        """Begin the next member; False: its first bytes are not here yet."""
        padding = self._codec.padding
        while self._frames and padding and self._waiting.startswith(padding, self._at):
            self._at += 1
        head = self._waiting[self._at : self._at + _BEGINNING]
        if len(head) < _BEGINNING:
            return False
        if not self._codec.is_start(head):
            raise DamagedError(_STRANGE, self.taken)
        self.checked &= self._codec.has_checksum(head)
        self._frame = self._codec.open()
        return True

    def _step(self) -> bytes:
        taken = self._waiting[self._at : self._at + self._codec.taken]
        try:
            piece: bytes = self._frame.decompress(taken)
        except self._codec.errors as error:
            raise DamagedError(_explain(error), self.taken) from error
        self._at += len(taken)
        if self._frame.eof:
            self._at -= len(self._frame.unused_data)
            self._frame = None
            self._frames += 1
        return piece

    @property
    def taken(self) -> int:
        """How many bytes of the file what was given so far was made of."""
        return self._fed - len(self._waiting) + self._at


def _gzip() -> _Codec:
    return _Codec(
        tester="gzip -t",
        taken=4096,
        is_start=lambda head: head.startswith(_GZIP),
        open=lambda: zlib.decompressobj(wbits=31),
        errors=(zlib.error,),
        padding=b"\0",  # as gzip(1): blocks of a tape are filled up with zeros
    )


def _zstd() -> _Codec:
    import zstandard  # noqa: PLC0415 - only where a file needs it

    return _Codec(
        tester="zstd -t",
        has_checksum=_zstd_has_checksum,
        taken=256,
        is_start=_is_zstd,
        open=lambda: zstandard.ZstdDecompressor().decompressobj(write_size=32 * 1024),
        errors=(zstandard.ZstdError,),
    )


def _zstd_has_checksum(head: bytes) -> bool:
    """Tell by a frame's flags (RFC 8878, 3.1.1.1.1); a skippable frame holds nothing to check."""
    return not head.startswith(_ZSTD) or bool(head[_MAGIC] & 0x04)


def _is_zstd(head: bytes) -> bool:
    return head.startswith((_ZSTD, *_SKIPPABLE))


def _explain(error: Exception) -> str:
    text = str(error)
    if "too much memory" in text:
        return "it needs more than 128 MB to inflate; compress it again without --long"
    if "data check" in text or "checksum" in text or "length check" in text:
        return "its checksum does not match"
    return "its compressed bytes make no sense"
