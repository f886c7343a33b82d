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


def test_nothing_accepted_for_max_outage_is_an_outage() -> None:
    """However many attempts were used up, it is the time without any progress that ends a run."""
    progress = Progress()
    attempts = Attempts(POLICY, progress)

    verdicts = [attempts.failed(float(second), counts=True) for second in range(0, 901, 10)]

    assert verdicts[:8] == [Verdict.RETRY] * 7 + [Verdict.USED_UP]
    assert Verdict.OUTAGE not in verdicts[:-1]
    assert verdicts[-1] is Verdict.OUTAGE
    assert not attempts.others_advanced


def test_a_quiet_source_is_no_outage() -> None:
    """An outage begins with the first refusal, not with the last acceptance."""
    progress = Progress()
    progress.accepted(sent=0.0)
    attempts = Attempts(POLICY, progress)

    assert attempts.failed(5_000.0, counts=True) is Verdict.RETRY
    assert attempts.failed(5_899.0, counts=True) is Verdict.RETRY
    assert attempts.failed(5_900.0, counts=True) is Verdict.OUTAGE


def test_any_acceptance_ends_an_outage() -> None:
    """What is accepted, whenever it was sent, starts the clock anew."""
    progress = Progress()
    attempts = Attempts(POLICY, progress)
    attempts.failed(0.0, counts=False)
    progress.accepted(sent=800.0)

    assert attempts.failed(1_000.0, counts=False) is Verdict.RETRY
    assert attempts.failed(1_899.0, counts=False) is Verdict.RETRY


def test_others_advanced_is_proved_by_what_was_sent_after_the_first_counted_failure() -> None:
    """A straggler of better times proves nothing, throttling does not count, a part inherits."""
    progress = Progress()
    attempts = Attempts(POLICY, progress)
    attempts.failed(1.0, counts=False)
    progress.accepted(sent=1.5)

    attempts.failed(2.0, counts=True)
    progress.accepted(sent=1.9)
    straggler = attempts.others_advanced
    part = Attempts(POLICY, progress, attempts)
    progress.accepted(sent=2.1)

    assert not straggler
    assert attempts.others_advanced
    assert part.others_advanced


def test_throttling_never_uses_attempts_up() -> None:
    """A thousand throttled requests later the batch is still tried, as long as others advance."""
    progress = Progress()
    attempts = Attempts(POLICY, progress)

    for second in range(1_000):
        progress.accepted(float(second))
        assert attempts.failed(float(second), counts=False) is Verdict.RETRY


def test_the_plain_policy_counts_everything() -> None:
    """With max_outage 0 eight failures of any kind are the end."""
    plain = RetryPolicy(attempts=8, max_outage=0)
    attempts = Attempts(plain, Progress())

    verdicts = [attempts.failed(0.0, counts=False) for _ in range(8)]

    assert verdicts == [Verdict.RETRY] * 7 + [Verdict.USED_UP]


def test_partial_success_shortens_the_next_pause() -> None:
    """When some items were accepted, the pause starts from the base again."""
    attempts = Attempts(POLICY, Progress())
    for _ in range(5):
        attempts.failed(0.0, counts=False)

    attempts.advanced()
    attempts.failed(0.0, counts=False)

    assert attempts.pauses == 1
