"""Validator: records → items, or rejections with every reason."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from pipeline.errors import Refused
from pipeline.model import Checked, Item, Rejection, Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline.core.channel import Receiver, Sender
    from pipeline.model import Chunk, Key, Record, Value

__all__ = ["Encode", "Rules", "Shortcuts", "Transform", "Validator", "show_key"]

Transform: TypeAlias = "Callable[[dict[str, Value]], list[tuple[int, dict[str, Value]]]]"

Whole: TypeAlias = "Callable[[Sequence[Record], int, int, Callable[[Item], None], int, str], int]"
"""
Records, from, up to, what takes their items, the number of the chunk and the part → the first of
them with which it is in doubt, or up to. See `compose.fused`.
"""

_SLICE = 0.005
"""Seconds of work after which the event loop gets a turn; far under the 100 ms it may stall."""

_SHOWN = 256
"""Characters of a refused item's key that reports and dead letters show."""

_LARGE = 32 * 1024
"""Bytes from which a record is worth a thread: decoding it could stall the loop."""

_SMALL = 4 * 1024
"""Bytes up to which a record takes so little time that the clock need not be asked after each."""

_AT_ONCE = 32
"""Small records that are checked between two looks at the clock."""


class Encode(Protocol):
    """Check an item against the table's rules and encode it, or raise `Refused`."""

    def __call__(self, attributes: dict[str, Value], /) -> tuple[Key, bytes, int]:
        """Return the item's key in canonical typed form, its write request, and its size."""


@dataclass(frozen=True, slots=True)
class Shortcuts:
    """
    The ways for speed; each does what the step beside it in `Rules` does.

    *text* decodes a record of a part without header from its bytes alone. *rows* gives, for a
    header, what makes fields of cells, in the types of the schema already; *typed* transforms such.
    *whole* does all three steps for such records at once; with one that it stops at *text* comes
    next. *whole_rows* gives, for a header, what does that for cells; there *rows* comes next.
    """

    text: Callable[[bytes], dict[str, Value]]
    rows: Callable[[tuple[str, ...]], Callable[[list[str]], dict[str, Value]]]
    typed: Transform
    whole: Whole | None = None
    whole_rows: Callable[[tuple[str, ...]], Whole | None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Rules:
    """
    The three steps from a record to its items; each raises `Refused`.

    *decode* turns a record (and its part's header) into fields. *transform* checks the fields and
    maps them to attributes, with the index of the definition's item; *transform_cells* does the
    same for CSV, whose cells are all text. *encode* applies the table's rules. *show_key* renders
    the key of a refused item's attributes, as far as it has one. *short* does the same for records
    with which nothing is wrong.
    """

    decode: Callable[[Record, tuple[str, ...] | None], dict[str, Value]]
    transform: Transform
    transform_cells: Transform
    encode: Encode
    show_key: Callable[[dict[str, Value]], Mapping[str, str] | None]
    short: Shortcuts | None = None


def show_key(names: Sequence[str], attributes: Mapping[str, Value]) -> Mapping[str, str] | None:
    """Show what a refused item has of its key *names*; a key that is too long is cut short."""
    key = {
        name: str(value)[:_SHOWN]
        for name in names
        if isinstance(value := attributes.get(name), str | int | Decimal)
    }
    return key or None


class Validator:
    """
    Check each record of a chunk and make its items.

    A record that becomes several items is all or nothing: if one is refused, none goes on and the
    record counts once. Of a record that is wanted for one item alone, that one goes on, if none is
    refused. One refused record never holds back its neighbours. A chunk of which
    *begins* says no is dropped whole: after a stop, what only waits does not begin.
    """

    def __init__(self, rules: Rules, begins: Callable[[Chunk], bool] = lambda _: True) -> None:
        self._rules = rules
        self._begins = begins

    async def __call__(
        self, inbox: Receiver[Chunk], outbox: Sender[list[Item]], settlements: Sender[Checked], /
    ) -> None:
        """Send each chunk's items on, in order, and what was refused to the *settlements*."""
        async for chunk in inbox:
            if self._begins(chunk):
                await self._check_chunk(chunk, outbox, settlements)

    async def _check_chunk(
        self, chunk: Chunk, outbox: Sender[list[Item]], settlements: Sender[Checked]
    ) -> None:
        clock = asyncio.get_running_loop().time
        rejections: list[Rejection] = []
        items: list[Item] = []
        passed, at, records, short = 0, 0, chunk.records, self._rules.short
        turn_ends = clock() + _SLICE
        while at < len(records):
            special = True
            if short is not None:
                at, special = self._check_run(short, chunk, at, items, rejections)
            if special:
                record = records[at]
                if record.length >= _LARGE:
                    verdict = await asyncio.to_thread(self._check, record, chunk)
                else:
                    verdict = self._check(record, chunk)
                if isinstance(verdict, Rejection):
                    rejections.append(verdict)
                else:
                    items += verdict
                at += 1
            if clock() >= turn_ends:
                passed += len(items)
                items = await _hand_on(items, outbox)
                turn_ends = clock() + _SLICE
        await settlements.send(Checked(chunk.number, passed + len(items), rejections))
        await _hand_on(items, outbox)

    def _check_run(
        self,
        short: Shortcuts,
        chunk: Chunk,
        first: int,
        items: list[Item],
        rejections: list[Rejection],
    ) -> tuple[int, bool]:
        """
        Do what `_check` does for a few records from *first* on, in one go.

        It ends before a record that is special, and after one that was refused. Return the next
        record's index, and whether that is special.
        """
        header, number, part, add = chunk.header, chunk.number, chunk.part, items.append
        rules, encode, records = self._rules, self._rules.encode, chunk.records
        transform = rules.transform if header is None else short.typed
        read, whole = _ways(short, header)
        at, stop = first, min(first + _AT_ONCE, len(records))
        while at < stop:
            if whole is not None:
                at = whole(records, at, stop, add, number, part)
                if at == stop:
                    break
            record = records[at]
            given: Any = record.raw if header is None else record.cells
            if given is None or _is_special(record):
                return at, True
            at += 1
            index = None
            try:
                for index, attributes in transform(read(given)):
                    key, wire, size = encode(attributes)
                    add(Item(key, wire, size, record, number, part, index))
            except Refused as refused:
                while items and items[-1].record is record:
                    items.pop()  # all of a record's items or none
                shown = None if index is None else rules.show_key(attributes)
                why = refused.violations
                rejections.append(Rejection(record, part, number, why, index, shown))
                break
        return at, False

    def _check(self, record: Record, chunk: Chunk) -> list[Item] | Rejection:
        if record.violation is not None:
            return Rejection(record, chunk.part, chunk.number, (record.violation,))
        cells = chunk.header is not None
        transform = self._rules.transform_cells if cells else self._rules.transform
        try:
            fields = self._rules.decode(record, chunk.header)
            mapped = transform(fields)
        except Refused as refused:
            return Rejection(record, chunk.part, chunk.number, refused.violations)
        items = []
        for index, attributes in mapped:
            try:
                key, wire, size = self._rules.encode(attributes)
            except Refused as refused:
                shown = self._rules.show_key(attributes)
                return Rejection(
                    record, chunk.part, chunk.number, refused.violations, index=index, key=shown
                )
            items.append(Item(key, wire, size, record, chunk.number, chunk.part, index))
        return items if record.only is None else _only(items, record, chunk)


def _only(items: list[Item], record: Record, chunk: Chunk) -> list[Item] | Rejection:
    """Return the one item that is wanted of *record*; the others are in the table already."""
    wanted = [item for item in items if item.index == record.only]
    if wanted:
        return wanted
    violation = Violation(
        "mapping",
        "no_such_item",
        f"item {record.only} is wanted of this record, and the definition makes none; replay it "
        "with the items as they were",
    )
    return Rejection(record, chunk.part, chunk.number, (violation,), index=record.only)


def _is_special(record: Record) -> bool:
    """Tell whether a record is long, refused already, or wanted for one item alone."""
    return record.length > _SMALL or record.violation is not None or record.only is not None


def _ways(short: Shortcuts, header: tuple[str, ...] | None) -> tuple[Any, Any]:
    """Return what reads the records of a part with *header*, and what does all steps at once."""
    if header is None:
        return short.text, short.whole
    return short.rows(header), short.whole_rows(header)


async def _hand_on(items: list[Item], outbox: Sender[list[Item]]) -> list[Item]:
    """Send *items*, if any, give the loop a turn, and return a new list to fill."""
    if items:
        await outbox.send(items)
    await asyncio.sleep(0)
    return []
