"""Our program beside others: the same file into the same endpoint, in one run of one script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.throughput.endpoint import null_endpoint
from bench.throughput.modes.bench import Cost
from bench.throughput.running import BenchError, measure, median

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.throughput.modes.bench import Bench
    from bench.throughput.running import Measured
    from bench.throughput.subjects import Subject

__all__ = ["compare", "lines", "ratio"]

_HEAD = (
    "",
    "records",
    "items/s",
    "ratio",
    "µs an item, whole",
    "ratio",
    "µs an item, slope",
    "ratio",
    "start to first write",
    "peak",
)


def compare(bench: Bench, subjects: Sequence[Subject], slow_records: int) -> dict[str, Any]:
    """
    Load the file with each of *subjects*, in turns, so that a slow minute meets all of them.

    A program that cannot be installed, or does not load all records, stays in with the reason.
    """
    rows: dict[str, dict[str, Any]] = {}
    with null_endpoint() as endpoint:
        runs: dict[str, list[tuple[Measured, Measured]]] = {}
        for turn in range(bench.repeat):
            for subject in subjects:
                row = rows.setdefault(subject.name, {"title": subject.title})
                if "reason" in row:
                    continue
                count = min(bench.records, slow_records) if subject.slow else bench.records
                try:
                    if not turn:
                        row["version"] = subject.prepare(bench)
                    single = measure(subject.load(bench, 1), endpoint)
                    many = measure(subject.load(bench, count), endpoint)
                except BenchError as error:
                    row["reason"] = str(error)
                    print(f"{subject.name}: {error}", flush=True)
                    continue
                runs.setdefault(subject.name, []).append((many, single))
    for name, pairs in runs.items():
        if "reason" not in rows[name]:
            whole, start = median([one for one, _ in pairs]), median([one for _, one in pairs])
            rows[name] |= Cost(whole, start).figures()
    return {"records": bench.records, "repeat": bench.repeat, "rows": rows}


def ratio(rows: Mapping[str, Mapping[str, Any]], name: str, figure: str) -> float | None:
    """Return how many times *name* lags behind us in *figure*; None where one has no figure."""
    us, other = rows.get("us", {}).get(figure), rows[name].get(figure)
    if us is None or other is None:
        return None
    return float(us / other) if figure.endswith("per_s") else float(other / us)


def lines(document: Mapping[str, Any]) -> list[str]:
    """Return the Markdown table of a comparison."""
    rows = document["rows"]
    found = [f"| {' | '.join(_HEAD)} |", f"|{'---|' * len(_HEAD)}"]
    for name, row in rows.items():
        title = " ".join(filter(None, (row["title"], row.get("version"))))
        if "reason" in row:
            found.append(f"| {title} | not measured: {_short(row['reason'])} | | | | | | | | |")
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
        found.append("| " + " | ".join(cells) + " |")
    return found


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _short(reason: str) -> str:
    """Return a reason that fits a cell: its last line says what it was."""
    return " ".join(reason.split()).replace("|", "\\|")[-160:]
