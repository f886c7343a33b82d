"""The targets, and whether the results reach them: pure functions of the results file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.throughput.modes.comparison import ratio
from bench.throughput.modes.formats import relative
from bench.throughput.modes.paced import (
    least_share,
    most_throttled,
    rate_error,
    slowest_return,
)
from bench.throughput.modes.sizes import spread
from bench.throughput.modes.startup import YARDSTICKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Verdict", "lines", "verdicts"]

CPU_US = 20.0
SPREAD = 0.15
PEAK_MB = 120.0
SHARE, THROTTLED, BACK_S, MISSED = 0.97, 0.03, 10.0, 0.02
FORMATS = {"csv": 0.70, "jsonl.gz": 0.85, "jsonl.zst": 0.85}
RATIOS = (
    ("boto3", "slope_cpu_us", 15.0, "items per processor-second"),
    ("boto3", "slope_items_per_s", 12.0, "items a second of wall time"),
    ("aiodynamo", "slope_cpu_us", 4.0, "items per processor-second"),
    ("node", "slope_cpu_us", 5.0, "items per processor-second"),
)

_MARKS = {True: "✓", False: "✗", None: "?"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    One target: *found* of *wanted*, both as people read them; *reached* None: not measured.

    *whole* is the same figure with start-up in it, where it has one, and whether that reaches the
    target too. Targets are judged by the slope: what a record costs in a load of any size. Start-up
    has targets of its own.
    """

    target: str
    wanted: str
    found: str
    reached: bool | None
    whole: str = ""
    whole_reached: bool | None = None


def verdicts(modes: Mapping[str, Any]) -> list[Verdict]:
    """Judge all targets that the results bear on, in the order of the requirement."""
    return [
        *_of_comparison(modes.get("comparison", {}).get("rows", {})),
        *_of_formats(modes.get("formats", {}).get("rows", {})),
        *_of_sizes(modes.get("sizes", {}).get("rows", {})),
        *_of_startup(modes.get("startup", {}).get("rows", {})),
        *_of_paced(modes.get("paced", {})),
    ]


def _of_comparison(rows: Mapping[str, Any]) -> Iterator[Verdict]:
    for name, figure, most, what in RATIOS:
        if name not in rows:
            continue
        found = ratio(rows, name, figure)
        whole = ratio(rows, name, figure.removeprefix("slope_"))
        if found is None or whole is None:
            yield Verdict(f"{name}, {what}", f"{most:g} x", "not measured", None)
            continue
        reached = found >= most, whole >= most
        yield Verdict(
            f"{name}, {what}",
            f"{most:g} x",
            f"{found:.1f} x",
            reached[0],
            f"{whole:.1f} x",
            reached[1],
        )
    us = rows.get("us", {})
    if "reason" in us:
        yield Verdict("processor time an item", f"at most {CPU_US:g} µs", "not measured", None)
    elif us:
        slope, whole = us["slope_cpu_us"], us["cpu_us"]
        yield Verdict(
            "processor time an item",
            f"at most {CPU_US:g} µs",
            f"{slope:.1f} µs",
            slope <= CPU_US,
            f"{whole:.1f} µs",
            whole <= CPU_US,
        )


def _of_formats(rows: Mapping[str, Any]) -> Iterator[Verdict]:
    for form, least in FORMATS.items():
        if form not in rows:
            continue
        wall = relative(rows, form, "slope_items_per_s")
        cpu = relative(rows, form, "slope_cpu_us")
        # Judged by processor time, the steadier of the two; on one core they come to the same.
        reached = None if cpu is None else cpu >= least
        told = "not measured" if wall is None or cpu is None else f"{cpu:.0%}; by wall {wall:.0%}"
        yield Verdict(f"{form}, rate of JSONL's", f"at least {least:.0%}", told, reached)


def _of_sizes(rows: Mapping[str, Any]) -> Iterator[Verdict]:
    largest = spread(rows, "slope_cpu_us")
    if largest is not None:
        span = f"{min(map(int, rows)):,} to {max(map(int, rows)):,} records"
        yield Verdict(
            f"processor time an item, {span}",
            f"within {SPREAD:.0%}",
            f"{largest:.0%} apart",
            largest <= SPREAD,
        )
    peaks = [row["peak_mb"] for row in rows.values() if "peak_mb" in row]
    if peaks:
        told = f"{min(peaks):.0f} to {max(peaks):.0f} MB"
        yield Verdict("peak memory", f"under {PEAK_MB:g} MB", told, max(peaks) < PEAK_MB)


def _of_startup(rows: Mapping[str, Any]) -> Iterator[Verdict]:
    for name, (yardstick, most) in YARDSTICKS.items():
        if name not in rows:
            continue
        ours, beside = rows[name].get("seconds"), rows.get(yardstick, {}).get("seconds")
        if ours is None or beside is None:
            yield Verdict(f"start-up: {name}", f"at most {most:g} x", "not measured", None)
            continue
        told = f"{ours / beside:.2f} x `{yardstick}`"
        yield Verdict(f"start-up: {name}", f"at most {most:g} x", told, ours / beside <= most)


def _of_paced(document: Mapping[str, Any]) -> Iterator[Verdict]:
    share, throttled = least_share(document), most_throttled(document)
    back, missed = slowest_return(document), rate_error(document)
    if share is not None:
        told = f"{share:.1%} at least"
        yield Verdict("share of a table's capacity", "at least 97%", told, share >= SHARE)
    if throttled is not None:
        told = f"{throttled:.2%} at most"
        yield Verdict("requests throttled", "under 3%", told, throttled < THROTTLED)
    if back is not None:
        told = f"{back:g} s at most"
        yield Verdict("steady after a start or a change", "within 10 s", told, back <= BACK_S)
    if missed is not None:
        told = f"{missed:.1%} off at most"
        yield Verdict(
            "a given rate, worst five seconds", "within 2%", told, round(missed, 4) <= MISSED
        )


def lines(modes: Mapping[str, Any]) -> list[str]:
    """Return the Markdown table of all targets."""
    found = ["| target | wanted | measured | | with start-up | |", "|---|---|---|---|---|---|"]
    for one in verdicts(modes):
        whole = _MARKS[one.whole_reached] if one.whole else ""
        cells = (one.target, one.wanted, one.found, _MARKS[one.reached], one.whole, whole)
        found.append(f"| {' | '.join(cells)} |")
    return found
