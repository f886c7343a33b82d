"""The schema: what is wrong with one, what a record's violations say."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.errors import Refused
from pipeline.model import TypedSet
from pipeline.transform.schema import compile_schema, problems
from pipeline.transform.schema.numeric import is_multiple
from pipeline.transform.schema.violations import MAX_VIOLATIONS

if TYPE_CHECKING:
    from pipeline.model import Value, Violation


def violations(schema: dict[str, Any], record: dict[str, Value]) -> tuple[Violation, ...]:
    with pytest.raises(Refused) as caught:
        compile_schema(schema).check(record)
    return caught.value.violations


USER = {
    "type": "object",
    "required": ["user_id", "email"],
    "additionalProperties": False,
    "properties": {
        "user_id": {"type": "string", "minLength": 1},
        "email": {"type": "string", "pattern": "^[^@]+@[^@]+$"},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "address": {"type": "object", "properties": {"city": {"type": ["string", "null"]}}},
        "tags": {"type": "array", "items": {"enum": ["a", 1, True]}, "uniqueItems": True},
    },
}


@pytest.mark.parametrize(
    ("change", "field", "rule", "message"),
    [
        ({"user_id": None}, "user_id", "type", "must be string, is null"),
        ({"user_id": ""}, "user_id", "minLength", "must have at least 1 character, has 0"),
        ({"email": "x"}, "email", "pattern", "must match the pattern '^[^@]+@[^@]+$'"),
        ({"age": "abc"}, "age", "type", "must be integer, is text of 3 characters"),
        ({"age": Decimal("1.5")}, "age", "type", "must be integer, is a number"),
        ({"age": 151}, "age", "maximum", "must be at most 150"),
        ({"age": Decimal("-0.1")}, "age", "type", "must be integer, is a number"),
        ({"age": -1}, "age", "minimum", "must be at least 0"),
        ({"address": {"city": 5}}, "address.city", "type", "must be string or null, is an integer"),
        ({"tags": ["a", 1, "q"]}, "tags[2]", "enum", "must be one of 'a', 1, true"),
        ({"tags": [1, Decimal("1.0")]}, "tags", "uniqueItems", "must not have the same element"),
        ({"tags": {}}, "tags", "type", "must be array, is an object of 0 fields"),
        ({"extra": 1}, "extra", "additionalProperties", "is not allowed here"),
    ],
)
def test_a_violation_says_field_rule_and_bound(
    change: dict[str, Value], field: str, rule: str, message: str
) -> None:
    """A violation names the path, the keyword and the bound."""
    (violation,) = [
        found
        for found in violations(USER, {"user_id": "u", "email": "a@b", **change})
        if found.rule != "minimum" or rule == "minimum"
    ]
    assert (violation.kind, violation.field, violation.rule) == ("schema", field, rule)
    assert violation.message.startswith(message)


def test_all_violations_come_at_once_and_none_shows_a_value() -> None:
    """A record with several mistakes shows each of them, and no value of the record."""
    record: dict[str, Value] = {
        "email": "hush-hush",
        "age": "hush",
        "address": {"city": ["hush"]},
        "tags": ["hush"],
        "hush": 1,
    }
    found = violations(USER, record)
    assert {(each.field, each.rule) for each in found} == {
        ("user_id", "required"),
        ("email", "pattern"),
        ("age", "type"),
        ("address.city", "type"),
        ("tags[0]", "enum"),
        ("hush", "additionalProperties"),
    }
    assert not any("hush" in each.message for each in found)


@pytest.mark.parametrize(
    ("schema", "record", "message"),
    [
        ({"maximum": 5, "type": "string"}, {}, "must be string, is an object of 0 fields"),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, "is required"),
        ({"propertyNames": {"maxLength": 1}}, {"hush": 1}, "at most 1 character"),
        ({"properties": {"a": False}}, {"a": "hush"}, "must be absent"),
        ({"additionalProperties": False}, {"a": "hush"}, "is not allowed here"),
        (
            {"properties": {"additionalProperties": False}},
            {"additionalProperties": {"hush": 1}},
            "must be absent",
        ),
        ({"properties": {"a": {"const": 1}}}, {"a": "hush"}, "must be 1"),
        ({"properties": {"a": {"format": "date-time"}}}, {"a": "hush"}, "valid date-time, is text"),
        ({"properties": {"a": {"multipleOf": Decimal("0.1")}}}, {"a": 1}, ""),
        ({"properties": {"a": {"contains": {"type": "null"}}}}, {"a": ["hush"]}, "`contains`"),
        ({"not": {"required": ["a"]}}, {"a": "hush"}, "`not`"),
        ({"minProperties": 2}, {"a": "hush"}, "at least 2 fields, has 1"),
        ({"unevaluatedProperties": False}, {"a": "hush"}, "is not allowed"),
        (
            {"oneOf": [{"required": ["a", "b"]}, {"properties": {"a": {"type": "integer"}}}]},
            {"a": "hush"},
            "matches none of the 2 alternatives of `oneOf`; nearest is number 1: b is required",
        ),
        ({"oneOf": [{}, True]}, {"a": "hush"}, "more than one of the 2 alternatives"),
        ({"anyOf": [{"minProperties": 3}]}, {"a": "hush"}, "none of the 1 alternatives of `anyOf`"),
    ],
)
def test_every_keyword_has_words(
    schema: dict[str, Any], record: dict[str, Value], message: str
) -> None:
    """Each kind of violation is told in words, without the record's value."""
    if not message:
        compile_schema(schema).check(record)
        return
    found = violations(schema, record)
    assert message in found[0].message
    assert "hush" not in found[0].message


def test_the_number_of_violations_has_a_bound() -> None:
    """A record with very many unknown fields is one refusal of bounded size."""
    schema = {"additionalProperties": False}
    found = violations(schema, {f"f{index}": 1 for index in range(10_000)})
    assert len(found) == MAX_VIOLATIONS + 1
    assert found[-1].rule == "more"


@pytest.mark.parametrize(
    ("keyword", "limit", "value"),
    [
        ("maximum", 10**20, Decimal("100000000000000000000.5")),
        ("minimum", Decimal("0.1"), Decimal("0.09999999999999999999999999")),
        ("exclusiveMaximum", 10**30, 10**30),
        ("exclusiveMinimum", Decimal("1E-20"), Decimal("0.00000000000000000001")),
        ("multipleOf", 10**15 + 7, Decimal("1000000000000007.0001")),
        ("multipleOf", Decimal("0.1"), Decimal("1E-999999")),
        ("const", 10**20, 10**20 + 1),
    ],
)
@pytest.mark.parametrize("also", [{}, {"not": {"type": "null"}}], ids=["compiled", "library"])
def test_numbers_are_compared_exactly(
    keyword: str, limit: Any, value: Value, also: dict[str, Any]
) -> None:
    """A number beyond what a float can tell apart is compared as it is, by either engine."""
    schema = compile_schema({"properties": {"a": {keyword: limit, **also}}})
    assert schema.compiled == (not also)
    assert not schema.accepts({"a": value})


@pytest.mark.parametrize(
    ("option", "same", "other"),
    [
        (1, [1, Decimal("1.0"), Decimal("1E+0")], [True, "1", None]),
        (True, [True], [1, "true"]),
        (0, [0, Decimal("-0.0")], [False, None, ""]),
        ("1", ["1"], [1]),
        (None, [None], [0, False, "", "null"]),
        (["a", 1], [["a", Decimal("1.0")]], [["a", True], ["a"]]),
        ({"a": 1}, [{"a": Decimal(1)}], [{"a": True}, {}]),
    ],
)
def test_json_equality_is_not_pythons(option: Value, same: list[Value], other: list[Value]) -> None:
    """1 is 1.0 and not true; text is no number."""
    for schema in ({"enum": ["x", option]}, {"const": option}):
        check = compile_schema(schema)
        assert [value for value in same if not check.accepts(value)] == []
        assert [value for value in other if check.accepts(value)] == []


@pytest.mark.parametrize(
    ("value", "field"),
    [(b"hush", "a"), ([TypedSet("SS", ("hush",))], "a[0]"), ("\ud800", None)],
)
def test_what_is_no_json_is_refused(value: Value, field: str | None) -> None:
    """A value that JSON Schema has no type for is refused, and no crash."""
    schema = {"properties": {"a": {"not": {"type": "null"}, "minItems": 2, "pattern": "."}}}
    (violation,) = violations(schema, {"a": value})
    assert violation.kind == "schema"
    assert violation.field == field
    assert "hush" not in violation.message


def test_a_long_text_is_never_given_to_a_backtracking_engine() -> None:
    """A pattern that would take `re` years is answered at once, compiled or not."""
    for pattern in ("^(a+)+$", "^(a|a)*$", "^[a-z]*[a-z]*$", "^(?:a*){20}$", "(x+x+)+y"):
        schema = compile_schema({"properties": {"a": {"type": "string", "pattern": pattern}}})
        assert not schema.accepts({"a": "a" * 5000 + "!"})


def test_a_recursive_schema_is_checked_to_the_bottom() -> None:
    """A schema that refers to itself holds at every depth."""
    schema = {"properties": {"next": {"$ref": "#"}, "n": {"type": "integer"}}}
    assert problems(schema) == []
    (violation,) = violations(schema, {"next": {"next": {"n": "x"}}})
    assert violation.field == "next.next.n"


@pytest.mark.parametrize(
    ("number", "unit", "multiple"),
    [
        (6, 3, True),
        (7, 3, False),
        (Decimal("0.3"), Decimal("0.1"), True),
        (Decimal("0.35"), Decimal("0.1"), False),
        (Decimal("1E+2"), 3, False),
        (Decimal("1E+2"), 4, True),
        (Decimal("-7.5"), Decimal("2.5"), True),
        (Decimal("1E+999999999"), 7, False),
        (Decimal("1E+999999999"), 8, True),
        (Decimal("7E-999999999"), 7, False),
        (Decimal("0E-999999999"), 7, True),
        (10**4000 + 1, Decimal("0.1"), True),
        (1000, Decimal("1E+3"), True),
        (1001, Decimal("1E+3"), False),
    ],
)
def test_a_multiple_is_exact(number: int | Decimal, unit: int | Decimal, multiple: bool) -> None:  # noqa: FBT001 - the expectation
    """Multiples are exact for numbers of any exponent, at once."""
    assert is_multiple(number, unit) is multiple
    assert compile_schema({"multipleOf": unit}).accepts(number) is multiple


@pytest.mark.parametrize("text", ["a" * 30 + "!", "a" * 5_000 + "!"])
def test_a_pattern_that_takes_too_many_steps_refuses_the_record(text: str) -> None:
    """Look-around takes steps back, and their number is bounded; one record never ends a run."""
    (violation,) = violations({"properties": {"x": {"pattern": "^(?:(?=a)a|aa)+$"}}}, {"x": text})

    assert violation.rule == "pattern"
    assert "takes too many steps" in violation.message
    assert violation.field == "x"


def test_a_field_is_named_in_few_words_however_long_its_name() -> None:
    """A hundred names of a megabyte are one bad record, not a hundred megabytes of report."""
    record: dict[str, Value] = {f"{'n' * 100_000}{number}": 1 for number in range(100)}
    record |= {"y": {"n" * 100_000: {"n" * 100_000: "text"}}}
    inside = {"properties": {"n" * 100_000: {"additionalProperties": {"type": "integer"}}}}
    found = violations({"properties": {"y": inside}, "additionalProperties": False}, record)

    assert len(found) >= 2
    assert all(len(one.field or "") <= 401 for one in found)


def test_a_schema_that_unfolds_without_end_is_left_to_the_library() -> None:
    """What is referred to twice, twenty levels deep, would be a million lines of code."""
    levels: dict[str, Any] = {
        f"a{level}": {"properties": {name: {"$ref": f"#/$defs/a{level - 1}"} for name in "xyz"}}
        for level in range(1, 15)
    }
    schema = {"$defs": {"a0": {"type": "string"}, **levels}, "$ref": "#/$defs/a14"}

    assert problems(schema) == []
    assert not compile_schema(schema).compiled
    assert compile_schema(schema).accepts({"x": {"y": {}}})
    assert not compile_schema({**schema, "$ref": "#/$defs/a1"}).accepts({"z": 1})


def test_of_a_record_with_very_many_values_the_first_error_is_told() -> None:
    """The library makes every error before it tells of one; nobody waits for two million."""
    schema = {"properties": {"x": {"items": {"type": "string"}}}, "required": ["y"]}

    assert len(violations(schema, {"x": [1] * 50})) == 51
    (violation,) = violations(schema, {"x": [1] * 50_000})
    assert violation.rule in {"type", "required"}
