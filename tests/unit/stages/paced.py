"""A load of writers into a simulated table, on virtual time: as much as the table takes."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.simulated.model import Capacity, Kind
from bench.simulated.table import SimulatedTable
from pipeline.core.backoff import RetryPolicy
from pipeline.core.breaker import Breaker
from pipeline.core.channel import Channel
from pipeline.core.pace.crew import Crew
from pipeline.core.pace.gate import Pace
from pipeline.model import Batch, Item, Outcome
from pipeline.observe.metrics import Metrics
from pipeline.stages.delivery import Delivery
from pipeline.stages.writer import Writer
from pipeline.table.base import Answer
from tests.clock import run
from tests.fakes import ListLog, make_record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.simulated.table import Tallies

__all__ = ["IndexedTable", "NoisyTable", "Paced", "simulate"]

_RECORD = make_record()
_UNLIMITED = 1e9


class NoisyTable(SimulatedTable):
    """A table that hands back a *share* of the items at random, whatever its capacity."""

    share = 0.0
    noise = random.Random(5)

    async def write(self, items: Sequence[Item], /) -> Answer:
        """Take some of *items*."""
        good = [item for item in items if self.noise.random() >= self.share]
        answer = await super().write(good) if good else Answer(())
        kept = {item.key for item in good} - {item.key for item in answer.unprocessed}
        return Answer([item for item in items if item.key not in kept], answer.consumed)


class IndexedTable(SimulatedTable):
    """A table with an index, so that each item costs twice what its size says."""

    async def write(self, items: Sequence[Item], /) -> Answer:
        """Report the index's units too."""
        answer = await super().write(items)
        return Answer(answer.unprocessed, 2 * answer.consumed)


@dataclass
class Paced:
    """
    Writers that never lack a batch, for *seconds*; items of 1 to *most_units* units.

    *changes* are made to the table at their time.
    """

    units: float = _UNLIMITED
    kind: Kind = "bucket"
    seconds: float = 30.0
    workers: int = 5
    pace: Pace = field(default_factory=Pace)
    crew: Crew = field(default_factory=Crew)
    table: type[SimulatedTable] = SimulatedTable
    latency: tuple[float, float] = (0.005, 0.020)
    most_units: int = 1
    changes: Sequence[tuple[float, Callable[[SimulatedTable], None]]] = ()
    metrics: Metrics = field(default_factory=Metrics)

    async def load(self) -> SimulatedTable:
        """Run the writers, and return the table."""
        capacity = Capacity(self.units, partition=_UNLIMITED, kind=self.kind)
        table = self.table(capacity, latency=self.latency)
        dice, policy, log = random.Random(3), RetryPolicy(), ListLog()
        breaker, loop = Breaker(policy, dice), asyncio.get_running_loop()
        delivery = Delivery(
            table, policy, breaker, self.metrics, dice, log, pace=self.pace, crew=self.crew
        )
        for when, change in self.changes:
            loop.call_later(when, change, table)
        writer = Writer(delivery, lambda _: None)
        batches: Channel[Batch] = Channel(8)
        outcomes: Channel[Outcome] = Channel(8, senders=self.workers)

        async def work() -> None:
            await writer(batches, outcomes)
            outcomes.close()

        async with asyncio.TaskGroup() as group:
            group.create_task(self._feed(batches, dice))
            group.create_task(_drain(outcomes))
            for _ in range(self.workers):
                group.create_task(work())
        return table

    async def _feed(self, batches: Channel[Batch], dice: random.Random) -> None:
        clock, number = asyncio.get_running_loop().time, 0
        while clock() < self.seconds:
            sizes = [1024 * dice.randint(1, self.most_units) for _ in range(25)]
            items = [
                Item((f"{number}-{place}",), b"", size, _RECORD, 0, "part")
                for place, size in enumerate(sizes)
            ]
            number += 1
            await batches.send(Batch(items))
        batches.close()


async def _drain(outcomes: Channel[Outcome]) -> None:
    async for _ in outcomes:
        pass


def simulate(**more: Any) -> Tallies:
    """Run a `Paced` load on virtual time, and return what the table saw."""
    return run(Paced(**more).load()).tallies
