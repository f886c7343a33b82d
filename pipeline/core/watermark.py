"""
Watermark: how far a run is settled without a gap, and what happened up to there.

Chunks are opened in read order and settle in any order. The watermark passes a chunk when it and
all before it are settled, so a position taken there never skips an item that is still in flight
("contiguous low watermark", design 1.4). What happened to a chunk's items stays with the chunk
until then.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["OpenChunk", "Watermark", "Window"]

P = TypeVar("P")
L = TypeVar("L")


@dataclass(slots=True, eq=False)
class OpenChunk(Generic[P, L]):
    """
    A chunk that is not yet settled; *position* is where reading resumes after it.

    *expected* is None until the validator has said how many settlements there will be, *settled*
    how many there were; *ledger* is whatever the owner keeps about its items. *weight* is its share
    of the memory budget, in bytes. A chunk that has not *begun* was read, but nobody has looked at
    its records yet: if the run ends before its turn, it counts as not read.
    """

    position: P
    ledger: L
    weight: int
    expected: int | None = None
    settled: int = 0
    begun: bool = False

    @property
    def done(self) -> bool:
        """Whether everything that came of this chunk is settled."""
        return self.expected is not None and self.settled >= self.expected


class Watermark(Generic[P, L]):
    """The newest position with nothing unsettled before it. Pure bookkeeping."""

    def __init__(self) -> None:
        self._open: deque[OpenChunk[P, L]] = deque()
        self._first = 0

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[OpenChunk[P, L]]:
        return iter(self._open)

    def __getitem__(self, number: int) -> OpenChunk[P, L]:
        index = number - self._first
        if index < 0:
            raise KeyError(f"chunk {number} is settled already")
        return self._open[index]

    def open(self, chunk: OpenChunk[P, L]) -> int:
        """Track *chunk* and return its number; numbers count up from 0 in read order."""
        self._open.append(chunk)
        return self._first + len(self._open) - 1

    def expect(self, number: int, count: int) -> None:
        """State that *count* settlements will come (or came) for chunk *number*."""
        self[number].expected = count

    def settle(self, number: int, count: int = 1) -> L:
        """Settle *count* of a chunk's items, and return its ledger to note how they ended."""
        chunk = self[number]
        chunk.settled += count
        if chunk.expected is not None and chunk.settled > chunk.expected:
            raise AssertionError(f"chunk {number}: {chunk.settled} settled of {chunk.expected}")
        return chunk.ledger

    @property
    def passes(self) -> bool:
        """Whether `passed` has something to yield."""
        return bool(self._open) and self._open[0].done

    def passed(self) -> Iterator[OpenChunk[P, L]]:
        """
        Yield, in read order, the chunks that the watermark has passed.

        Each is let go when the next is asked for: one whose handling fails is still there.
        """
        while self._open and self._open[0].done:
            yield self._open[0]
            self._pop()

    def rest(self) -> Iterator[OpenChunk[P, L]]:
        """Yield every chunk, in read order, letting go of each as `passed` does."""
        while self._open:
            yield self._open[0]
            self._pop()

    def _pop(self) -> None:
        self._open.popleft()
        self._first += 1


class Window:
    """
    The bound on open chunks, in number and in bytes: at the bound, reading waits.

    One chunk is always let in, however large it is, so that the bound cannot stop a run for good.
    """

    def __init__(self, *, chunks: int, weight: int) -> None:
        self._chunks_left = chunks
        self._weight_left = weight
        self._open = 0
        self._changed = asyncio.Event()

    async def enter(self, weight: int) -> None:
        """Take room for one chunk of *weight* bytes; wait for it if need be."""
        while self._open and (self._chunks_left < 1 or self._weight_left < weight):
            self._changed.clear()
            await self._changed.wait()
        self._open += 1
        self._chunks_left -= 1
        self._weight_left -= weight

    def leave(self, weight: int) -> None:
        """Give the room of one settled chunk back."""
        self._open -= 1
        self._chunks_left += 1
        self._weight_left += weight
        self._changed.set()
