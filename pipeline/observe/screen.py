"""What a person sees: the progress bar on stderr and the final report on stdout."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console
    from rich.progress import Progress

    from pipeline.observe.metrics import Metrics
    from pipeline.observe.report import Report

__all__ = ["Goal", "Ticker", "progress_bar", "render_report"]

_STYLES = {
    "succeeded": "bold green",
    "completed_with_errors": "bold yellow",
    "stopped": "bold yellow",
    "failed": "bold red",
}

_SHOWN_ERRORS = 10


class Goal(Protocol):
    """How much there is to do, as far as it is known."""

    @property
    def total(self) -> int | None:
        """Records or bytes in all; None where nobody can know (stdin)."""

    def done(self, metrics: Metrics) -> int:
        """Return how many records or bytes are done."""


class Ticker:
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
        import asyncio  # noqa: PLC0415 - the report alone is wanted without a loop

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
def progress_bar(title: str, goal: Goal, metrics: Metrics) -> Iterator[Callable[[], None]]:
    """Show a bar on stderr while the body runs; yield what redraws it."""
    from rich.console import Console  # noqa: PLC0415 - 0.1 s that a pipe need not pay

    console = Console(stderr=True)
    with _bar(console) as bar:
        task = bar.add_task(_plain(title), total=goal.total, **_fields(metrics))

        def redraw() -> None:
            bar.update(task, completed=goal.done(metrics), refresh=True, **_fields(metrics))

        yield redraw


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


def _fields(metrics: Metrics) -> dict[str, Any]:
    settled = metrics.settled
    begun, now = metrics.first_read_at, metrics.last_settled_at
    elapsed = (now - begun) if begun is not None and now is not None else 0.0
    trouble = []
    if settled.rejected:
        trouble.append(f"[red]{settled.rejected:,} rejected[/]")
    if settled.failed:
        trouble.append(f"[red]{settled.failed:,} failed[/]")
    if metrics.throttled:
        trouble.append(f"[yellow]{metrics.throttled:,} throttled[/]")
    return {
        "items": f"{settled.total:,}",
        "rate": f"{settled.total / elapsed:,.0f}" if elapsed else "-",
        "trouble": " ".join(trouble),
    }


def render_report(report: Report) -> None:
    """Print *report* on stdout for a person."""
    from rich.console import Console  # noqa: PLC0415 - as in progress_bar
    from rich.table import Table  # noqa: PLC0415 - as rich.console

    console = Console(highlight=False)
    style = _STYLES[report.status]
    dry = " (dry run: nothing was written)" if report.dry_run else ""
    console.print(
        f"[{style}]{report.status.replace('_', ' ')}[/]  "
        f"{_plain(report.name)} → table {_plain(report.table)}{dry}"
    )
    if report.message:
        where = f" (stage: {report.stage})" if report.stage else ""
        console.print(f"  {_plain(report.message)}{where}", style=style)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right")
    grid.add_column(justify="right", style="bold")
    grid.add_column(style="dim")
    for label, value, remark in _rows(report):
        grid.add_row(label, value, remark)
    console.print(grid)
    for error in report.errors[:_SHOWN_ERRORS]:
        field = f" {_plain(str(error['field']))}" if error["field"] else ""
        place = f"{_plain(str(error['source']))}:{error['line']}"
        console.print(
            f"  [red]✗[/] {place}{field}: {_plain(str(error['message']))} "
            f"[dim]({error['kind']}/{_plain(str(error['rule']))})[/]",
            soft_wrap=True,
        )
    more = report.rejected + report.failed - min(len(report.errors), _SHOWN_ERRORS)
    if more > 0:
        console.print(f"    … and {more:,} more", style="dim")
    if report.dead_letter and report.rejected + report.failed:
        console.print(f"  dead letters: {_plain(report.dead_letter)}", soft_wrap=True)


def _rows(report: Report) -> list[tuple[str, str, str]]:
    latency = report.latency_ms
    rows = [
        ("records", f"{report.records:,}", "read from the source"),
        ("total", f"{report.total:,}", "items, each counted in one of the next four lines"),
        ("succeeded", f"{report.succeeded:,}", "written to the table"),
        ("superseded", f"{report.superseded:,}", "replaced by a later record of the same key"),
        ("rejected", f"{report.rejected:,}", "refused by schema, rules or table"),
        ("failed", f"{report.failed:,}", "good, but the attempts ran out"),
    ]
    if report.unsettled:
        rows.append(("unsettled", f"{report.unsettled:,}", "may or may not be in the table"))
    rows += [
        (
            "requests",
            f"{report.requests:,}",
            f"{report.batches:,} batches, {report.retries:,} retries",
        ),
        (
            "throttled",
            f"{report.throttled:,}",
            "requests that the table took in part or not at all",
        ),
        ("write units", f"{report.consumed_wcu:,.1f}", ""),
        ("duration", f"{report.duration_s:,.2f} s", f"{report.items_per_s:,.0f} items/s"),
        ("cpu", f"{report.cpu_s:,.2f} s", ""),
    ]
    if latency["p50"] is not None:
        rows.append(("latency", f"{latency['p50']:,.1f} ms", f"p99 {latency['p99']:,.1f} ms"))
    return rows


def _plain(text: str) -> str:
    """Return *text* from a stranger's data so that it can neither style nor paint the terminal."""
    from rich.markup import escape  # noqa: PLC0415 - as rich.console

    visible = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
    return escape(visible)
