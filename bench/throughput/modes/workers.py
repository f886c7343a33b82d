"""How far concurrency carries a load when each answer takes its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.throughput.endpoint import null_endpoint
from bench.throughput.modes.bench import interleaved, short

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.throughput.modes.bench import Bench, Pair

__all__ = ["bound", "lines", "measure_workers"]

_SECONDS = 4.0
"""A cell is loaded for about so long: one writer at 20 ms takes 1,250 items a second."""

_BATCH = 25


def bound(workers: str, latency_ms: float) -> float:
    """Return the items a second that *workers* can write at most; infinite where nothing binds."""
    if not latency_ms or workers == "auto":
        return float("inf")
    return int(workers) * _BATCH / latency_ms * 1000


def measure_workers(
    bench: Bench, workers: Sequence[str], latencies: Sequence[float]
) -> dict[str, Any]:
    """Load with each number of *workers* (or ``auto``), into an endpoint of each latency (ms)."""

    def loads_of(count: str, latency: float) -> Callable[[], Pair]:
        most = int(min(bench.records, max(2_000.0, bound(count, latency) * _SECONDS)))
        return lambda: bench.ours(most, workers=count)

    rows: dict[str, Any] = {}
    for latency in latencies:
        with null_endpoint(latency) as endpoint:
            loads = {count: loads_of(count, latency) for count in workers}
            costs = interleaved(loads, endpoint, bench.repeat)
        rows[f"{latency:g}"] = {count: costs.figures(count) for count in workers}
    return {"records": bench.records, "repeat": bench.repeat, "rows": rows}


def lines(document: Mapping[str, Any]) -> list[str]:
    """Return the Markdown table: a line a latency, a column a number of workers."""
    rows = document["rows"]
    columns = list(next(iter(rows.values()), {}))
    found = [
        f"| latency | {' | '.join(map(_head, columns))} |",
        f"|---|{'---|' * len(columns)}",
    ]
    for latency, row in rows.items():
        cells = [_cell(row[one], bound(one, float(latency))) for one in columns]
        found.append(f"| {latency} ms | {' | '.join(cells)} |")
    return found


def _head(workers: str) -> str:
    return f"{workers} worker{'' if workers == '1' else 's'}"


def _cell(row: Mapping[str, Any], most: float) -> str:
    if "reason" in row:
        return f"not measured: {short(row['reason'])}"
    rate = row["slope_items_per_s"]
    share = "" if most == float("inf") else f" ({rate / most:.0%} of {most:,.0f})"
    return f"{rate:,.0f}{share}"
