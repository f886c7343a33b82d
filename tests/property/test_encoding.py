"""Encoding loses nothing, and the fast way judges as the plain one does."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
from hypothesis import event, example, given
from hypothesis import strategies as st

from pipeline.errors import Refused
from pipeline.model import TypedSet, Value
from pipeline.table import numbers, size
from pipeline.table.description import TableDescription
from pipeline.table.encoding import Encoder, decode_item
from pipeline.table.rules import Index, ItemRules, KeyAttribute

PK = KeyAttribute("PK", "S", "partition")
SK = KeyAttribute("SK", "N", "sort")
INDEXES = (
    Index("global", "gsi", (KeyAttribute("g", "B", "partition"),)),
    Index("local", "lsi", (PK, KeyAttribute("l", "S", "sort"))),
)
ENCODER = Encoder(TableDescription("t", "ACTIVE", (PK, SK), indexes=INDEXES))
RULES = ItemRules((PK, SK), INDEXES)

GOOD_NAMES = st.text(min_size=1, max_size=8) | st.sampled_from(["a", "b", "c", "g", "l"])
NAMES = GOOD_NAMES | GOOD_NAMES | st.sampled_from(["a", "b", "c", "\ud800", ""])
TEXTS = st.text(max_size=30) | st.just("half \udc00")
INTS = st.integers() | st.integers(-(10**130), 10**130)
DECIMALS = st.decimals() | st.builds(
    lambda digits, exponent: Decimal(f"{digits}E{exponent}"),
    st.integers(-(10**39), 10**39),
    st.integers(-170, 100),
)
NUMBERS = st.integers(-(10**38) + 1, 10**38 - 1) | INTS | DECIMALS
GOOD = st.text(max_size=30) | st.integers() | st.binary(max_size=30)
SCALARS = st.none() | st.booleans() | GOOD | GOOD | GOOD | TEXTS | NUMBERS
SETS = (
    st.builds(TypedSet, st.just("SS"), st.lists(TEXTS, max_size=4).map(tuple))
    | st.builds(TypedSet, st.just("NS"), st.lists(NUMBERS, max_size=4).map(tuple))
    | st.builds(TypedSet, st.just("BS"), st.lists(st.binary(max_size=2), max_size=4).map(tuple))
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS | SETS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
ITEMS = st.dictionaries(NAMES, VALUES, max_size=5)
KEYS = st.fixed_dictionaries(
    {"PK": st.text(min_size=1, max_size=9), "SK": st.integers(-(10**38), 10**38) | NUMBERS}
)


def same(one: Value, other: Value) -> bool:
    """Compare without Python's equality of True and 1; numbers are equal by value."""
    number = (int, Decimal)
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if isinstance(one, number) and isinstance(other, number):
        return one == other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    return type(one) is type(other) and one == other


@given(KEYS, ITEMS)
def test_decoding_gives_back_what_was_encoded(key: dict[str, Any], more: dict[str, Any]) -> None:
    """What is encoded decodes to the same values of the same types, or the item is refused."""
    item = {**more, **key}
    try:
        encoded = ENCODER.encode(item)
    except Refused as refused:
        event(refused.violations[0].rule)  # fails where it gives no reason
        return
    event("encoded")
    wire = orjson.loads(encoded.wire)["PutRequest"]["Item"]
    assert same(decode_item(wire), item)
    assert encoded.size == size.item_size(wire)
    assert encoded.key == ENCODER.decode_key(wire)
    assert encoded.key == (item["PK"], numbers.canonical(item["SK"]))


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.just("YQ=="),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
TYPES = st.sampled_from(["S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M", "X"])
WIRE_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.dictionaries(TYPES, JSON, min_size=1, max_size=1)
    | st.builds(lambda text: {"S": text}, TEXTS)
    | st.builds(lambda number: {"N": str(number)}, NUMBERS)
    | st.builds(lambda members: {"NS": [str(one) for one in members]}, st.lists(INTS, max_size=3))
    | JSON,
    lambda inner: (
        st.builds(lambda members: {"L": members}, st.lists(inner, max_size=3))
        | st.builds(lambda members: {"M": members}, st.dictionaries(NAMES, inner, max_size=3))
    ),
    max_leaves=6,
)
WIRE_KEYS = st.fixed_dictionaries(
    {"PK": st.just({"S": "p"}) | WIRE_VALUES, "SK": st.just({"N": "1"}) | WIRE_VALUES}
)


@given(WIRE_KEYS, st.dictionaries(NAMES, WIRE_VALUES, max_size=4))
@example({"PK": {"S": "p"}, "SK": {"N": "1"}}, {"v": {"L": ""}})
@example({"PK": {"S": "p"}, "SK": {"N": "1"}}, {"v": {"SS": [[]]}})
@example({"PK": {"S": "p"}, "SK": {"N": "1"}}, {"v": {"M": []}})
def test_the_fast_way_agrees_with_the_plain_one(key: dict[str, Any], more: dict[str, Any]) -> None:
    """On any JSON: the fast way takes an item exactly if the plain one finds no fault in it."""
    item = {**more, **key}
    faults = RULES.examine(item)
    fast = RULES.sound_size(item)
    assert (fast is None) == bool(faults)
    assert RULES.check(item) == faults
    if fast is not None:
        assert fast == size.item_size(item)
        low, high = size.size_bounds(item)
        assert low <= fast <= high


@given(NUMBERS, NUMBERS)
@example(Decimal("1.0"), 1)
@example(Decimal("-0"), 0)
def test_canonical_text_is_equal_exactly_for_equal_numbers(
    one: int | Decimal, other: int | Decimal
) -> None:
    """The canonical form says of two numbers what exact arithmetic says, and stays exact."""
    try:
        texts = numbers.canonical(one), numbers.canonical(other)
    except numbers.NumberRefusedError:
        return
    assert (texts[0] == texts[1]) == (one == other)
    assert Decimal(texts[0]) == one
    assert numbers.canonical(texts[0]) == texts[0]
    low, high = numbers.size_bounds(texts[0])
    assert low <= numbers.size(texts[0]) <= high <= 22
    plain = numbers._local_size(numbers.parse(texts[0]))
    assert numbers.size(texts[0]) == plain


@given(st.text(alphabet="0123456789.eE+- _xn\u0663\uff11", max_size=12) | st.text(max_size=6))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    """No text makes the parser fail in any way but its own."""
    try:
        canonical = numbers.canonical(text)
    except numbers.NumberRefusedError:
        return
    assert numbers.parse(canonical) == numbers.parse(text)
    assert Decimal(canonical) == Decimal(text)
