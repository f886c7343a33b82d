"""Batching: which items travel together, and which must wait for each other. Knows no I/O."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic

from pipeline.core.group import Batchable, Group, ItemT
from pipeline.core.pace.mixing import BatchLimits, Mixing

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Sequence

    from pipeline.core.pace.lanes import Lanes

__all__ = ["Batching"]


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
        self._lanes = lanes
        self._filling: dict[Hashable, ItemT] = {}
        self._filling_bytes = 0
        self._ready: deque[Group[ItemT]] = deque()
        self._in_flight: set[Hashable] = set()
        self._waiting: dict[Hashable, ItemT] = {}
        self._mixing: Mixing[ItemT] | None = None  # while a lane is open
        self.due_at: float | None = None

    def __repr__(self) -> str:
        return (
            f"<Batching {len(self._filling)} filling, {len(self._ready)} ready, "
            f"{len(self._in_flight)} keys in flight, {len(self._waiting)} waiting, {self._mixing}>"
        )

    @property
    def idle(self) -> bool:
        """Whether every item added has left in a batch."""
        mixed = self._mixing is not None and len(self._mixing)
        return not (self._filling or self._ready or self._waiting or mixed)

    @property
    def mixing(self) -> bool:
        """Whether batches are mixed of all that is at hand: the more that is, the better."""
        return self._mixing is not None

    def add(self, item: ItemT, now: float) -> None:
        """Take *item* in; it replaces an older one of its key that has not left yet."""
        key = item.key
        if key in self._in_flight:
            older = self._waiting.get(key)
            if older is not None:
                _supersede(older, item)
            self._waiting[key] = item
            return
        if self._mixing is not None:
            older = self._mixing.put(item, now)
            if older is not None:
                _supersede(older, item)
            return
        older = self._filling.pop(key, None)
        if older is not None:
            self._filling_bytes -= len(older.wire)
            _supersede(older, item)
        self._place(item, now)

    def extend(self, items: Sequence[ItemT], now: float) -> None:
        """Take *items* in, as `add` does one by one; whole batches of new keys at once."""
        at, size = 0, self._max_items
        while len(items) - at >= size and self._mixing is None:
            while self._filling and at < len(items):
                self.add(items[at], now)
                at += 1
            some = items[at : at + size]
            if len(some) == size and self._close_whole(some):
                at += size
            else:
                for item in some:
                    self.add(item, now)
                at += len(some)
        for item in items[at:] if at else items:
            self.add(item, now)

    def _close_whole(self, items: Sequence[ItemT]) -> bool:
        """Make a batch of *items*, with none filling; False if they cannot be one as they are."""
        keys = {item.key for item in items}
        if (
            len(keys) < len(items)
            or not keys.isdisjoint(self._in_flight)
            or sum([len(item.wire) for item in items]) > self._max_bytes
        ):
            return False
        self._in_flight |= keys
        self._ready.append(Group(items, keys))
        self.due_at = None
        return True

    def release(self, keys: Collection[Hashable], now: float) -> bool:
        """
        Let the items that wait for *keys* go on: their predecessors are settled for good.

        Return whether there were any, that is, whether `take` and *due_at* may have changed.
        """
        self._in_flight.difference_update(keys)
        if not self._waiting:
            return False
        released = False
        for key in keys:
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
        mixing = self._mixing or self._mix(now)
        for item in reversed(items):
            mixing.put_back(self._unsent(item), now)

    def take(self, now: float, *, flush: bool = False) -> Group[ItemT] | None:
        """Return the next batch that is full or due (with *flush*: any), or None."""
        if not self._ready:
            if self._mixing is not None:
                return self._take_mixed(self._mixing, now, flush=flush)
            overdue = self.due_at is not None and now >= self.due_at
            if self._filling and (flush or overdue):
                self._close()
        return self._ready.popleft() if self._ready else None

    def _place(self, item: ItemT, now: float) -> None:
        size = len(item.wire)
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
        self._ready.append(Group(self._filling.values()))
        self._filling = {}
        self._filling_bytes = 0
        self.due_at = None

    def _mix(self, now: float) -> Mixing[ItemT]:
        """Go over to mixing, with what was in batches that nobody has taken."""
        if self._lanes is None:
            raise TypeError("these batches are made without lanes")
        limits = BatchLimits(self._max_items, self._max_bytes, self._linger)
        mixing = self._mixing = Mixing(self._lanes, limits, self.due_at)
        for batch in self._ready:
            for item in batch:
                mixing.put(self._unsent(item), now)
        for item in self._filling.values():
            mixing.put(item, now)
        self._ready.clear()
        self._filling, self._filling_bytes = {}, 0
        return mixing

    def _unsent(self, item: ItemT) -> ItemT:
        """Take *item* out of flight, not written; return it, or what superseded it meanwhile."""
        self._in_flight.discard(item.key)
        newer = self._waiting.pop(item.key, None)
        if newer is None:
            return item
        _supersede(item, newer)
        return newer

    def _take_mixed(self, mixing: Mixing[ItemT], now: float, *, flush: bool) -> Group[ItemT] | None:
        batch = mixing.take(now, flush=flush)
        if batch is not None:
            self._in_flight.update([item.key for item in batch])
            return Group(batch)
        self.due_at = mixing.due_at
        if not mixing:
            self._mixing = None
            for item in mixing.rest.values():
                self._place(item, now)
        return self._ready.popleft() if self._ready else None


def _supersede(older: Batchable, newer: Batchable) -> None:
    """Attach *older*, and what it had replaced, to *newer*, before what that has replaced."""
    attached, later = older.superseded, newer.superseded
    if not isinstance(attached, list):
        attached = []
    attached.append(older)
    attached += later  # of an older one that comes back late
    older.superseded, newer.superseded = (), attached
