"""The same records in each format, by our program: rates relative to JSONL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.throughput.endpoint import null_endpoint
from bench.throughput.modes.bench import interleaved, short
from bench.throughput.records import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.throughput.modes.bench import Bench, Pair
    from bench.throughput.records import Format

__all__ = ["lines", "measure_formats", "relative"]


def measure_formats(bench: Bench) -> dict[str, Any]:
    """Load the file in each format."""

    def loads_of(form: Format) -> Callable[[], Pair]:
        return lambda: bench.ours(bench.records, form)

    with null_endpoint() as endpoint:
        costs = interleaved({form: loads_of(form) for form in FORMATS}, endpoint, bench.repeat)
    rows = {
        form: {"bytes": bench.source(bench.records, form).stat().st_size, **costs.figures(form)}
        for form in FORMATS
    }
    return {"records": bench.records, "repeat": bench.repeat, "rows": rows}


def relative(rows: Mapping[str, Mapping[str, Any]], form: str, figure: str) -> float | None:
    """Return the rate of *form* as a share of JSONL's; processor time counts as its inverse."""
    plain, other = rows["jsonl"].get(figure), rows[form].get(figure)
    if plain is None or other is None:
        return None
    return float(other / plain) if figure.endswith("per_s") else float(plain / other)


def lines(document: Mapping[str, Any]) -> list[str]:
    """Return the Markdown table of the formats."""
    found = [
        "| format | MB | items/s | of JSONL's | µs an item, slope | rate by processor time |",
        "|---|---|---|---|---|---|",
    ]
    rows = document["rows"]
    for form, row in rows.items():
        if "reason" in row:
            found.append(f"| {form} | not measured: {short(row['reason'])} | | | | |")
            continue
        wall = relative(rows, form, "slope_items_per_s")
        cpu = relative(rows, form, "slope_cpu_us")
        assert wall is not None
        assert cpu is not None
        found.append(
            f"| {form} | {row['bytes'] / 1e6:.1f} | {row['slope_items_per_s']:,.0f} | {wall:.0%} "
            f"| {row['slope_cpu_us']:.1f} | {cpu:.0%} |"
        )
    return found
