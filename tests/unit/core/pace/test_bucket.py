"""A bucket lets its rate pass, one debt at a time, and saves next to nothing."""

from __future__ import annotations

import pytest

from pipeline.core.pace.rate.bucket import Bucket


def test_what_is_taken_is_owed() -> None:
    """The first goes at once, however large; the next when it is paid."""
    bucket = Bucket(10.0, depth=0.1)

    first = bucket.wait(100.0)
    bucket.take(25)

    assert first == 0
    assert bucket.wait(100.0) == pytest.approx(2.5)
    assert bucket.wait(101.5) == pytest.approx(1.0)
    assert bucket.wait(102.5) == 0


def test_what_nobody_takes_is_not_saved_up() -> None:
    """After an hour of silence there is a tenth of a second's worth, not an hour's."""
    bucket = Bucket(100.0, depth=0.1)
    bucket.wait(0.0)
    bucket.wait(3_600.0)

    bucket.take(10)
    free = bucket.wait(3_600.0)
    bucket.take(10)

    assert free == 0
    assert bucket.wait(3_600.0) == pytest.approx(0.1)


def test_who_is_woken_late_makes_up_for_it() -> None:
    """Half a second of a machine that did something else is no loss; ten seconds are."""
    for overslept, made_up in ((0.4, 0.4), (10.0, 0.5)):
        bucket = Bucket(100.0, depth=0.05, late=0.5)
        bucket.wait(0.0)
        bucket.take(10)
        wait = bucket.wait(0.0)

        bucket.wait(wait + overslept)
        bucket.take(100.0)

        assert bucket.wait(wait + overslept) == pytest.approx(1.0 - made_up)


def test_a_rate_may_change_while_something_is_owed() -> None:
    """What had to wait a second still has to, whatever the rate is now."""
    bucket = Bucket(10.0, depth=0.1)
    bucket.wait(0.0)
    bucket.take(10)

    bucket.change(1_000.0, 0.0)

    assert bucket.wait(0.0) == pytest.approx(1.0)


def test_nothing_passes_while_it_is_held() -> None:
    """After a refusal the table has a moment; a longer debt is not made shorter by it."""
    bucket = Bucket(100.0, depth=0.1)
    bucket.wait(0.0)
    bucket.hold(0.05, 0.0)
    assert bucket.wait(0.0) == pytest.approx(0.05)

    bucket.take(100)
    bucket.hold(0.05, 0.0)
    assert bucket.wait(0.0) == pytest.approx(1.05)
