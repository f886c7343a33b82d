"""
Run the program with a watch on its event loop: how long it does not turn.

    python -m bench.reliability.probe run job.yaml

A thread asks the loop every 10 ms to call back, and sees how late it does. Time in which threads of
the program were ready to run but had no processor (the kernel counts it in ``schedstat``) is taken
off: it is the machine's. Blocking calls and long computations are not. What it saw goes as JSON to
the file that BOARD_PROBE names: the longest stalls, each with the time of day at which it began and
with the code that the loop was in, where that could be seen.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
import threading
import time
import traceback
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from pipeline.cli import main

if TYPE_CHECKING:
    import asyncio

__all__ = ["VARIABLE"]

VARIABLE = "BOARD_PROBE"
_EVERY = 0.01
_LATE = 0.04
_LONGEST_KEPT = 20


class _Watch:
    """One loop, watched from a thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread = threading.get_ident()
        self._called = threading.Event()
        self._turned_at = 0.0
        self.turns = 0
        self.stalls: list[tuple[float, float, str]] = []

    def run(self) -> None:
        """Watch until the loop is closed."""
        while True:
            waited, asked, at = self._waited(), time.monotonic(), time.time()
            self._called.clear()
            try:
                self._loop.call_soon_threadsafe(self._turn)
            except RuntimeError:  # it is closed: the run is over
                return
            where = "" if self._called.wait(_LATE) else self._where()
            if not self._called.wait(60):
                return
            late = self._turned_at - asked
            self.turns += 1
            # A thread that has ended is not counted any more: it did not wait backwards.
            now = self._waited()
            off = sum(waits - waited.get(thread, 0.0) for thread, waits in now.items())
            self._keep(late - off, at, where)
            time.sleep(_EVERY)

    def _turn(self) -> None:
        """Note when the loop turned: the watching thread may hear of it later."""
        self._turned_at = time.monotonic()
        self._called.set()

    def _keep(self, stall: float, at: float, where: str) -> None:
        self.stalls.append((round(stall, 4), at, where))
        if len(self.stalls) > 10 * _LONGEST_KEPT:
            self.stalls = sorted(self.stalls, reverse=True)[:_LONGEST_KEPT]

    def _where(self) -> str:
        """Tell which code the loop is in."""
        frame = sys._current_frames().get(self._thread)  # noqa: SLF001 - the one way to see another thread
        # `walk_stack` reads no sources: they would be megabytes, where memory is measured too.
        stack = islice(traceback.walk_stack(frame), 7) if frame is not None else ()
        return " < ".join(f"{Path(one.f_code.co_filename).name}:{line}" for one, line in stack)

    @staticmethod
    def _waited() -> dict[str, float]:
        """Return the seconds that each thread of this process waited for a processor so far."""
        waited = {}
        for thread in Path("/proc/self/task").iterdir():
            with suppress(OSError):
                waited[thread.name] = int((thread / "schedstat").read_bytes().split()[1]) / 1e9
        return waited

    def write(self, path: Path) -> None:
        """Keep what was seen."""
        longest = sorted(self.stalls, reverse=True)[:_LONGEST_KEPT]
        path.write_text(json.dumps({"turns": self.turns, "stalls": longest}))


def _watched() -> None:
    """Let each loop that the program makes be watched."""
    make = uvloop.new_event_loop

    def new_event_loop() -> uvloop.Loop:
        loop = make()
        watch = _Watch(loop)
        threading.Thread(target=watch.run, daemon=True).start()
        atexit.register(watch.write, Path(os.environ[VARIABLE]))
        return loop

    uvloop.new_event_loop = new_event_loop


if __name__ == "__main__":
    _watched()
    main()
