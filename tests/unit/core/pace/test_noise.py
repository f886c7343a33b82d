"""Refusals that come at any pace, told from those of a table at its limit."""

from __future__ import annotations

from pipeline.core.pace.rate.noise import Noise


def _falls(noise: Noise, rate: float, accepted: float, seconds: float) -> bool:
    """Tell whether one of four refusals at *rate* is found to be in vain."""
    return any(noise.in_vain(rate, accepted, seconds) for _ in range(4))


def test_half_the_rate_that_halves_what_is_accepted_is_in_vain() -> None:
    """Then the table is not at its limit: it would have accepted as much as before."""
    noise = Noise()

    assert not _falls(noise, 800.0, 400.0, 1.0)
    assert _falls(noise, 400.0, 200.0, 1.0)


def test_a_table_at_its_limit_accepts_as_much_at_any_rate() -> None:
    """So its refusals are never noise."""
    noise = Noise()

    assert not _falls(noise, 800.0, 400.0, 1.0)
    assert not _falls(noise, 400.0, 400.0, 1.0)


def test_at_a_low_rate_refusals_far_apart_are_still_of_one_series() -> None:
    """A request takes seconds there: not to count them would leave the rate down for good."""
    noise = Noise()

    assert not _falls(noise, 128.0, 100.0, 1.0)
    assert _falls(noise, 32.0, 50.0, 5.0)


def test_after_a_long_quiet_the_table_may_be_another() -> None:
    """What it accepts then is not compared with what it accepted before."""
    noise = Noise()

    assert not _falls(noise, 800.0, 400.0, 1.0)
    assert not _falls(noise, 400.0, 1_000.0, 5.0)
