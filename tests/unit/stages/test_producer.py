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
    from collections.abc import AsyncGenerator, Sequence

    from pipeline.model import Record, Value


class TwoParts:
    """A source of two parts of 30 records, ten a chunk; the second may break after one chunk."""

    resumable = True

    def __init__(self, *, breaks: bool = False) -> None:
        self.breaks = breaks

    async def parts(self) -> Sequence[Part]:
        """Name the parts."""
        return [Part("a", size=300), Part("b", size=300)]

    async def read(self, part: Part, start: Position | None = None) -> AsyncGenerator[Chunk, None]:
        """Yield three chunks."""
        assert start is None
        for number in range(3):
            if self.breaks and part.name == "b" and number:
                raise SourceCorruptError("b is damaged")
            records = [make_record(number * 10 + n) for n in range(10)]
            end = Position(part.name, (number + 1) * 100, 0, 0)
            yield Chunk(part.name, records, end, consumed=(number + 1) * 100)

    def decode(self, record: Record, header: tuple[str, ...] | None) -> dict[str, Value]:
        """Give nothing."""
        raise NotImplementedError(record, header)


def produce(source: TwoParts, limit: int | None = None) -> tuple[Producer, list[Chunk], Accounts]:
    """Read all that *source* gives."""

    async def main() -> tuple[Producer, list[Chunk], Accounts]:
        accounts = Accounts(chunks=100, memory=10**9)
        producer = Producer(Reading(source, await source.parts()), accounts, Metrics(), ListLog())
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
