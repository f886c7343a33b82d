"""Start-up: from the start of the process to the first write, beside what an import takes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from bench.throughput.endpoint import null_endpoint
from bench.throughput.modes.bench import short
from bench.throughput.ours import our_load
from bench.throughput.running import BenchError, environment, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.throughput.modes.bench import Bench

__all__ = ["YARDSTICKS", "lines", "measure_startup"]

_SDK = "python -c 'import aiobotocore.session'"
_CLICK = "python -c 'import click'"

YARDSTICKS = {
    "first write, our own transport": (_SDK, 0.7),
    "first write, transport: sdk": (_SDK, 1.8),
    "--help": (_CLICK, 2.0),
}
"""What each figure is compared with, and how many times that it may be."""


def measure_startup(bench: Bench) -> dict[str, Any]:
    """Take all figures in turns, after one turn that warms the disk's cache; medians in seconds."""
    with null_endpoint() as endpoint:

        def first_write(transport: str) -> Callable[[], float]:
            source, folder = bench.source(1), bench.folder / "definitions"
            load = our_load(folder, source, 1, transport=transport)
            return lambda: measure(load, endpoint).first_s

        def ended(*line: str) -> Callable[[], float]:
            return lambda: _seconds([sys.executable, *line], endpoint)

        figures = {
            "first write, our own transport": first_write("auto"),
            "first write, transport: sdk": first_write("sdk"),
            "--help": ended("-m", "pipeline", "--help"),
            _SDK: ended("-c", "import aiobotocore.session"),
            _CLICK: ended("-c", "import click"),
            "python -c pass": ended("-c", "pass"),
        }
        taken: dict[str, list[float]] = {name: [] for name in figures}
        reasons: dict[str, str] = {}
        for turn in range(bench.repeat + 1):
            for name, figure in figures.items():
                try:
                    seconds = figure()
                except BenchError as error:
                    reasons[name] = str(error)
                    continue
                if turn:
                    taken[name].append(seconds)
    rows: dict[str, Any] = {
        name: {"seconds": round(statistics.median(found), 4)} if found else {}
        for name, found in taken.items()
    }
    for name, reason in reasons.items():
        rows[name] = {"reason": reason}
    return {"repeat": bench.repeat, "rows": rows}


def _seconds(line: Sequence[str], endpoint: str) -> float:
    """Return how long a command takes, from the start of its process to its end."""
    started = time.monotonic()
    subprocess.run(line, env=environment(endpoint), stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - started


def lines(document: Mapping[str, Any]) -> list[str]:
    """Return the Markdown table of start-up."""
    rows = document["rows"]
    found = ["| | seconds | beside | times that | at most |", "|---|---|---|---|---|"]
    for name, row in rows.items():
        if "seconds" not in row:
            found.append(f"| {name} | not measured: {short(row.get('reason', ''))} | | | |")
            continue
        yardstick, most = YARDSTICKS.get(name, ("", 0.0))
        beside = rows.get(yardstick, {}).get("seconds")
        times = "" if beside is None else f"{row['seconds'] / beside:.2f}"
        shown = f"{most:g}" if most else ""
        cell = f"`{yardstick}`" if yardstick else ""
        found.append(f"| {name} | {row['seconds']:.3f} | {cell} | {times} | {shown} |")
    return found
