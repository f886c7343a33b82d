"""What every format does: blocks of bytes in, records and the position after them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.model import Position, Record

__all__ = ["HEAD", "Framer", "FramerSpec"]

HEAD = 256
"""Bytes kept of a record that is too long to hold."""


@dataclass(frozen=True, slots=True)
class FramerSpec:
    """
    What a format must know of its part: *name* for messages, and how its text is written.

    At most *batch* records are given out at once; a position exists after each batch, so chunks end
    there.
    """

    name: str
    max_record: int
    delimiter: str = ","
    batch: int = 25


class Framer(Protocol):
    """
    Bytes in, records out; the same records however the bytes are cut into blocks.

    A framer begins at a position, with the byte at its offset: a byte order mark is skipped by
    whoever makes it, and a resumed read is no special case.

    `feed` and `finish` give batches of records, and now and then an empty one:
    a pause at which the event loop may be given its turn. They raise `SourceCorruptError` where
    the text is not what its format promises.
    """

    @property
    def header(self) -> tuple[str, ...] | None:
        """The column names of a format that has them."""
        ...

    def feed(self, block: bytes) -> Iterator[list[Record]]:
        """Take the next bytes and give the records that are complete."""
        ...

    def finish(self) -> Iterator[list[Record]]:
        """Give what the end of the bytes completes."""
        ...

    def position(self) -> Position:
        """Say where reading resumes after the records given out so far."""
        ...
