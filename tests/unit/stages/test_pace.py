"""The pace of a load: what a table takes, or what is allowed, is sent; little is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.core.pace.crew import Crew
from pipeline.core.pace.flight import InFlight
from pipeline.core.pace.gate import Pace
from tests.clock import run
from tests.unit.stages.paced import IndexedTable, NoisyTable, Paced, simulate

if TYPE_CHECKING:
    from bench.simulated.model import Kind
    from bench.simulated.table import SimulatedTable

ALL_KINDS = pytest.mark.parametrize("kind", ["bucket", "window"])


@ALL_KINDS
@pytest.mark.parametrize(("units", "workers"), [(100, 5), (1_000, 5), (5_000, 8)])
def test_a_table_gives_what_it_has_and_refuses_little(
    kind: Kind, units: float, workers: int
) -> None:
    """Ten seconds after a cold start: 97 % of the capacity, under 3 % of requests throttled."""
    seen = simulate(units=units, kind=kind, workers=workers, seconds=26)

    assert seen.rate(10, 26) >= 0.97 * units
    assert seen.throttled(10, 26) < 0.03


@ALL_KINDS
def test_large_items_are_paced_by_their_units(kind: Kind) -> None:
    """Items of one to ten units: the table's units are used, not so many items a second."""
    seen = simulate(units=1_000, kind=kind, most_units=10, seconds=26)

    assert seen.rate(10, 26) >= 0.96 * 1_000
    assert seen.throttled(10, 26) < 0.03


@ALL_KINDS
@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_capacity_that_changes_is_found_out_within_ten_seconds(kind: Kind, factor: float) -> None:
    """Half or double of 1,000: the next twenty seconds are as good as the first."""

    def change(table: SimulatedTable) -> None:
        table.capacity.units = 1_000 * factor

    seen = simulate(units=1_000, kind=kind, seconds=50, changes=[(20, change)])

    assert seen.rate(30, 50) >= 0.97 * 1_000 * factor
    assert seen.throttled(30, 50) < 0.03


@pytest.mark.parametrize("kind", ["bucket", "window"])
def test_answers_that_come_late_are_enough_to_pace_by(kind: Kind) -> None:
    """200 ms of latency and 128 requests in flight: W is found, though answers come late."""
    seen = simulate(units=10_000, kind=kind, workers=128, latency=(0.15, 0.25), seconds=20)

    assert seen.rate(10, 20) >= 0.95 * 10_000
    assert seen.throttled(10, 20) < 0.03


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_refusals_by_chance_do_not_slow_a_load(share: float) -> None:
    """Handed back at random by a table that has capacity: after a second or two nothing is slow."""

    def noisy(learns: bool) -> float:  # noqa: FBT001 - one of two loads
        class Table(NoisyTable):
            pass

        Table.share = share
        seen = simulate(table=Table, pace=Pace(learns=learns), seconds=20)
        return seen.rate(0, 20)

    assert noisy(learns=True) >= 0.55 * noisy(learns=False)


def test_a_table_that_was_never_short_has_no_limit() -> None:
    """Five writers, 25 items, 12.5 ms: they send all that they can."""
    paced = Paced(seconds=10)

    table = run(paced.load())

    assert paced.pace.rate is None
    assert table.tallies.rate(0, 10) == pytest.approx(5 * 25 / 0.0125, rel=0.05)


@pytest.mark.parametrize("rate", [1, 10, 100, 1_000, 5_000])
def test_a_rate_is_held_over_any_five_seconds(rate: float) -> None:
    """Within two of a hundred from the first second on, or within one unit."""
    seen = simulate(pace=Pace(rate=rate), seconds=30)

    for tenth in range(200):
        got = seen.rate(tenth / 10, tenth / 10 + 5)
        assert got == pytest.approx(rate, rel=0.02, abs=0.2 + 1e-9), tenth


@pytest.mark.parametrize("rate", [100, 5_000])
def test_a_rate_is_even(rate: float) -> None:
    """No tenth of a second has twice its share."""
    seen = simulate(pace=Pace(rate=rate), seconds=20)

    assert max(seen.accepted.values()) <= 2 * rate * seen.SLOT


def test_a_rate_counts_what_the_service_reports() -> None:
    """With an index each item costs twice its size: half as many are sent."""
    seen = simulate(table=IndexedTable, pace=Pace(rate=1_000), seconds=20)

    assert seen.rate(2, 20) == pytest.approx(500, rel=0.02)


def test_a_share_counts_the_table_alone() -> None:
    """Of a share of the table's capacity, indexes have none: they have their own."""
    seen = simulate(table=IndexedTable, pace=Pace(rate=1_000, corrected=False), seconds=20)

    assert seen.rate(2, 20) == pytest.approx(1_000, rel=0.02)


def test_a_rate_above_the_capacity_is_no_licence() -> None:
    """The lower of the two is the pace."""
    seen = simulate(units=1_000, pace=Pace(rate=5_000), seconds=26)

    assert seen.rate(10, 26) >= 0.97 * 1_000
    assert seen.throttled(10, 26) < 0.03


def test_where_nothing_is_learnt_the_table_is_hammered() -> None:
    """The plain retry policy has its pauses alone: this is what the pace is for."""
    seen = simulate(units=1_000, pace=Pace(learns=False), seconds=20)

    assert seen.throttled(10, 20) > 0.2


def crew() -> Crew:
    """Make a crew that finds its number."""
    return Crew(InFlight())


def test_auto_has_more_in_flight_until_the_table_is_full() -> None:
    """10,000 units a second at 12.5 ms need more than five requests in flight."""
    paced = Paced(units=10_000, crew=crew(), workers=128, seconds=30)

    table = run(paced.load())

    assert table.tallies.rate(10, 30) >= 0.97 * 10_000
    assert table.most_in_flight <= 40


def test_auto_goes_to_its_bound_where_latency_wants_it() -> None:
    """200 ms and 40,000 units: 320 would be needed, 128 is what there may be."""
    paced = Paced(units=40_000, crew=crew(), workers=128, latency=(0.19, 0.21), seconds=20)

    table = run(paced.load())

    assert table.most_in_flight > 100
    assert table.tallies.rate(10, 20) >= 0.9 * 128 * 25 / 0.2


def test_auto_stays_small_where_a_rate_is_what_holds() -> None:
    """A thousand a second need one or two requests in flight."""
    paced = Paced(pace=Pace(rate=1_000), crew=crew(), workers=128, seconds=20)

    table = run(paced.load())

    assert table.most_in_flight <= 5
    assert paced.crew.limit == 5
