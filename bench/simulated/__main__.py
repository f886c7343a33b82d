"""Measure how much of a table's capacity a load gets, and print it as a table."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.simulated.load import Load, run_load
from bench.simulated.server import simulated

if TYPE_CHECKING:
    from bench.simulated.table import Tallies

_COLD = 10.0
"""Seconds after a change within which the load has to be steady again."""


@dataclass(frozen=True, slots=True)
class Row:
    """
    One measurement: shares of what was to be had, and of requests that were throttled.

    *back_s* are seconds from the start or the change until three seconds of 95 % of it.
    """

    case: str
    units: float
    share: float
    throttled: float
    refused: float
    back_s: float


def judge(case: str, tallies: Tallies, units: float, since: float, until: float) -> Row:
    """Judge a stretch of a load in which *units* a second were to be had."""
    steady = min(since + _COLD, (since + until) / 2)
    back = 0.0
    while since + back + 3 < until and tallies.rate(since + back, since + back + 3) < 0.95 * units:
        back += 0.1
    return Row(
        case,
        units,
        round(tallies.rate(steady, until) / units, 3),
        round(tallies.throttled(steady, until), 4),
        round(tallies.throttled(steady, until, partly=False), 4),
        round(back, 1),
    )


def null_rate(seconds: float) -> float:
    """Return the items a second that get into a table that takes everything, at its latency."""
    with simulated(1e9, partition=1e9) as endpoint:
        tallies = run_load(Load(int(60_000 * seconds), seconds=seconds), endpoint)
    return tallies.rate(seconds / 3, tallies.seconds - 1)


def capacity(units: float, seconds: float, kind: str) -> list[Row]:
    """Measure cold, after the capacity is halved, and after it is doubled."""
    load = Load(
        int(units * seconds * 3.2) + 2000,
        seconds=3 * seconds,
        changes=((seconds, units / 2), (2 * seconds, units)),
    )
    with simulated(units, kind=kind, partition=1e9) as endpoint:
        tallies = run_load(load, endpoint)
    return [
        judge(f"{kind}, cold", tallies, units, 0, seconds),
        judge(f"{kind}, halved", tallies, units / 2, seconds, 2 * seconds),
        judge(f"{kind}, doubled", tallies, units, 2 * seconds, 3 * seconds),
    ]


def rate(units: float, seconds: float, *, index_units: int = 0) -> Row:
    """Measure how a given rate is held, by the worst five seconds."""
    load = Load(int(units * seconds * 1.5) + 100, rate=str(int(units)), seconds=seconds)
    with simulated(1e9, partition=1e9, index_units=index_units) as endpoint:
        tallies = run_load(load, endpoint)
    wanted = units / (1 + index_units)
    starts = [step / 2 for step in range(2 if index_units else 0, int(2 * (seconds - 6)))]
    worst = max((tallies.rate(at, at + 5) / wanted for at in starts), key=lambda one: abs(one - 1))
    case = f"rate {units:g}" + (", an index" if index_units else "")
    return Row(case, wanted, round(worst, 4), 0.0, 0.0, 0.0)


def share(units: float, seconds: float) -> Row:
    """Measure what 60 % of a table comes to."""
    load = Load(int(units * seconds), rate="{share: 60%}", seconds=seconds)
    with simulated(units) as endpoint:
        return judge("share 60%", run_load(load, endpoint), 0.6 * units, 0, seconds - 1)


def sorts(units: float, seconds: float) -> list[Row]:
    """Measure one hot partition key among others, and a source sorted by partition."""
    rows = []
    for sort in ("hot", "sorted"):
        load = Load(int(units * seconds), sort=sort, seconds=seconds)
        with simulated(units) as endpoint:
            rows.append(judge(sort, run_load(load, endpoint), units, 0, seconds - 1))
    return rows


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.simulated", description=__doc__)
    parser.add_argument("--units", default="100,300,1000,3000,10000,40000", help="W, with commas.")
    parser.add_argument("--kinds", default="bucket,window", help="bucket, strict, window.")
    parser.add_argument("--seconds", type=float, default=25, help="Of each stretch of a load.")
    parser.add_argument("--cases", default="capacity,rate,share,sorts", help="Which to measure.")
    parser.add_argument("--json", type=Path, help="Where to write the figures as well.")
    given = parser.parse_args()
    most = 0.9 * null_rate(8)
    print(f"90 % of the rate into a table that takes everything: {most:,.0f} units a second")
    rows: list[Row] = []
    for case in given.cases.split(","):
        if case == "capacity":
            for kind in given.kinds.split(","):
                for units in map(float, given.units.split(",")):
                    rows += _shown(capacity(min(units, most), given.seconds, kind))
        elif case == "rate":
            for units in (10, 100, 1000, min(5000, most)):
                rows += _shown([rate(units, min(given.seconds, 20))])
            rows += _shown([rate(1000, min(given.seconds, 20), index_units=1)])
        elif case == "share":
            rows += _shown([share(2000, min(given.seconds, 20))])
        else:
            rows += _shown(sorts(min(4000, most), given.seconds))
    if given.json is not None:
        document = {"most": most, "rows": [asdict(row) for row in rows]}
        given.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _shown(rows: list[Row]) -> list[Row]:
    for row in rows:
        print(
            f"{row.case:18} {row.units:8,.0f} units/s: {row.share:7.1%} of it, "
            f"{row.throttled:6.2%} throttled ({row.refused:.2%} wholly), there in {row.back_s:g} s",
            flush=True,
        )
    return rows


if __name__ == "__main__":
    main()
