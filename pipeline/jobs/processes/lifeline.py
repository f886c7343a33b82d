"""
Lifeline: a process that ends softly when it is asked to, or when whoever started it is gone.

Its stdin is the line: what it is to do comes first, and its end says that nobody waits any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pipeline.core.flow import StopSignal
from pipeline.core.text import printable
from pipeline.runner import loop_factory, tune_collector
from pipeline.state.durable import write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["CODES", "EndedEarly", "Lifeline", "quiet", "say"]

T = TypeVar("T")

_STDIN, _STDERR = 0, 2
_LONGEST_LINE: Final = 1024 * 1024
_MOST_SAID: Final = 4_096
_GRACE: Final = 6.0
"""Seconds for what is in flight; with the end of a process they stay within the server's grace."""

CODES: Final = {signal.SIGHUP: 129, signal.SIGINT: 130, signal.SIGTERM: 143}


class EndedEarly(Exception):  # noqa: N818 - a wish, not a fault
    """It was asked to end before there was anything to end softly; *code* is its exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Lifeline:
    """
    The wishes of whoever started this process; to be made in its main thread.

    The first SIGTERM or SIGINT, or the end of stdin, which counts as *at_end*, is a soft stop;
    those that follow change nothing: a service manager signals a server and its jobs at once, and
    the server its jobs in turn. What must end at once is killed.
    """

    def __init__(self, at_end: signal.Signals = signal.SIGTERM) -> None:
        self._at_end = at_end
        self._wishes = {signal.SIGINT, signal.SIGTERM, at_end}
        self._wish: signal.Signals | None = None
        self._act: Callable[[signal.Signals], None] | None = None
        self._over = False

    def install(self) -> None:
        """Take signals from now on; until there is work for them they end the process."""
        for number in self._wishes:
            signal.signal(number, self._caught)

    def let_go(self) -> None:
        """Take no signal any more: the outcome is known, and what is left is to tell it."""
        # The interpreter, when it ends, gives back what it would take, and that would kill it.
        for number in self._wishes:
            signal.signal(number, signal.SIG_IGN)

    def read_line(self) -> bytes:
        """
        Return the first line of stdin, and watch for its end from then on.

        Raise ValueError if it ends before the line does, or if the line is a mebibyte long.
        """
        line = bytearray()
        while b"\n" not in line:
            piece = os.read(_STDIN, 65_536)
            line += piece
            if not piece or len(line) > _LONGEST_LINE:
                raise ValueError("no line came on stdin")
        self.watch()
        return bytes(line.partition(b"\n")[0])

    def watch(self) -> None:
        """Look out for the end of stdin from now on, whatever else comes there."""
        # Not on the event loop: what stdin is may be nothing that it can wait for. A daemon, since
        # nobody can end a read.
        threading.Thread(target=self._watch, daemon=True, name="lifeline").start()

    def drive(self, work: Callable[[StopSignal], Coroutine[Any, Any, T]]) -> T:
        """
        Run *work* to its end; a wish is a soft stop of it. To be called once.

        Raise `EndedEarly` for one that comes before the work has anything in flight. Once the work
        is done no wish counts any more: its outcome is told.
        """
        tune_collector()

        async def guarded() -> T:
            stop, task, loop = (
                StopSignal(_GRACE),
                asyncio.current_task(),
                asyncio.get_running_loop(),
            )

            def soft(wish: signal.Signals) -> None:
                if stop.started:
                    stop.request(wish.name.lower())
                elif task is not None:
                    task.cancel()

            def act(wish: signal.Signals) -> None:
                with contextlib.suppress(RuntimeError):  # the loop is closed: all is done
                    loop.call_soon_threadsafe(soft, wish)

            self._act = act
            if self._wish is not None:
                raise EndedEarly(CODES[self._wish])
            try:
                return await work(stop)
            finally:
                self._over = True

        try:
            with asyncio.Runner(loop_factory=loop_factory()) as runner:
                return runner.run(guarded())
        except asyncio.CancelledError:
            if self._wish is None:
                raise
            raise EndedEarly(CODES[self._wish]) from None

    def _caught(self, number: int, _: object) -> None:
        if self._over or self._wish is not None:
            return
        self._wish = signal.Signals(number)
        if self._act is None:
            raise EndedEarly(CODES[self._wish])
        self._act(self._wish)

    def _watch(self) -> None:
        with contextlib.suppress(OSError):
            while os.read(_STDIN, 65_536):
                pass
        os.kill(os.getpid(), self._at_end)


def quiet() -> None:
    """Let nothing but `say` write to stdout and stderr: a library's words may hold values."""
    sys.stdout = sys.stderr = None


class _Teller:
    left = _MOST_SAID


def say(text: str) -> None:
    """Tell whoever started this process *text* on stderr, 4 KB in all; nobody may listen."""
    told = printable(text, lines=True).encode("utf-8", "backslashreplace")[: _Teller.left]
    _Teller.left -= len(told)
    with contextlib.suppress(OSError):
        write_all(_STDERR, told + b"\n")
