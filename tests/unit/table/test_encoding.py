"""Items to the wire, and keys back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest

from pipeline.errors import Refused
from pipeline.model import TypedSet
from pipeline.table.description import TableDescription
from pipeline.table.encoding import Encoder, decode_item
from pipeline.table.rules import Index, KeyAttribute, KeyType

ONES = "1" * 38


def described(partition: KeyType = "S", sort: KeyType | None = "N") -> TableDescription:
    """Make a table whose key is PK and, if *sort* is a type, SK; and a global index on `mail`."""
    key = [KeyAttribute("PK", partition, "partition")]
    if sort is not None:
        key.append(KeyAttribute("SK", sort, "sort"))
    index = Index("by-mail", "gsi", (KeyAttribute("mail", "S", "partition"),))
    return TableDescription("t", "ACTIVE", tuple(key), indexes=(index,))


ENCODER = Encoder(described())


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        ("text \u00e9\0", {"S": "text \u00e9\0"}),
        ("", {"S": ""}),
        (7, {"N": "7"}),
        (True, {"BOOL": True}),
        (Decimal("1.500"), {"N": "1.5"}),
        (Decimal("-0.0"), {"N": "0"}),
        (Decimal("1E+125"), {"N": "1E125"}),
        (Decimal(ONES), {"N": ONES}),
        (None, {"NULL": True}),
        (b"\xff\x00", {"B": "/wA="}),
        (b"", {"B": ""}),
        ([], {"L": []}),
        ([1, [None]], {"L": [{"N": "1"}, {"L": [{"NULL": True}]}]}),
        ({"a": {}}, {"M": {"a": {"M": {}}}}),
        (TypedSet("SS", ("a", "")), {"SS": ["a", ""]}),
        (TypedSet("NS", (1, Decimal("2.50"), "3.0")), {"NS": ["1", "2.5", "3"]}),
        (TypedSet("BS", (b"a",)), {"BS": ["YQ=="]}),
    ],
)
def test_a_value_has_one_wire_form(value: Any, wire: dict[str, Any]) -> None:
    """Each value goes out as its DynamoDB type, numbers in canonical form."""
    encoded = ENCODER.encode({"PK": "p", "SK": 1, "v": value})
    expected = {"PK": {"S": "p"}, "SK": {"N": "1"}, "v": wire}
    assert orjson.loads(encoded.wire) == {"PutRequest": {"Item": expected}}


def test_the_wire_is_utf8_and_not_escaped() -> None:
    """Text goes out as it is: escaped it would take up to three times the bytes of a request."""
    encoded = ENCODER.encode({"PK": "\u00e9\u4e00", "SK": 1})
    assert encoded.wire == (
        '{"PutRequest":{"Item":{"PK":{"S":"\u00e9\u4e00"},"SK":{"N":"1"}}}}'.encode()
    )
    assert encoded.size == len("PKSK") + 5 + 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"PK": "a", "SK": 1}, {"PK": "a", "SK": Decimal("1.0")}),
        ({"PK": "a", "SK": 100}, {"PK": "a", "SK": Decimal("1E+2")}),
        ({"PK": "a", "SK": 0}, {"PK": "a", "SK": Decimal("-0.0")}),
    ],
)
def test_equal_keys_are_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Two spellings of one number are one key."""
    assert ENCODER.encode(one).key == ENCODER.encode(other).key


def test_composed_and_decomposed_text_are_two_keys() -> None:
    """Text keys are compared by code points, as DynamoDB does, not by what they look like."""
    encoder = Encoder(described("S", None))
    assert encoder.encode({"PK": "\u00e9"}).key != encoder.encode({"PK": "e\u0301"}).key


def test_a_key_comes_back_from_the_wire() -> None:
    """The key of an item that the service hands back is the key under which it was sent."""
    encoder = Encoder(described("B", "N"))
    encoded = encoder.encode({"PK": b"\xff", "SK": Decimal("1E+3"), "v": None})
    assert encoded.key == (b"\xff", "1000")
    assert encoder.decode_key({"PK": {"B": "/w=="}, "SK": {"N": "1000.0"}}) == encoded.key
    assert encoder.decode_key(orjson.loads(encoded.wire)["PutRequest"]["Item"]) == encoded.key


@pytest.mark.parametrize(
    "answer",
    [{}, {"PK": {"S": "p"}}, {"PK": None, "SK": None}, {"PK": {"S": "p"}, "SK": {"N": "x"}}],
)
def test_no_key_is_an_error_that_the_client_knows(answer: dict[str, Any]) -> None:
    """An answer without a readable key raises one of three builtin errors."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        ENCODER.decode_key(answer)


def test_a_key_is_shown_by_attribute() -> None:
    """Reports show a key as text by attribute name, bytes as base64."""
    encoder = Encoder(described("B", "N"))
    assert encoder.key_names == ("PK", "SK")
    assert encoder.show_key((b"\xff", "1000")) == {"PK": "/w==", "SK": "1000"}


def test_a_delete_keeps_the_key_alone() -> None:
    """A delete sends the table's key and nothing else of the item, not even what is wrong in it."""
    encoder = Encoder(described(), "delete")
    item: dict[str, Any] = {"PK": "p", "SK": 1, "mail": "", "v": 1.5}
    encoded = encoder.encode(item)
    assert encoded.wire == b'{"DeleteRequest":{"Key":{"PK":{"S":"p"},"SK":{"N":"1"}}}}'
    assert (encoded.key, encoded.size) == (("p", "1"), len("PKSK") + 1 + 2)
    assert encoder.decode_key(orjson.loads(encoded.wire)["DeleteRequest"]["Key"]) == encoded.key
    with pytest.raises(Refused, match="'SK' is absent"):
        encoder.encode({"PK": "p"})


def test_index_keys_are_checked_where_an_item_is_put() -> None:
    """An item that an index would refuse is refused, though the table itself would take it."""
    with pytest.raises(Refused, match="'mail' is the partition key of index 'by-mail'"):
        ENCODER.encode({"PK": "p", "SK": 1, "mail": ""})


@pytest.mark.parametrize(
    ("value", "rule", "field"),
    [
        (1.5, "type_unsupported", "v"),
        (float("nan"), "type_unsupported", "v"),
        ([{"a": (1,)}], "type_unsupported", "v[0].a"),
        ({"a", "b"}, "type_unsupported", "v"),
        ({1: "a"}, "type_unsupported", "v"),
        (bytearray(b"a"), "type_unsupported", "v"),
        (TypedSet("SS", (1,)), "type_unsupported", "v[0]"),
        (TypedSet("NS", (True,)), "type_unsupported", "v[0]"),
        (TypedSet("BS", ("a",)), "type_unsupported", "v[0]"),
        (Decimal("NaN"), "number_syntax", "v"),
        (Decimal(ONES + "1"), "number_precision", "v"),
        ([10**126], "number_overflow", "v[0]"),
        (TypedSet("NS", (1, Decimal("1E-131"))), "number_underflow", "v[1]"),
        (TypedSet("NS", (1, Decimal("1.0"))), "set_duplicates", "v"),
        (TypedSet("SS", ()), "set_empty", "v"),
        ("\ud800", "text_surrogate", "v"),
        ({"\ud800": 1}, "name_surrogate", "v.\\ud800"),
        ({"": 1}, "name_empty", "v."),
        ("x" * 409_600, "item_size", "v"),
    ],
)
def test_what_cannot_be_stored_exactly_is_refused(value: Any, rule: str, field: str) -> None:
    """Nothing is rounded or coerced: such a value is refused, with its rule and its path."""
    with pytest.raises(Refused) as refused:
        ENCODER.encode({"PK": "p", "SK": 1, "v": value})
    (violation,) = refused.value.violations
    assert (violation.kind, violation.rule, violation.field) == ("rule", rule, field)


def test_every_unrepresentable_value_is_told() -> None:
    """All values of an item that have no counterpart are refused together."""
    item: dict[str, Any] = {"PK": 1.5, "SK": Decimal("NaN"), "v": [object(), 1]}
    with pytest.raises(Refused) as refused:
        ENCODER.encode(item)
    fields = [violation.field for violation in refused.value.violations]
    assert fields == ["PK", "SK", "v[0]"]


def test_a_nest_of_any_depth_is_refused() -> None:
    """A value nested beyond Python's own stack is refused like one that is nested too deep."""
    value: Any = "x"
    for _ in range(5_000):
        value = [value]
    with pytest.raises(Refused) as refused:
        ENCODER.encode({"PK": "p", "SK": 1, "v": value})
    assert [violation.rule for violation in refused.value.violations] == ["nesting"]


def test_what_the_service_must_judge_is_encoded() -> None:
    """An item over the limit by some number formulas, but not by all, goes to the table."""
    item: dict[str, Any] = {"PK": "p", "SK": 1, "v": [Decimal("-10.05")] * 5_000}
    item["pad"] = ""
    item["pad"] = "x" * (409_601 - ENCODER.encode(item).size)
    assert ENCODER.encode(item).size == 409_601


def test_decoding_an_unknown_type_fails() -> None:
    """What is no item does not become one."""
    with pytest.raises(KeyError):
        decode_item({"v": {"X": 1}})


@pytest.mark.parametrize("value", [[1] * 500_000, [[[]] * 250_000, {"a": [None] * 250_000}]])
def test_an_item_of_too_many_values_is_refused_by_their_number(value: Any) -> None:
    """To measure what has a byte a value at least would take half a minute."""
    with pytest.raises(Refused) as caught:
        ENCODER.encode({"PK": "1", "SK": 1, "x": value})

    (violation,) = caught.value.violations
    assert violation.rule == "item_size"
    assert "more than 409,600 values" in violation.message
