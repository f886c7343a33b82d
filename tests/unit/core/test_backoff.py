"""Back-off: full jitter within its bounds, and giving up for the right reason only."""

from __future__ import annotations

import random
import statistics

import pytest

from pipeline.core.backoff import Attempts, Progress, RetryPolicy, Verdict

POLICY = RetryPolicy(attempts=8, base_delay=0.05, max_delay=20.0, max_outage=900.0)


@pytest.mark.parametrize(
    ("retry", "ceiling"),
    [(0, 0.05), (1, 0.1), (2, 0.2), (7, 6.4), (8, 12.8), (9, 20.0), (10, 20.0), (5_000, 20.0)],
)
def test_delays_are_uniform_between_zero_and_a_doubling_cap(retry: int, ceiling: float) -> None:
    """Over 10,000 draws: none out of bounds, the mean within 2 % of half the ceiling."""
    dice = random.Random(11)

    delays = [POLICY.delay(retry, dice) for _ in range(10_000)]

    assert min(delays) >= 0
    assert max(delays) <= ceiling
    assert statistics.mean(delays) == pytest.approx(ceiling / 2, rel=0.02)


def test_attempts_do_not_run_out_while_nothing_succeeds_anywhere() -> None:
    """An outage is no reason to give up good items: it ends the run after max_outage instead."""
    progress = Progress(0.0)
    attempts = Attempts(POLICY, progress)

    verdicts = [attempts.failed(float(second), counts=True) for second in range(0, 901, 10)]

    assert set(verdicts[:-1]) == {Verdict.RETRY}
    assert verdicts[-1] is Verdict.OUTAGE


def test_attempts_run_out_while_others_succeed() -> None:
    """The eighth counted failure is the last, if something else succeeded meanwhile."""
    progress = Progress(0.0)
    attempts = Attempts(POLICY, progress)

    verdicts = []
    for _ in range(8):
        verdicts.append(attempts.failed(1.0, counts=True))
        progress.made(1.0)

    assert verdicts == [Verdict.RETRY] * 7 + [Verdict.EXHAUSTED]


def test_throttling_never_uses_attempts_up() -> None:
    """A thousand throttled requests later the batch is still tried, as long as others advance."""
    progress = Progress(0.0)
    attempts = Attempts(POLICY, progress)

    for second in range(1_000):
        progress.made(float(second))
        assert attempts.failed(float(second), counts=False) is Verdict.RETRY


def test_the_plain_policy_counts_everything() -> None:
    """With max_outage 0 eight failures of any kind are the end."""
    plain = RetryPolicy(attempts=8, max_outage=0)
    attempts = Attempts(plain, Progress(0.0))

    verdicts = [attempts.failed(0.0, counts=False) for _ in range(8)]

    assert verdicts == [Verdict.RETRY] * 7 + [Verdict.EXHAUSTED]


def test_partial_success_shortens_the_next_pause() -> None:
    """When some items were accepted, the pause starts from the base again."""
    attempts = Attempts(POLICY, Progress(0.0))
    for _ in range(5):
        attempts.failed(0.0, counts=False)

    attempts.advanced()
    attempts.failed(0.0, counts=False)

    assert attempts.pauses == 1
