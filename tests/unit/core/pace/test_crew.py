"""Writers rest while more of them would bring nothing, and hold nothing then."""

from __future__ import annotations

import asyncio

from pipeline.core.pace.crew import Crew
from pipeline.core.pace.flight import InFlight
from tests.clock import run


class Fixed(InFlight):
    """A limit that is set by hand."""

    def answered(self, units: float, latency: float, now: float, *, short: bool) -> bool:
        """Set the limit to *units*."""
        del latency, now, short
        self.limit = int(units)
        return True


def test_as_many_work_as_the_limit_says() -> None:
    """Those that are too many rest before their next batch, and are called when it grows."""
    crew = Crew(Fixed())
    working: list[int] = []

    async def writer(number: int) -> None:
        await crew.begin()
        while True:
            working.append(number)
            await asyncio.sleep(1)
            await crew.rest()

    async def main() -> list[int]:
        counts = []
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(writer(number)) for number in range(20)]
            await asyncio.sleep(0.5)
            for limit in (5, 12, 3, 3):
                crew.answered(limit, 0.1, short=True)
                working.clear()
                await asyncio.sleep(1)
                counts.append(len(set(working)))
            for task in tasks:
                task.cancel()
        return counts

    assert run(main()) == [5, 12, 3, 3]


def test_all_go_on_when_the_stream_ends() -> None:
    """Nobody rests for ever: at the end every writer sees it."""
    crew = Crew(Fixed())

    async def writer() -> None:
        await crew.begin()

    async def main() -> None:
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(writer())
            await asyncio.sleep(1)
            crew.disband()

    run(main())


def test_without_a_limit_nobody_rests() -> None:
    """A number that is given is the number of writers."""
    crew = Crew()

    async def main() -> None:
        async with asyncio.timeout(0):
            for _ in range(300):
                await crew.begin()
                await crew.rest()

    run(main())
    assert crew.limit is None
