"""How much of a table's capacity a load gets: what ``bench.simulated`` measures, as a table."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.throughput.endpoint import CHECKOUT
from bench.throughput.running import BenchError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = [
    "least_share",
    "lines",
    "measure_paced",
    "most_throttled",
    "rate_error",
    "slowest_return",
]

_KINDS = ("bucket", "strict", "window")
"""Kinds of tables; a row of one is named after it, and what happened to its capacity."""


def measure_paced(arguments: Sequence[str]) -> dict[str, Any]:
    """Run ``bench.simulated`` with *arguments*, and return its figures."""
    with tempfile.TemporaryDirectory() as scratch:
        told = Path(scratch) / "simulated.json"
        line = [sys.executable, "-m", "bench.simulated", *arguments, "--json", str(told)]
        done = subprocess.run(line, cwd=CHECKOUT, check=False)
        if done.returncode or not told.exists():
            raise BenchError(f"bench.simulated ended with {done.returncode}; its words are above")
        found: dict[str, Any] = json.loads(told.read_text(encoding="utf-8"))
    return found


def _capacities(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for row in document.get("rows", ()):
        if row["case"].partition(",")[0] in _KINDS:
            yield row


def least_share(document: Mapping[str, Any]) -> float | None:
    """Return the least that a load got of a capacity; None if nothing was measured."""
    return min((row["share"] for row in _capacities(document)), default=None)


def most_throttled(document: Mapping[str, Any]) -> float | None:
    """Return the largest share of requests that were throttled; None if nothing was measured."""
    return max((row["throttled"] for row in _capacities(document)), default=None)


def rate_error(document: Mapping[str, Any]) -> float | None:
    """Return by how much a given rate was missed at most; None if nothing was measured."""
    rates = [row for row in document.get("rows", ()) if row["case"].startswith("rate ")]
    return max((abs(row["share"] - 1) for row in rates), default=None)


def slowest_return(document: Mapping[str, Any]) -> float | None:
    """Return the most seconds that a load took to be steady; None if nothing was measured."""
    return max((row["back_s"] for row in _capacities(document)), default=None)


def lines(document: Mapping[str, Any]) -> list[str]:
    """Return the Markdown table: a line a case."""
    found = [
        "| case | units/s to be had | of it | throttled | of these wholly | steady after |",
        "|---|---|---|---|---|---|",
    ]
    for row in document["rows"]:
        kept = row["case"].startswith("rate ")
        rest = ("", "", "") if kept else _of_refusals(row)
        cells = (row["case"], f"{row['units']:,.0f}", f"{row['share']:.1%}", *rest)
        found.append(f"| {' | '.join(cells)} |")
    return found


def _of_refusals(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return f"{row['throttled']:.2%}", f"{row['refused']:.2%}", f"{row['back_s']:g} s"
