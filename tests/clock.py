"""
A test loop on virtual time: it jumps over every wait, and names a deadlock when it sees one.

A test of back-off, linger or time-outs takes no real time and never sleeps::

    def test_pause() -> None:
        assert run(pause_then_answer()) == 42

Threads (``to_thread``, ``run_in_executor``, aiofiles) are waited for in real time; the clock stands
still meanwhile. Real sockets are not: their answer would arrive after the clock has jumped past
every time-out. Tests that talk to an engine run on a real loop.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Executor

__all__ = ["Deadlock", "VirtualTimeLoop", "run"]

ReturnT = TypeVar("ReturnT")

GRACE = 0.25
"""Real seconds that a thread nobody told us about has to wake the loop."""

THREAD_GRACE = 30.0
"""Real seconds that a call in the executor may take."""


class Deadlock(AssertionError):  # noqa: N818 - it is the verdict of a test, read as one
    """Every task waits and nothing is scheduled that could wake one of them."""


class _JumpingSelector(selectors.DefaultSelector):
    """Advance *now* instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.calls_in_threads = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.calls_in_threads and timeout != 0:
            return self._wait_really(THREAD_GRACE)
        if timeout is None:
            return self._wait_really(GRACE)
        ready = super().select(0)
        if not ready:
            self.now += timeout
        return ready

    def _wait_really(self, grace: float) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(grace)
        if not ready:
            raise Deadlock("every task waits and nothing is scheduled that could wake one")
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose ``time()`` starts at 0 and moves only when every task waits."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumping.now

    def run_in_executor(  # type: ignore[override]  # typeshed spells it with TypeVarTuple
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run *func* in a thread; the clock stands still until it has returned."""
        future = super().run_in_executor(executor, func, *args)
        self._jumping.calls_in_threads += 1
        future.add_done_callback(self._count_return)
        return future

    async def shutdown_default_executor(self, *timeout: float | None) -> None:
        """Join the threads in real time: asyncio's own patience, since 3.12, would be virtual."""
        self._jumping.calls_in_threads += 1
        try:
            await super().shutdown_default_executor(*timeout)
        finally:
            self._jumping.calls_in_threads -= 1

    def _count_return(self, _future: asyncio.Future[Any]) -> None:
        self._jumping.calls_in_threads -= 1


def run(main: Coroutine[Any, Any, ReturnT]) -> ReturnT:
    """Run *main* on a fresh virtual clock; raises Deadlock where it can never end."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
