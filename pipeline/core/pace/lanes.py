"""Lanes: items of hot partitions, each waiting in a line of its own for its partition's pace."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Generic, TypeVar

from pipeline.core.pace.hot import units_of

if TYPE_CHECKING:
    from collections.abc import Hashable

    from pipeline.core.pace.hot import HotPartition, Keyed
    from pipeline.core.pace.partitions import Partitions

__all__ = ["Lanes"]

_COLD_AFTER = 5.0
"""Seconds without an item after which a lane is closed."""

ItemT = TypeVar("ItemT", bound="Keyed")


class _Lane(Generic[ItemT]):
    """The items of one partition value, the oldest key first."""

    __slots__ = ("emptied_at", "items", "partition")

    def __init__(self, partition: HotPartition, now: float) -> None:
        self.partition = partition
        self.items: OrderedDict[Hashable, ItemT] = OrderedDict()
        self.emptied_at = now


class Lanes(Generic[ItemT]):
    """
    One line for each hot partition value, served in turns, none faster than its partition takes.

    A key is here once at most. Lanes hold what the window of open chunks lets in, no more; their
    number is bounded by *partitions*. False while there is none.
    """

    def __init__(self, partitions: Partitions) -> None:
        self._partitions = partitions
        self._lanes: dict[Hashable, _Lane[ItemT]] = {}
        self._turns: deque[_Lane[ItemT]] = deque()
        self.waiting = 0

    def __repr__(self) -> str:
        return f"<Lanes {len(self._lanes)}, {self.waiting} items waiting>"

    def __bool__(self) -> bool:
        return bool(self._lanes)

    def __contains__(self, value: Hashable) -> bool:
        return value in self._lanes

    def open(self, value: Hashable, now: float) -> None:
        """Open a lane for a partition value that is hot."""
        if value not in self._lanes:
            partition = self._partitions[value]
            partition.laned = True
            self._lanes[value] = _Lane(partition, now)

    def expect(self, value: Hashable, now: float) -> bool:
        """Open a lane for a value that may be hot soon; False if there are too many."""
        if not self._partitions.expect(value, now):
            return False
        self.open(value, now)
        return True

    def put(self, item: ItemT, *, first: bool = False) -> ItemT | None:
        """
        Put *item* in its lane, in the place of the older one of its key, which is returned.

        *first*: before all others of the lane; it was sent once, and its chunk is the older.
        """
        lane = self._lanes[item.key[0]]
        older = lane.items.get(item.key)
        if older is None:
            if not lane.items:
                self._turns.append(lane)
            self.waiting += 1
        lane.items[item.key] = item
        if first:
            lane.items.move_to_end(item.key, last=False)
        return older

    def count_ready(self, now: float, wanted: int) -> int:
        """Count the items that may be taken now, up to about *wanted*."""
        ready = 0
        for lane in self._turns:
            units = lane.partition.ready(now)
            if units > 0:
                per_item = units_of(next(iter(lane.items.values())))
                ready += min(len(lane.items), -int(-units // per_item))
                if ready >= wanted:
                    break
        return ready

    def due_in(self, wanted: int, now: float) -> float:
        """Return about how many seconds it takes until *wanted* items may be taken."""
        soonest = 1e9
        rate = 0.0
        for lane in self._turns:
            soonest = min(soonest, lane.partition.due_in(1.0, now))
            rate += lane.partition.rate / units_of(next(iter(lane.items.values())))
        return soonest + wanted / rate if rate else soonest

    def draw(self, batch: list[ItemT], most: int, room: int, now: float) -> int:
        """
        Add what may go now to *batch*, the lanes in turns, up to *most* items and *room* bytes.

        Return the room that is left. A first item may be larger than the room.
        """
        idle = 0
        while len(batch) < most and idle < len(self._turns):
            lane = self._turns[0]
            self._turns.rotate(-1)
            if lane.partition.ready(now) <= 0:
                idle += 1
                continue
            key, item = next(iter(lane.items.items()))
            if batch and len(item.wire) > room:
                break
            idle = 0
            del lane.items[key]
            self.waiting -= 1
            lane.partition.spend(units_of(item))
            batch.append(item)
            room -= len(item.wire)
            if not lane.items:
                self._turns.pop()
                lane.emptied_at = now
        return room

    def close_cold(self, now: float) -> None:
        """Close the lanes to which nothing has come for a while."""
        cold = [
            value
            for value, lane in self._lanes.items()
            if not lane.items and now - lane.emptied_at >= _COLD_AFTER
        ]
        for value in cold:
            del self._lanes[value]
            self._partitions.forget(value)
