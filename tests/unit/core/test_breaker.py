"""The breaker opens in an outage only; then one asks, at growing pauses, until it is over."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise

import pytest

from pipeline.core.backoff import RetryPolicy
from pipeline.core.breaker import Breaker
from tests.clock import run

POLICY = RetryPolicy(attempts=8, base_delay=0.05, max_delay=20.0, max_outage=900.0)


def make(policy: RetryPolicy = POLICY) -> Breaker:
    """Make a closed breaker with dice of its own."""
    return Breaker(policy, random.Random(5))


def open_at(breaker: Breaker, when: float) -> None:
    """Let five requests fail, the last of them at *when*."""
    for second in (when - 3, when - 2, when - 1, when - 0.5, when):
        breaker.failed(sent=second, now=second)


def now() -> float:
    """Return the loop's time."""
    return asyncio.get_running_loop().time()


def test_it_opens_after_five_failures_in_a_row_over_three_seconds() -> None:
    """Neither many failures in a moment nor a few over minutes are an outage."""
    many, few, both = make(), make(), make()

    opened_by_many = [many.failed(sent=0.0, now=2.9) for _ in range(1_000)]
    opened_by_few = [few.failed(sent=60.0 * n, now=60.0 * n) for n in range(4)]
    opened_by_both = [both.failed(sent=0.75 * n, now=0.75 * n) for n in range(6)]

    assert not any(opened_by_many + opened_by_few)
    assert opened_by_both == [False, False, False, False, True, False]
    assert (many.is_open, few.is_open, both.is_open) == (False, False, True)


def test_requests_that_hang_are_counted_from_when_they_were_sent() -> None:
    """Five writers that wait a minute in vain for an answer know enough."""
    breaker = make()

    opened = [breaker.failed(sent=0.0, now=60.0) for _ in range(5)]

    assert opened == [False] * 4 + [True]


@pytest.mark.parametrize("life", ["accepted", "answered"])
def test_a_sign_of_life_starts_the_row_anew_and_closes(life: str) -> None:
    """One accepted item, or one that is refused for good, and the table is not down."""
    breaker = make()

    def lives() -> float | None:
        return breaker.accepted(1) if life == "accepted" else breaker.answered()

    breaker.failed(sent=0.0, now=0.0)
    before = lives()
    open_at(breaker, 10.0)
    opened = breaker.is_open
    closed = lives()
    breaker.failed(sent=20.0, now=20.0)

    assert (before, opened, closed, breaker.is_open) == (None, True, 7.0, False)
    assert breaker.outage(1_000.0) == 980.0


def test_with_the_plain_policy_it_never_opens() -> None:
    """max_outage 0 knows no outage: a batch has its attempts."""
    breaker = make(RetryPolicy(max_outage=0))

    open_at(breaker, 10.0)

    assert not breaker.is_open
    assert not breaker.is_over(10_000.0)


async def ask(breaker: Breaker, probes: list[tuple[float, str]], name: str) -> None:
    """Send a request that fails whenever it is this writer's turn, until it closes."""
    while True:
        async with breaker.turn() as probe:
            probes.append((now(), name))
            if probe is None:
                return
            breaker.failed(sent=now(), now=now())


def test_while_it_is_open_writers_take_turns_at_growing_pauses() -> None:
    """One request at a time, after 0.5 s at most, then doubling to 5 s; first come first served."""
    breaker = make()
    probes: list[tuple[float, str]] = []

    async def main() -> None:
        open_at(breaker, 0.0)
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for name in "abc":
                group.create_task(ask(breaker, probes, name))

    with pytest.raises(TimeoutError):
        run(main())

    gaps = [after - before for (before, _), (after, _) in pairwise(probes)]
    assert probes[0][0] <= 0.5
    for gap, longest in zip(gaps, [1.0, 2.0, 4.0, *[5.0] * 100], strict=False):
        assert longest / 2 <= gap <= longest
    assert len(probes) < 60 / 2.5
    assert "".join(name for _, name in probes).startswith("abcabcabc")


def test_when_it_closes_all_come_back_soon_and_not_as_one() -> None:
    """Fifty writers that waited send again within a second, spread over it."""
    breaker = make()
    returned: list[tuple[float, str]] = []

    async def main() -> None:
        open_at(breaker, 0.0)
        async with asyncio.TaskGroup() as group:
            for number in range(50):
                group.create_task(ask(breaker, returned, str(number)))
            await asyncio.sleep(100)
            returned.clear()
            breaker.accepted(1)

    run(main())

    times = sorted(when for when, _ in returned)
    assert len(times) == 50
    assert 100 <= times[0] <= times[-1] <= 101
    assert times[-1] - times[0] > 0.5
    assert len(set(times)) > 40


def test_a_writer_asleep_in_back_off_joins_the_line() -> None:
    """A pause of twenty seconds, begun before the outage, outlasts neither its start nor end."""
    breaker = make()
    woke: list[float] = []

    async def sleep() -> None:
        await breaker.pause(20.0)
        woke.append(now())
        async with breaker.turn():
            woke.append(now())

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(sleep())
            await asyncio.sleep(4)
            open_at(breaker, now())
            await asyncio.sleep(0.1)
            breaker.accepted(1)

    run(main())

    assert woke[0] == 4
    assert 4.1 <= woke[1] <= 5.1


def test_reading_waits_while_it_is_open() -> None:
    """`wait_closed` returns at once while all is well, and after an outage when it is over."""
    breaker = make()

    async def main() -> tuple[float, float]:
        await breaker.wait_closed()
        before = now()
        open_at(breaker, 0.0)
        asyncio.get_running_loop().call_later(30, breaker.accepted, 1)
        await breaker.wait_closed()
        return before, now()

    assert run(main()) == (0.0, 30.0)


@pytest.mark.parametrize("max_outage", [0.1, 1.0, 7.0, 60.0, 900.0])
def test_the_last_probe_is_made_when_the_outage_has_lasted_long_enough(max_outage: float) -> None:
    """Neither a pause nor a probe's turn goes beyond max_outage."""
    breaker = make(RetryPolicy(max_outage=max_outage, base_delay=5.0))

    async def main() -> None:
        while not breaker.is_over(now()):
            async with breaker.turn():
                breaker.failed(sent=now(), now=now())
            await breaker.pause(0.7)
        assert now() == pytest.approx(max_outage)

    run(main())


def test_what_the_service_asks_for_is_granted_within_reason() -> None:
    """Retry-After makes a pause longer, never shorter, and by five seconds at most."""
    assert Breaker.hinted(2.0, 1.0) == 2.0
    assert Breaker.hinted(2.0, 6.0) == 6.0
    assert Breaker.hinted(2.0, 3_600.0) == 7.0


def test_a_probe_waits_for_as_long_as_the_last_answer_asked() -> None:
    """The first probe, due within half a second, is put off by a hint."""
    breaker = make()
    probes: list[tuple[float, str]] = []

    async def main() -> None:
        open_at(breaker, 0.0)
        breaker.failed(sent=0.0, now=0.0, hint=4.0)
        async with breaker.turn():
            probes.append((now(), "a"))

    run(main())

    assert probes == [(4.0, "a")]


def test_only_suspects_means_every_writer_and_for_a_while() -> None:
    """One writer with anything better is enough to wait for, and twenty seconds are no outage."""
    breaker = make()
    with breaker.stake() as one:
        one.suspect = True
        breaker.failed(sent=0.0, now=0.0)
        soon, alone = breaker.only_suspects(19.9), breaker.only_suspects(20.0)
        with breaker.stake():
            together = breaker.only_suspects(20.0)
        again = breaker.only_suspects(20.0)

    assert (soon, alone, together, again) == (False, True, False, True)


def test_where_nobody_holds_anything_nothing_is_down() -> None:
    """The last item that failed was given up; an hour later the next fault is a new one."""
    breaker = make()
    with breaker.stake():
        open_at(breaker, 10.0)

    assert not breaker.is_open
    assert not breaker.is_over(3_600.0)
