"""
The longest gap between two turns of the event loop, under inputs that are made to stall it.

Each case checks a source in this process: everything that a run does, but for the requests. A timer
wants a turn every two milliseconds; the longest it had to wait is the figure, beside the processor
time that the loop's thread spent meanwhile: on a busy machine the first holds the neighbours' work
too, the second only ours (and not what a thread of ours did with the interpreter's lock in hand).
Where the wait was long, the frames that held it are named.

    python -m bench.live_loop [NAME ...]

Exits with 1 if a case stalls the loop for 100 ms of processor time.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.live_loop_cases import CASES
from pipeline.config import load
from pipeline.run import Options, check_source
from pipeline.runner import drive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from bench.live_loop_cases import Case
    from pipeline.core.flow import StopSignal

_TURN = 0.002
_LONG = 0.04
_LIMIT = 0.1


@dataclass
class Turns:
    """How long the loop kept a timer waiting; *culprits* are frames that were seen meanwhile."""

    longest: float = 0.0
    longest_cpu: float = 0.0
    culprits: Counter[str] = field(default_factory=Counter)
    last: float = 0.0
    last_cpu: float = 0.0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Measure while the body runs on this thread's loop."""
        loop, done, owner = asyncio.get_running_loop(), threading.Event(), threading.get_ident()
        self.last, self.last_cpu = time.perf_counter(), time.thread_time()

        def turn() -> None:
            now, cpu = time.perf_counter(), time.thread_time()
            self.longest = max(self.longest, now - self.last - _TURN)
            self.longest_cpu = max(self.longest_cpu, cpu - self.last_cpu)
            self.last, self.last_cpu = now, cpu
            handles[0] = loop.call_later(_TURN, turn)

        def look() -> None:
            while not done.wait(0.01):
                if time.perf_counter() - self.last > _LONG:
                    self.culprits[_place(sys._current_frames()[owner])] += 1  # noqa: SLF001 - Python's own way

        handles = [loop.call_later(_TURN, turn)]
        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            yield
        finally:
            handles[0].cancel()
            done.set()
            watcher.join()


def _place(frame: FrameType | None) -> str:
    """Name the innermost frames of the package."""
    places: list[str] = []
    while frame is not None and len(places) < 3:
        path = frame.f_code.co_filename
        if "/pipeline/" in path:
            short = path.rpartition("/pipeline/")[2]
            places.append(f"{short}:{frame.f_lineno} {frame.f_code.co_name}")
        frame = frame.f_back
    return " < ".join(places)


async def _run(definition_file: Path, runs: Path, stop: StopSignal) -> tuple[Turns, str]:
    definition = load(definition_file, environment={})
    turns = Turns()
    with turns.watched():
        options = Options(folder=definition_file.parent, runs=runs, dry_run=True)
        report = await check_source(definition, options, stop)
    told = f"{report.status} {report.records:,} records, {report.rejected:,} rejected"
    if report.message:
        told += f": {report.message}"
    return turns, told


def _measure(name: str, case: Case) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "job.yaml"
        case.write(path)
        began = time.perf_counter()
        turns, told = drive(lambda stop: _run(path, Path(folder) / "runs", stop))
        took = time.perf_counter() - began
    late = turns.longest_cpu > _LIMIT
    print(
        f"{'!!' if late else '  '} {name:32} {turns.longest * 1000:7.0f} ms "
        f"{turns.longest_cpu * 1000:7.0f} ms cpu  {took:5.1f} s  {told}",
        flush=True,
    )
    for culprit, count in turns.culprits.most_common(3) if turns.longest_cpu > _LONG else ():
        print(f"       {count:4} x {culprit}")
    return late


def main() -> None:
    """Measure the named cases, or all."""
    wanted = sys.argv[1:]
    with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):  # the log lines
        late = [
            _measure(name, case) for name, case in CASES.items() if not wanted or name in wanted
        ]
    sys.exit(any(late))


if __name__ == "__main__":
    main()
