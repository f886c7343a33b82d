"""Physical lines out of blocks of bytes, with flat memory whatever their length."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pipeline.model import Record, Violation
from pipeline.sources.formats.framer import HEAD
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LineAssembler", "LongLine", "too_long", "too_long_record"]


@dataclass(frozen=True, slots=True)
class LongLine:
    """A line that was too long to hold; *length* is without its line end, *span* with it."""

    head: bytes
    length: int
    digest: str
    span: int


class _Skipped:
    """Counts and hashes a line that is thrown away, its line end left out."""

    def __init__(self, start: bytes) -> None:
        self._head = b""
        self._length = 0
        self._hash = hashlib.sha256()
        self._held = b""
        self.add(start)

    def add(self, piece: bytes) -> None:
        """Take the next bytes; a carriage return is held back, it may belong to the line end."""
        piece = self._held + piece
        self._held = b"\r" if piece.endswith(b"\r") else b""
        text = piece[:-1] if self._held else piece
        self._hash.update(text)
        self._head += text[: HEAD - len(self._head)]
        self._length += len(text)

    def close(self, *, newline: bool) -> LongLine:
        """Say what was skipped."""
        return LongLine(
            head=self._head,
            length=self._length,
            digest=self._hash.hexdigest(),
            span=self._length + len(self._held) + newline,
        )


class LineAssembler:
    """
    Joins blocks into runs of whole lines.

    A run ends with a line feed, but for the last of all; nothing else ends a line. A line of more
    than *limit* + 1 bytes that is not complete within a block comes as a `LongLine`; whoever
    takes a run checks its lines against the limit himself. Held are at most *limit* bytes more
    than a block.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tail: list[bytes] = []
        self._held = 0
        self._skipped: _Skipped | None = None

    def feed(self, block: bytes) -> Iterator[bytes | LongLine]:
        """Take the next bytes; give the runs that they complete."""
        if self._skipped is not None:
            at = block.find(b"\n")
            if at < 0:
                self._skipped.add(block)
                return
            self._skipped.add(block[:at])
            yield self._skipped.close(newline=True)
            self._skipped = None
            block = block[at + 1 :]
        cut = block.rfind(b"\n") + 1
        if cut:
            run = b"".join((*self._tail, block[:cut]))
            self._tail = []
            self._held = 0
            yield run
            block = block[cut:]
        self._hold(block)

    def finish(self) -> Iterator[bytes | LongLine]:
        """Give the last line, which no newline ends."""
        if self._skipped is not None:
            yield self._skipped.close(newline=False)
        elif self._held:
            yield b"".join(self._tail)
        self._tail = []
        self._held = 0
        self._skipped = None

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._tail.append(piece)
            self._held += len(piece)
        # One byte more than the limit may still be the carriage return of a line end.
        if self._held > self._limit + 1:
            self._skipped = _Skipped(b"".join(self._tail))
            self._tail = []
            self._held = 0


def too_long(limit: int) -> Violation:
    """Refuse a record for its length; its bytes are not kept."""
    return Violation(
        kind="malformed",
        rule="record_too_long",
        message=f"the record is longer than {limit} bytes; its first {HEAD} bytes and its "
        "SHA-256 are kept",
    )


def too_long_record(record: Record, limit: int) -> Record:
    """Keep of *record*, which was held but is too long, what is kept of one that was not."""
    record.digest = hashlib.sha256(record.raw).hexdigest()
    record.raw = record.raw[:HEAD]
    record.cells = None
    record.violation = too_long(limit)
    return record
