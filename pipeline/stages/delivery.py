"""Delivery: what a writer holds, and what it says of items that it cannot write."""

from __future__ import annotations

from collections import deque
from dataclasses import field
from typing import TYPE_CHECKING

from pipeline.core.backoff import Attempts, Fault
from pipeline.core.pace.crew import Crew
from pipeline.core.pace.gate import Pace
from pipeline.core.pace.partitions import Partitions
from pipeline.errors import DeniedError, TableStopError, ThrottledError
from pipeline.model import Item, Outcome, Rejection, Violation
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence
    from random import Random

    from pipeline.core.backoff import RetryPolicy
    from pipeline.core.breaker import Breaker
    from pipeline.errors import IsolateError, RetryError
    from pipeline.observe.logs import Log
    from pipeline.observe.metrics import Metrics
    from pipeline.table.base import Table

__all__ = [
    "Delivery",
    "Piece",
    "Pieces",
    "fault_of",
    "outage_text",
    "refusal",
    "stop_if_all_refused",
    "surrender",
]

_ALL_REFUSED = 1_000
"""Items that the table may refuse before it has taken any; then the definition is wrong."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What all writers of a run share."""

    table: Table
    policy: RetryPolicy
    breaker: Breaker
    metrics: Metrics
    random: Random
    log: Log
    partitions: Partitions = field(default_factory=Partitions)
    pace: Pace = field(default_factory=Pace)
    crew: Crew = field(default_factory=Crew)


@dataclass(slots=True, eq=False)
class Piece:
    """
    Items that go in one request, and how often that was tried.

    *due* is when it may be sent next, on the loop's clock. *new* until it was sent once. *hot* are
    the partition values that the newest answer refused for their own sake.
    """

    items: Sequence[Item]
    attempts: Attempts
    due: float = 0.0
    new: bool = False
    hot: frozenset[Hashable] = frozenset()

    @property
    def single(self) -> bool:
        """Whether one item is left."""
        return len(self.items) == 1


class Pieces:
    """What one writer has to send, in turns: what cannot be written never stands before others."""

    def __init__(self, delivery: Delivery) -> None:
        self._policy = delivery.policy
        self._progress = delivery.breaker.progress
        self._waiting: deque[Piece] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __iter__(self) -> Iterator[Piece]:
        return iter(self._waiting)

    def take(self) -> Piece:
        """Take the piece that is due first; of those that are due alike, the one put first."""
        piece = min(self._waiting, key=lambda one: one.due)
        self._waiting.remove(piece)
        return piece

    def fit(self, piece: Piece, count: int) -> None:
        """Leave the first *count* items in *piece*, and put the others at the head of the line."""
        attempts = Attempts(self._policy, self._progress, piece.attempts)
        rest = Piece(piece.items[count:], attempts, due=piece.due, new=piece.new)
        piece.items = piece.items[:count]
        self._waiting.appendleft(rest)

    def put(self, piece: Piece) -> None:
        """Put a piece at the end of the line."""
        self._waiting.append(piece)

    def start(self, items: Sequence[Item], *, new: bool = True) -> None:
        """Put items that were not tried yet at the head of the line; *new* if never sent at all."""
        self._waiting.appendleft(self.make(items, new=new))

    def make(self, items: Sequence[Item], *, new: bool = True) -> Piece:
        """Make a piece of items that were not tried yet; *new* if never sent at all."""
        return Piece(items, Attempts(self._policy, self._progress), new=new)

    def hurry(self) -> None:
        """Forget all pauses: an outage has others, and none of these is to outlast it."""
        for piece in self._waiting:
            piece.due = 0.0
            piece.attempts.pauses = 0

    def cut(self, piece: Piece) -> None:
        """Put the halves of a piece at the end of the line."""
        middle = len(piece.items) // 2
        for half in (piece.items[:middle], piece.items[middle:]):
            self._waiting.append(
                Piece(half, Attempts(self._policy, self._progress, piece.attempts))
            )

    @property
    def suspect(self) -> bool:
        """Whether there are only single items that fail although the table accepts others."""
        return all(piece.single and piece.attempts.suspect for piece in self._waiting)

    @property
    def stuck(self) -> bool:
        """Whether there are only single items that fail, whoever is to blame."""
        return all(piece.single and piece.attempts.stuck for piece in self._waiting)


def fault_of(error: RetryError | None) -> Fault:
    """Class a failure; None stands for an answer that handed everything back."""
    if isinstance(error, DeniedError):
        return Fault.DENIED
    if error is None or isinstance(error, ThrottledError):
        return Fault.CAPACITY
    return Fault.SERVER


def refusal(delivery: Delivery, piece: Piece, poison: IsolateError) -> tuple[Outcome, Item | None]:
    """
    Return the outcome of one item that the table refuses, and what is to be sent in its stead.

    If it had replaced older items of its key, that is the newest of those.
    """
    (culprit,) = piece.items
    violation = Violation("table", poison.code, str(poison))
    outcome = Outcome((), (_rejection(delivery, culprit, violation),))
    older = culprit.superseded
    if not older:
        return outcome, None
    fallback = older.pop()
    fallback.superseded, culprit.superseded = older, ()
    return outcome, fallback


def stop_if_all_refused(delivery: Delivery, poison: IsolateError) -> None:
    """Raise `TableStopError` where the table has refused many items and taken none."""
    refused = delivery.metrics.settled.by_kind["table"]
    if refused >= _ALL_REFUSED and not delivery.breaker.progress.count:
        raise TableStopError(
            f"the table refused each of the first {refused} items and took none: "
            f"{poison}; compare the definition's `items` with the table's keys and indexes"
        ) from poison


def surrender(delivery: Delivery, piece: Piece, error: RetryError | None) -> Outcome:
    """Return the outcome of good items whose attempts ran out, and of what they had replaced."""
    last = "handed back as unprocessed" if error is None else str(error)
    counted = piece.attempts.counted
    text = f"not accepted in {counted} attempts; the last: {last}"
    violation = Violation("retry_exhausted", "attempts", text)
    items = [older for item in piece.items for older in (*item.superseded, item)]
    return Outcome((), tuple(_rejection(delivery, item, violation) for item in items), gave_up=True)


def _rejection(delivery: Delivery, item: Item, violation: Violation) -> Rejection:
    return Rejection(
        item.record,
        item.part,
        item.chunk,
        (violation,),
        index=item.index,
        key=delivery.table.show_key(item.key),
    )


def outage_text(delivery: Delivery, piece: Piece, error: RetryError | None) -> str:
    """Say that the table is down, since when, and what waits for it."""
    last = "every item was handed back as unprocessed" if error is None else str(error)
    first = piece.items[0]
    return (
        f"the table accepted nothing for {delivery.policy.max_outage:g} s (retry.max_outage); the "
        f"last answer: {last}; it was for {len(piece.items)} item(s), the first of line "
        f"{first.record.line} in {first.part!r}; see to the table, then run again"
    )
