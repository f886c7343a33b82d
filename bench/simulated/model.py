"""Capacity: what a table of so many write units a second takes, and what it refuses. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["HOT", "KINDS", "SHORT", "Capacity", "Kind"]

SHORT = "TableWriteProvisionedThroughputExceeded"
HOT = "TableWriteKeyRangeThroughputExceeded"

Kind: TypeAlias = Literal["bucket", "strict", "window"]
"""
How units are counted.

bucket: units come back all the time, and a write is taken while anything is left, into debt if need
be (as the service does). strict: as bucket, but a write is taken only if all of its units are left.
window: so many units in each second of the clock, and nothing is kept for the next.
"""
KINDS: tuple[Kind, ...] = get_args(Kind)

_MANY = 50_000
"""Partitions after which those at rest are forgotten."""


class _Meter(Protocol):
    def has(self, units: float, now: float) -> bool:
        """Tell whether *units* would be taken at *now*."""

    def take(self, units: float) -> None:
        """Take them; asked for just before."""

    def set_rate(self, rate: float) -> None:
        """Give so many units a second from now on."""

    def rests(self, now: float) -> bool:
        """Tell whether this meter is as a new one would be."""


class _Bucket:
    __slots__ = ("_at", "_burst", "_level", "_most", "_rate", "_strict")

    def __init__(self, rate: float, burst: float, now: float, *, strict: bool) -> None:
        self._burst, self._strict = burst, strict
        self._at = now
        self.set_rate(rate)
        self._level = self._most

    def set_rate(self, rate: float) -> None:
        self._rate = rate
        self._most = max(rate * self._burst, 1.0)

    def has(self, units: float, now: float) -> bool:
        self._level = min(self._most, self._level + max(0.0, now - self._at) * self._rate)
        self._at = max(now, self._at)
        # One write larger than the whole bucket is taken from a full one.
        return self._level >= min(units, self._most) if self._strict else self._level > 0

    def take(self, units: float) -> None:
        self._level -= units

    def rests(self, now: float) -> bool:
        return self._level + (now - self._at) * self._rate >= self._most


class _Window:
    __slots__ = ("_rate", "_second", "_used")

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._second, self._used = 0, 0.0

    def set_rate(self, rate: float) -> None:
        self._rate = rate

    def has(self, units: float, now: float) -> bool:
        second = math.floor(now)
        if second != self._second:
            self._second, self._used = second, 0.0
        return self._used + units <= self._rate or not self._used

    def take(self, units: float) -> None:
        self._used += units

    def rests(self, now: float) -> bool:
        return math.floor(now) != self._second


class Capacity:
    """
    What a table takes: *units* a second over all, *partition* of them for one partition value.

    *burst* are the seconds' worth of unused units that are kept (not with windows), for the table
    and each partition alike; a bucket starts full. *now* is any clock's time in seconds, the same
    for every call.
    """

    def __init__(
        self,
        units: float,
        *,
        partition: float = 1000.0,
        burst: float = 1.0,
        now: float = 0.0,
        kind: Kind = "bucket",
    ) -> None:
        self._units = units
        self._meter: Callable[[float, float], _Meter]
        if kind == "window":
            self._meter = lambda rate, _now: _Window(rate)
        else:
            self._meter = lambda rate, now: _Bucket(rate, burst, now, strict=kind == "strict")
        self._partition = partition
        self._table = self._meter(units, now)
        self._partitions: dict[Hashable, _Meter] = {}

    @property
    def units(self) -> float:
        """Write units a second; settable, and what is in the bucket stays there up to its rim."""
        return self._units

    @units.setter
    def units(self, units: float) -> None:
        self._units = units
        self._table.set_rate(units)

    def admit(self, partition_value: Hashable, units: float, now: float) -> str | None:
        """Take a write of *units*, or take nothing and return the reason why not."""
        partition = self._partitions.get(partition_value)
        if partition is None:
            if len(self._partitions) >= _MANY:
                busy = self._partitions.items()
                self._partitions = {name: one for name, one in busy if not one.rests(now)}
            partition = self._meter(self._partition, now)
            self._partitions[partition_value] = partition
        if not partition.has(units, now):
            return HOT
        if not self._table.has(units, now):
            return SHORT
        partition.take(units)
        self._table.take(units)
        return None
