"""A record's fused way says what the plain ways say one after the other, or nothing."""

from __future__ import annotations

import contextlib
import json
import os
from random import Random
from typing import TYPE_CHECKING, Any

from bench.fused_cases import Case
from pipeline.compose.fused import FusedRows, fuse
from pipeline.errors import Refused
from pipeline.model import Item, Record
from pipeline.sources.formats.json_decode import decode_object
from pipeline.table.encoding import Encoder
from pipeline.transform.compose import compile_transform
from pipeline.transform.straight.cells import name_cells, plain_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CASES = int(os.environ.get("PIPELINE_TEST_CASES", "300"))
"""Definitions that are tried; each with `RECORDS` records."""

RECORDS = 40
FIRST = int(os.environ.get("PIPELINE_TEST_FIRST", "0"))


def judged(items: Iterable[tuple[int, Any, bytes, int]]) -> list[Any]:
    """Return all that counts of items: the order of names in a map of DynamoDB's does not."""
    return [
        (index, key, json.dumps(json.loads(wire), sort_keys=True), len(wire), size)
        for index, key, wire, size in items
    ]


def plain_way(case: Case, encoder: Encoder) -> Callable[[bytes], list[Any] | None]:
    """Return the reference: decode, check and map, encode; None for what is refused."""
    transform = compile_transform(case.schema, case.specs, case.key_types, case.mode, coerce=False)

    def run(raw: bytes) -> list[Any] | None:
        try:
            made = transform(decode_object(raw))
            return judged((index, *encoder.encode_plain(item)) for index, item in made)
        except Refused:
            return None

    return run


def test_the_fused_way_says_what_the_plain_ways_say() -> None:
    """Same items, keys, requests and sizes, whatever the definition and whatever the bytes."""
    fused_cases = hits = refused = 0
    for seed in range(FIRST, FIRST + CASES):
        dice = Random(seed)
        case = Case(dice)
        encoder = Encoder(case.description, case.mode)
        plain = plain_way(case, encoder)
        fused = fuse(case.schema, case.specs, case.key_types, case.mode, encoder.frame)
        if fused is None:
            continue
        for number in range(64 + RECORDS):
            raw = case.line(plain=number < 64)
            made = fused.attempt(raw)
            assert as_run(fused.run, Record(number, number, 0, 9, raw)) == (
                tuple(made or ()) or None
            )
            if number >= 64:
                wanted = plain(raw)
                if made:
                    assert judged(made) == wanted, (seed, raw, case.schema, case.specs)
                    hits += 1
                elif wanted is None:
                    refused += 1
            if not made:
                with contextlib.suppress(Refused):
                    fused.decode(raw)
        fused_cases += fused.ready
    assert fused_cases > CASES / 8
    assert hits > CASES * 2
    assert refused > CASES


def test_the_fused_way_of_rows_says_what_the_plain_ways_say() -> None:
    """Of the rows of a CSV file too: whatever stands in their cells."""
    hits = refused = 0
    for seed in range(FIRST, FIRST + CASES):
        dice = Random(seed)
        case = Case(dice)
        encoder = Encoder(case.description, case.mode)
        given = (case.schema, case.specs, case.key_types, case.mode)
        nulls = frozenset(dice.choice(([""], ["", "NA"], [], ["null", "x", "1", "", "true"])))
        fused = fuse(*given, encoder.frame, nulls=nulls)
        if fused is None:
            continue
        transform = compile_transform(*given, coerce=True)
        records = list(fields_of(case.line(plain=number < 64) for number in range(64 + RECORDS)))
        header = tuple(dict.fromkeys(name for fields in records[:64] for name in fields))[:64]
        rows = FusedRows(fused, plain_rows(case.schema, nulls))
        for number, fields in enumerate(records):
            odd = number >= 64
            if odd and not number % 10:
                header = other_columns(header, dice)
            cells = [cell(fields.get(name), dice if odd else None) for name in header]
            run, read = rows.run(header), rows.rows(header)
            made = fused.attempt(cells)
            record = Record(number, number, 0, 9, b"", cells)
            assert as_run(run, record) == (tuple(made or ()) or None)
            if not made:
                read(cells)
            try:
                items = transform(name_cells(header, cells, nulls))
                wanted = judged((index, *encoder.encode_plain(item)) for index, item in items)
            except Refused:
                assert not made, (seed, header, cells, case.schema, case.specs)
                refused += 1
                continue
            if made:
                assert judged(made) == wanted, (seed, header, cells, case.schema, case.specs)
                hits += odd
    assert hits > CASES
    assert refused > CASES / 2


def other_columns(header: tuple[str, ...], dice: Random) -> tuple[str, ...]:
    """Return the columns of another part: in another order, now and then one less or one more."""
    names = dice.sample(header, len(header))
    if len(names) > 1 and dice.random() < 0.3:
        names.pop()
    if dice.random() < 0.2 and "extra" not in names:
        names.append("extra")
    return tuple(names)


def fields_of(lines: Iterable[bytes]) -> Iterable[dict[str, Any]]:
    """Decode what can be decoded."""
    for line in lines:
        with contextlib.suppress(Refused):
            yield decode_object(line)


def cell(value: Any, dice: Random | None) -> str:
    """Write a value as a cell; with *dice* now and then as none that was meant."""
    if dice is not None and dice.random() < 0.04:
        return dice.choice(_ODD_CELLS)
    if value is None:
        return ""
    if type(value) is str:
        return value if dice is None else str(_odd(value, dice))
    if type(value) is bool:
        return str(value).lower()
    if isinstance(value, list | dict):
        return json.dumps(value, default=float)
    return str(value)


_ODD_CELLS = (
    *(
        "",
        " ",
        "NA",
        "null",
        "0",
        "-0",
        "1.0",
        "1e2",
        " 1",
        "1 ",
        "+1",
        "01",
        "\u0661",
        "true",
        "True",
    ),
    *("[]", '["a"]', '["a","b"]', "[1]", '["a",1]', "[null]", '[ "a" ]', '["\\u0041"]', '["a"'),
    *(
        "{}",
        '{"city":"x"}',
        '{"city":"x","city":"y"}',
        '{"city" : "x"}',
        '{"city":null}',
        '{"a":{}}',
    ),
    *('{"city":"a:b"}', '{"zip":1}', "NaN", "1" * 5_000, "[" * 90, '"', "\\", "\n", "\x00", "é"),
)


def as_run(run: Any, record: Record) -> tuple[Any, ...] | None:
    """Return what a run over one record makes, as `attempt` does."""
    items: list[Item] = []
    done = run([record], 0, 1, items.append, 7, "p")
    assert done == bool(items)
    assert all((one.record, one.chunk, one.part) == (record, 7, "p") for one in items)
    return tuple((one.index, one.key, one.wire, one.size) for one in items) or None


def _odd(value: Any, dice: Random) -> Any:
    """Put into a text, now and then, what JSON would have to escape."""
    if type(value) is str and dice.random() < 0.1:
        return value + dice.choice(('"', "\\", "\n", "\x00", "\x1f", "é", "\U0001f600"))
    return value
