"""Blocks of text into chunks of records: what every source of bytes does."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from pipeline.errors import Refused, SourceCorruptError
from pipeline.model import Chunk
from pipeline.sources.formats.delimited.rows import CsvFramer, decode_row
from pipeline.sources.formats.framer import FramerSpec
from pipeline.sources.formats.json_array import JsonArrayFramer
from pipeline.sources.formats.json_decode import decode_object
from pipeline.sources.formats.jsonl import JsonlFramer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from pipeline.model import Position, Record, Value
    from pipeline.sources.base import Cut, FileSpec, Format, StdinSpec
    from pipeline.sources.formats.framer import Framer
    from pipeline.sources.sniff import Look
    from pipeline.sources.storage.blocks import Block

__all__ = ["cut_chunks", "decode", "framer_of"]

_FRAMERS: dict[Format, type[CsvFramer | JsonArrayFramer | JsonlFramer]] = {
    "csv": CsvFramer,
    "json": JsonArrayFramer,
    "jsonl": JsonlFramer,
}

_BATCH = 25
"""Records that a format gives out at once; chunks are made of such batches."""

_STATES: dict[Format, set[str]] = {
    "csv": {"header", "delimiter"},
    "json": {"expects"},
    "jsonl": set(),
}
"""What a position of each format carries, once there was a record."""


def framer_of(look: Look, spec: FileSpec | StdinSpec, start: Position) -> Framer:
    """
    Make what frames a part that looks like *look*, from *start* on.

    Raises `SourceCorruptError` if *start* was given out while the part held another format.
    """
    state = set(start.state or ())
    if (start.record or state) and state != _STATES[look.format]:
        raise SourceCorruptError(
            f"{start.part!r} is {look.format} and was something else when it was read before; "
            "start the run afresh"
        )
    return _FRAMERS[look.format](
        FramerSpec(start.part, spec.max_record, look.delimiter, min(_BATCH, spec.cut.records)),
        start,
    )


async def cut_chunks(
    blocks: AsyncGenerator[Block, None], framer: Framer, cut: Cut, *, eager: bool = False
) -> AsyncGenerator[Chunk, None]:
    """
    Frame *blocks* and hand on the records as chunks of the size of *cut*.

    *eager*: a chunk goes out as soon as a block completed a record, however small it is. The
    caller closes *blocks*.
    """
    pile = _Pile(framer, cut)
    try:
        async with aclosing(_fill(blocks, framer, pile, eager=eager)) as chunks:
            async for chunk in chunks:
                yield chunk
    except SourceCorruptError:
        # What was whole before the damage is as good as in the chunks before.
        if rest := pile.take():
            yield rest
        raise
    if rest := pile.take():
        yield rest


async def _fill(
    blocks: AsyncGenerator[Block, None], framer: Framer, pile: _Pile, *, eager: bool
) -> AsyncGenerator[Chunk, None]:
    """Feed *framer* to the end; give each chunk that the *pile* makes, and leave the last in it."""
    async for block in blocks:
        pile.begin(block)
        for records in framer.feed(block.text):
            for chunk in pile.add(records):
                yield chunk
            if not records:
                await asyncio.sleep(0)  # a pause that the framer offers
        if eager and (rest := pile.take()):
            yield rest
    pile.ends = True
    for records in framer.finish():
        for chunk in pile.add(records):
            yield chunk


_RECORD = 32
"""Bytes that a record counts for beside its own: tiny ones are work too, where all are refused."""


class _Pile:
    """Records on their way into a chunk."""

    def __init__(self, framer: Framer, cut: Cut) -> None:
        self._framer = framer
        self._size = cut.size
        self._steps = cut.steps()
        self._most = next(self._steps)
        self._records: list[Record] = []
        self._end: Position | None = None  # of the pile
        self._consumed = 0
        self._before = 0
        self._begin, self._length = 0, 1
        self.ends = False

    def begin(self, block: Block) -> None:
        """Note that all records from now on end in *block*, or in one after it."""
        self._length = max(1, len(block.text))
        # Of what is not compressed a block takes as much as it has text.
        self._before = self._consumed or max(0, block.consumed - self._length)
        self._consumed = block.consumed
        self._begin = self._framer.position().offset

    def _reached(self, end: Position) -> int:
        """Estimate how many bytes on disk lie before *end*: as much of the block as of its text."""
        if self.ends:
            return self._consumed
        share = min(1.0, max(0.0, (end.offset - self._begin) / self._length))
        return self._before + int((self._consumed - self._before) * share)

    def add(self, records: list[Record]) -> Iterator[Chunk]:
        """Add *records*, which stand together, and give the chunks that this fills."""
        if not records:
            return
        if len(self._records) + len(records) > self._most and (chunk := self.take()):
            yield chunk
        pile = self._records
        pile += records
        self._end = self._framer.position()
        last = pile[-1]
        size = last.offset + last.length - pile[0].offset + len(pile) * _RECORD
        if (len(pile) >= self._most or size >= self._size) and (chunk := self.take()):
            yield chunk

    def take(self) -> Chunk | None:
        """Make a chunk of what is there, if anything is."""
        if self._end is None:
            return None
        end, header = self._end, self._framer.header
        reached = self._reached(end)
        chunk = Chunk(end.part, self._records, end, header, self._consumed, reached=reached)
        self._records = []
        self._end = None
        self._most = next(self._steps)
        return chunk


def decode(
    record: Record, header: tuple[str, ...] | None, null_values: frozenset[str]
) -> dict[str, Value]:
    """Turn *record* into its fields, whatever its format; raises `Refused`."""
    if record.violation is not None:
        raise Refused(record.violation)
    if record.cells is not None and header is not None:
        return decode_row(record, header, null_values)
    return decode_object(record.raw)
