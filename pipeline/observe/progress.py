"""Progress: a bar on stderr for a person, an event every few seconds for a log."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, Any, Protocol, cast

from pipeline.observe.frames import FrameWriter
from pipeline.observe.screen import plain
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from rich.console import Console
    from rich.progress import Progress

    from pipeline.observe.logs import Log
    from pipeline.observe.metrics import Metrics
    from pipeline.observe.timeline import Sample

__all__ = ["Goal", "Start", "recorded", "watched"]

_REDRAW = 0.1
_TELL = 5.0
_FIRST_LINE = 0.25
"""Seconds after which the timeline is begun: not while the first batch is on its way."""

_STALLED = 3.0
"""Seconds without a settled item after which a person is told."""


class Countable(Protocol):
    """A part of a source, as far as its size is known."""

    @property
    def size(self) -> int | None:
        """Bytes as it lies on disk."""

    @property
    def records(self) -> int | None:
        """How many records it has."""


@dataclass(frozen=True, slots=True)
class Goal:
    """
    How much there is to do: bytes on disk where every part has a size, else records.

    *limit* is the most records that will be read.
    """

    parts: Sequence[Countable]
    limit: int | None = None

    @property
    def total(self) -> int | None:
        """Bytes or records in all; None where nobody can know (stdin)."""
        if self.in_bytes:
            return sum(part.size or 0 for part in self.parts)
        if any(part.records is None for part in self.parts):
            return self.limit
        count = sum(part.records or 0 for part in self.parts)
        return count if self.limit is None else min(count, self.limit)

    def done(self, metrics: Metrics) -> int:
        """Return how many bytes or records are done with."""
        return metrics.done(in_bytes=self.in_bytes)

    @property
    def in_bytes(self) -> bool:
        """Whether what is done is measured in bytes."""
        return self.limit is None and all(part.size is not None for part in self.parts)


@contextmanager
def watched(name: str, goal: Goal, metrics: Metrics, log: Log, *, bar: bool) -> Iterator[None]:
    """Show progress while the body runs."""
    if bar:
        with _progress_bar(name, goal, metrics) as redraw, _Ticker(_REDRAW, redraw).running():
            yield
        return

    def tell() -> None:
        settled = metrics.settled
        log.info(
            "run.progress",
            read=metrics.read,
            settled=settled.total,
            rejected=settled.rejected,
            failed=settled.failed,
            throttled=metrics.throttled,
            retries=metrics.retries,
            idle_s=round(_idle(metrics), 1),
            pace=None if metrics.pace is None else metrics.pace.shown,
            in_flight=None if metrics.crew is None else metrics.crew.limit,
        )

    with _Ticker(_TELL, tell).running():
        yield


@dataclass(frozen=True, slots=True)
class Start:
    """
    How an attempt began: its number, when, and where the *metrics* stood.

    *at* is in seconds since 1970, *begun* on the loop's clock.
    """

    attempt: int
    at: float
    begun: float
    metrics: Metrics


@contextmanager
def recorded(
    folder: Path, attempt: int, goal: Goal, metrics: Metrics, log: Log
) -> Iterator[Callable[[], Sample]]:
    """Keep the timeline while the body runs; yield what takes a look. See `recording`."""
    loop = asyncio.get_running_loop()
    start = Start(attempt, time.time(), loop.time(), metrics.copy())
    taking: Callable[[], Sample] | None = None
    with ExitStack() as stack:

        def begin() -> Callable[[], Sample]:
            nonlocal taking
            if taking is None:
                from pipeline.observe.timeline.recording import recording  # noqa: PLC0415 - as said

                taking = stack.enter_context(recording(folder, start, goal, metrics, log))
            return taking

        def look() -> Sample:
            return begin()()

        timer = loop.call_later(_FIRST_LINE, begin)
        try:
            yield look
        finally:
            timer.cancel()
            begin()


class _Ticker:
    """
    Call *tick* every *interval* seconds on the running loop, without a task of its own.

    A task would have to be ended; a timer that arms itself only has to be cancelled.
    """

    def __init__(self, interval: float, tick: Callable[[], None]) -> None:
        self._interval = interval
        self._tick = tick

    @contextmanager
    def running(self) -> Iterator[None]:
        """Tick while the body runs, and once more at its end."""
        loop = asyncio.get_running_loop()
        handle: asyncio.TimerHandle | None = None

        def fire() -> None:
            nonlocal handle
            self._tick()
            handle = loop.call_later(self._interval, fire)

        handle = loop.call_later(self._interval, fire)
        try:
            yield
        finally:
            handle.cancel()
            self._tick()


@contextmanager
def _progress_bar(title: str, goal: Goal, metrics: Metrics) -> Iterator[Callable[[], None]]:
    """Show a bar on stderr while the body runs; yield what redraws it."""
    from rich.console import Console  # noqa: PLC0415 - 0.1 s that a pipe need not pay

    terminal = FrameWriter(sys.stderr.fileno())
    terminal.start()
    try:
        with _bar(Console(file=cast("IO[str]", terminal), emoji=False)) as bar:
            task = bar.add_task(plain(title), total=goal.total, **_fields(metrics))

            def redraw() -> None:
                bar.update(task, completed=goal.done(metrics), refresh=True, **_fields(metrics))

            yield redraw
    finally:
        terminal.end()


def _bar(console: Console) -> Progress:
    from rich import progress  # noqa: PLC0415 - as rich.console

    return progress.Progress(
        progress.TextColumn("[bold]{task.description}"),
        progress.BarColumn(bar_width=24),
        progress.TaskProgressColumn(),
        progress.TextColumn("{task.fields[items]} items"),
        progress.TextColumn("{task.fields[rate]}/s"),
        progress.TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        progress.TextColumn("{task.fields[trouble]}"),
        console=console,
        auto_refresh=False,
        transient=True,
    )


def _idle(metrics: Metrics) -> float:
    """Return for how many seconds nothing was settled, since the first read."""
    since = metrics.last_settled_at or metrics.first_read_at
    return 0.0 if since is None else asyncio.get_running_loop().time() - since


def _fields(metrics: Metrics) -> dict[str, Any]:
    settled = metrics.settled
    begun, now = metrics.first_read_at, metrics.last_settled_at
    elapsed = (now - begun) if begun is not None and now is not None else 0.0
    trouble = []
    if metrics.activity is not None:
        trouble.append(f"[cyan]{plain(metrics.activity)}[/]")
    if settled.rejected:
        trouble.append(f"[red]{settled.rejected:,} rejected[/]")
    if settled.failed:
        trouble.append(f"[red]{settled.failed:,} failed[/]")
    if metrics.throttled:
        trouble.append(f"[yellow]{metrics.throttled:,} throttled[/]")
    if metrics.pace is not None and (pace := metrics.pace.shown) is not None:
        trouble.append(f"[cyan]at most {pace:,.0f} units/s[/]")
    if (idle := _idle(metrics)) >= _STALLED:
        trouble.append(f"[yellow]nothing settled for {idle:,.0f} s, {metrics.retries:,} retries[/]")
    return {
        "items": f"{settled.total:,}",
        "rate": f"{(settled.total - metrics.carried) / elapsed:,.0f}" if elapsed else "-",
        "trouble": " ".join(trouble),
    }
