"""The virtual clock that the other tests rely on."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.clock import Deadlock, run


def test_an_hour_takes_no_time() -> None:
    """A wait moves the clock by exactly its length, and costs nothing."""

    async def nap() -> float:
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    started = time.monotonic()
    assert run(nap()) == 3600
    assert time.monotonic() - started < 60


def test_timers_fire_in_the_order_of_their_times() -> None:
    """What is due earlier happens earlier, whatever was scheduled first."""
    seen: list[str] = []

    async def say(word: str, after: float) -> None:
        await asyncio.sleep(after)
        seen.append(word)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(say("late", 2.0))
            group.create_task(say("early", 0.5))

    run(main())
    assert seen == ["early", "late"]


def test_a_deadlock_is_named() -> None:
    """A producer without a consumer ends as Deadlock and not as a test that hangs."""

    async def fill() -> None:
        queue: asyncio.Queue[int] = asyncio.Queue(1)
        await queue.put(1)
        await queue.put(2)

    with pytest.raises(Deadlock):
        run(fill())


def test_the_clock_waits_for_a_thread() -> None:
    """A time-out does not fire while a thread still works: threads take real time, not virtual."""

    async def main() -> int:
        async with asyncio.timeout(0.001):
            return await asyncio.to_thread(lambda: sum(range(1_000_000)))

    assert run(main()) == 499_999_500_000
