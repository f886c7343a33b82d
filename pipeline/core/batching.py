"""Batching: which items travel together, and which must wait for each other. Knows no I/O."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from pipeline.core.pace.lanes import Lanes

__all__ = ["Batchable", "Batching"]


class Batchable(Protocol):
    """What batching must know of an item."""

    @property
    def key(self) -> tuple[Any, ...]:
        """
        The item's identity, its partition value first.

        Two items of one key must not be in flight together.
        """

    @property
    def wire(self) -> bytes:
        """The encoded write; its length counts against the request's limit."""

    @property
    def size(self) -> int:
        """The item's size by the service's arithmetic; it sets what the item costs."""

    superseded: list[Any]
    """Older items of the same key, oldest first, that this one replaces."""


ItemT = TypeVar("ItemT", bound=Batchable)

_TICK = 0.001
"""Seconds between two looks at the lanes, at least."""


class Batching(Generic[ItemT]):
    """
    Group items into batches of at most *max_items* and *max_bytes*, none older than *linger* s.

    It owns the keys in flight, and so keeps two promises whatever the writers do: no key is twice
    in a batch, and no key is in two batches that are in flight at once. A key is in flight from
    the moment its batch is closed until `release` or `hand_back`; items of that key wait, and only
    the newest of them will be sent: the others are attached to it as *superseded*. So the last item
    of a key is the last one written.

    Items of a hot partition wait in its lane (*lanes*) until its pace lets them go, and travel with
    others; meanwhile those go ahead. While there is a lane a batch is put together when it is
    taken, from the lanes in turns and from the rest; without one, as items come.

    Nothing is ever dropped: each item added is in a batch, or attached to an item that is.
    """

    def __init__(
        self,
        *,
        max_items: int,
        max_bytes: int,
        linger: float,
        lanes: Lanes[ItemT] | None = None,
    ) -> None:
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._linger = linger
        self._filling: dict[tuple[Any, ...], ItemT] = {}
        self._filling_bytes = 0
        self._ready: deque[list[ItemT]] = deque()
        self._in_flight: set[Hashable] = set()
        self._waiting: dict[Hashable, ItemT] = {}
        self._spare_lanes = lanes
        self._lanes: Lanes[ItemT] | None = None  # while there is one open
        self._lingers_until: float | None = None
        self.due_at: float | None = None

    def __repr__(self) -> str:
        return (
            f"<Batching {len(self._filling)} filling, {len(self._ready)} ready, "
            f"{len(self._in_flight)} keys in flight, {len(self._waiting)} waiting, {self._lanes}>"
        )

    @property
    def idle(self) -> bool:
        """Whether every item added has left in a batch."""
        laned = self._lanes is not None and self._lanes.waiting
        return not (self._filling or self._ready or self._waiting or laned)

    def add(self, item: ItemT, now: float) -> None:
        """Take *item* in; it replaces an older one of its key that has not left yet."""
        key = item.key
        if key in self._in_flight:
            older = self._waiting.get(key)
            if older is not None:
                _supersede(older, item)
            self._waiting[key] = item
            return
        if self._lanes is not None and key[0] in self._lanes:
            older = self._lanes.put(item)
            if older is not None:
                _supersede(older, item)
            return
        older = self._filling.pop(key, None)
        if older is not None:
            self._filling_bytes -= len(older.wire)
            _supersede(older, item)
        self._place(item, now)

    def release(self, keys: Iterable[Hashable], now: float) -> bool:
        """
        Let the items that wait for *keys* go on: their predecessors are settled for good.

        Return whether there were any, that is, whether `take` and *due_at* may have changed.
        """
        released = False
        for key in keys:
            self._in_flight.discard(key)
            waiting = self._waiting.pop(key, None)
            if waiting is not None:
                self.add(waiting, now)
                released = True
        return released

    def hand_back(self, items: Sequence[ItemT], now: float) -> None:
        """
        Take back *items* that were in flight and were not written: their partitions are hot.

        Each waits in its partition's lane, before what is newer there. One for whose key a newer
        item waits is superseded by that.
        """
        if self._spare_lanes is None:
            raise TypeError("these batches are made without lanes")
        for item in reversed(items):
            lanes = self._lanes
            if lanes is None or item.key[0] not in lanes:
                lanes = self._open_lane(item.key[0], self._spare_lanes, now)
            self._in_flight.discard(item.key)
            newer = self._waiting.pop(item.key, None)
            if newer is not None:
                _supersede(item, newer)
            lanes.put(newer or item, first=True)

    def take(self, now: float, *, flush: bool = False) -> list[ItemT] | None:
        """Return the next batch that is full or due (with *flush*: any), or None."""
        if not self._ready:
            if self._lanes is not None:
                return self._take_mixed(self._lanes, now, flush=flush)
            overdue = self.due_at is not None and now >= self.due_at
            if self._filling and (flush or overdue):
                self._close()
        return self._ready.popleft() if self._ready else None

    def _place(self, item: ItemT, now: float) -> None:
        size = len(item.wire)
        if self._lanes is not None:
            self._filling[item.key] = item
            self._filling_bytes += size
            return
        if self._filling and self._filling_bytes + size > self._max_bytes:
            self._close()
        self._filling[item.key] = item
        self._filling_bytes += size
        if len(self._filling) >= self._max_items:
            self._close()
        elif self.due_at is None:
            self.due_at = now + self._linger

    def _close(self) -> None:
        self._in_flight.update(self._filling)
        self._ready.append(list(self._filling.values()))
        self._filling = {}
        self._filling_bytes = 0
        self.due_at = None

    def _open_lane(self, value: Hashable, lanes: Lanes[ItemT], now: float) -> Lanes[ItemT]:
        """Open the lane of a partition; what is not in flight of it moves there."""
        if self._lanes is None:
            self._lanes, self._lingers_until = lanes, self.due_at
        lanes.open(value, now)
        for key in [key for key in self._filling if key[0] == value]:
            item = self._filling.pop(key)
            self._filling_bytes -= len(item.wire)
            lanes.put(item)
        return lanes

    def _take_mixed(self, lanes: Lanes[ItemT], now: float, *, flush: bool) -> list[ItemT] | None:
        """Return a batch from the lanes and the rest, if it is full or due; set *due_at*."""
        there = len(self._filling)
        if there < self._max_items:
            there += lanes.count_ready(now, self._max_items - there)
        full = there >= self._max_items or self._filling_bytes >= self._max_bytes
        if there and self._lingers_until is None:
            self._lingers_until = now + self._linger
        overdue = self._lingers_until is not None and now >= self._lingers_until
        if there and (full or overdue or (flush and not lanes.waiting)):
            return self._mix(lanes, now)
        if not there:
            self._lingers_until = None
        self._rest(lanes, self._max_items - there, now)
        return None

    def _rest(self, lanes: Lanes[ItemT], wanted: int, now: float) -> None:
        """Set when to look again; end with the last lane."""
        self.due_at = self._lingers_until
        if lanes.waiting:
            soon = now + max(_TICK, lanes.due_in(wanted, now))
            self.due_at = soon if self.due_at is None else min(self.due_at, soon)
        lanes.close_cold(now)
        if not lanes:
            self._lanes = None

    def _mix(self, lanes: Lanes[ItemT], now: float) -> list[ItemT]:
        """Put a batch together: half of it from the lanes, where there is enough of the rest."""
        most, filling = self._max_items, self._filling
        batch: list[ItemT] = []
        limit = most - min(len(filling), most // 2)
        room = lanes.draw(batch, limit, self._max_bytes, now)
        drawn = len(batch)
        for item in islice(filling.values(), most - drawn):
            if batch and len(item.wire) > room:
                break
            batch.append(item)
            room -= len(item.wire)
        for item in batch[drawn:]:
            del filling[item.key]
            self._filling_bytes -= len(item.wire)
        lanes.draw(batch, most, room, now)
        self._in_flight.update(item.key for item in batch)
        self._lingers_until = now + self._linger if filling else None
        return batch


def _supersede(older: Batchable, newer: Batchable) -> None:
    """Attach *older*, and what it had replaced, to *newer*; the list moves, it is not copied."""
    attached = older.superseded
    older.superseded = newer.superseded
    attached.append(older)
    newer.superseded = attached
