"""
The laws of delivery, over random input, faults and interleavings.

Batcher, writers, accounts and sink run as in production; only the table is a fake, on a virtual
clock. Truth is what the fake table holds at the end, compared with the input.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.backoff import RetryPolicy
from pipeline.core.batching import Batching
from pipeline.core.breaker import Breaker
from pipeline.core.flow import Flow, StopSignal
from pipeline.core.pace.gate import Pace
from pipeline.core.pace.lanes import Lanes
from pipeline.errors import IsolateError, PipelineError, ThrottledError, TransientError
from pipeline.model import Checked, Chunk, Item, Position, Record
from pipeline.observe.metrics import Metrics, Tally
from pipeline.stages.accounts import Accounts, RejectLimit
from pipeline.stages.batcher import Batcher
from pipeline.stages.sink import Keeping, Sink
from pipeline.stages.writer import Delivery, Writer
from tests.clock import run
from tests.fakes import FakeTable, ListLog

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from pipeline.core.channel import Receiver, Sender
    from pipeline.table.base import Answer

POISON = 7
"""A version whose number is divisible by this is refused by the table where poison is on."""

PARTITIONS = 4
"""Keys k0, k4, k8 and so on share a partition."""

HOT = 0.8
"""How likely an item of a hot partition is handed back."""

KEY_RANGE = "TableWriteKeyRangeThroughputExceeded"


@dataclass
class Load:
    """One random load: keys in source order, and how the table misbehaves."""

    keys: list[int]
    workers: int
    batch_size: int
    chunk_size: int
    unprocessed: float
    faults: float
    poison: bool
    seed: int
    outage: int = 0
    hot: int = 0


LOADS = st.builds(
    Load,
    keys=st.lists(st.integers(0, 12), max_size=150),
    workers=st.integers(1, 6),
    batch_size=st.integers(1, 25),
    chunk_size=st.integers(1, 20),
    unprocessed=st.sampled_from([0.0, 0.1, 0.5]),
    faults=st.sampled_from([0.0, 0.2]),
    poison=st.booleans(),
    seed=st.integers(0, 2**32),
    outage=st.sampled_from([0, 5, 40]),
    hot=st.sampled_from([0, 0, 1, 3]),
)


class FlakyTable(FakeTable):
    """A table with random latency, leftovers and faults; it applies writes when it answers."""

    def __init__(self, load: Load) -> None:
        dice = random.Random(load.seed)
        self.in_flight: set[str] = set()
        self.overlaps = 0

        def script(_: int, items: Sequence[Item]) -> PipelineError | Sequence[Item] | None:
            if load.poison and any(is_poison(item) for item in items):
                return IsolateError("ValidationException", "refused")
            if asyncio.get_running_loop().time() % 100 > 100 - load.outage:
                return TransientError("503")
            if dice.random() < load.faults:
                return dice.choice([TransientError("500"), ThrottledError("busy")])
            left = [
                item
                for item in items
                if dice.random() < (HOT if is_hot(item, load) else load.unprocessed)
            ]
            if len(left) == len(items) and any(is_hot(item, load) for item in items):
                return ThrottledError("hot", reasons=[KEY_RANGE])
            return left

        super().__init__(script, lambda _: dice.choice([0.0, 0.001, 0.5, 3.0]))

    async def write(self, items: Sequence[Item], /) -> Answer:
        """Watch that no key is written by two requests at once."""
        keys = {str(item.key[-1]) for item in items}
        self.overlaps += bool(keys & self.in_flight) or len(keys) != len(items)
        self.in_flight |= keys
        try:
            return await super().write(items)
        finally:
            self.in_flight -= keys


def versioned(key: int, version: int, chunk: int = 0) -> Item:
    """Make the item that the record number *version* becomes."""
    record = Record(version, version, 0, 2, b"{}")
    return Item((f"k{key}",), b"%d" % version, 1, record, chunk, "part")


def is_poison(item: Item) -> bool:
    """Tell whether the flaky table refuses *item*."""
    return int(item.wire) % POISON == 0


def is_hot(item: Item, load: Load) -> bool:
    """Tell whether the partition of *item* is hot now: as many of them as the load says."""
    turn = int(asyncio.get_running_loop().time() / 20)
    return (int(str(item.key[0])[1:]) + turn) % PARTITIONS < load.hot


class NeverFree(Pace):
    """A pace that has every request ask it, and then keeps as much as any."""

    @property
    def free(self) -> bool:
        """Say no."""
        return False


async def deliver(
    load: Load,
    table: FakeTable,
    handed_back: list[int] | None = None,
    pace: Pace | None = None,
) -> Sink:
    """Run the load from chunks to the end; note in *handed_back* how many items were."""
    handed_back = [] if handed_back is None else handed_back
    metrics, log = Metrics(), ListLog()
    accounts = Accounts(chunks=8, memory=10**9)
    retry = RetryPolicy(attempts=1_000, max_outage=10_000_000)
    dice = random.Random(1)
    breaker = Breaker(retry, dice)
    delivery = Delivery(table, retry, breaker, metrics, dice, log, pace=pace or Pace())
    policy: Batching[Item] = Batching(
        max_items=load.batch_size,
        max_bytes=10_000,
        linger=0.05,
        lanes=Lanes(delivery.partitions),
    )
    batcher = Batcher(policy, metrics)
    sink = Sink(accounts, metrics, log, keeping=Keeping(), limit=RejectLimit())

    async def chunks() -> AsyncGenerator[tuple[int, list[int], int], None]:
        for start in range(0, len(load.keys), load.chunk_size):
            keys = load.keys[start : start + load.chunk_size]
            records = [Record(start + n, 1, 0, 2, b"{}") for n in range(len(keys))]
            end = Position("part", start + len(keys), 0, 0)
            number = await accounts.open(Chunk("part", records, end))
            accounts.begin(number)
            yield number, keys, start

    async def check(
        inbox: Receiver[tuple[int, list[int], int]],
        outbox: Sender[list[Item]],
        settlements: Sender[Checked],
    ) -> None:
        async for number, keys, start in inbox:
            items = [
                Item(
                    (f"p{key % PARTITIONS}", f"k{key}"),
                    b"%d" % (start + n + 1),
                    1,
                    Record(start + n, 1, 0, 2, b""),
                    number,
                    "part",
                )
                for n, key in enumerate(keys)
            ]
            await settlements.send(Checked(number, len(items), ()))
            await outbox.send(items)

    async with asyncio.TaskGroup() as group:
        flow = Flow(group, capacity=2)
        settlements = flow.channel(senders=load.workers + 1)  # type: ignore[var-annotated]
        read = flow.source("producer", chunks, StopSignal())
        items = flow.fork("validator", check, read, side=settlements)
        batches = flow.stage("batcher", batcher, items)

        def hand_back(items: Sequence[Item]) -> bool:
            taken = batcher.hand_back(items)
            handed_back.append(len(items) * taken)
            return taken

        writer = Writer(delivery, batcher.release, hand_back)
        flow.stage("writer", writer, batches, workers=load.workers, into=settlements)
        flow.sink("sink", sink, settlements)
    return sink


def expected(load: Load) -> dict[str, str]:
    """Return what one careful writer, item by item, would leave in the table."""
    rows: dict[str, str] = {}
    for version, key in enumerate(load.keys, start=1):
        if not (load.poison and version % POISON == 0):
            rows[f"k{key}"] = str(version)
    return rows


@settings(max_examples=150)
@given(load=LOADS)
def test_the_last_good_record_of_a_key_wins_and_every_item_ends_once(load: Load) -> None:
    """Any workers, faults and duplicates: the table is that of a sequential load, counts add up."""
    table = FlakyTable(load)

    sink = run(deliver(load, table))

    tally = sink.totals.tally
    assert table.rows == expected(load)
    assert table.overlaps == 0
    assert tally.total == tally.records == len(load.keys)
    poisoned = sum(
        load.poison and version % POISON == 0 for version in range(1, len(load.keys) + 1)
    )
    assert tally.rejected <= poisoned
    assert tally.failed == 0
    assert isinstance(tally, Tally)


@settings(max_examples=50)
@given(load=LOADS)
def test_every_request_keeps_the_service_limits(load: Load) -> None:
    """No request is over the batch size, and none holds a key twice."""
    table = FlakyTable(load)

    run(deliver(load, table))

    for _, sent in table.requests:
        keys = [key for key, _ in sent]
        assert 1 <= len(keys) <= load.batch_size
        assert len(set(keys)) == len(keys)


@settings(max_examples=100)
@given(load=LOADS)
def test_the_short_way_of_a_new_batch_is_the_long_way(load: Load) -> None:
    """Sent at once or by the way of all pieces: the same requests at the same times."""
    short, long = FlakyTable(load), FlakyTable(load)

    totals = [run(deliver(load, short)).totals, run(deliver(load, long, pace=NeverFree())).totals]

    assert short.requests == long.requests
    assert totals[0].tally == totals[1].tally


def test_hot_partitions_take_part_in_this() -> None:
    """Items are handed back to their lanes in many of these loads: the laws hold for them too."""
    loads = 0
    for seed in range(30):
        keys = random.Random(seed).choices(range(200), k=400)
        load = Load(keys, 3, 25, 20, 0.0, 0.0, poison=True, seed=seed, hot=1 + seed % 2)
        handed_back: list[int] = []
        table = FlakyTable(load)
        run(deliver(load, table, handed_back))
        loads += sum(handed_back) > 0
        assert table.rows == expected(load)
        assert table.overlaps == 0
    assert loads > 20


def test_the_law_bites() -> None:
    """Without key ordering the same harness finds lost updates: it is able to fail."""
    lost = 0
    for seed in range(20):
        keys = random.Random(seed).choices(range(5), k=150)
        load = Load(keys, 5, 5, 10, 0.1, 0.0, poison=False, seed=seed)
        table = FlakyTable(load)
        run(deliver_without_key_order(load, table))
        lost += table.rows != expected(load)
    assert lost


async def deliver_without_key_order(load: Load, table: FakeTable) -> None:
    """Write as plain writers do: batches of distinct keys, but nothing orders the batches."""
    batches: list[list[Item]] = [[]]
    seen: dict[int, set[int]] = defaultdict(set)
    for version, key in enumerate(load.keys, start=1):
        if key in seen[len(batches)] or len(batches[-1]) == load.batch_size:
            batches.append([])
        seen[len(batches)].add(key)
        batches[-1].append(versioned(key, version))
    queue = iter(batches)

    async def write() -> None:
        for batch in queue:
            left: Sequence[Item] = batch
            while left:
                left = (await table.write(left)).unprocessed

    async with asyncio.TaskGroup() as group:
        for _ in range(load.workers):
            group.create_task(write())
