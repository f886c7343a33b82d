"""Hot partitions, with the real stages on a virtual clock: they wait, and the others go ahead."""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import TYPE_CHECKING

import pytest

from bench.simulated.model import Capacity
from bench.simulated.table import SimulatedTable
from pipeline.core.backoff import RetryPolicy
from pipeline.errors import OutageError, RetryError, ThrottledError, TransientError
from tests.clock import run
from tests.fakes import FakeTable
from tests.unit.stages.hot_load import HotLoad

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.batching import Batching
    from pipeline.model import Item, Key
    from pipeline.stages.accounts import Accounts
    from pipeline.stages.sink import Sink

KEY_RANGE = "TableWriteKeyRangeThroughputExceeded"


def half_hot(count: int) -> list[Key]:
    """Make keys of which every other, by chance, is of one partition."""
    dice = random.Random(2)
    return [("hot", f"{n}") if dice.random() < 0.5 else (f"user{n}", f"{n}") for n in range(count)]


def by_partition(partitions: int, items: int) -> list[Key]:
    """Make the keys of a source that is sorted by partition."""
    return [(f"p{n // items}", f"{n}") for n in range(partitions * items)]


def is_hot(key: Key) -> bool:
    """Tell a key of the hot partition."""
    return key[0] == "hot"


def simulate(keys: Sequence[Key], units: float, **more: object) -> tuple[HotLoad, Sink]:
    """Load *keys* into a table of so many *units* a second, and 1,000 of a partition."""
    load: HotLoad | None = None

    async def main() -> Sink:
        nonlocal load
        load = HotLoad(keys, SimulatedTable(Capacity(units)), **more)  # type: ignore[arg-type]
        return await load.deliver()

    sink = run(main())
    assert load is not None
    return load, sink


def test_one_hot_key_leaves_the_others_all_that_the_writers_can_send() -> None:
    """Half of the items are of one partition: it gets its 1,000 a second, the others the rest."""
    load, sink = simulate(half_hot(40_000), 100_000, memory=128_000_000)

    writers = 5 * 25 / 0.0125
    others = load.rate(0, 1.5, of=lambda key: not is_hot(key))
    assert others >= 0.9 * (writers - 2_000)
    assert load.rate(3, 10, of=is_hot) >= 900
    assert sink.totals.tally.succeeded == 40_000
    assert load.metrics.throttled < 0.03 * load.metrics.requests
    assert load.metrics.requests == load.metrics.batches + load.metrics.retries
    assert [event for event, _ in load.log.events].count("partition.hot") == 1


def test_one_hot_key_leaves_the_others_what_the_table_leaves() -> None:
    """The table as a whole is at its limit too: the others get that, less the hot one's share."""
    load, sink = simulate(half_hot(40_000), 6_000, memory=128_000_000, workers=8)

    assert load.rate(1, 3, of=lambda key: not is_hot(key)) >= 0.9 * 5_000
    assert sink.totals.tally.succeeded == 40_000


def test_a_hot_key_holds_the_others_back_where_the_window_is_full() -> None:
    """What is not settled may not be passed by more than the window: memory comes first."""
    shares: list[float] = []

    def watch(policy: Batching[Item], accounts: Accounts) -> None:
        held = 0 if policy._mixing is None else len(policy._mixing)
        shares.append(held / accounts.unfolded())

    load, sink = simulate(half_hot(40_000), 100_000, watch=watch, memory=16_000_000)

    assert 0.8 < max(shares) <= 1.0
    assert load.rate(6, 12) == pytest.approx(2_000, rel=0.15)
    assert sink.totals.tally.succeeded == 40_000


def test_a_source_that_is_sorted_by_partition_spreads_over_the_window() -> None:
    """Fifty partitions, one after the other: eight of them are in the window, and are filled."""
    load, sink = simulate(by_partition(50, 2_000), 40_000)

    seconds = load.settled[-1][0]
    assert 100_000 / seconds > 6_000
    assert sink.totals.tally.succeeded == 100_000
    assert load.metrics.throttled < 0.03 * load.metrics.requests


def test_no_batch_is_of_one_partition_while_others_are_at_hand() -> None:
    """Sorted source: from the first refusal on, requests hold several partitions."""
    load, _ = simulate(by_partition(20, 2_000), 40_000)

    mixed = [len({key[0] for key in keys}) > 1 for when, keys in load.settled if 0.5 < when < 4]
    assert sum(mixed) > 0.98 * len(mixed)


def test_one_partition_alone_gets_what_it_takes() -> None:
    """Nothing else is there: its 1,000 a second are used, with few requests in vain."""
    load, sink = simulate([("hot", f"{n}") for n in range(12_000)], 40_000)

    assert load.rate(2, 9) > 930
    assert load.metrics.throttled < 0.1 * load.metrics.requests
    assert sink.totals.tally.succeeded == 12_000


def test_a_table_without_hot_partitions_opens_no_lane() -> None:
    """Keys all different, the table too small: it is the table's limit, and nobody's else."""
    mixing: set[bool] = set()
    load, sink = simulate(
        [(f"user{n}", "a") for n in range(20_000)],
        2_000,
        watch=lambda policy, _: mixing.add(policy.mixing),
    )

    assert load.metrics.throttled > 0
    assert mixing == {False}
    assert sink.totals.tally.succeeded == 20_000


class Dead(FakeTable):
    """A table that takes nothing of partition ``hot``, from *since* on."""

    def __init__(self, since: float = 0.0) -> None:
        super().__init__(self._refuse, lambda _: 0.01)
        self._since = since

    def _refuse(self, _: int, items: Sequence[Item]) -> ThrottledError | Sequence[Item]:
        if asyncio.get_running_loop().time() < self._since:
            return ()
        left = [item for item in items if is_hot(item.key)]
        return ThrottledError("no", reasons=[KEY_RANGE]) if len(left) == len(items) else left


@pytest.mark.parametrize("max_outage", [0.5, 60.0, 900.0])
def test_a_partition_that_takes_nothing_holds_nobody_and_is_an_outage_when_only_it_is_left(
    max_outage: float,
) -> None:
    """All others are written; then the run ends after max_outage, so that it can be resumed."""
    keys = half_hot(4_000)
    table = Dead()
    load = HotLoad(keys, table, retry=RetryPolicy(max_outage=max_outage))
    ended = 0.0

    async def main() -> None:
        nonlocal ended
        try:
            await load.deliver()
        finally:
            ended = asyncio.get_running_loop().time()

    with pytest.raises(ExceptionGroup) as caught:
        run(main())

    assert caught.group_contains(OutageError)
    others = sum(not is_hot(key) for key in keys)
    assert len(table.rows) == others
    last = max(when for when, _ in load.settled)
    assert last < 2.0
    assert ended - last == pytest.approx(max_outage, abs=3.0)
    assert sum(when > last for when, _ in table.requests) < 40 + max_outage


def test_a_partition_that_comes_back_is_written_to_the_end() -> None:
    """For five minutes it takes nothing, which costs the others no time, and no item."""
    table = Dead(since=0.0)
    keys = half_hot(4_000)
    load = HotLoad(keys, table)
    refuse = table.script
    table.script = lambda number, items: (
        refuse(number, items) if asyncio.get_running_loop().time() < 300 else None
    )

    sink = run(load.deliver())

    assert sink.totals.tally.succeeded == 4_000
    assert load.settled[-1][0] < 320


def test_with_the_plain_policy_nothing_is_handed_back() -> None:
    """Every answer counts: the writer keeps its items until their attempts are used up."""
    mixing: set[bool] = set()
    load = HotLoad(
        half_hot(400),
        Dead(),
        retry=RetryPolicy(attempts=3, base_delay=0.001, max_outage=0),
        watch=lambda policy, _: mixing.add(policy.mixing),
    )

    sink = run(load.deliver())

    assert mixing == {False}
    hot = sum(is_hot(key) for key in load.keys)
    assert sink.totals.tally.failed == hot
    assert sink.totals.tally.succeeded == 400 - hot


def test_what_breaks_the_server_is_given_up_though_its_partition_is_hot() -> None:
    """Its attempts are not forgotten by handing it back: a few requests, and it is done."""
    bad = ("hot", "bad")

    turns = itertools.cycle([False, True])

    def script(_: int, items: Sequence[Item]) -> RetryError | Sequence[Item] | None:
        if any(item.key == bad for item in items):
            throttles = len(items) == 1 and next(turns)
            return ThrottledError("no", reasons=[KEY_RANGE]) if throttles else TransientError("500")
        return [item for item in items if is_hot(item.key)][1::2]

    keys: list[Key] = [(f"user{n}", f"{n}") for n in range(20_000)]
    keys[50:50] = [bad, *(("hot", f"{n}") for n in range(1_000))]
    table = FakeTable(script, lambda _: 0.05)
    load = HotLoad(keys, table, retry=RetryPolicy(attempts=3))

    sink = run(load.deliver())

    asked = sum("bad" in dict(sent) for _, sent in table.requests)
    assert sink.totals.tally.failed == 1
    assert sink.totals.tally.succeeded == 21_000
    assert asked < 30
