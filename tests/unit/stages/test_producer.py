"""The producer: what was whole before the damage is delivered, and nothing is opened in vain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.errors import SourceCorruptError
from pipeline.model import Chunk, Position
from pipeline.observe.metrics import Metrics
from pipeline.sources.base import Part
from pipeline.stages.accounts import Accounts
from pipeline.stages.producer import Producer, Reading
from tests.clock import run
from tests.fakes import ListLog, make_record

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from pipeline.model import Record, Value


class TwoParts:
    """A source of two parts of 30 records, ten a chunk; the second may break after one chunk."""

    resumable = True
    sha256 = None

    def __init__(self, *, breaks: bool = False) -> None:
        self.breaks = breaks

    async def parts(self) -> Sequence[Part]:
        """Name the parts."""
        return [Part("a", size=300), Part("b", size=300)]

    async def read(self, part: Part, start: Position | None = None) -> AsyncGenerator[Chunk, None]:
        """Yield three chunks, or those after *start*."""
        for number in range(0 if start is None else start.record // 10, 3):
            if self.breaks and part.name == "b" and number:
                raise SourceCorruptError("b is damaged")
            records = [make_record(number * 10 + n) for n in range(10)]
            end = Position(part.name, (number + 1) * 100, (number + 1) * 10, 0)
            yield Chunk(part.name, records, end, consumed=(number + 1) * 100)

    def decode(self, record: Record, header: tuple[str, ...] | None) -> dict[str, Value]:
        """Give nothing."""
        raise NotImplementedError(record, header)

    async def stretch(self, part: Part, position: Position, consumed: int) -> None:
        """Have nothing to look at."""

    async def verify(self, part: Part, passed: Callable[[int], None]) -> None:
        """Verify nothing."""

    async def digest(self, part: Part, passed: Callable[[int], None]) -> None:
        """Have no digest."""


def produce(
    source: TwoParts,
    limit: int | None = None,
    *,
    start: Position | None = None,
    records: int = 0,
    expected: int | None = None,
) -> tuple[Producer, list[Chunk], Accounts]:
    """Read all that *source* gives."""

    async def main() -> tuple[Producer, list[Chunk], Accounts]:
        accounts = Accounts(chunks=100, memory=10**9)
        reading = Reading(source, await source.parts(), start, records, expected)
        producer = Producer(reading, accounts, Metrics(), ListLog())
        return producer, [chunk async for chunk in producer.chunks(limit)], accounts

    return run(main())


def test_chunks_are_numbered_in_read_order_over_all_parts() -> None:
    """Every chunk of every part, numbered from 0, and then the source is exhausted."""
    producer, chunks, _ = produce(TwoParts())

    assert [(chunk.part, chunk.number) for chunk in chunks] == [
        ("a", 0), ("a", 1), ("a", 2), ("b", 3), ("b", 4), ("b", 5),
    ]  # fmt: skip
    assert producer.exhausted
    assert producer.failure is None


def test_a_limit_cuts_within_a_chunk() -> None:
    """A limit of 35 gives 35 records, from both parts."""
    producer, chunks, _ = produce(TwoParts(), limit=35)

    assert [len(chunk.records) for chunk in chunks] == [10, 10, 10, 5]
    assert producer.exhausted


def test_damage_ends_the_reading_and_is_kept_for_the_end_of_the_run() -> None:
    """What came before the damage is handed on; the source is not taken for exhausted."""
    producer, chunks, _ = produce(TwoParts(breaks=True))

    assert len(chunks) == 4
    assert not producer.exhausted
    assert str(producer.failure) == "b is damaged"
    assert producer.failure is not None
    assert producer.failure.__notes__ == ["stage: producer"]


def test_a_chunk_whose_turn_has_not_come_counts_as_not_read() -> None:
    """When the reader is closed, what it had read ahead is left out of the accounts."""

    async def main() -> Accounts:
        accounts = Accounts(chunks=100, memory=10**9)
        source = TwoParts()
        producer = Producer(Reading(source, await source.parts()), accounts, Metrics(), ListLog())
        chunks = producer.chunks()
        first = await anext(chunks)
        accounts.begin(first.number)
        await anext(chunks)
        await chunks.aclose()
        assert not producer.exhausted
        return accounts

    accounts = run(main())

    assert accounts.left_out
    assert accounts.unfolded() == 10


def test_reading_goes_on_where_a_checkpoint_says() -> None:
    """Parts before the position are not read again, and the bytes of the source are counted on."""
    producer, chunks, accounts = produce(TwoParts(), start=Position("b", 100, 10, 0), records=40)

    assert [(chunk.part, chunk.end.record, chunk.number) for chunk in chunks] == [
        ("b", 20, 0), ("b", 30, 1),
    ]  # fmt: skip
    assert producer.exhausted
    assert [chunk.ledger.consumed for chunk in accounts._marks] == [500, 600]


def test_a_position_at_the_end_of_a_part_leads_to_the_next() -> None:
    """Nothing of the part is left, and nothing is read twice."""
    _, chunks, _ = produce(TwoParts(), start=Position("a", 300, 30, 0), records=30)

    assert [chunk.part for chunk in chunks] == ["b", "b", "b"]


def test_a_limit_counts_the_records_of_earlier_attempts() -> None:
    """A run limited to 45 records that has 40 reads five more, and is cut there."""
    producer, chunks, _ = produce(TwoParts(), 45, start=Position("b", 100, 10, 0), records=40)

    assert [(len(chunk.records), chunk.cut) for chunk in chunks] == [(5, True)]
    assert producer.exhausted


def test_a_source_with_another_number_of_records_than_expected_fails() -> None:
    """What was read is delivered, but the run is told that the source is not the one."""
    producer, chunks, _ = produce(TwoParts(), expected=61)

    assert len(chunks) == 6
    assert not producer.exhausted
    assert "has 60 records, and source.expect says 61" in str(producer.failure)


def test_a_limited_run_says_nothing_of_the_expected_number() -> None:
    """A run that stops at its limit has not seen the end of the source."""
    producer, _, _ = produce(TwoParts(), 10, expected=61)

    assert producer.exhausted


def test_the_expected_number_counts_earlier_attempts() -> None:
    """Records of earlier attempts belong to the source as those of this one."""
    start = Position("b", 100, 10, 0)
    producer, _, _ = produce(TwoParts(), start=start, records=40, expected=60)

    assert producer.exhausted
