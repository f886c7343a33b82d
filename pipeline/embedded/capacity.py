"""Write and read units: what an operation costs, and whether a table short of them can pay."""

from __future__ import annotations

import math
from dataclasses import field
from typing import TYPE_CHECKING, Any

from pipeline.embedded import answers
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.embedded.schema import Table
    from pipeline.embedded.settings import EngineSettings

__all__ = [
    "Bucket",
    "Capacity",
    "Cost",
    "Shortage",
    "out_of_capacity",
    "read_units",
    "throttled",
    "write_units",
]

PARTITION_WCU = 1000.0
"""What the service gives one partition, the most that a hot key gets."""
_NEW_TABLE_PARTITIONS = 4
_WRITE_UNIT = 1024
_READ_UNIT = 4096


def write_units(size: int) -> int:
    """Count write units: one a started kilobyte, none for nothing."""
    return -(-size // _WRITE_UNIT)


def read_units(size: int, *, consistent: bool) -> float:
    """Count read units: one for every started 4 KB, at least one, half of it if not consistent."""
    units = max(1, -(-size // _READ_UNIT))
    return float(units) if consistent else units / 2


@dataclass(slots=True)
class Cost:
    """Units: the table's own, and those of each index that takes any, by name."""

    table: float = 0.0
    local: dict[str, float] = field(default_factory=dict)
    indexes: dict[str, float] = field(default_factory=dict)

    def add(self, cost: Cost) -> None:
        """Add one more cost."""
        self.table += cost.table
        for mine, more in ((self.local, cost.local), (self.indexes, cost.indexes)):
            for name, units in more.items():
                mine[name] = mine.get(name, 0.0) + units

    def shown(self, table: str, mode: str) -> dict[str, Any]:
        """Give the ConsumedCapacity for ReturnConsumedCapacity TOTAL or INDEXES."""
        total = self.table + sum(self.local.values()) + sum(self.indexes.values())
        text: dict[str, Any] = {"TableName": table, "CapacityUnits": float(total)}
        if mode == "INDEXES":
            text["Table"] = {"CapacityUnits": float(self.table)}
            if self.local:
                text["LocalSecondaryIndexes"] = _by_name(self.local)
            if self.indexes:
                text["GlobalSecondaryIndexes"] = _by_name(self.indexes)
        return text


@dataclass(frozen=True, slots=True)
class Shortage:
    """
    What an item lacked units in.

    *resource* is an ARN, *reason* as in ThrottlingReason.
    """

    reason: str
    resource: str

    @property
    def of_index(self) -> bool:
        """Say whether a global index was short, not the table."""
        return self.reason.startswith("Index")


class Bucket:
    """
    Units that come back at *rate* a second, up to *burst* seconds' worth.

    A request is served while anything is left and may overdraw, as with the service: otherwise an
    item of 400 units would never get into a table of 100. The debt is paid before the next.
    """

    __slots__ = ("_at", "_level", "_most", "_rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._most = max(rate * burst, 1.0)
        self._level = self._most
        self._at = now

    def has_any(self, now: float) -> bool:
        """Say whether something is left at *now* (monotonic seconds)."""
        self._level = min(self._most, self._level + (now - self._at) * self._rate)
        self._at = now
        return self._level > 0

    def take(self, units: float) -> None:
        """Take units, into debt if need be."""
        self._level -= units


class Capacity:
    """The buckets of all tables, made as they are first needed."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._buckets: dict[tuple[str, str, int], Bucket] = {}
        self._partition_wcu = settings.partition_wcu or PARTITION_WCU
        self._index_wcu = settings.index_wcu or settings.wcu
        self._partitions = _NEW_TABLE_PARTITIONS
        if settings.wcu is not None:
            self._partitions = max(1, math.ceil(settings.wcu / self._partition_wcu))

    def forget(self, table: str) -> None:
        """Drop a deleted table's buckets."""
        for key in [key for key in self._buckets if key[0] == table]:
            del self._buckets[key]

    def admit(self, table: Table, cost: Cost, spread: float, now: float) -> Shortage | None:
        """
        Take what a write costs from the table, its partition and its global indexes, or nothing.

        *spread* is the partition key's hash as a number from 0 up to 1.
        """
        if not self._settings.limits_capacity:
            return None
        own = cost.table + sum(cost.local.values())
        wanted: list[tuple[Bucket, float]] = []
        for place, shortage, units in self._places(table, cost, spread, own):
            bucket = self._bucket((table.name, *place), now)
            if bucket is None:
                continue
            if not bucket.has_any(now):
                return shortage
            wanted.append((bucket, units))
        for bucket, units in wanted:
            bucket.take(units)
        return None

    def _places(
        self, table: Table, cost: Cost, spread: float, own: float
    ) -> list[tuple[tuple[str, int], Shortage, float]]:
        exceeded = "MaxOnDemandThroughputExceeded"
        if table.billing == "PROVISIONED":
            exceeded = "ProvisionedThroughputExceeded"
        hot = Shortage("TableWriteKeyRangeThroughputExceeded", table.arn)
        places = [
            (("table", 0), Shortage(f"TableWrite{exceeded}", table.arn), own),
            (("partition", int(spread * self._partitions)), hot, own),
        ]
        for name, units in cost.indexes.items():
            short = Shortage(f"IndexWrite{exceeded}", f"{table.arn}/index/{name}")
            places.append(((f"index {name}", 0), short, units))
        return places

    def _bucket(self, key: tuple[str, str, int], now: float) -> Bucket | None:
        found = self._buckets.get(key)
        if found is not None:
            return found
        rate: float | None = self._partition_wcu
        if key[1] == "table":
            rate = self._settings.wcu
        elif key[1] != "partition":
            rate = self._index_wcu
        elif self._settings.wcu is None and self._settings.partition_wcu is None:
            rate = None
        if rate is None:
            return None
        return self._buckets.setdefault(key, Bucket(rate, self._settings.burst, now))


def throttled(table: Table) -> answers.ServiceError:
    """Refuse a request because the settings say so."""
    reason = {"reason": "TableWriteProvisionedThroughputExceeded", "resource": table.arn}
    return answers.provisioned_exceeded([reason], index=False)


def out_of_capacity(shortages: Sequence[tuple[Table, Shortage | None]]) -> answers.ServiceError:
    """Refuse a request of which nothing could be written."""
    table = shortages[0][0]
    reasons: dict[tuple[str, str], None] = {}
    for of, shortage in shortages:
        if shortage is None:
            reasons["TableWriteKeyRangeThroughputExceeded", of.arn] = None
        else:
            reasons[shortage.reason, shortage.resource] = None
    listed = [{"reason": reason, "resource": resource} for reason, resource in reasons]
    if table.billing == "PAY_PER_REQUEST":
        return answers.throttling(listed)
    index = all(shortage is not None and shortage.of_index for _, shortage in shortages)
    return answers.provisioned_exceeded(listed, index=index)


def _by_name(units: Mapping[str, float]) -> dict[str, dict[str, float]]:
    return {name: {"CapacityUnits": float(one)} for name, one in units.items()}
