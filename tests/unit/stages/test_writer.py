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
    DeniedError,
    IsolateError,
    OutageError,
    PipelineError,
    TableStopError,
    ThrottledError,
    TransientError,
)
from pipeline.model import Batch, Item, Key, Outcome
from pipeline.observe.metrics import Metrics
from pipeline.stages.delivery import Delivery, Pieces
from pipeline.stages.writer import Writer
from tests.clock import run
from tests.fakes import FakeTable, ListLog, Script, make_item

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
        self.delivery = Delivery(table, policy, self.breaker, self.metrics, self.dice, self.log)
        self._writer = Writer(self.delivery, self._release)

    def _release(self, keys: Iterable[Key]) -> None:
        self.released += keys

    def deliver(self, *batches: Sequence[Item], workers: int = 1) -> None:
        """Run *workers* copies of the writer over *batches*."""
        run(self.feed(batches, workers))

    async def feed(self, batches: Sequence[Sequence[Item]], workers: int = 1) -> None:
        """Run the writer over *batches* on the running loop, and keep what it reports."""
        inbox: Channel[Batch] = Channel(len(batches) or 1)
        outbox: Channel[Outcome] = Channel(100_000)
        for batch in batches:
            await inbox.send(Batch(batch))
        inbox.close()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(self._writer(inbox, outbox))
        except* PipelineError as several:
            raise several.exceptions[0] from None
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


def batches(count: int, size: int) -> list[list[Item]]:
    """Make batches of items: 0-0, 0-1 and so on in the first of them."""
    return [[make_item(f"{batch}-{n}") for n in range(size)] for batch in range(count)]


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
        bench.breaker.accepted(bench.breaker.progress.sends())
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
@pytest.mark.parametrize("fault", [TransientError("503"), ThrottledError("slow down")])
def test_an_outage_costs_no_good_item_although_stragglers_succeed(
    outage: int, size: int, fault: PipelineError
) -> None:
    """Requests that were in flight when the table went down still succeed: that proves nothing."""
    table = FakeTable(latency=lambda number: (number % 7) * 0.05)
    table.script = lambda _, __: fault if 1 <= bench.now < 1 + outage else None
    bench = Bench(table)

    bench.deliver(*batches(300, size), workers=5)

    assert bench.refused == []
    assert len(bench.written) == 300 * size == len(table.rows)


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("size", [1, 3, 25])
@pytest.mark.parametrize("seed", range(5))
def test_outages_among_random_faults_cost_no_good_item(workers: int, size: int, seed: int) -> None:
    """What failed by chance just before the table went down is not taken for the culprit."""
    dice = random.Random(seed)
    table = FakeTable(latency=lambda _: dice.uniform(0, 0.2))

    def script(_: int, sent: Sequence[Item]) -> PipelineError | Sequence[Item] | None:
        if bench.now % 30 > 18:  # down for twelve seconds of thirty
            return TransientError("500")
        chance = dice.random()
        if chance < 0.2:
            return dice.choice([TransientError("500"), ThrottledError("busy"), DeniedError("no")])
        return [item for item in sent if dice.random() < 0.2]

    table.script = script
    bench = Bench(table)

    bench.deliver(*batches(200, size), workers=workers)

    assert bench.refused == []
    assert len(bench.written) == 200 * size == len(table.rows)


@pytest.mark.parametrize("workers", [1, 5])
def test_while_the_table_is_down_it_is_asked_rarely_and_then_soon_at_full_speed(
    workers: int,
) -> None:
    """A minute of throttling: few requests, and 90 % of the rate within ten seconds after."""
    table = FakeTable(latency=lambda _: 0.05)
    table.script = lambda _, __: ThrottledError("slow") if 10 <= bench.now < 70 else None
    bench = Bench(table)

    bench.deliver(*batches(20 * workers * 60, 1), workers=workers)

    times = [when for when, _ in table.requests]
    down = sum(15 <= when < 70 for when in times)
    assert sum(2 <= when < 8 for when in times) == pytest.approx(6 * 20 * workers, rel=0.05)
    assert down <= 60 / 2.5
    for second in range(80, 90):
        assert sum(second <= when < second + 1 for when in times) >= 0.9 * 20 * workers
    events = [event for event, _ in bench.log.events if event.startswith("table.")]
    assert events == ["table.down", *["table.probe"] * (len(events) - 2), "table.back"]


@pytest.mark.parametrize("fault", [TransientError("500"), ThrottledError("slow"), "unprocessed"])
@pytest.mark.parametrize("workers", [1, 5])
@pytest.mark.parametrize("max_outage", [0.5, 10.0, 900.0])
def test_an_outage_ends_the_run_exactly_after_max_outage(
    fault: PipelineError | str, workers: int, max_outage: float
) -> None:
    """The last request is sent at max_outage, the run ends with its answer, nothing is given up."""
    table = FakeTable(lambda _, sent: fault if isinstance(fault, PipelineError) else sent)
    bench = Bench(table, RetryPolicy(attempts=8, max_outage=max_outage))

    with pytest.raises(OutageError, match=r"line 1 in 'part'|item\(s\)"):
        bench.deliver(*batches(30, 25), workers=workers)

    assert bench.outcomes == []
    assert bench.now == pytest.approx(max_outage)


def breaks_on(*keys: str) -> Script:
    """Script a table that answers 500 to whatever has one of *keys* in it."""

    def script(_: int, sent: Sequence[Item]) -> TransientError | None:
        poisoned = any(item.key[0] in keys for item in sent)
        return TransientError("500", code="InternalFailure") if poisoned else None

    return script


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("size", [1, 2, 25])
def test_items_that_break_the_server_in_every_writer_are_no_outage(workers: int, size: int) -> None:
    """Each has a batch of its own if need be: they are given up in minutes, all else is written."""
    total = 60
    bad = {f"{number}-0" for number in range(20, 25)}
    bench = Bench(FakeTable(breaks_on(*bad)))

    bench.deliver(*batches(total, size), workers=workers)

    assert {key for key, _ in bench.refused} == bad
    assert len(bench.written) == total * size - len(bad)
    assert bench.now < 180


@pytest.mark.parametrize("workers", [1, 5])
@pytest.mark.parametrize("size", [2, 25])
def test_the_end_of_a_load_does_not_wait_for_what_breaks_the_server(
    workers: int, size: int
) -> None:
    """The last batch of every writer holds one: where all else was accepted, it is at fault."""
    bad = {f"{number}-0" for number in range(workers)}
    bench = Bench(FakeTable(breaks_on(*bad)))

    bench.deliver(*batches(workers, size), workers=workers)

    assert {key for key, _ in bench.refused} == bad
    assert len(bench.written) == workers * size - len(bad)
    assert bench.now < 90


def test_many_at_the_end_are_given_up_one_soon_after_the_other() -> None:
    """Twenty seconds for the first of them, not for each."""
    bad = {f"{number}-0" for number in range(30)}
    bench = Bench(FakeTable(breaks_on(*bad)))

    bench.deliver(*batches(30, 25), workers=5)

    assert {key for key, _ in bench.refused} == bad
    assert bench.now < 75


def test_one_item_alone_with_a_broken_server_is_waited_for_as_an_outage() -> None:
    """Nobody can tell which of the two is broken: the run ends so that it can be resumed."""
    bench = Bench(FakeTable(breaks_on("bad")))

    with pytest.raises(OutageError):
        bench.deliver([make_item("bad")])

    assert bench.outcomes == []


def test_in_an_outage_no_second_batch_is_taken_for_proof_of_what_is_throttled() -> None:
    """A throttled item is nobody's fault: what waits in the queue goes on waiting."""
    table = FakeTable(lambda _, __: ThrottledError("slow") if bench.now < 300 else None)
    bench = Bench(table)

    bench.deliver(*batches(10, 1))

    early = {key for when, sent in table.requests if when < 300 for key, _ in sent}
    assert early == {"0-0"}
    assert len(bench.written) == 10


def test_no_pause_of_an_outage_is_made_after_it() -> None:
    """Whoever is throttled once more after a minute of it tries again in a moment."""
    late: list[float] = []

    def script(_: int, __: Sequence[Item]) -> ThrottledError | None:
        if bench.now >= 60 and (late or not bench.table.rows):
            return None
        if bench.now >= 60:
            late.append(bench.now)
        return ThrottledError("slow")

    bench = Bench(FakeTable(script))

    bench.deliver(*batches(2, 1), workers=2)

    assert len(late) == 1
    assert bench.now - late[0] <= 0.1


def test_while_more_may_come_nothing_is_given_up_for_want_of_proof() -> None:
    """A slow source: what is left looks at fault, and waits for the next batch to prove it."""
    bench = Bench(FakeTable(breaks_on("bad")))

    async def main() -> list[tuple[str, str]]:
        inbox: Channel[Batch] = Channel(8)
        outbox: Channel[Outcome] = Channel(100)
        async with asyncio.TaskGroup() as group:
            await inbox.send(Batch([make_item("good"), make_item("bad")]))
            group.create_task(bench._writer(inbox, outbox))
            await asyncio.sleep(100)
            waiting = outbox.depth
            inbox.close()
        outbox.close()
        bench.outcomes = [outcome async for outcome in outbox]
        assert waiting == 1
        return bench.refused

    assert run(main()) == [("bad", "retry_exhausted")]


@pytest.mark.parametrize("policy", [POLICY, RetryPolicy(attempts=8, max_outage=0)])
def test_a_job_that_is_refused_stops_after_its_attempts(policy: RetryPolicy) -> None:
    """Eight requests with the whole batch at least; no item is ever to blame."""
    table = FakeTable(lambda _, __: DeniedError("AccessDenied; allow it", code="AccessDenied"))
    bench = Bench(table, policy)

    with pytest.raises(TableStopError, match="allow it"):
        bench.deliver(items(25))

    assert bench.outcomes == []
    assert {len(sent) for _, sent in table.requests} == {25}
    if policy.plain:
        assert len(table.requests) == 8
    else:
        assert len(table.requests) >= 8
        assert bench.now >= 30


def test_a_refused_job_is_no_outage() -> None:
    """The service answers, and at once: keys and permissions are no question of its load."""
    bench = Bench(FakeTable(lambda _, __: DeniedError("no")), RetryPolicy(attempts=20))

    with pytest.raises(TableStopError):
        bench.deliver(*batches(5, 5), workers=5)

    assert bench.now > 10
    assert "table.down" not in {event for event, _ in bench.log.events}


def test_single_refusals_of_the_job_cost_nothing() -> None:
    """One answer in ten is a refused token, at random: everything is written."""
    dice = random.Random(4)
    bench = Bench(FakeTable(lambda _, __: DeniedError("no") if dice.random() < 0.1 else None))

    bench.deliver(*batches(500, 5), workers=5)

    assert (len(bench.written), bench.refused) == (2_500, [])


def test_a_pause_that_the_service_asks_for_is_kept() -> None:
    """Retry-After: three seconds are waited, whatever the dice say."""
    answers = [ThrottledError("later", after=3.0), None]
    bench = Bench(FakeTable(lambda number, _: answers[number]))

    bench.deliver(items(1))

    assert bench.now == pytest.approx(3.0)


def test_of_several_pieces_the_one_that_is_due_goes_first() -> None:
    """A piece in a long pause does not stand before one that need not wait."""
    pieces = Pieces(Bench(FakeTable()).delivery)
    for name, due in (("a", 5.0), ("b", 1.0), ("c", 1.0)):
        pieces.start([make_item(name)])
        piece = pieces.take()
        piece.due = due
        pieces.put(piece)

    assert [pieces.take().items[0].key[0] for _ in range(3)] == ["b", "c", "a"]


def test_logs_say_what_happened_and_quote_nobody() -> None:
    """A fault is logged by its class and code; its text may hold what strangers wrote."""
    answers = [TransientError("500: secret", code="InternalFailure"), None]
    bench = Bench(FakeTable(lambda number, _: answers[number]))

    bench.deliver(items(3))

    assert ("batch.fault", {"items": 3, "error": "TransientError", "code": "InternalFailure"}) in (
        bench.log.events
    )


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
