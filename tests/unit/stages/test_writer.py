"""The writer settles every item once: written, refused by itself, or given up for good reason."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from pipeline.core.backoff import RetryPolicy
from pipeline.core.breaker import Breaker
from pipeline.core.channel import Channel
from pipeline.errors import (
    IsolateError,
    OutageError,
    TableStopError,
    ThrottledError,
    TransientError,
)
from pipeline.model import Batch, Item, Key, Outcome
from pipeline.observe.metrics import Metrics
from pipeline.stages.writer import Delivery, Writer
from tests.clock import run
from tests.fakes import FakeTable, ListLog, make_item

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

POLICY = RetryPolicy(attempts=8, base_delay=0.05, max_delay=20.0, max_outage=900.0)


class Bench:
    """A writer on a fake table, and all that it reported."""

    def __init__(
        self, table: FakeTable, policy: RetryPolicy = POLICY, breaker: Breaker | None = None
    ) -> None:
        self.log = ListLog()
        self.table = table
        self.metrics = Metrics()
        self.dice = random.Random(3)
        self.breaker = breaker or Breaker(policy, self.dice)
        self.released: list[Key] = []
        self.outcomes: list[Outcome] = []
        delivery = Delivery(table, policy, self.breaker, self.metrics, self.dice, self.log)
        self._writer = Writer(delivery, self._release)

    def _release(self, keys: Iterable[Key]) -> None:
        self.released += keys

    def deliver(self, *batches: Sequence[Item]) -> None:
        """Run the writer over *batches*."""
        run(self.feed(batches))

    async def feed(self, batches: Sequence[Sequence[Item]]) -> None:
        """Run the writer over *batches* on the running loop, and keep what it reports."""
        inbox: Channel[Batch] = Channel(len(batches) or 1)
        outbox: Channel[Outcome] = Channel(10_000)
        for batch in batches:
            await inbox.send(Batch(batch))
        inbox.close()
        try:
            await self._writer(inbox, outbox)
        finally:
            outbox.close()
            self.outcomes += [outcome async for outcome in outbox]

    @property
    def now(self) -> float:
        """When the newest request arrived."""
        return self.table.requests[-1][0]

    @property
    def written(self) -> list[str]:
        """Keys reported as written, in order."""
        return [str(item.key[0]) for one in self.outcomes for item in one.written]

    @property
    def refused(self) -> list[tuple[str, str]]:
        """Keys reported as refused, with the kind."""
        return [
            ((one.key or {})["id"], one.kind)
            for outcome in self.outcomes
            for one in outcome.refused
        ]


def items(count: int) -> list[Item]:
    """Make items k0, k1 and so on."""
    return [make_item(f"k{number}") for number in range(count)]


def test_only_the_unprocessed_are_sent_again_in_their_order() -> None:
    """Each request after the first carries exactly what the table handed back."""

    def hand_back(number: int, sent: Sequence[Item]) -> Sequence[Item]:
        return sent[1::2] if number < 2 else ()

    bench = Bench(FakeTable(hand_back))

    bench.deliver(items(8))

    keys = [[key for key, _ in sent] for _, sent in bench.table.requests]
    assert keys == [[f"k{n}" for n in range(8)], ["k1", "k3", "k5", "k7"], ["k3", "k7"]]
    assert sorted(bench.written) == [f"k{n}" for n in range(8)]
    assert sorted(bench.released) == [(f"k{n}",) for n in range(8)]
    assert (bench.metrics.retries, bench.metrics.requests) == (2, 3)


def test_throttling_is_waited_out_without_giving_up() -> None:
    """A table that refuses for ten minutes costs time, not items."""

    def refuse(number: int, _: Sequence[Item]) -> ThrottledError | None:
        return ThrottledError("slow down", reasons=["Table"]) if number < 60 else None

    bench = Bench(FakeTable(refuse))

    bench.deliver(items(3))

    assert sorted(bench.written) == ["k0", "k1", "k2"]
    assert bench.refused == []
    assert bench.metrics.throttled == 60
    assert bench.metrics.throttling_reasons == {"Table": 60}


@pytest.mark.parametrize("answer", [ThrottledError("slow down"), "unprocessed"])
def test_a_throttled_item_is_not_given_up_while_others_are_written(
    answer: ThrottledError | str,
) -> None:
    """One item, refused for capacity twenty times by a table that takes all else: it waits."""
    bench = Bench(FakeTable())

    def refuse(number: int, sent: Sequence[Item]) -> ThrottledError | Sequence[Item] | None:
        bench.breaker.accepted(bench.now)
        if number >= 20:
            return None
        return sent if isinstance(answer, str) else answer

    bench.table.script = refuse

    bench.deliver(items(1))

    assert (bench.written, bench.refused) == (["k0"], [])
    assert len(bench.table.requests) == 21


def test_an_outage_ends_the_run_and_gives_up_nothing() -> None:
    """When nothing is accepted for max_outage the run fails; no good item is dead-lettered."""
    bench = Bench(FakeTable(lambda _number, _items: TransientError("500")))

    with pytest.raises(OutageError):
        bench.deliver(items(25))

    assert bench.outcomes == []
    waited = bench.table.requests[-1][0]
    assert 900 - 20 <= waited <= 900 + 20


@pytest.mark.parametrize(
    "answer", [TransientError("500"), ThrottledError("slow down"), "unprocessed"]
)
def test_the_plain_policy_sends_exactly_eight_requests(
    answer: TransientError | ThrottledError | str,
) -> None:
    """max_outage 0: eight requests a batch, whatever the answer; then the batch has failed."""

    def fail(_: int, sent: Sequence[Item]) -> TransientError | ThrottledError | Sequence[Item]:
        return sent if isinstance(answer, str) else answer

    plain = RetryPolicy(attempts=8, max_outage=0)
    bench = Bench(FakeTable(fail), plain)

    bench.deliver(items(25))

    assert len(bench.table.requests) == 8
    assert [outcome.gave_up for outcome in bench.outcomes].count(True) == 1
    assert bench.refused == [(f"k{n}", "retry_exhausted") for n in range(25)]


@pytest.mark.parametrize("position", range(25))
def test_one_poisoned_item_costs_its_neighbours_nothing(position: int) -> None:
    """24 are written and one is refused, with few extra requests, wherever it stands."""

    def refuse(_: int, sent: Sequence[Item]) -> IsolateError | None:
        poisoned = any(item.key == (f"k{position}",) for item in sent)
        return IsolateError("ValidationException", "no") if poisoned else None

    bench = Bench(FakeTable(refuse))

    bench.deliver(items(25))

    assert bench.refused == [(f"k{position}", "table")]
    assert sorted(bench.written) == sorted(f"k{n}" for n in range(25) if n != position)
    assert len(bench.table.requests) <= 11


@pytest.mark.parametrize("position", [0, 3, 24])
def test_an_item_that_breaks_the_server_is_isolated_too(position: int) -> None:
    """A poison that answers 500 takes no neighbour along, also where nothing else is written."""

    def break_down(_: int, sent: Sequence[Item]) -> TransientError | None:
        poisoned = any(item.key == (f"k{position}",) for item in sent)
        return TransientError("500") if poisoned else None

    bench = Bench(FakeTable(break_down))

    bench.deliver(items(25))

    assert bench.refused == [(f"k{position}", "retry_exhausted")]
    assert sorted(bench.written) == sorted(f"k{n}" for n in range(25) if n != position)
    assert [outcome.gave_up for outcome in bench.outcomes].count(True) == 1


def test_after_a_long_fault_everything_is_written() -> None:
    """Five minutes of 500s cut the batch in pieces, and lose none of it."""

    def break_down(_: int, __: Sequence[Item]) -> TransientError | None:
        return TransientError("500") if bench.now < 300 else None

    bench = Bench(FakeTable(break_down))

    bench.deliver(items(25))

    assert bench.refused == []
    assert sorted(bench.written) == sorted(f"k{n}" for n in range(25))


@pytest.mark.parametrize("outage", [5, 30, 600])
@pytest.mark.parametrize("size", [1, 2, 25])
def test_an_outage_costs_no_good_item_although_stragglers_succeed(outage: int, size: int) -> None:
    """Requests that were in flight when the table went down still succeed: that proves nothing."""
    table = FakeTable(latency=lambda number: (number % 7) * 0.05)

    def script(_: int, __: Sequence[Item]) -> TransientError | None:
        down = 1 <= table.requests[-1][0] < 1 + outage
        return TransientError("503") if down else None

    table.script = script
    shared = Breaker(POLICY, random.Random(7))
    benches = [Bench(table, breaker=shared) for _ in range(5)]

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for number, bench in enumerate(benches):
                batches = [
                    [make_item(f"w{number}-b{batch}-{n}") for n in range(size)]
                    for batch in range(60)
                ]
                group.create_task(bench.feed(batches))

    run(main())

    assert [bench.refused for bench in benches] == [[]] * 5
    assert sum(len(bench.written) for bench in benches) == 5 * 60 * size == len(table.rows)


def test_when_the_newest_is_refused_the_newest_before_it_is_sent() -> None:
    """A superseded item is not lost with its successor: it is written in its place."""

    def refuse(_: int, sent: Sequence[Item]) -> IsolateError | None:
        bad = any(item.wire == b"v3" for item in sent)
        return IsolateError("ValidationException", "no") if bad else None

    bench = Bench(FakeTable(refuse))
    newest = make_item("key", "v3")
    newest.superseded = [make_item("key", "v1"), make_item("key", "v2")]

    bench.deliver([newest])

    (refused, written) = bench.outcomes
    assert [one.kind for one in refused.refused] == ["table"]
    assert bench.table.rows == {"key": "v2"}
    assert [older.wire for older in written.written[0].superseded] == [b"v1"]
    assert bench.released == [("key",)]


def test_a_refusal_is_a_sign_of_life() -> None:
    """A fault, then a refused item, then an hour without input: one more fault is no outage."""
    answers = [TransientError("500"), IsolateError("ValidationException", "no")]
    answers.append(TransientError("500"))
    table = FakeTable(lambda number, _: answers[number] if number < len(answers) else None)
    bench = Bench(table, RetryPolicy(attempts=8, max_outage=60))

    async def main() -> None:
        await bench.feed([[make_item("bad")]])
        await asyncio.sleep(3_600)
        await bench.feed([[make_item("good")]])

    run(main())

    assert (bench.written, bench.refused) == (["good"], [("bad", "table")])


def test_a_stop_error_is_not_retried() -> None:
    """Missing permissions or a dropped table end the run at the first answer."""
    bench = Bench(FakeTable(lambda _number, _items: TableStopError("AccessDenied")))

    with pytest.raises(TableStopError):
        bench.deliver(items(2))

    assert len(bench.table.requests) == 1


def test_a_table_that_refuses_everything_is_a_wrong_definition() -> None:
    """After 1,000 refusals and not one write the run stops instead of filling the dead letters."""
    bench = Bench(FakeTable(lambda _number, _items: IsolateError("ValidationException", "no")))
    bench.metrics.settled.by_kind["table"] = 1_000

    with pytest.raises(TableStopError, match="took none"):
        bench.deliver(items(1))
