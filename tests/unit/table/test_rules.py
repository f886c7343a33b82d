"""What the rules say of an item, and how. Which items they refuse: tests/contract/test_rules.py."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.table.rules import Index, ItemRules, KeyAttribute
from tests.contract.rules_corpus import CASES, ON_PURPOSE, Case
from tests.contract.rules_tables import RULES

PK = KeyAttribute("PK", "S", "partition")
SK = KeyAttribute("SK", "N", "sort")
KEY: dict[str, Any] = {"PK": {"S": "p"}, "SK": {"N": "1"}}
PLAIN = ItemRules((PK, SK))
INDEXED = ItemRules((PK, SK), (Index("by-mail", "gsi", (KeyAttribute("mail", "S", "partition"),)),))
SECRET = "4111111111111111"


@pytest.mark.parametrize("case", [*CASES, *ON_PURPOSE], ids=lambda case: case.name)
def test_the_corpus_without_an_engine(case: Case) -> None:
    """Every item of the contract's corpus gets the verdict that the engine was seen to give."""
    rules = RULES[case.table]
    found = [violation.rule for violation in rules.check(case.item)[:1]]
    assert found == ([case.rule] if case.rule else [])
    assert (rules.sound_size(case.item) is None) >= (case.rule is not None)
    assert {violation.kind for violation in rules.check(case.item)} <= {"rule"}


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"PK": {"S": "p"}}, "'SK' is absent; it belongs to the table's key"),
        ({**KEY, "PK": {"N": SECRET}}, "'PK' is the table's partition key, of type S, but is N"),
        ({**KEY, "SK": {"BOOL": True}}, "'SK' is the table's sort key and a BOOL; a key is S, N"),
        ({**KEY, "PK": {"S": ""}}, "'PK' is the table's partition key and an empty text"),
        ({**KEY, "PK": {"S": SECRET * 200}}, "3,200 bytes long; the limit is 2,048"),
        ({**KEY, "mail": {"S": ""}}, "'mail' is the partition key of index 'by-mail' and an empty"),
        ({**KEY, "v": {"N": SECRET + "x"}}, "'v' is not a decimal number that DynamoDB can read"),
        ({**KEY, "v": {"N": SECRET * 3}}, "'v' has more than 38 significant digits"),
        ({**KEY, "v": {"SS": []}}, "'v' is an empty SS; leave the attribute out"),
        (
            {**KEY, "v": {"SS": [SECRET, "b", SECRET]}},
            "'v' is a set with duplicates: 2 different values in 3 members",
        ),
        ({**KEY, "v": {"B": SECRET + "!"}}, "'v' is not padded base64 text"),
        ({**KEY, "v": {"S": SECRET + "\ud800"}}, "'v' holds half of a surrogate pair"),
        ({**KEY, "v": {SECRET: "x"}}, "'v' has a type that DynamoDB does not know"),
        ({**KEY, "v": {"L": SECRET}}, "'v' is text, where the wire form has a list below 'L'"),
        ({**KEY, "v": None}, "'v' is null"),
        ({**KEY, "n" * 70_000: {"S": ""}}, "has a name of 70,000 bytes; the limit is 65,535"),
    ],
)
def test_a_message_names_the_field_and_no_value(item: dict[str, Any], message: str) -> None:
    """A refusal says which attribute and what class or size of value, never the value."""
    (violation,) = INDEXED.check(item)
    assert message in violation.message
    assert SECRET not in violation.message
    assert len(violation.message) < 300
    violation.message.encode()


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"L": [{"S": ""}, {"M": {"a": {"N": "x"}}}]}, "v[1].a"),
        ({"NS": ["1", "x"]}, "v[1]"),
        ({"M": {"": {"S": ""}}}, "v."),
        ({"M": {"\ud800": {"S": ""}}}, "v.\\ud800"),
        ({"M": {"n" * 80: {"N": "x"}}}, f"v.{'n' * 64}…"),
    ],
)
def test_the_field_is_the_path(value: dict[str, Any], field: str) -> None:
    """A fault inside an attribute is found by its path."""
    assert [violation.field for violation in PLAIN.check({**KEY, "v": value})] == [field]


def test_the_largest_attribute_of_a_large_item_is_named() -> None:
    """Of an item over the limit one learns its size, by how much, and where the bytes are."""
    item = {**KEY, "history": {"S": "x" * 381_197}, "other": {"S": "x" * 30_789}}
    (violation,) = PLAIN.check(item)
    assert (violation.rule, violation.field) == ("item_size", "history")
    assert violation.message == (
        "item is 412,005 bytes, 2,405 over DynamoDB's limit of 409,600; "
        "largest attribute 'history' has 381,204"
    )


def test_the_copies_of_a_large_item_are_named() -> None:
    """An item that is too large with its copies in local indexes says in which."""
    index = Index("by-date", "lsi", (PK, KeyAttribute("date", "S", "sort")))
    item = {**KEY, "date": {"S": "2026"}, "history": {"S": "x" * 300_000}}
    (violation,) = ItemRules((PK, SK), (index,)).check(item)
    assert violation.message == (
        "item is 300,022 bytes, with its copies in 'by-date' 600,044, "
        "190,444 over DynamoDB's limit of 409,600; largest attribute 'history' has 300,007"
    )


def test_all_faults_come_at_once_values_first() -> None:
    """Every fault of an item is told, in the order in which the service looks."""
    item: dict[str, Any] = {"v": {"N": "x"}, "mail": {"S": ""}, "SK": {"S": "1"}, "w": {"SS": []}}
    assert [violation.rule for violation in INDEXED.check(item)] == [
        "number_syntax",
        "set_empty",
        "key_missing",
        "key_type",
        "index_key_empty",
    ]


def test_faults_are_bounded() -> None:
    """An item with a hundred thousand faults does not make as many messages."""
    item = {**KEY, "v": {"L": [{"N": "x"}] * 100_000}}
    assert len(PLAIN.check(item)) == 20


def test_a_good_item_has_its_size() -> None:
    """The fast way gives the exact size along with its verdict."""
    item = {**KEY, "v": {"L": [{"N": "12.5"}, {"S": "\u00e9"}]}, "w": {"NS": ["1", "2"]}}
    assert PLAIN.sound_size(item) == len("PKpSKvw") + 2 + 3 + (1 + 3) + (1 + 2) + 4


def test_a_nest_of_any_depth_is_no_danger() -> None:
    """Depth is bounded before it can exhaust the stack."""
    value: dict[str, Any] = {"S": "x"}
    for _ in range(100_000):
        value = {"L": [value]}
    assert [one.rule for one in PLAIN.check({**KEY, "v": value})] == ["nesting"]
    while value.get("L"):  # taken apart by hand: Python would do it recursively
        (value,) = value.pop("L")


def test_a_bare_key_has_nothing_else() -> None:
    """A delete's key is checked like a key, and must not have another attribute."""
    assert PLAIN.check_key(KEY) == []
    found = PLAIN.check_key({"PK": {"S": "p"}, "v": {"S": ""}})
    assert [violation.rule for violation in found] == ["key_extra", "key_missing"]
