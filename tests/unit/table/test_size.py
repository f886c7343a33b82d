"""Item sizes, by DynamoDB's arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pipeline.table import size

if TYPE_CHECKING:
    from pipeline.table.size import WireValue


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"S": ""}, 0),
        ({"S": "a"}, 1),
        ({"S": "\u00e9\u4e00\U0001f600"}, 9),
        ({"S": "\ud800"}, 1),
        ({"N": "100"}, 2),
        ({"B": ""}, 0),
        ({"B": "YQ=="}, 1),
        ({"B": "YWI="}, 2),
        ({"B": "YWJj"}, 3),
        ({"BOOL": False}, 1),
        ({"NULL": True}, 1),
        ({"SS": ["ab", "", "\u00e9"]}, 4),
        ({"NS": ["1", "-22"]}, 5),
        ({"BS": ["YQ==", "YWI="]}, 3),
        ({"L": []}, 3),
        ({"L": [{"S": ""}, {"BOOL": True}]}, 6),
        ({"M": {}}, 3),
        ({"M": {"\u00e9": {"NULL": True}}}, 7),
        ({"L": [{"M": {"a": {"L": []}}}]}, 12),
    ],
)
def test_value_size(value: WireValue, expected: int) -> None:
    """Each type counts as DynamoDB counts it."""
    assert size.value_size(value) == expected
    assert size.item_size({"name": value}) == expected + 4


def test_sizes_of_attributes_add_up() -> None:
    """An item is as large as its attributes, names included."""
    item: dict[str, Any] = {"pk": {"S": "p"}, "\u00e9": {"L": [{"N": "1"}]}}
    assert size.attribute_sizes(item) == {"pk": 3, "\u00e9": 8}
    assert size.item_size(item) == 11


def test_only_numbers_are_in_doubt() -> None:
    """The bounds of an item without numbers meet; each number may part them."""
    item = {"pk": {"S": "p"}, "b": {"B": "YQ=="}}
    assert size.size_bounds(item) == (5, 5)
    assert size.size_bounds({**item, "n": {"N": "-120"}}) == (8, 10)
    assert size.size_bounds({"n": {"L": [{"NS": ["-7", "1.5"]}]}}) == (9, 11)


def test_an_index_keeps_what_it_projects() -> None:
    """An entry has the named attributes that the item has, or all of them."""
    item = {"pk": {"S": "p"}, "v": {"S": "v"}}
    assert size.entry(item, None) == item
    assert size.entry(item, {"v", "absent"}) == {"v": {"S": "v"}}


def test_an_unknown_type_is_a_mistake() -> None:
    """Sizing trusts the rules to have looked first, and says so where they have not."""
    with pytest.raises(ValueError, match="'X'"):
        size.value_size({"X": "a"})
