"""The simulated table: it takes what it says, and refuses in the service's words."""

from __future__ import annotations

import pytest

from bench.simulated.model import HOT, KINDS, SHORT, Capacity, Kind
from bench.simulated.table import SimulatedTable, Tallies
from pipeline.errors import ThrottledError
from tests.clock import run
from tests.fakes import make_item


@pytest.mark.parametrize("kind", KINDS)
def test_it_takes_its_units_a_second_and_no_more(kind: Kind) -> None:
    """Asked for twice as much over ten seconds it takes what it has, and the bucket's content."""
    capacity = Capacity(100, kind=kind)
    taken = sum(capacity.admit(n, 1, n / 200) is None for n in range(2_000))

    assert 1_000 <= taken <= (1_000 if kind == "window" else 1_101)


@pytest.mark.parametrize("kind", KINDS)
def test_one_partition_has_a_limit_of_its_own(kind: Kind) -> None:
    """The reason tells which of the two limits it was."""
    capacity = Capacity(1_000, partition=10, kind=kind)
    hot = [capacity.admit("hot", 1, 0.0) for _ in range(12)]
    others = {capacity.admit(n, 1, 0.0) for n in range(2_000)}

    assert hot == [None] * 10 + [HOT] * 2
    assert others == {None, SHORT}


def test_units_change_while_it_runs() -> None:
    """Half the units: what was saved up stays, up to the new rim."""
    capacity = Capacity(100)
    capacity.units = 50

    assert sum(capacity.admit(n, 1, 0.0) is None for n in range(200)) == 50
    assert sum(capacity.admit(n, 1, 10.0) is None for n in range(200)) == 50


def test_a_table_hands_back_what_it_cannot_take_and_throttles_what_it_takes_nothing_of() -> None:
    """Ten units: two batches of six are taken in part, a third one is refused."""
    table = SimulatedTable(Capacity(10))

    async def main() -> list[int]:
        left = []
        for batch in "ab":
            answer = await table.write([make_item(f"{batch}{n}") for n in range(6)])
            left.append(len(answer.unprocessed))
        with pytest.raises(ThrottledError) as refused:
            await table.write([make_item(f"c{n}") for n in range(6)])
        assert refused.value.reasons == (SHORT,)
        return left

    assert run(main())[0] == 0
    assert table.tallies.throttled(0, 1) == pytest.approx(2 / 3)


def test_tallies_survive_json() -> None:
    """What the server tells is what it counted."""
    tallies = Tallies(5.0)
    tallies.note(5.25, 25, refused=False, partly=True)

    again = Tallies.from_json(
        {
            name: {str(slot): n for slot, n in counts.items()}
            for name, counts in tallies.as_json().items()
        }
    )

    assert again.rate(0, 1) == 25
    assert again.throttled(0, 1) == 1
