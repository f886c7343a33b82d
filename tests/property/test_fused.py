"""A record's fused way says what the plain ways say one after the other, or nothing."""

from __future__ import annotations

import contextlib
import json
import os
from random import Random
from typing import TYPE_CHECKING, Any

from bench.fused_cases import Case
from pipeline.compose.fused import fuse
from pipeline.errors import Refused
from pipeline.sources.formats.json_decode import decode_object
from pipeline.table.encoding import Encoder
from pipeline.transform.compose import compile_transform

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
    assert fused_cases > CASES / 5
    assert hits > CASES * 2
    assert refused > CASES


def test_the_fused_way_of_fields_says_what_the_plain_ways_say() -> None:
    """Of records that are fields already too, as the rows of a CSV file are: whatever they hold."""
    hits = refused = 0
    for seed in range(FIRST, FIRST + CASES):
        dice = Random(seed)
        case = Case(dice)
        encoder = Encoder(case.description, case.mode)
        given = (case.schema, case.specs, case.key_types, case.mode, encoder.frame)
        fused = fuse(*given, decoded=True)
        if fused is None:
            continue
        transform = compile_transform(*given[:4], coerce=False)
        for number in range(64 + RECORDS):
            try:
                fields = decode_object(case.line(plain=number < 64))
            except Refused:
                continue
            if number >= 64:
                fields = {name: _odd(value, dice) for name, value in fields.items()}
            before = repr(fields)
            made = fused.attempt(fields)
            assert repr(fields) == before
            if not made:
                fused.missed(fields)
            try:
                items = transform(fields)
                wanted = judged((index, *encoder.encode_plain(item)) for index, item in items)
            except Refused:
                assert not made, (seed, fields, case.schema, case.specs)
                refused += 1
                continue
            if made:
                assert judged(made) == wanted, (seed, fields, case.schema, case.specs)
                hits += 1
    assert hits > CASES * 2
    assert refused > CASES / 2


def _odd(value: Any, dice: Random) -> Any:
    """Put into a text, now and then, what JSON would have to escape."""
    if type(value) is str and dice.random() < 0.1:
        return value + dice.choice(('"', "\\", "\n", "\x00", "\x1f", "é", "\U0001f600"))
    return value
