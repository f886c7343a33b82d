"""
An item's three ways to the wire are one: the plain one, the single pass, and code for its shape.

PIPELINE_ENCODE_ITEMS sets how many random items are compared; `python bench/encode.py --check`
does the same for millions.
"""

from __future__ import annotations

import os
from collections import Counter
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.encode_items import ENCODERS, FIGURES, ODD, check_family, family
from pipeline.model import TypedSet
from pipeline.table import numbers
from pipeline.table.description import TableDescription
from pipeline.table.encoding import Encoder
from pipeline.table.encoding.figures import measured
from pipeline.table.encoding.shapes import Shapes
from pipeline.table.rules import KeyAttribute

ITEMS = int(os.environ.get("PIPELINE_ENCODE_ITEMS", "6000"))
SEED = 20261122
KEY = (KeyAttribute("PK", "S", "partition"), KeyAttribute("SK", "N", "sort"))


def encoder() -> Encoder:
    """Make an encoder that has learnt nothing yet."""
    return Encoder(TableDescription("t", "ACTIVE", KEY))


def user(number: int, **more: Any) -> dict[str, Any]:
    """Make one of many items of a shape."""
    return {"PK": f"user {number}", "SK": number, "name": "José", "tags": ["a"], **more}


def test_every_way_gives_the_same() -> None:
    """Bytes, key, size and refusals of random items are the same by every way that answers."""
    tally: Counter[str] = Counter()
    number = 0
    while tally["items"] < ITEMS:
        random = Random(f"{SEED}/{number}")
        table = ENCODERS[number % len(ENCODERS)]
        check_family(family(random, table), table, tally)
        number += 1
    assert tally["sound"] > 0.7 * tally["items"], "most of the items must be worth comparing"
    assert tally["items"] - tally["sound"] > 0.05 * tally["items"]
    assert tally["fused"] > 0.98 * tally["sound"], "what is sound is seldom doubted"
    assert tally["straight"] > 0.8 * tally["sound"]


@given(
    st.integers(-(10**39), 10**39)
    | st.integers(-9999, 9999)
    | st.decimals(allow_nan=True, allow_infinity=True)
    | st.builds(
        lambda digits, places: Decimal(f"{digits}E-{places}"),
        st.integers(-(10**39), 10**39) | st.integers(-9999, 9999),
        st.integers(0, 45),
    )
)
@example(Decimal("-0.00"))
@example(Decimal("12.00"))
@example(Decimal("-" + "9" * 38))
@example(Decimal("-" + "9" * 19 + "." + "9" * 19))
@example(Decimal("9." + "9" * 37))
@example(10**5000)
def test_a_number_is_measured_as_it_is_rendered_and_sized(number: int | Decimal) -> None:
    """The quick look at a number gives what the two slow ones give, or doubts."""
    try:
        text = numbers.canonical(number)
    except numbers.NumberRefusedError:
        text = ""
    try:
        quick = measured(number)
    except ValueError:
        quick = ("", 0)
    assert quick == ((text, numbers.size(text)) if text else ("", 0))


def test_a_shape_that_recurs_gets_code() -> None:
    """After some items of a shape the next ones are encoded by code made for it."""
    table = encoder()
    for number in range(200):
        table.encode(user(number))
    (code,) = table._codes.values()
    assert code(user(777)) == table.encode_plain(user(777))


def test_code_learns_what_it_was_not_made_for() -> None:
    """A field that is null now and then, and a map of other names, do not keep a shape slow."""
    table = encoder()
    for number in range(1000):
        odd = number % 3 and number > 200
        table.encode(user(number, age=None if odd else 7, at={"b": 1} if odd else {"a": 1}))
    (code,) = table._codes.values()
    for item in (user(1, age=None, at={"b": 2}), user(1, age=8, at={"a": "x"})):
        assert code(item) == table.encode_plain(item)


def test_names_of_strangers_do_not_fill_the_memory() -> None:
    """What is remembered of names is bounded in number and size, and in the end still useful."""
    table = encoder()
    for number in range(3_000):
        table.encode(user(number, **{f"column {number}": "x"}))
        table.encode(user(number, **{"wide" * 1_000 + str(number): "x"}))
        table.encode(user(number, **{f"many {one}": "x" for one in range(number % 70)}))
    shapes = table._shapes
    assert len(shapes._known) <= 256
    assert len(shapes.codes) <= 64
    assert max(sum(map(len, names)) for names in shapes._known) <= 2048
    assert max(map(len, shapes._known)) <= 64
    for number in range(3_000):
        table.encode(user(number))
    assert tuple(user(1)) in shapes.codes


def test_code_is_made_for_a_bounded_number_of_shapes() -> None:
    """However many shapes recur, only so many get code."""
    shapes = Shapes(encoder().frame, enough=1)
    for number in range(1_000):
        shapes.missed(user(number, **{f"column {number}": "x"}))
    assert len(shapes.codes) == 64


def test_names_are_judged_where_there_is_code() -> None:
    """Names that no item may have are refused although the items before were of a known shape."""
    table = encoder()
    for number in range(200):
        table.encode(user(number))
    for name in ("", "\ud800", "n" * 65_536):
        rules = [fault.rule for fault in _faults(table, user(1, **{name: 1}))]
        assert rules in (["name_empty"], ["name_surrogate"], ["name_too_long"])


def _faults(table: Encoder, item: dict[str, Any]) -> Any:
    from pipeline.errors import Refused

    try:
        table.encode(item)
    except Refused as refused:
        return refused.violations
    return ()


class _Name(str):
    """A name that is no plain str."""

    __slots__ = ()


def test_a_name_is_its_text() -> None:
    """A name of a subclass of str is the same attribute; a value of one has no counterpart."""
    table = encoder()
    odd: dict[str, Any] = {
        _Name(name): value for name, value in user(1, at={_Name("a"): 1}).items()
    }
    expected = table.encode_plain(user(1, at={"a": 1}))
    for number in range(200):
        assert table.encode(odd) == expected
        table.encode(user(number, at={"a": 1}))
    assert [fault.rule for fault in _faults(table, user(1, at=_Name("x")))] == ["type_unsupported"]


@pytest.mark.parametrize("usual", ["a", 1, Decimal("1.5"), True, b"a", ["a"], {"a": "b"}, None])
def test_whatever_takes_the_place_of_a_usual_value_is_judged_alike(usual: Any) -> None:
    """Each odd value and number, in each place of an item of a known shape, by every way."""
    tally: Counter[str] = Counter()
    for odd in (*ODD, *FIGURES):
        placed = ({"v": odd}, {"v": [odd]}, {"v": ["a", odd]}, {"v": {"a": odd}}, {"PK": odd})
        items = [user(number, v=usual) for number in range(4)]
        check_family(items + [user(9, v=usual) | place for place in placed], encoder(), tally)
    assert tally["straight"] >= 4 * len((*ODD, *FIGURES))


def test_a_set_is_a_set_in_every_way() -> None:
    """A set that code has met first as a list is still refused for what a set must not be."""
    table = encoder()
    for number in range(200):
        table.encode(user(number, roles=["a", "a"]))
    twice = user(1, roles=TypedSet("SS", ("a", "a")))
    assert [fault.rule for fault in _faults(table, twice)] == ["set_duplicates"]
    once = user(1, roles=TypedSet("SS", ("a", "b")))
    assert table.encode(once) == table.encode_plain(once)
