"""How many requests in flight are worth it: more while that brings more, and no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.core.pace.flight import InFlight

if TYPE_CHECKING:
    from collections.abc import Callable


def play(
    flight: InFlight,
    latency: Callable[[int], float],
    seconds: float,
    *,
    since: float = 0.0,
    short: bool = True,
) -> list[int]:
    """Answer as a table does that takes *latency* with so many in flight; return the limits."""
    now, limits = since, []
    while now < since + seconds:
        took = latency(flight.limit)
        now += took / flight.limit
        flight.answered(25.0, took, now, short=short)
        limits.append(flight.limit)
    return limits


def table_of(rate: float, least: float = 0.0125) -> Callable[[int], float]:
    """Return the latency of a table that answers *rate* requests a second at most."""
    return lambda in_flight: max(least, in_flight / rate)


def test_it_doubles_as_long_as_that_brings_more() -> None:
    """Latency alone holds the load: the bound is reached within a second or two."""
    limits = play(InFlight(), table_of(1e9), 3)

    assert limits[0] == 5
    assert limits[-1] == 128


def test_it_stops_where_more_brings_only_latency() -> None:
    """400 answers a second at 12.5 ms: five are enough, and hardly more are ever tried."""
    limits = play(InFlight(), table_of(400), 30)

    assert sum(limits) / len(limits) < 6


@pytest.mark.parametrize("rate", [1_600, 4_000])
def test_it_finds_what_is_needed(rate: float) -> None:
    """Within a factor of two of Little's law, and not below it."""
    limits = play(InFlight(), table_of(rate), 30)
    needed = rate * 0.0125

    settled = limits[len(limits) // 2 :]
    assert 0.9 * needed <= sum(settled) / len(settled) <= 2 * needed


def test_it_shrinks_where_fewer_bring_as_much() -> None:
    """A table that was slow and is quick again does not need a hundred requests."""
    flight = InFlight()
    play(flight, table_of(500, least=0.2), 10)
    before = flight.limit

    play(flight, table_of(500), 200, since=10)

    assert before > 90
    assert flight.limit < 40


def test_it_grows_again_where_latency_grows() -> None:
    """12 ms become 100: what was settled on is not enough any more."""
    flight = InFlight()
    play(flight, table_of(1_600), 20)
    before = flight.limit

    play(flight, table_of(1_600, least=0.1), 20, since=20)

    assert before < 45
    assert flight.limit > 90


def test_what_waits_for_the_pace_or_the_source_needs_no_more() -> None:
    """More in flight would only wait with the others."""
    limits = play(InFlight(), table_of(1e9), 10, short=False)

    assert set(limits) == {5}
