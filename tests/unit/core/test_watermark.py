"""The watermark never passes an unsettled position; the window bounds what is open."""

from __future__ import annotations

import asyncio

import pytest

from pipeline.core.watermark import OpenChunk, Watermark, Window
from tests.clock import Deadlock, run


def opened(marks: Watermark[int, list[str]], position: int) -> int:
    """Open a chunk that ends at *position*."""
    return marks.open(OpenChunk(position, [], weight=1))


def test_a_chunk_passes_only_after_all_before_it() -> None:
    """Settled out of order, chunks pass in order and without a gap."""
    marks: Watermark[int, list[str]] = Watermark()
    first, second, third = (opened(marks, position) for position in (10, 20, 30))
    for number in (first, second, third):
        marks.expect(number, 1)

    marks.settle(third)
    marks.settle(second)
    nothing = list(marks.passed())
    marks.settle(first)

    assert nothing == []
    assert [chunk.position for chunk in marks.passed()] == [10, 20, 30]
    assert len(marks) == 0


def test_settlements_may_come_before_the_count_is_known() -> None:
    """A chunk whose first items are written before it is fully checked does not pass early."""
    marks: Watermark[int, list[str]] = Watermark()
    number = opened(marks, 10)

    marks.settle(number, 2)
    early = list(marks.passed())
    marks.expect(number, 3)
    still = list(marks.passed())
    marks.settle(number)

    assert (early, still) == ([], [])
    assert [chunk.position for chunk in marks.passed()] == [10]


def test_settling_more_than_a_chunk_holds_is_an_error() -> None:
    """Counting an item twice is a bug that shows at once, not in the report."""
    marks: Watermark[int, list[str]] = Watermark()
    blocker, number = opened(marks, 10), opened(marks, 20)
    marks.expect(blocker, 1)
    marks.expect(number, 1)
    marks.settle(number)

    with pytest.raises(AssertionError):
        marks.settle(number)


def test_an_empty_chunk_passes() -> None:
    """A chunk without items (blank lines) does not block the rest."""
    marks: Watermark[int, list[str]] = Watermark()
    marks.expect(opened(marks, 10), 0)

    assert [chunk.position for chunk in marks.passed()] == [10]


def test_a_settled_chunk_cannot_be_settled_again() -> None:
    """A late settlement for a chunk that has passed is an error."""
    marks: Watermark[int, list[str]] = Watermark()
    number = opened(marks, 10)
    marks.expect(number, 0)
    list(marks.passed())

    with pytest.raises(KeyError):
        marks.settle(number)


@pytest.mark.parametrize("bounds", [(2, 1_000), (1_000, 2)])
def test_the_window_makes_the_reader_wait(bounds: tuple[int, int]) -> None:
    """At its bound, in number or in bytes, entering waits until something leaves."""

    async def main() -> float:
        chunks, weight = bounds
        window = Window(chunks=chunks, weight=weight)
        loop = asyncio.get_running_loop()
        await window.enter(1)
        await window.enter(1)
        loop.call_later(30, window.leave, 1)
        await window.enter(1)
        return loop.time()

    assert run(main()) == pytest.approx(30)


def test_one_oversized_chunk_is_let_in() -> None:
    """A chunk larger than the whole budget goes alone instead of never."""

    async def main() -> None:
        window = Window(chunks=10, weight=100)
        await window.enter(1_000)
        window.leave(1_000)
        await window.enter(50)
        await window.enter(1_000)

    with pytest.raises(Deadlock):
        run(main())
