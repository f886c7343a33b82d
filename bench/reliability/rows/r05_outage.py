"""R5: a minute in which the table takes nothing costs no good item, and is soon made up for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.reliability.board import Context, Edit, Figures, Mutation, Row
from bench.reliability.loads import Load
from bench.reliability.running import Job
from bench.reliability.servers.proxy import QUIET, FaultProxy, Plan
from bench.reliability.truth import account_errors, compare, scan

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ROW"]

_LATENCY = 0.1
"""Seconds that each write takes: so the pace is the proxy's, not the machine's."""

_PACE = 5 * 25 / _LATENCY
_WINDOW = 1.0
_RECOVERY = 10.0


def _rate(accepted: Sequence[tuple[float, int]], begin: float, end: float) -> float:
    return sum(count for at, count in accepted if begin <= at < end) / (end - begin)


def _recovery(accepted: Sequence[tuple[float, int]], over: float, wanted: float) -> float | None:
    """Return the seconds from *over* to the begin of the first second with the *wanted* rate."""
    for at, _ in accepted:
        if at >= over and _rate(accepted, at, at + _WINDOW) >= wanted:
            return at - over
    return None


def measure(context: Context) -> Figures:
    """Load at an even pace, throttle everything for a while, and watch the pace come back."""
    before, outage, after = context.pick((8.0, 60.0, 20.0), (3.0, 8.0, 14.0))
    load = Load(context.seed, int(_PACE * (before + after)))
    engine, access_key = context.engine(), context.access_key()
    even = Plan(latency=_LATENCY)
    with FaultProxy(engine, context.seed, even) as proxy:
        job = Job(context.folder, load.definition(proxy.endpoint, write={}), access_key)
        load.write(job.folder)
        running = job.start()
        while not proxy.accepted and running.alive_after(0.05):
            pass
        running.alive_after(before)
        begun = time.monotonic()
        proxy.plan = Plan({"throttled": 1.0}, rate=1.0, latency=_LATENCY)
        running.alive_after(outage)
        proxy.plan = even
        over = time.monotonic()
        wanted = 0.9 * _rate(proxy.accepted, begun - before + 1, begun)
        while time.monotonic() < over + after - 1 and running.alive_after(0.5):
            if _recovery(proxy.accepted, over, wanted) is not None:
                break
        proxy.plan = QUIET
        ended = running.wait(300)
        accepted, counts = [*proxy.accepted], proxy.counts()
    usual = _rate(accepted, begun - before + 1, begun)
    back = _recovery(accepted, over, 0.9 * usual)
    found = compare(load, scan(engine, access_key))
    letters = job.letters(ended.report or {})
    wrong = account_errors(load, ended.report, letters)
    passed = ended.code == 0 and found.same and not letters and not wrong and back is not None
    told = "never" if back is None else f"after {back:.1f} s"
    return Figures(
        passed and back is not None and back < _RECOVERY,
        f"{len(letters)} good items dead-lettered in {outage:.0f} s; 90 % of the rate {told}",
        {
            "outage_s": outage,
            "dead_letters": len(letters),
            "rate_before": round(usual),
            "seconds_to_90_percent": None if back is None else round(back, 2),
            "requests_in_outage": counts["faults"].get("throttled", 0),
        },
        f"{ended.told()}; {found.told()}; {wrong}; {counts}; "
        f"pace before {usual:.0f} of {_PACE:.0f}",
    )


ROW = Row(
    id="R5",
    title="A long throttle.",
    how="Every request is throttled for 60 s in the middle of a load at an even pace, with the "
    "default policy.",
    passes="0 good items dead-lettered; 90 % of the rate again < 10 s after",
    peers="eight attempts and no more: 2,270 good items given up (simulated); EMR waits 10 "
    "minutes, Flink for ever; boto3 sends 210 requests a second without a pause (measured)",
    measure=measure,
    mutation=Mutation(
        "throttling uses up attempts as faults do, and that is the end",
        (
            Edit(
                "pipeline/core/backoff.py",
                "return self.max_outage == 0",
                "return True",
            ),
        ),
    ),
)
