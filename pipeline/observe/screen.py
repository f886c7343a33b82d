"""The report for a person, on stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.text import printable

if TYPE_CHECKING:
    from pipeline.observe.report import Report

__all__ = ["plain", "render_report"]

_STYLES = {
    "succeeded": "bold green",
    "completed_with_errors": "bold yellow",
    "stopped": "bold yellow",
    "failed": "bold red",
}

_SHOWN_ERRORS = 10


def render_report(report: Report) -> None:
    """Print *report* on stdout for a person."""
    from rich.console import Console  # noqa: PLC0415 - as in progress_bar
    from rich.table import Table  # noqa: PLC0415 - as rich.console

    console = Console(highlight=False, emoji=False)
    style = _STYLES[report.status]
    dry = " (dry run: nothing was written)" if report.dry_run else ""
    console.print(
        f"[{style}]{report.status.replace('_', ' ')}[/]  "
        f"{plain(report.name)} → table {plain(report.table)}{dry}"
    )
    if report.message:
        where = f" (stage: {report.stage})" if report.stage else ""
        console.print(f"  {plain(report.message)}{where}", style=style)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right")
    grid.add_column(justify="right", style="bold")
    grid.add_column(style="dim")
    for label, value, remark in _rows(report):
        grid.add_row(label, value, remark)
    console.print(grid)
    for warning in report.warnings:
        console.print(f"  [yellow]![/] {plain(warning)}", soft_wrap=True)
    for error in report.errors[:_SHOWN_ERRORS]:
        field = f" {plain(str(error['field']))}" if error["field"] else ""
        place = f"{plain(str(error['source']))}:{error['line']}"
        console.print(
            f"  [red]✗[/] {place}{field}: {plain(str(error['message']))} "
            f"[dim]({error['kind']}/{plain(str(error['rule']))})[/]",
            soft_wrap=True,
        )
    more = report.rejected + report.failed - min(len(report.errors), _SHOWN_ERRORS)
    if more > 0:
        console.print(f"    … and {more:,} more", style="dim")
    if report.dead_letter and report.rejected + report.failed:
        console.print(f"  dead letters: {plain(report.dead_letter)}", soft_wrap=True)


def _rows(report: Report) -> list[tuple[str, str, str]]:
    latency = report.latency_ms
    done = "would have been written" if report.dry_run else "written to the table"
    rows = [
        ("records", f"{report.records:,}", "read from the source"),
        ("total", f"{report.total:,}", "items, each counted in one of the next four lines"),
        ("succeeded", f"{report.succeeded:,}", done),
        ("superseded", f"{report.superseded:,}", "replaced by a later record of the same key"),
        ("rejected", f"{report.rejected:,}", "refused by schema, rules or table"),
        ("failed", f"{report.failed:,}", "good, but the attempts ran out"),
    ]
    if report.resumed_from is not None:
        start = report.resumed_from
        where = f"this one began after record {start['record']:,} of {plain(str(start['part']))}"
        rows.insert(0, ("attempts", f"{report.attempts:,}", where))
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
    return rows + _pace(report)


def _pace(report: Report) -> list[tuple[str, str, str]]:
    """Return what limited the sending in the end, and what ``auto`` came to; nothing if nothing."""
    rows = []
    if report.pace is not None:
        given = report.rate is not None and report.pace >= report.rate
        why = "as write.rate says" if given else "what the table turned out to take"
        rows.append(("pace", f"{report.pace:,.0f}", f"write units a second, {why}"))
    if report.in_flight is not None:
        rows.append(
            ("in flight", f"{report.in_flight:,}", "requests at once, found by workers: auto")
        )
    return rows


def plain(text: str) -> str:
    """Return *text* from a stranger's data so that it can neither style nor paint the terminal."""
    from rich.markup import escape  # noqa: PLC0415 - as rich.console

    return escape(printable(text))
