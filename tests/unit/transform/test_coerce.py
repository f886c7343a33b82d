"""Text becomes what the schema states, exactly, or stays text."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.transform.coerce import compile_coercion

if TYPE_CHECKING:
    from pipeline.model import Value


def coerce(schema: dict[str, Any], value: Value) -> Value:
    typed = compile_coercion({"properties": {"a": schema}})
    return value if typed is None else typed({"a": value})["a"]


@pytest.mark.parametrize(
    ("types", "text", "expected"),
    [
        ("integer", "0", 0),
        ("integer", "-7", -7),
        ("integer", "-0", 0),
        ("integer", "9" * 100, 10**100 - 1),
        ("number", "5", 5),
        ("number", "1.50", Decimal("1.50")),
        ("number", "1e3", Decimal("1E+3")),
        ("number", "0." + "1" * 50, Decimal("0." + "1" * 50)),
        ("boolean", "true", True),
        ("boolean", "false", False),
        ("array", '["a", 1.10, true, null]', ["a", Decimal("1.10"), True, None]),
        ("object", ' {"a": {"b": 12345678901234567890}} ', {"a": {"b": 12345678901234567890}}),
        (["null", "integer"], "5", 5),
        (["integer", "string"], "5", 5),
        (["integer", "string"], "x", "x"),
        (["string", "integer"], "5", "5"),
        (["number", "boolean"], "true", True),
        (["boolean", "number"], "1", 1),
    ],
)
def test_what_parses_exactly_is_typed(types: Any, text: str, expected: Value) -> None:
    """A text that is exactly a value of the first fitting type becomes that value."""
    value = coerce({"type": types}, text)
    assert value == expected
    assert type(value) is type(expected)
    if isinstance(expected, Decimal):
        assert str(value) == str(expected)


@pytest.mark.parametrize(
    ("types", "text"),
    [
        *(("integer", text) for text in ["", " 1", "1 ", "+1", "01", "1.0", "1e2", "0x1", "1_0"]),
        *(("integer", text) for text in ["٣", "--1", "-", "1\n", "NaN"]),
        *(
            ("number", text)
            for text in ["", ".5", "5.", "+1", "1,5", "NaN", "Infinity", "1e", "0x1"]
        ),
        ("number", "1e99999999999999999999"),
        *(("boolean", text) for text in ["True", "TRUE", "1", "yes", " true", ""]),
        *(("null", text) for text in ["null", "", "None"]),
        *(("array", text) for text in ["{}", "a,b", "[1", "[NaN]", "[1e99999999999999999999]"]),
        *(
            ("object", text)
            for text in ["[]", '{"a":1,"a":2}', '{"a":"\\ud800"}', '{"a":Infinity}']
        ),
        ("array", "[" * 100_000),
        ("string", "5"),
    ],
)
def test_what_does_not_parse_stays_text(types: str, text: str) -> None:
    """Nothing is stripped, rounded or guessed: such text stays as it is."""
    assert coerce({"type": types}, text) == text


@pytest.mark.parametrize(
    ("schema", "text", "expected"),
    [
        ({"enum": [1, 2]}, "2", 2),
        ({"const": True}, "true", True),
        ({"enum": ["1", 2]}, "1", "1"),
        ({"enum": ["1", 2]}, "2", 2),
        ({"type": ["string", "integer"], "enum": [5, "a"]}, "5", 5),
        ({"enum": [Decimal("1.5"), None]}, "1.5", Decimal("1.5")),
        ({"enum": [True, 1]}, "1", 1),
        ({"$ref": "#/$defs/n"}, "5", 5),
        ({"allOf": [{"minimum": 1}, {"type": "integer"}]}, "5", 5),
        ({"anyOf": [{"type": "integer"}, {"type": "boolean"}]}, "true", True),
        ({"oneOf": [{"type": "null"}, {"type": "number"}]}, "5", 5),
        ({"type": "integer", "minimum": 10}, "5", 5),
    ],
)
def test_types_come_from_all_that_the_schema_says(
    schema: dict[str, Any], text: str, expected: Value
) -> None:
    """Types are also found behind references, in applicators, and in enum and const."""
    typed = compile_coercion({"properties": {"a": schema}, "$defs": {"n": {"type": "integer"}}})
    value = typed({"a": text})["a"] if typed else text
    assert value == expected
    assert type(value) is type(expected)


def test_nested_fields_and_elements_are_typed() -> None:
    """Objects and lists are entered, so that JSON strings can be coerced at every depth."""
    schema = {
        "properties": {
            "a": {"properties": {"b": {"type": "integer"}}},
            "l": {"items": {"type": "boolean"}},
        },
        "additionalProperties": {"type": "number"},
    }
    typed = compile_coercion(schema)
    assert typed is not None
    record: dict[str, Value] = {"a": {"b": "1", "c": "1"}, "l": ["true", "x", 1], "n": "2.5"}
    assert typed(record) == {
        "a": {"b": 1, "c": "1"},
        "l": [True, "x", 1],
        "n": Decimal("2.5"),
    }
    assert record["n"] == "2.5"


def test_a_recursive_schema_ends() -> None:
    """A schema that refers to itself compiles and coerces at every depth."""
    typed = compile_coercion({"properties": {"n": {"type": "integer"}, "next": {"$ref": "#"}}})
    assert typed is not None
    assert typed({"next": {"next": {"n": "5"}}}) == {"next": {"next": {"n": 5}}}


@pytest.mark.parametrize("schema", [{}, {"properties": {"a": {"type": ["string", "null"]}}}])
def test_a_schema_of_texts_needs_no_coercion(schema: dict[str, Any]) -> None:
    """Where nothing could change there is nothing to run."""
    assert compile_coercion(schema) is None


def test_an_integer_of_any_length_stays_exact_and_quick() -> None:
    """A million digits are the same number, without the time that an int of them takes."""
    value = coerce({"type": "integer"}, "1" * 1_000_000)
    assert isinstance(value, Decimal)
    assert len(value.as_tuple().digits) == 1_000_000
