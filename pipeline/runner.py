"""Runner: drive one piece of work on a fast event loop, and turn signals into stops."""

from __future__ import annotations

import asyncio
import gc
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.core.flow import StopSignal

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

__all__ = ["Interrupted", "drive", "loop_factory", "tune_collector"]

T = TypeVar("T")

_STOPPING = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):  # noqa: N818 - a wish, not a fault
    """A signal came before there was anything that could be stopped softly."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number.name)
        self.signal = number


def drive(work: Callable[[StopSignal], Coroutine[Any, Any, T]]) -> T:
    """
    Run *work* to its end on uvloop, where that is installed.

    The first SIGINT or SIGTERM requests a soft stop, the second a hard one. Before the work has
    anything in flight a signal simply ends it: `Interrupted`. After that, for the rest of the
    process, SIGINT is ignored: what is done will be reported.
    """
    tune_collector()
    caught: list[signal.Signals] = []

    async def guarded() -> T:
        stop = StopSignal()
        with _signals(stop, caught):
            return await work(stop)

    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(guarded())
    except asyncio.CancelledError:
        if not caught:
            raise
        raise Interrupted(caught[0]) from None


@contextmanager
def _signals(stop: StopSignal, caught: list[signal.Signals]) -> Iterator[None]:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def on_signal(number: signal.Signals) -> None:
        caught.append(number)
        if stop.running and not stop.requested:
            stop.request(number.name.lower())
        elif stop.running:
            stop.abort()
        elif not stop.started and task is not None:
            task.cancel()
        # Else the work is done and only its report is left: that is not given up.

    for number in _STOPPING:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        for number in _STOPPING:
            loop.remove_signal_handler(number)
        if stop.started:
            # An impatient Ctrl-C must not cost the report; whoever means it has SIGTERM.
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def tune_collector() -> None:
    """Collect garbage from now on, seldom, and none of what was imported."""
    # What is loaded has no cycles, and a collection that walks the two million values of a record
    # in one go would stall the loop.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    gc.enable()


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the fast event loop; None: there is none here but asyncio's own."""
    try:
        import uvloop  # noqa: PLC0415 - it is not there on Windows
    except ImportError:  # asyncio's own loop does the same, more slowly
        return None
    return uvloop.new_event_loop
