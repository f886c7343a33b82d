"""Key attributes take the type that the table has for them, or refuse the record."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import Refused
from pipeline.transform.mapping import ItemSpec, compile_items

if TYPE_CHECKING:
    from pipeline.model import Value
    from pipeline.transform.keys import KeyType


def key_of(template: str | None, key_type: KeyType, record: dict[str, Value]) -> Value:
    specs = [] if template is None else [ItemSpec(key={"id": template})]
    ((_, item),) = compile_items(specs, key_types={"id": key_type}, mode="put")(record)
    return item["id"]


@pytest.mark.parametrize(
    ("template", "key_type", "record", "expected"),
    [
        ("{id}", "S", {"id": 7}, "7"),
        ("{id}", "S", {"id": True}, "true"),
        ("{id}", "N", {"id": 7}, 7),
        ("{id}", "N", {"id": Decimal("7.50")}, Decimal("7.50")),
        ("{id}", "N", {"id": "7"}, 7),
        ("{a}{b}", "N", {"a": 1, "b": "5.0"}, Decimal("15.0")),
        ("{id:-0}", "N", {}, 0),
        ("5", "N", {}, 5),
        ("{id}", "B", {"id": "aGk="}, b"hi"),
        ("{id}", "B", {"id": b"hi"}, b"hi"),
        ("X#{id}", "B", {"id": "é"}, b"X#\xc3\xa9"),
        ("{id:-aGk=}", "B", {}, b"hi"),
    ],
)
def test_a_key_takes_the_tables_type(
    template: str, key_type: KeyType, record: dict[str, Value], expected: Value
) -> None:
    """A template's text becomes the key's type; one field alone keeps what it is."""
    key = key_of(template, key_type, record)
    assert key == expected
    assert type(key) is type(expected)


@pytest.mark.parametrize(
    ("template", "key_type", "value", "rule"),
    [
        ("{id}", "N", "hush", "key_number"),
        ("{id}", "N", "007", "key_number"),
        ("{id}", "N", True, "key_number"),
        ("X{id}", "N", 5, "key_number"),
        ("{id}", "B", "hush!", "key_binary"),
        ("{id}", "N", ["hush"], "template_field"),
        ("{id}", "N", None, "template_field"),
        ("{id}", "B", None, "template_field"),
        ("{id}", "S", {"hush": 1}, "template_field"),
    ],
)
def test_a_key_of_the_wrong_type_is_refused(
    template: str, key_type: KeyType, value: Value, rule: str
) -> None:
    """What does not fit the key's type refuses the record, without its value."""
    with pytest.raises(Refused) as caught:
        key_of(template, key_type, {"id": value})
    (violation,) = caught.value.violations
    assert (violation.kind, violation.rule) == ("mapping", rule)
    assert "hush" not in violation.message


@pytest.mark.parametrize(
    ("key_type", "value", "expected"),
    [("S", 7, "7"), ("N", "7", 7), ("B", "aGk=", b"hi"), ("S", True, True), ("N", "x", "x")],
)
def test_a_key_that_is_a_plain_field_takes_the_type_too(
    key_type: KeyType, value: Value, expected: Value
) -> None:
    """A key attribute without template is the field of its name; what does not fit is left."""
    key = key_of(None, key_type, {"id": value})
    assert key == expected
    assert type(key) is type(expected)
