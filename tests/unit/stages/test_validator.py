"""The validator: one refused record costs no other; a record's items go together or not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import pytest

from pipeline.core.channel import Channel
from pipeline.errors import Refused
from pipeline.model import Checked, Chunk, Item, Position, Record, Violation
from pipeline.stages.validator import Rules, Shortcuts, Validator, show_key
from tests.clock import run

if TYPE_CHECKING:
    from pipeline.model import Key, Value


class Encoded(NamedTuple):
    """An item that has been encoded."""

    key: Key
    wire: bytes = b"{}"
    size: int = 2


def violation(rule: str) -> Violation:
    """Make a violation."""
    return Violation("rule", rule, f"breaks {rule}")


def decode(record: Record, _: tuple[str, ...] | None) -> dict[str, Value]:
    """Read a number; text is malformed."""
    return decode_raw(record.raw)


def decode_raw(raw: bytes) -> dict[str, Value]:
    """Read a number; text is malformed."""
    if not raw.isdigit():
        raise Refused(Violation("malformed", "json_syntax", "no number"))
    return {"number": int(raw)}


def two_items(fields: dict[str, Value]) -> list[tuple[int, dict[str, Value]]]:
    """Map a record to two items."""
    number = fields["number"]
    assert isinstance(number, int)
    return [(0, {"id": number}), (1, {"id": f"second-{number}"})]


def refuse_thirteen(attributes: dict[str, Value]) -> Encoded:
    """Refuse the second item of record 13."""
    if attributes["id"] == "second-13":
        raise Refused(violation("item_size"))
    return Encoded((str(attributes["id"]),))


RULES = Rules(
    decode, two_items, two_items, refuse_thirteen, lambda attributes: show_key(["id"], attributes)
)


def check(
    *raws: bytes, framing: Violation | None = None, only: int | None = None
) -> tuple[list[Item], list[Checked]]:
    """Run the validator over one chunk of records."""
    records = [
        Record(n, n + 1, n, len(raw), raw, violation=framing if raw == b"long" else None, only=only)
        for n, raw in enumerate(raws)
    ]
    return check_records(records, RULES)


def check_records(
    records: list[Record], rules: Rules, header: tuple[str, ...] | None = None
) -> tuple[list[Item], list[Checked]]:
    """Run the validator over one chunk."""
    chunk = Chunk("part", records, Position("part", 0, 0, 0), header, number=4)

    async def main() -> tuple[list[Item], list[Checked]]:
        inbox, outbox = Channel[Chunk](1), Channel[list[Item]](1_000)
        settlements = Channel[Checked](10)
        await inbox.send(chunk)
        inbox.close()
        await Validator(rules)(inbox, outbox, settlements)
        outbox.close()
        settlements.close()
        items = [item async for group in outbox for item in group]
        return items, [one async for one in settlements]

    return run(main())


def test_every_record_is_either_items_or_a_rejection() -> None:
    """The count told to the sink is exact, and good records around bad ones go on in order."""
    items, (checked,) = check(b"1", b"x", b"2", b"13", b"3")

    assert [item.key for item in items] == [
        ("1",), ("second-1",), ("2",), ("second-2",), ("3",), ("second-3",),
    ]  # fmt: skip
    assert (checked.chunk, checked.items) == (4, 6)
    assert [one.record.ordinal for one in checked.rejections] == [1, 3]


def test_if_one_item_is_refused_none_of_its_record_is_sent() -> None:
    """The rejection names the item and its key; the record counts once."""
    items, (checked,) = check(b"13")

    (rejection,) = checked.rejections
    assert items == []
    assert (rejection.index, rejection.key) == (1, {"id": "second-13"})
    assert rejection.violations[0].rule == "item_size"


def test_of_a_record_that_is_wanted_for_one_item_that_one_goes_on() -> None:
    """A replay does not write again what the table took the first time."""
    items, (checked,) = check(b"1", b"2", only=1)

    assert [(item.key, item.index) for item in items] == [(("second-1",), 1), (("second-2",), 1)]
    assert (checked.items, checked.rejections) == (2, [])


def test_a_record_that_is_wanted_for_one_item_is_all_or_nothing_still() -> None:
    """Another of its items breaks a rule by now: the record as it stands is refused."""
    items, (checked,) = check(b"13", only=0)

    assert items == []
    assert [(one.index, one.violations[0].rule) for one in checked.rejections] == [(1, "item_size")]


def test_an_item_that_is_wanted_and_no_longer_made_is_told() -> None:
    """Nothing is dropped in silence because the definition has changed since."""
    items, (checked,) = check(b"1", only=2)

    (rejection,) = checked.rejections
    assert (items, checked.items) == ([], 0)
    assert (rejection.index, rejection.kind) == (2, "mapping")
    assert rejection.violations[0].rule == "no_such_item"
    assert "item 2" in rejection.message


def test_a_record_that_could_not_be_framed_is_refused_as_it_is() -> None:
    """Its violation comes from the source; nothing tries to decode it."""
    framing = Violation("malformed", "record_too_long", "too long")

    _, (checked,) = check(b"long", b"1", framing=framing)

    assert checked.rejections[0].violations == (framing,)
    assert checked.items == 2


@pytest.mark.parametrize("header", [None, ("number",)])
def test_records_in_a_row_are_checked_as_each_one_alone(header: tuple[str, ...] | None) -> None:
    """The quick way through a row of small records ends as the plain way of a single one does."""
    quick = Shortcuts(decode_raw, lambda _: lambda cells: decode_raw(cells[0].encode()), two_items)
    for seed in range(300):
        dice = Random(seed)
        records = []
        for n in range(dice.randrange(60)):
            raw = dice.choice([b"1", b"2", b"13", b"x", b"99"])
            only = dice.choice([None] * 8 + [0, 1, 2])
            framing = violation("framing") if dice.random() < 0.05 else None
            cells = None if framing or dice.random() < 0.05 else [raw.decode()]
            length = dice.choice([1, 1, 1, 5_000])
            record = Record(n, n, n, length, raw, cells, violation=framing, only=only)
            records.append(record)
        wanted = told(*check_records(records, RULES, header))
        assert told(*check_records(records, replace(RULES, short=quick), header)) == wanted


def told(items: list[Item], checked: list[Checked]) -> object:
    """Return what the validator made of a chunk."""
    ((chunk, count, refused),) = [(one.chunk, one.items, one.rejections) for one in checked]
    return (
        [(one.key, one.wire, one.size, one.index, one.record.ordinal) for one in items],
        (chunk, count),
        [(one.record.ordinal, one.violations, one.index, one.key) for one in refused],
    )


def test_a_large_record_is_decoded_beside_the_loop() -> None:
    """A record of a megabyte does not hold the event loop: others run meanwhile."""
    turns = 0

    async def main() -> int:
        nonlocal turns
        inbox, outbox = Channel[Chunk](1), Channel[list[Item]](10)
        settlements = Channel[Checked](10)
        raw = b"1" * 1_000
        records = [Record(0, 1, 0, 1_000_000, raw)]
        await inbox.send(Chunk("part", records, Position("part", 0, 0, 0), number=0))
        inbox.close()

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as group:
            counting = group.create_task(count())
            await Validator(RULES)(inbox, outbox, settlements)
            counting.cancel()
        return turns

    assert run(main()) > 2


def test_a_shown_key_is_bounded_and_partial_keys_are_shown() -> None:
    """Reports show what there is of a key, cut to 256 characters."""
    shown = show_key(["PK", "SK"], {"PK": "x" * 5_000, "other": "secret"})

    assert shown == {"PK": "x" * 256}
    assert show_key(["PK"], {"other": "secret"}) is None
