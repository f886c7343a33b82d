"""A load of the real stages into a simulated table, for tests of hot partitions."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.core.backoff import RetryPolicy
from pipeline.core.batching import Batching
from pipeline.core.breaker import Breaker
from pipeline.core.flow import Flow, StopSignal
from pipeline.core.pace.lanes import Lanes
from pipeline.model import Checked, Chunk, Item, Position, Record
from pipeline.observe.metrics import Metrics
from pipeline.stages.accounts import Accounts, RejectLimit
from pipeline.stages.batcher import Batcher
from pipeline.stages.sink import Keeping, Sink
from pipeline.stages.writer import Delivery, Writer
from tests.fakes import ListLog

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

    from pipeline.core.channel import Receiver, Sender
    from pipeline.model import Key
    from pipeline.table.base import Table

__all__ = ["HotLoad"]

RECORD = 250
"""Bytes of a record: sixteen chunks of a thousand, or more, are in the window of open chunks."""

RETRY = RetryPolicy()


@dataclass
class HotLoad:
    """
    A load of items with *keys*, (partition, sort), in that order.

    *settled* are the keys that were settled, and when, on the loop's clock.
    """

    keys: Sequence[Key]
    table: Table
    workers: int = 5
    memory: int = 32_000_000
    retry: RetryPolicy = RETRY
    chunk: int = 1_000
    size: int = RECORD
    watch: Callable[[Batching[Item], Accounts], None] = lambda *_: None
    metrics: Metrics = field(default_factory=Metrics)
    log: ListLog = field(default_factory=ListLog)
    settled: list[tuple[float, list[Key]]] = field(default_factory=list)

    async def deliver(self) -> Sink:
        """Run it to the end."""
        accounts = Accounts(chunks=256, memory=self.memory)
        dice = random.Random(1)
        delivery = Delivery(
            self.table, self.retry, Breaker(self.retry, dice), self.metrics, dice, self.log
        )
        policy: Batching[Item] = Batching(
            max_items=25, max_bytes=16_000_000, linger=0.05, lanes=Lanes(delivery.partitions)
        )
        self.delivery, self.policy = delivery, policy
        batcher = Batcher(policy, self.metrics)
        sink = Sink(accounts, self.metrics, self.log, keeping=Keeping(), limit=RejectLimit())

        async def chunks() -> AsyncGenerator[tuple[int, int, int], None]:
            for start in range(0, len(self.keys), self.chunk):
                end = min(start + self.chunk, len(self.keys))
                records = [Record(n, n + 1, 0, self.size, b"") for n in range(start, end)]
                number = await accounts.open(Chunk("part", records, Position("part", end, 0, 0)))
                accounts.begin(number)
                yield number, start, end

        async def check(
            inbox: Receiver[tuple[int, int, int]],
            outbox: Sender[list[Item]],
            settlements: Sender[Checked],
        ) -> None:
            async for number, start, end in inbox:
                await settlements.send(Checked(number, end - start, ()))
                await outbox.send([self._item(n, number) for n in range(start, end)])

        def release(keys: Iterable[Key]) -> None:
            self.settled.append((asyncio.get_running_loop().time(), list(keys)))
            batcher.release(self.settled[-1][1])
            self.watch(policy, accounts)

        async with asyncio.TaskGroup() as group:
            flow = Flow(group, capacity=8)
            settlements = flow.channel(senders=self.workers + 1)  # type: ignore[var-annotated]
            read = flow.source("producer", chunks, StopSignal())
            items = flow.fork("validator", check, read, side=settlements)
            batches = flow.stage("batcher", batcher, items)
            writer = Writer(delivery, release, batcher.hand_back)
            flow.stage("writer", writer, batches, workers=self.workers, into=settlements)
            flow.sink("sink", sink, settlements)
        return sink

    def _item(self, number: int, chunk: int) -> Item:
        record = Record(number, number + 1, 0, 2, b"")
        return Item(self.keys[number], b"%d" % number, self.size, record, chunk, "part")

    def rate(self, since: float, until: float, *, of: Callable[[Key], bool] | None = None) -> float:
        """Return the items settled a second between two times, those *of* some keys alone."""
        found = [keys for when, keys in self.settled if since <= when < until]
        count = sum(1 for keys in found for key in keys if of is None or of(key))
        return count / (until - since)
