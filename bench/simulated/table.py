"""SimulatedTable: a table with a capacity, in process, on the clock of the running loop."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

from pipeline.errors import ThrottledError
from pipeline.table.base import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.simulated.model import Capacity
    from pipeline.model import Item, Key

__all__ = ["SimulatedTable", "Tallies", "units_of"]


def units_of(item: Item) -> int:
    """Return what a put of *item* costs: a unit for each started kilobyte, one at least."""
    return max(1, -(-item.size // 1024))


class Tallies:
    """
    What happened at a table, in slots of a tenth of a second from when it was made.

    *accepted* are units, *requests* all requests, *refused* those that got a throttling exception,
    *partly* those that were handed something back.
    """

    SLOT = 0.1

    def __init__(self, began: float) -> None:
        self.began = began
        self.accepted: Counter[int] = Counter()
        self.requests: Counter[int] = Counter()
        self.refused: Counter[int] = Counter()
        self.partly: Counter[int] = Counter()

    _COUNTS = ("accepted", "requests", "refused", "partly")

    @classmethod
    def from_json(cls, document: Mapping[str, Mapping[str, float]]) -> Tallies:
        """Read what `as_json` gave."""
        tallies = cls(0.0)
        for name in cls._COUNTS:
            counts = {int(slot): count for slot, count in document.get(name, {}).items()}
            getattr(tallies, name).update(counts)
        return tallies

    def as_json(self) -> dict[str, dict[int, float]]:
        """Return the counts by the number of their slot."""
        return {name: dict(getattr(self, name)) for name in self._COUNTS}

    @property
    def seconds(self) -> float:
        """From the first request to the last."""
        return max(self.requests, default=0) * self.SLOT

    def note(self, now: float, units: float, *, refused: bool, partly: bool) -> None:
        """Count one request that was judged at *now*."""
        slot = int((now - self.began) / self.SLOT)
        self.accepted[slot] += units  # type: ignore[assignment]  # units may be parts of one
        self.requests[slot] += 1
        self.refused[slot] += refused
        self.partly[slot] += partly

    def rate(self, since: float, until: float) -> float:
        """Return accepted units a second between two times after the beginning."""
        return self._sum(self.accepted, since, until) / (until - since)

    def throttled(self, since: float, until: float, *, partly: bool = True) -> float:
        """Return the share of requests that were throttled; *partly* counts those in part too."""
        refused = self._sum(self.refused, since, until)
        if partly:
            refused += self._sum(self.partly, since, until)
        return refused / max(1.0, self._sum(self.requests, since, until))

    def _sum(self, counts: Counter[int], since: float, until: float) -> float:
        first, last = round(since / self.SLOT), round(until / self.SLOT)
        return sum(counts[slot] for slot in range(first, last))


class SimulatedTable:
    """
    Take what *capacity* takes, after *latency* seconds (lowest, highest; uniform).

    The items of a request are taken or refused one by one when half of its latency is over. Some
    refused: they are unprocessed. All refused: `ThrottledError` with their reasons.
    """

    def __init__(
        self,
        capacity: Capacity,
        *,
        latency: tuple[float, float] = (0.005, 0.020),
        seed: int = 1,
        cost: Callable[[Item], float] = units_of,
    ) -> None:
        self.capacity = capacity
        self.latency = latency
        self.in_flight = 0
        self.most_in_flight = 0
        self._dice = Random(seed)  # noqa: S311 - a simulation
        self._cost = cost
        self._tallies: Tallies | None = None

    @property
    def tallies(self) -> Tallies:
        """What happened since the first request."""
        if self._tallies is None:
            self._tallies = Tallies(asyncio.get_running_loop().time())
        return self._tallies

    async def write(self, items: Sequence[Item], /) -> Answer:
        """Answer as the service would."""
        tallies, loop = self.tallies, asyncio.get_running_loop()
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        half = self._dice.uniform(*self.latency) / 2
        try:
            await asyncio.sleep(half)
            now, consumed = loop.time(), 0.0
            left: list[Item] = []
            reasons: dict[str, None] = {}
            for item in items:
                cost = self._cost(item)
                reason = self.capacity.admit(item.key[0], cost, now)
                if reason is None:
                    consumed += cost
                else:
                    left.append(item)
                    reasons[reason] = None
            refused = len(left) == len(items)
            tallies.note(now, consumed, refused=refused, partly=bool(left) and not refused)
            await asyncio.sleep(half)
        finally:
            self.in_flight -= 1
        if refused:
            code = "ProvisionedThroughputExceededException"
            raise ThrottledError(code, reasons=tuple(reasons), code=code)
        return Answer(left, consumed)

    def show_key(self, key: Key, /) -> Mapping[str, str]:
        """Show the key."""
        return {"PK": str(key[0])}
