"""How processor time and memory change as the number of records, or their size, grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.throughput.endpoint import null_endpoint
from bench.throughput.modes.bench import interleaved, short

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.throughput.modes.bench import Bench, Pair

__all__ = ["count_lines", "item_lines", "measure_counts", "measure_item_sizes", "spread"]

_BYTES_OF_A_RUN = 100_000_000
"""Of larger records fewer are loaded, so that a run takes no longer."""


def measure_counts(bench: Bench, counts: Sequence[int]) -> dict[str, Any]:
    """Load files of *counts* records."""

    def loads_of(count: int) -> Callable[[], Pair]:
        return lambda: bench.ours(count)

    with null_endpoint() as endpoint:
        costs = interleaved({str(one): loads_of(one) for one in counts}, endpoint, bench.repeat)
    rows = {str(one): {"repeat": bench.repeat, **costs.figures(str(one))} for one in counts}
    return {"rows": rows}


def spread(rows: Mapping[str, Mapping[str, Any]], figure: str) -> float | None:
    """Return by what share the largest *figure* exceeds the smallest; None without two of them."""
    found = [row[figure] for row in rows.values() if figure in row]
    return max(found) / min(found) - 1 if len(found) > 1 and min(found) > 0 else None


def count_lines(document: Mapping[str, Any]) -> list[str]:
    """Return the Markdown table of the numbers of records."""
    found = [
        "| records | runs | items/s | µs an item, whole | µs an item, slope | peak memory |",
        "|---|---|---|---|---|---|",
    ]
    for count, row in document["rows"].items():
        if "reason" in row:
            found.append(f"| {int(count):,} | not measured: {short(row['reason'])} | | | | |")
            continue
        found.append(
            f"| {int(count):,} | {row['repeat']} | {row['items_per_s']:,.0f} | {row['cpu_us']:.1f} "
            f"| {row['slope_cpu_us']:.1f} | {row['peak_mb']:.0f} MB |"
        )
    return found


def measure_item_sizes(bench: Bench, sizes: Sequence[int]) -> dict[str, Any]:
    """Load records of *sizes* bytes of JSON each."""

    def loads_of(size: int) -> Callable[[], Pair]:
        count = max(1, min(bench.records, _BYTES_OF_A_RUN // size))
        return lambda: bench.ours(count, size=size)

    with null_endpoint() as endpoint:
        loads = {str(size): loads_of(size) for size in sizes}
        costs = interleaved(loads, endpoint, bench.repeat)
    rows = {str(size): costs.figures(str(size)) for size in sizes}
    return {"records": bench.records, "repeat": bench.repeat, "rows": rows}


def item_lines(document: Mapping[str, Any]) -> list[str]:
    """Return the Markdown table of the sizes of records."""
    found = [
        "| bytes a record | records | items/s | MB/s | µs an item, slope | ns a byte | requests |",
        "|---|---|---|---|---|---|---|",
    ]
    for size, row in document["rows"].items():
        if "reason" in row:
            found.append(f"| {int(size):,} | not measured: {short(row['reason'])} | | | | | |")
            continue
        rate = row["slope_items_per_s"]
        found.append(
            f"| {int(size):,} | {row['records']:,} | {rate:,.0f} | {rate * int(size) / 1e6:.1f} "
            f"| {row['slope_cpu_us']:.1f} | {row['slope_cpu_us'] * 1000 / int(size):.0f} "
            f"| {row['requests']:,} |"
        )
    return found
