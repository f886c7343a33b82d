"""Where the time of a record goes: each stage by itself, beside what a record costs in a load."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.throughput.endpoint import null_endpoint
from bench.throughput.modes.bench import interleaved
from bench.throughput.ours import our_load
from bench.throughput.running import measure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.throughput.modes.bench import Bench

__all__ = ["STAGES", "lines", "measure_stages", "parts"]

STAGES = {
    "producer": "read and frame",
    "decode": "decode",
    "schema and mapping": "check and map",
    "encode": "encode, size, rules",
    "items": "make items",
    "batcher": "batch",
    "writer": "sign, send, receive",
    "sink": "settle, checkpoint",
    "between": "between the stages",
}
"""The stages in the order in which a record meets them, and what they are called."""

_MOST = 20_000
"""Records at once: all of them lie between two stages, which a load never lets happen."""


def measure_stages(bench: Bench) -> dict[str, Any]:
    """Take every stage by itself, and a whole load of as many records, in turns; medians."""
    count = min(bench.records, _MOST)
    taken: list[Mapping[str, float]] = []
    with null_endpoint() as endpoint, tempfile.TemporaryDirectory() as scratch:
        told = Path(scratch) / "taken.json"
        load = our_load(bench.folder / "definitions", bench.source(count), count, memory="4GiB")
        inside = [sys.executable, "-m", "bench.throughput.modes.one_by_one", str(told)]
        apart = replace(load, name="one by one", line=[*inside, *load.line[3:]])
        for _ in range(bench.repeat):
            measure(apart, endpoint)
            taken.append(json.loads(told.read_text(encoding="utf-8")))
        whole = interleaved({"us": lambda: bench.ours(bench.records)}, endpoint, bench.repeat)
    seconds = {name: statistics.median(one[name] for one in taken) for name in taken[0]}
    whole_us = whole.found["us"].slope_cpu_us
    each = parts({name: one / count * 1e6 for name, one in seconds.items()}, whole_us)
    return {
        "records": count,
        "repeat": bench.repeat,
        "whole_us": round(whole_us, 2),
        "apart_us": round(_apart(seconds) / count * 1e6, 2),
        "us": each,
    }


def parts(stages: Mapping[str, float], whole: float) -> dict[str, float]:
    """
    Return the microseconds an item of each of `STAGES`, which add up to *whole*.

    What the validator takes beside its three steps is the making of items. Step by step over all
    records the three find nothing in the processor's caches and may take more than the validator
    itself: then they are scaled to it. What a load takes beside its stages is what lies between
    them. Where the stages, apart, take more than a load for the same reason, all are scaled to it.
    """
    steps = ("decode", "schema and mapping", "encode")
    together = sum(stages[step] for step in steps)
    scale = min(1.0, stages["validator"] / together) if together else 1.0
    found = {name: stages[name] for name in STAGES if name in stages}
    found |= {step: stages[step] * scale for step in steps}
    found["items"] = max(0.0, stages["validator"] - together)
    apart = sum(found.values())
    if apart > whole:
        found = {name: each * whole / apart for name, each in found.items()}
    found["between"] = max(0.0, whole - apart)
    return {name: round(found[name], 2) for name in STAGES}


def _apart(stages: Mapping[str, float]) -> float:
    """Return the seconds of all stages, each taken by itself."""
    return sum(stages[name] for name in ("producer", "validator", "batcher", "writer", "sink"))


def lines(document: Mapping[str, Any]) -> list[str]:
    """Return the Markdown table of the stages."""
    whole = document["whole_us"]
    found = ["| | µs an item | share |", "|---|---|---|"]
    found += [
        f"| {STAGES[name]} | {each:.1f} | {each / whole:.0%} |"
        for name, each in document["us"].items()
    ]
    found.append(f"| **a record, in a load** | **{whole:.1f}** | |")
    return [*found, f"| the stages, each by itself | {document['apart_us']:.1f} | |"]
