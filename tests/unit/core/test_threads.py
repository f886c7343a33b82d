"""Work in a thread that is waited for whatever happens to the one who waits."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pipeline.core.threads import settled
from tests.clock import run


def test_the_result_and_the_error_come_through() -> None:
    """As of any call."""

    def fail() -> None:
        raise OSError("no room")

    assert run(settled(lambda: max(3, 4))) == 4
    with pytest.raises(OSError, match="no room"):
        run(settled(fail))


@pytest.mark.parametrize("cancels", [1, 2])
def test_a_cancellation_waits_for_the_end_of_the_work(cancels: int) -> None:
    """However often it is asked for; then it is obeyed."""
    may_end = threading.Event()
    ended: list[str] = []

    def work() -> None:
        may_end.wait(10)
        ended.append("work")

    async def main() -> None:
        task = asyncio.get_running_loop().create_task(settled(work))
        await asyncio.sleep(0)
        for _ in range(cancels):
            task.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert not task.done()
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        ended.append("task")

    run(main())

    assert ended == ["work", "task"]
