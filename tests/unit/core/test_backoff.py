"""Back-off: full jitter within its bounds, and giving up for the right reason only."""

from __future__ import annotations

import random
import statistics

import pytest

from pipeline.core.backoff import Attempts, Fault, Progress, RetryPolicy, Verdict

POLICY = RetryPolicy(attempts=8, base_delay=0.05, max_delay=20.0, max_outage=900.0)
PLAIN = RetryPolicy(attempts=8, max_outage=0)


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


def test_an_outage_uses_no_attempts_up() -> None:
    """Faults without any item accepted in between count once, however many there are."""
    attempts = Attempts(POLICY, Progress())

    verdicts = {attempts.failed(Fault.SERVER, single=True) for _ in range(1_000)}

    assert verdicts == {Verdict.RETRY}
    assert attempts.counted == 1


def test_an_item_is_given_up_when_others_were_accepted_between_its_attempts() -> None:
    """Eight faults, each after something that was sent later than the fault before: its own."""
    progress = Progress()
    attempts = Attempts(POLICY, progress)
    verdicts = []
    for _ in range(8):
        progress.sends()
        verdicts.append(attempts.failed(Fault.SERVER, single=True))
        progress.accepted(progress.sends())

    assert verdicts == [Verdict.RETRY] * 7 + [Verdict.GIVE_UP]


def test_a_single_attempt_proves_nothing() -> None:
    """Also where one attempt is all there is, an outage costs no good item."""
    progress = Progress()
    attempts = Attempts(RetryPolicy(attempts=1), progress)
    first = attempts.failed(Fault.SERVER, single=True)
    progress.accepted(progress.sends())
    second = attempts.failed(Fault.SERVER, single=True)

    assert (first, second) == (Verdict.RETRY, Verdict.GIVE_UP)


def test_what_was_sent_before_a_fault_proves_nothing_about_it() -> None:
    """At the beginning of an outage answers of better times are still on their way."""
    progress = Progress()
    attempts = Attempts(POLICY, progress)
    early = [progress.sends() for _ in range(100)]
    for number in early:
        assert attempts.failed(Fault.SERVER, single=True) is Verdict.RETRY
        progress.accepted(number)

    assert not attempts.suspect


def test_a_part_inherits_one_fault_that_its_sibling_can_prove() -> None:
    """A pair fails, one half of it is accepted: the other is a suspect when it fails again."""
    progress = Progress()
    pair = Attempts(POLICY, progress)
    for _ in range(3):
        verdict = pair.failed(Fault.SERVER, single=False)
    part, other = Attempts(POLICY, progress, pair), Attempts(POLICY, progress, pair)
    progress.accepted(progress.sends())
    part.failed(Fault.SERVER, single=True)

    assert verdict is Verdict.CUT
    assert part.suspect
    assert not other.suspect


def test_a_part_has_attempts_of_its_own() -> None:
    """However often the whole was proved to fail, its half starts with one fault."""
    progress = Progress()
    whole = Attempts(POLICY, progress)
    for _ in range(8):
        whole.failed(Fault.SERVER, single=False)
        progress.accepted(progress.sends())
    part = Attempts(POLICY, progress, whole)

    assert (whole.counted, part.counted) == (8, 1)
    assert part.failed(Fault.SERVER, single=True) is Verdict.RETRY


def test_several_items_are_cut_and_never_given_up() -> None:
    """The third fault in a row cuts them; what is accepted of them starts the row anew."""
    attempts = Attempts(POLICY, Progress())
    first = [attempts.failed(Fault.SERVER, single=False) for _ in range(2)]
    attempts.advanced()
    then = [attempts.failed(Fault.SERVER, single=False) for _ in range(3)]

    assert first == [Verdict.RETRY] * 2
    assert then == [Verdict.RETRY] * 2 + [Verdict.CUT]


def test_where_only_suspects_are_left_every_try_counts() -> None:
    """Nothing can prove anything any more: the end of a load must not wait for it."""
    attempts = Attempts(POLICY, Progress())

    verdicts = [attempts.failed(Fault.SERVER, single=True, alone=True) for _ in range(8)]

    assert verdicts == [Verdict.RETRY] * 7 + [Verdict.GIVE_UP]


def test_throttling_never_uses_attempts_up() -> None:
    """A thousand throttled requests later the batch is still tried, whole, while others advance."""
    progress = Progress()
    attempts = Attempts(POLICY, progress)

    for _ in range(1_000):
        progress.accepted(progress.sends())
        assert attempts.failed(Fault.CAPACITY, single=False) is Verdict.RETRY


def test_the_plain_policy_counts_everything() -> None:
    """With max_outage 0 eight failures of any kind are the end, also of many items."""
    attempts = Attempts(PLAIN, Progress())
    faults = [Fault.CAPACITY, Fault.SERVER] * 4

    verdicts = [attempts.failed(fault, single=False) for fault in faults]

    assert verdicts == [Verdict.RETRY] * 7 + [Verdict.GIVE_UP]


@pytest.mark.parametrize("policy", [POLICY, PLAIN])
def test_a_job_that_stays_refused_is_stopped(policy: RetryPolicy) -> None:
    """Eight refusals of the whole job and nothing accepted meanwhile; an item is never to blame."""
    progress = Progress()
    attempts = Attempts(policy, progress)

    progress.denied(0.0)
    verdicts = [attempts.failed(Fault.DENIED, single=True) for _ in range(7)]
    progress.denied(30.0)
    verdicts.append(attempts.failed(Fault.DENIED, single=True))

    assert verdicts == [Verdict.RETRY] * 7 + [Verdict.STOP]


def test_a_job_is_not_stopped_within_seconds() -> None:
    """Many writers use up eight attempts in a second; a table that is renamed takes longer."""
    progress = Progress()
    attempts = [Attempts(POLICY, progress) for _ in range(20)]

    for now in range(30):
        progress.denied(float(now))
        for one in attempts:
            assert one.failed(Fault.DENIED, single=False) is Verdict.RETRY

    progress.denied(30.0)
    assert attempts[0].failed(Fault.DENIED, single=False) is Verdict.STOP


def test_a_refusal_of_the_job_now_and_then_stops_nothing() -> None:
    """What is accepted after a refusal shows that the job is allowed: counting starts anew."""
    progress = Progress()
    attempts = Attempts(POLICY, progress)

    for _ in range(100):
        assert attempts.failed(Fault.DENIED, single=False) is Verdict.RETRY
        progress.accepted(progress.sends())


def test_partial_success_shortens_the_next_pause() -> None:
    """When some items were accepted, the pause starts from the base again."""
    attempts = Attempts(POLICY, Progress())
    for _ in range(5):
        attempts.failed(Fault.CAPACITY, single=False)

    attempts.advanced()
    attempts.failed(Fault.CAPACITY, single=False)

    assert attempts.pauses == 1
