"""The straight ways of a record do what the plain ones beside them do, whatever comes."""

from __future__ import annotations

import os
from random import Random
from typing import TYPE_CHECKING, Any

from bench.records_cases import (
    CELLS,
    random_cells,
    random_columns,
    random_mapping,
    random_record,
)
from pipeline.errors import Refused
from pipeline.transform.coerce import compile_coercion
from pipeline.transform.compose import compile_transform
from pipeline.transform.mapping import compile_items
from pipeline.transform.schema import compile_schema
from pipeline.transform.straight.cells import plain_rows, straight_rows
from pipeline.transform.straight.items import compile_straight

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.model import Value, Violation

CASES = int(os.environ.get("PIPELINE_TEST_CASES", "1500"))
"""Definitions that are tried; each with ten records."""

SCHEMAS: list[Mapping[str, Any]] = [
    {"properties": {"a": {"type": "string"}, "id": {"type": ["integer", "null", "string"]}}},
    {"maxProperties": 4, "required": ["a"]},
    {"properties": {"b": {"not": {"type": "string"}}}},
    {"minProperties": 1, "properties": {"c": {"type": "number", "multipleOf": 1}}},
]
"""Some run as straight code, some only in the library."""


def outcome(
    run: Callable[[dict[str, Value]], object], record: dict[str, Value]
) -> str | tuple[Violation, ...]:
    """Return what came of a record, the order of its attributes and their classes included."""
    try:
        return repr(run(record))
    except Refused as refused:
        return refused.violations


def test_straight_items_are_those_of_the_plain_way() -> None:
    """Same attributes, same order, same classes; refused is exactly what the plain way refuses."""
    made = refused = 0
    for seed in range(CASES):
        dice = Random(seed)
        case = random_mapping(dice)
        plain = compile_items(case.specs, key_types=case.key_types, mode=case.mode)
        straight = compile_straight(case.specs, key_types=case.key_types, mode=case.mode)
        whole = compile_transform(None, case.specs, case.key_types, case.mode, coerce=False)
        assert straight is not None
        for _ in range(10):
            record = random_record(dice, case.names)
            before = repr(record)
            wanted = outcome(plain, record)
            assert outcome(whole, record) == wanted, (seed, case.specs, record)
            try:
                items = straight(record)
            except Refused:
                items = None
            if isinstance(wanted, str):
                assert repr(items) == wanted, (seed, case.specs, record)
                made += 1
            else:
                assert not items, (seed, case.specs, record)
                refused += 1
            assert repr(record) == before
    assert made > CASES
    assert refused > CASES


def test_the_whole_way_of_a_record_is_its_steps_one_by_one() -> None:
    """Coerced, checked, mapped: the way for speed ends as the three steps do, in their order."""
    seen: set[str] = set()
    for seed in range(CASES // 3):
        dice = Random(seed)
        case, schema = random_mapping(dice), dice.choice(SCHEMAS)
        coerce = dice.random() < 0.5
        whole = compile_transform(schema, case.specs, case.key_types, case.mode, coerce=coerce)
        typed = compile_coercion(schema) if coerce else None
        check = compile_schema(schema).check
        plain = compile_items(case.specs, key_types=case.key_types, mode=case.mode)

        def steps(record: dict[str, Value]) -> object:
            fields = record if typed is None else typed(record)  # noqa: B023 - called at once
            check(fields)  # noqa: B023
            return plain(fields)  # noqa: B023

        for _ in range(10):
            record = random_record(dice, (*case.names, "a", "b", "c"))
            wanted = outcome(steps, record)
            assert outcome(whole, record) == wanted, (seed, schema, case.specs, record)
            seen.add("made" if isinstance(wanted, str) else wanted[0].kind)
    assert seen == {"made", "schema", "mapping"}


def test_straight_rows_are_those_of_the_plain_way() -> None:
    """Cells get the same names, types and values, in the same order; nulls are left out alike."""
    for seed in range(CASES):
        dice = Random(seed)
        header, schema, nulls = random_columns(dice)
        plain = plain_rows(schema, nulls)(header)
        straight = straight_rows(schema, nulls)(header)
        for _ in range(10):
            cells = random_cells(dice, header)
            assert repr(straight(cells)) == repr(plain(cells)), (seed, header, schema, cells)
        header = header[:1]
        alone = straight_rows(schema, nulls)(header)
        for cell in dice.sample(CELLS, 5):
            wanted = repr(plain_rows(schema, nulls)(header)([cell]))
            assert repr(alone([cell])) == wanted, (seed, schema, cell)
