"""R7: the pauses follow their law."""

from __future__ import annotations

from statistics import fmean

from bench.reliability.board import Context, Edit, Figures, Mutation, Row
from pipeline.core.backoff import RetryPolicy

__all__ = ["ROW"]

_SAMPLES = 10_000
_RETRIES = 12
_DEVIATION = 0.02


def measure(context: Context) -> Figures:
    """Draw pauses of the default policy and hold them against exponential growth, full jitter."""
    policy = RetryPolicy()
    worst, outside = 0.0, 0
    for retry in range(_RETRIES):
        ceiling = min(20.0, 0.05 * 2**retry)
        roll = context.dice(retry)
        pauses = [policy.delay(retry, roll) for _ in range(_SAMPLES)]
        outside += sum(not 0 <= pause <= ceiling for pause in pauses)
        worst = max(worst, abs(fmean(pauses) / (ceiling / 2) - 1))
    return Figures(
        worst < _DEVIATION and outside == 0,
        f"mean off by {worst:.2%} at most, {outside} out of bounds",
        {"worst_deviation": round(worst, 5), "out_of_bounds": outside, "samples": _SAMPLES},
    )


ROW = Row(
    id="R7",
    title="The back-off law.",
    how="10,000 pauses for each of twelve retries in a row: uniform between 0 and min(20 s, 50 ms "
    "· 2ⁿ).",
    passes="mean off by < 2 %, 0 out of bounds",
    peers="botocore's own test allows a histogram 20 %",
    measure=measure,
    mutation=Mutation(
        "half the jitter",
        (
            Edit(
                "pipeline/core/backoff.py",
                "random.uniform(0, ceiling)",
                "random.uniform(ceiling / 2, ceiling)",
            ),
        ),
    ),
)
