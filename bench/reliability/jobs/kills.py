"""Kill a job at chosen moments, start it again until it ends, and count what was written twice."""

from __future__ import annotations

import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from bench.reliability.jobs.corpus import Corpus
    from bench.reliability.running import Ended, Job, Running

__all__ = ["Applied", "Battered", "Blow", "Moment", "batter", "plan_blows"]

Moment = Literal["start", "first", "middle", "closing"]
"""
When a blow falls. start: a share of the time before the first write (start-up, verification).
first: seconds after an execution's first write, where its first checkpoints are. middle: after so
many items were written by an execution. closing: seconds after the source's last record was.
"""

_LIMIT = 300.0
"""Seconds that one execution may take; then it counts as hung."""

_FIRST_WRITE = 0.8
"""Seconds to an execution's first write, until one was measured."""


@dataclass(frozen=True, slots=True)
class Blow:
    """One SIGKILL: a moment, and its measure as `Moment` explains it."""

    moment: Moment
    value: float


def plan_blows(dice: random.Random, count: int, records: int) -> list[Blow]:
    """
    Plan *count* kills that cover every phase of loading *records*.

    Two in ten fall before the first write, two around the first checkpoints, five in the middle and
    one, at least one, while the run closes. The middle ones leave a rest for the closing ones.
    """
    closing = max(1, count // 10)
    start, first = count // 5, count // 5
    middle = count - closing - start - first
    step = records / (middle + first + 2)
    blows = [
        *(Blow("start", dice.random()) for _ in range(start)),
        *(Blow("first", dice.random() * 0.2) for _ in range(first)),
        *(Blow("middle", dice.uniform(0.2, 1.4) * step) for _ in range(middle)),
    ]
    dice.shuffle(blows)
    return [*blows, *(Blow("closing", dice.random() * 0.1) for _ in range(closing))]


class Applied:
    """
    Which records the engine has applied, told by the proxy; a record is known by its ``n``.

    Called in the proxy's thread, read in the row's: each does one step at a time.
    """

    def __init__(self, corpus: Corpus) -> None:
        self._before = bytearray(corpus.records)
        self._now: set[int] = set()
        self._last = corpus.last
        self.first_at: float | None = None

    def __call__(self, items: list[dict[str, Any]]) -> None:
        """Note the items of one request."""
        if self.first_at is None:
            self.first_at = time.monotonic()
        self._now.update(int(item["n"]["N"]) for item in items)

    @property
    def now(self) -> int:
        """How many records this execution has written."""
        return len(self._now)

    @property
    def complete(self) -> bool:
        """Whether the source's last record was written, by this execution or an earlier one."""
        return self._last in self._now or bool(self._before[self._last])

    def next_execution(self) -> int:
        """Begin to count for another execution; return how many the last one wrote anew."""
        written, self._now, self.first_at = self._now, set(), None
        again = sum(self._before[ordinal] for ordinal in written)
        for ordinal in written:
            self._before[ordinal] = 1
        return again


@dataclass(slots=True)
class Battered:
    """
    What came of a job that was killed again and again.

    *rewritten* counts, for each execution but the first, the records that it wrote although an
    earlier one had; *last* is the execution that ended by itself.
    """

    struck: Counter[str] = field(default_factory=Counter)
    rewritten: list[int] = field(default_factory=list)
    last: Ended | None = None
    left: list[Blow] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """How many executions were killed."""
        return self.struck.total()


def batter(
    job: Job,
    applied: Applied,
    blows: Sequence[Blow],
    before: Callable[[], None] = lambda: None,
) -> Battered:
    """
    Start *job*, kill it as *blows* say, one an execution, until it ends by itself.

    The blows that are left when it does are in the result. *applied* is what the proxy tells,
    *before* is called before each execution.
    """
    told = Battered(left=list(blows))
    first_write = _FIRST_WRITE
    executions = 0
    while told.last is None:
        blow = told.left.pop(0) if told.left else None
        before()
        running = job.start()
        struck = blow is not None and _wait_for(blow, running, applied, first_write)
        if struck:
            running.signal(signal.SIGKILL)
        ended = running.wait(_LIMIT)
        if applied.first_at is not None:
            first_write = 0.5 * first_write + 0.5 * (applied.first_at - running.started)
        again = applied.next_execution()
        told.rewritten += [again] if executions else []
        executions += 1
        if struck and ended.code == -signal.SIGKILL and blow is not None:
            told.struck[blow.moment] += 1
        if not struck or ended.hung or _closed(job):
            told.last = ended
    return told


def _wait_for(blow: Blow, running: Running, applied: Applied, first_write: float) -> bool:
    """Wait for the moment of *blow*; tell whether the execution still runs then."""
    if blow.moment == "start":
        return running.alive_after(blow.value * first_write)
    if blow.moment == "middle":
        return _wait_until(running, lambda: applied.now >= blow.value)
    if blow.moment == "first":
        reached = _wait_until(running, lambda: applied.now > 0)
    else:
        # An execution with nothing left to write closes soon after the time of a first write.
        late = running.started + first_write
        reached = _wait_until(
            running, lambda: applied.complete and (applied.now > 0 or time.monotonic() > late)
        )
    return reached and running.alive_after(blow.value)


def _wait_until(running: Running, reached: Callable[[], bool]) -> bool:
    """Wait until it is *reached*; False if the execution ends before, or takes too long."""
    deadline = running.started + _LIMIT
    while not reached():
        if time.monotonic() > deadline or not running.alive_after(0.003):
            return False
    return True


def _closed(job: Job) -> bool:
    """Tell whether the newest run is finished, although its process was killed."""
    folder = job.runs / "latest"
    return (folder / "report.json").exists() and not (folder / "unfinished").exists()
