"""Accounts: what became of each open chunk, and the totals up to the watermark."""

from __future__ import annotations

from dataclasses import field
from operator import attrgetter
from typing import TYPE_CHECKING

from pipeline.core.watermark import OpenChunk, Watermark, Window
from pipeline.observe.metrics import Tally
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.model import Checked, Chunk, Outcome, Position, Rejection

__all__ = ["Accounts", "Ledger", "RejectLimit"]

_WEIGHT_PER_RECORD = 1_200
"""Bytes of objects around one record while it is in flight (measured: bench/memory.py)."""

_WEIGHT_PER_BYTE = 3
"""The raw bytes, their decoded values and the encoded item live side by side."""

_WEIGHT_PER_CELL = 64
"""A cell of a CSV row is a text of its own, beside the raw bytes."""

_JUDGED_FROM = 1_000
"""Records after which a share of rejections is judged; a share of a few says nothing."""

_raw_of = attrgetter("raw")


@dataclass(frozen=True, slots=True)
class RejectLimit:
    """How much may be rejected before the run stops: a *count*, or a *share* of the total."""

    count: int | None = None
    share: float | None = None

    def exceeded(self, tally: Tally, *, at_end: bool) -> bool:
        """Judge *tally*; a share is judged after 1,000 settled items, and at the end."""
        if self.count is not None and tally.rejected > self.count:
            return True
        if self.share is None or not (at_end or tally.total >= _JUDGED_FROM):
            return False
        return tally.rejected > self.share * tally.total

    def broken_by(self, tally: Tally) -> str:
        """Say in a sentence that *tally* exceeds it, and what to do."""
        allowed = f"{self.share:.2%}" if self.count is None else f"{self.count}"
        return (
            f"{tally.rejected:,} of the first {tally.total:,} were rejected, errors.max_rejected "
            f"allows {allowed}; read the dead letters; raise that and run again to go on, or mend "
            "the source or the definition and start over with --fresh"
        )


@dataclass(slots=True)
class Ledger:
    """
    What happened to one chunk so far; waits with it for the watermark.

    *consumed* are the bytes of the whole source, as it lies on disk, up to its end, *in_part* those
    of its part alone. *lettered* says that its rejections were handed to the dead-letter file.
    """

    tally: Tally = field(default_factory=Tally)
    rejections: list[Rejection] = field(default_factory=list)
    header: tuple[str, ...] | None = None
    consumed: int = 0
    in_part: int = 0
    lettered: bool = False

    def refuse(self, rejection: Rejection) -> None:
        """Note something that will not be in the table."""
        self.tally.refuse(rejection.kind)
        self.rejections.append(rejection)

    def in_source_order(self) -> list[Rejection]:
        """Return the rejections as their records stand in the source."""
        return sorted(self.rejections, key=lambda one: (one.record.ordinal, one.index or 0))


class Accounts:
    """
    Every open chunk's ledger, in read order, and the bound on how many are open.

    The one place where settlements are counted, so that total = succeeded + superseded + rejected
    + failed holds by construction: an item is counted where it is settled, and settling more than
    a chunk holds is an error.
    """

    def __init__(self, *, chunks: int, memory: int) -> None:
        self._marks: Watermark[Position | None, Ledger] = Watermark()
        self._window = Window(chunks=chunks, weight=memory)

    async def open(self, chunk: Chunk, consumed: int = 0) -> int:
        """Open *chunk*, which ends *consumed* bytes into the source; wait for room. Number it."""
        weight = _weight(chunk)
        await self._window.enter(weight)
        tally = Tally(records=len(chunk.records))
        ledger = Ledger(tally, header=chunk.header, consumed=consumed, in_part=chunk.consumed)
        return self._marks.open(OpenChunk(None if chunk.cut else chunk.end, ledger, weight))

    def checked(self, checked: Checked) -> None:
        """Note what the validator made of a chunk."""
        self._marks.expect(checked.chunk, checked.items + len(checked.rejections))
        ledger = self._marks.settle(checked.chunk, len(checked.rejections))
        for rejection in checked.rejections:
            ledger.refuse(rejection)

    def begin(self, number: int) -> None:
        """Note that a chunk's turn has come: from now on its records count."""
        self._marks[number].begun = True

    def settled(self, outcome: Outcome) -> int:
        """Note what the table's answer settled; return how many older items went with it."""
        superseded = 0
        chunks = [item.chunk for item in outcome.written]
        for number in set(chunks):  # mostly one
            count = chunks.count(number)
            self._marks.settle(number, count).tally.succeeded += count
        for attached in [item.superseded for item in outcome.written if item.superseded]:
            for older in attached:
                self._marks.settle(older.chunk).tally.superseded += 1
            superseded += len(attached)
        for rejection in outcome.refused:
            self._marks.settle(rejection.chunk).refuse(rejection)
        if outcome.gave_up:
            # A batch may hold items of several chunks: it counts with the first.
            self._marks[outcome.refused[0].chunk].ledger.tally.failed_batches += 1
        return superseded

    @property
    def passes(self) -> bool:
        """Whether the watermark can move: the first open chunk is settled."""
        return self._marks.passes

    def passed(self) -> Iterator[tuple[Position | None, Ledger]]:
        """
        Yield, in read order, what the watermark has passed; see `Watermark.passed`.

        The position is where reading resumes after it, None where it cannot.
        """
        for chunk in self._marks.passed():
            yield chunk.position, chunk.ledger
            self._window.leave(chunk.weight)

    def rest(self) -> Iterator[tuple[Ledger, int]]:
        """Yield what has begun and is open, in read order: ledger, and how much is unsettled."""
        for chunk in self._marks.rest():
            if chunk.begun:
                yield chunk.ledger, _size(chunk) - chunk.settled

    def beyond(self, consumed: int) -> tuple[float, float]:
        """
        Estimate what is settled of the chunks that the watermark has not passed.

        In records, and in bytes of the source, of which *consumed* lie before the watermark.
        """
        records = length = 0.0
        for chunk in self._marks:
            ledger = chunk.ledger
            share = chunk.settled / (_size(chunk) or 1)
            records += share * ledger.tally.records
            length += share * (ledger.consumed - consumed)
            consumed = ledger.consumed
        return records, length

    def unfolded(self) -> int:
        """Count the items of every begun chunk that nobody has let go of, settled or not."""
        return sum(_size(chunk) for chunk in self._marks if chunk.begun)

    @property
    def left_out(self) -> bool:
        """Whether something was read whose turn has not come."""
        return any(not chunk.begun for chunk in self._marks)


def _weight(chunk: Chunk) -> int:
    """Estimate the bytes of memory that a chunk takes until it is settled."""
    records = len(chunk.records)
    # All that is held of an over-long record is its beginning.
    held = sum(map(len, map(_raw_of, chunk.records)))
    cells = 0 if chunk.header is None else records * len(chunk.header)
    return held * _WEIGHT_PER_BYTE + records * _WEIGHT_PER_RECORD + cells * _WEIGHT_PER_CELL


def _size(chunk: OpenChunk[Position | None, Ledger]) -> int:
    """Return a chunk's items, or records where it is not known yet what they become."""
    if chunk.expected is not None:
        return chunk.expected
    return max(chunk.ledger.tally.records, chunk.settled)
