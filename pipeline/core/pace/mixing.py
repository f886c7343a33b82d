"""Mixing: batches put together, while partitions are hot, from their lanes and from the rest."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from pipeline.core.pace.hot import Keyed

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from pipeline.core.pace.lanes import Lanes

__all__ = ["BatchLimits", "Mixing"]

_TICK = 0.001
"""Seconds between two looks at the lanes, at least."""

ItemT = TypeVar("ItemT", bound=Keyed)


class BatchLimits(NamedTuple):
    """What a batch may hold, and how many seconds it may wait to become full."""

    items: int
    size: int
    linger: float


class Mixing(Generic[ItemT]):
    """
    Hold items, each key once, and mix batches of them: some of each lane, and some of the rest.

    Where one partition is hot others have the same limit, by the service's rule. So a partition
    value of which more is at hand than half a batch gets a lane too, before it is refused: a source
    that is sorted by partition spreads over all partitions that are at hand. Begins with what was
    *filling* a batch, which was to leave at *due_at*; False when the last lane is closed, and
    *rest* is what is left then.
    """

    def __init__(self, lanes: Lanes[ItemT], limits: BatchLimits, due_at: float | None) -> None:
        self._lanes = lanes
        self._limits = limits
        self._bytes = 0
        self._counts: dict[Hashable, int] = {}
        self._lingers_until = due_at
        self.rest: dict[tuple[Any, ...], ItemT] = {}
        self.due_at = due_at

    def __repr__(self) -> str:
        return f"<Mixing {self._lanes}, {len(self.rest)} others>"

    def __bool__(self) -> bool:
        return bool(self._lanes)

    def __len__(self) -> int:
        return self._lanes.waiting + len(self.rest)

    def put(self, item: ItemT, now: float) -> ItemT | None:
        """Take *item* in; return the older one of its key that it replaces, if there is one."""
        key, lanes = item.key, self._lanes
        value = key[0]
        if value in lanes:
            return lanes.put(item)
        older = self.rest.get(key)
        self.rest[key] = item
        self._bytes += len(item.wire)
        if older is not None:
            self._bytes -= len(older.wire)
            return older
        count = self._counts[value] = self._counts.get(value, 0) + 1
        if count > self._limits.items // 2 and lanes.expect(value, now):
            self._move(value)
        return None

    def put_back(self, item: ItemT, now: float) -> None:
        """Put *item*, whose partition is hot, first in its lane; none of its key is here."""
        value = item.key[0]
        if value not in self._lanes:
            self._lanes.open(value, now)
            if value in self._counts:
                self._move(value)
        self._lanes.put(item, first=True)

    def take(self, now: float, *, flush: bool) -> list[ItemT] | None:
        """Return a batch if it is full or due (with *flush*: any), or set *due_at*."""
        lanes, most = self._lanes, self._limits.items
        there = len(self.rest)
        if there < most:
            there += lanes.count_ready(now, most - there)
        if not there:
            self._lingers_until = None
        elif self._lingers_until is None:
            self._lingers_until = now + self._limits.linger
        full = there >= most or self._bytes >= self._limits.size
        overdue = self._lingers_until is not None and now >= self._lingers_until
        if there and (full or overdue or (flush and there >= len(self))):
            return self._mix(now)
        self.due_at = self._lingers_until
        if lanes.waiting:
            soon = now + max(_TICK, lanes.due_in(most - there, now))
            self.due_at = soon if self.due_at is None else min(self.due_at, soon)
        lanes.close_cold(now)
        return None

    def _mix(self, now: float) -> list[ItemT]:
        """Put a batch together: half of it from the lanes, where there is enough of the rest."""
        lanes, most = self._lanes, self._limits.items
        batch: list[ItemT] = []
        limit = most - min(len(self.rest), most // 2)
        room = lanes.draw(batch, limit, self._limits.size, now)
        drawn = len(batch)
        for item in islice(self.rest.values(), most - drawn):
            if batch and len(item.wire) > room:
                break
            batch.append(item)
            room -= len(item.wire)
        self._remove(batch[drawn:])
        lanes.draw(batch, most, room, now)
        self._lingers_until = now + self._limits.linger if self.rest else None
        return batch

    def _move(self, value: Hashable) -> None:
        """Let what is here of a partition wait in its lane from now on."""
        moved = [item for item in self.rest.values() if item.key[0] == value]
        self._remove(moved)
        for item in moved:
            self._lanes.put(item)

    def _remove(self, items: Iterable[ItemT]) -> None:
        counts = self._counts
        for item in items:
            value = item.key[0]
            del self.rest[item.key]
            self._bytes -= len(item.wire)
            left = counts[value] - 1
            if left:
                counts[value] = left
            else:
                del counts[value]
