"""Recording: a run's timeline is written while it runs, and never in its way."""

from __future__ import annotations

import asyncio
import json
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pipeline.observe.lines import LineWriter
from pipeline.observe.timeline.reading import FILE, last_number
from pipeline.observe.timeline.sample import Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipeline.observe.logs import Log
    from pipeline.observe.metrics import Metrics
    from pipeline.observe.progress import Goal, Start
    from pipeline.observe.timeline.sample import Sample

__all__ = ["recording", "spacing"]

_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC

_LINES_A_STEP: Final = 600
_STEPS: Final = 6
_WIDEST: Final = 60.0


def spacing(lines: int) -> float:
    """
    Return the seconds between two lines after *lines* of an attempt: 1, 2, 4, … up to 60.

    It doubles every 600 lines, so that a day is 4,400 lines (2 MB), and each day more 1,440.
    """
    return min(_WIDEST, 2.0 ** min(_STEPS, lines // _LINES_A_STEP))


@contextmanager
def recording(
    folder: Path, start: Start, goal: Goal, metrics: Metrics, log: Log
) -> Iterator[Callable[[], Sample]]:
    """
    Write ``timeline.jsonl`` in a run's *folder* while the body runs; yield what takes a look.

    Its first line is of the *start*; then one comes every `spacing` seconds, and at the end. What
    goes on is a run that was resumed, or a new file with mode 0600. A file that cannot be written
    costs lines and a warning, in the log and in *metrics*; the body never waits for it.
    """
    loop = asyncio.get_running_loop()
    try:
        writer = _opened(folder / FILE)
    except OSError as error:
        _warn(error, metrics, log)
        writer = None
    meter = Meter(start, goal, first=0 if writer is None else writer.first)
    write = (lambda _: None) if writer is None else writer.write
    write(meter.take(start.at, start.begun))
    meter.follow(metrics)
    try:
        with _ticking(loop, start.begun, lambda: write(meter.take(time.time(), loop.time()))):
            yield lambda: meter.look(time.time(), loop.time())
    finally:
        if writer is not None and (failure := writer.close()) is not None:
            _warn(failure, metrics, log)


@contextmanager
def _ticking(
    loop: asyncio.AbstractEventLoop, begun: float, line: Callable[[], None]
) -> Iterator[None]:
    """Write a line again and again, and at the end, by a timer that arms itself."""
    handle: asyncio.TimerHandle | None = None
    lines, due = 1, begun

    def arm() -> None:
        nonlocal handle, due
        # By the plan, not by when this was called: a line a second, not one each 1.01 s.
        due = max(due + spacing(lines), loop.time())
        handle = loop.call_at(due, fire)

    def fire() -> None:
        nonlocal lines
        line()
        lines += 1
        arm()

    arm()
    try:
        yield
    finally:
        if handle is not None:
            handle.cancel()
        line()


class _Writer:
    """Lines to a file, through a thread; *first* is the number of the next one."""

    def __init__(self, descriptor: int, first: int) -> None:
        self._descriptor = descriptor
        self._lines = LineWriter(descriptor, owned=True)
        self.first = first

    def start(self) -> None:
        self._lines.start()

    def write(self, sample: Sample) -> None:
        self._lines.write(json.dumps(sample.as_json(), separators=(",", ":")).encode())

    def close(self) -> OSError | None:
        """Write what is queued; return why that failed, if so."""
        if self._lines.close():
            os.close(self._descriptor)
        return self._lines.failure


def _opened(path: Path) -> _Writer:
    descriptor = os.open(path, _FLAGS, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        writer = _Writer(descriptor, last_number(descriptor) + 1)
        writer.start()
    except OSError:
        os.close(descriptor)
        raise
    return writer


def _warn(error: OSError, metrics: Metrics, log: Log) -> None:
    log.warning("timeline.unwritable", reason=error.strerror)
    metrics.warnings.append(
        f"the timeline cannot be written: {error.strerror}; the charts of this run have gaps, and "
        "nothing else is lost"
    )
