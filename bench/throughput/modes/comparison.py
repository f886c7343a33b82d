"""Our program beside others: the same file into the same endpoint, in one run of one script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.throughput.endpoint import null_endpoint
from bench.throughput.modes.bench import interleaved, short

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.throughput.modes.bench import Bench, Pair
    from bench.throughput.subjects import Subject

__all__ = ["compare", "lines", "ratio"]

_HEAD = (
    "",
    "records",
    "items/s",
    "us to them",
    "µs an item, whole",
    "us to them",
    "µs an item, slope",
    "us to them",
    "first write after",
    "peak memory",
)


def compare(bench: Bench, subjects: Sequence[Subject]) -> dict[str, Any]:
    """Load the file with each of *subjects*; one that cannot be measured stays in, with why."""
    versions: dict[str, str] = {}

    def loads_of(subject: Subject) -> Callable[[], Pair]:
        count = min(bench.records, bench.slow_records) if subject.slow else bench.records

        def make() -> Pair:
            if subject.name not in versions:
                versions[subject.name] = subject.prepare(bench)
            return subject.load(bench, count), subject.load(bench, 1)

        return make

    with null_endpoint() as endpoint:
        loads = {subject.name: loads_of(subject) for subject in subjects}
        costs = interleaved(loads, endpoint, bench.repeat)
    rows = {
        subject.name: {
            "title": subject.title,
            "version": versions.get(subject.name, ""),
            **costs.figures(subject.name),
        }
        for subject in subjects
    }
    return {"records": bench.records, "repeat": bench.repeat, "rows": rows}


def ratio(rows: Mapping[str, Mapping[str, Any]], name: str, figure: str) -> float | None:
    """Return how many times better than *name* we are in *figure*; None where there is none."""
    us, other = rows.get("us", {}).get(figure), rows.get(name, {}).get(figure)
    if us is None or other is None:
        return None
    return float(us / other) if figure.endswith("per_s") else float(other / us)


def lines(document: Mapping[str, Any]) -> list[str]:
    """Return the Markdown table of a comparison."""
    rows = document["rows"]
    found = [f"| {' | '.join(_HEAD)} |", f"|{'---|' * len(_HEAD)}"]
    for name, row in rows.items():
        title = ", ".join(filter(None, (row["title"], row["version"])))
        if "reason" in row:
            found.append(f"| {title} | not measured: {short(row['reason'])} |{' |' * 8}")
            continue
        cells = (
            title,
            f"{row['records']:,}",
            f"{row['items_per_s']:,.0f}",
            _times(ratio(rows, name, "items_per_s")),
            f"{row['cpu_us']:.1f}",
            _times(ratio(rows, name, "cpu_us")),
            f"{row['slope_cpu_us']:.1f}",
            _times(ratio(rows, name, "slope_cpu_us")),
            f"{row['start_s']:.2f} s",
            f"{row['peak_mb']:.0f} MB",
        )
        found.append(f"| {' | '.join(cells)} |")
    return found


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}" if value < 10 else f"{value:.1f}"
