"""Both engines of the schema against a plain reference and each other, on random input."""

from __future__ import annotations

import os
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.transform.schema import compile_schema
from pipeline.transform.schema.pattern import translate
from pipeline.transform.schema.predicate import compile_predicate

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = int(os.environ.get("PIPELINE_TEST_CASES", "500"))
"""Random schemas that are tried, each with a value."""

# Random schemas of the compiled keywords, against a reference that is too plain to be wrong.

_TYPES = ["string", "integer", "number", "boolean", "object", "array", "null"]
_NAMES = st.sampled_from(["a", "b", "c d", "'\"\n\\{0}", "é"])
_NUMBERS = st.one_of(
    st.integers(-4, 4),
    st.sampled_from([10**20, 10**20 + 1, -(10**38), 2**53 + 1]),
    st.decimals(-4, 4, places=1, allow_nan=False),
    st.builds(
        lambda digits, exponent: Decimal((0, tuple(map(int, str(digits))), exponent)),
        st.sampled_from([0, 1, 10, 25, 10**20 + 5, 3 * 10**20]),
        st.sampled_from([-21, -20, -1, 0, 1, 20, 40]),
    ),
)
_TEXTS = st.sampled_from(["", "a", "b", "ab", "1", "true", "é", "😀", "a\n", "zzz"])
_SCALARS = st.one_of(_NUMBERS, _TEXTS, st.booleans(), st.none())
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=6,
)
_PATTERNS = st.sampled_from(["^a", "a$", "^[a-z]+$", r"^\d$", ".", "^.b?$", "^$"])


def _schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    types = st.sampled_from(_TYPES)
    positive = st.sampled_from([1, 2, 3, Decimal("0.1"), Decimal("2.5"), 10**20])
    keywords = {
        "type": types | st.lists(types, min_size=1, max_size=3, unique=True),
        "enum": st.lists(_SCALARS, min_size=1, max_size=3),
        "const": _SCALARS,
        "minLength": st.integers(0, 2),
        "maxLength": st.integers(0, 2),
        "pattern": _PATTERNS,
        **dict.fromkeys(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"], _NUMBERS),
        "multipleOf": positive,
        **dict.fromkeys(["minItems", "minProperties"], st.integers(0, 2)),
        **dict.fromkeys(["maxItems", "maxProperties"], st.integers(0, 2)),
        "items": inner,
        "properties": st.dictionaries(_NAMES, inner, max_size=3),
        "required": st.lists(_NAMES, max_size=2, unique=True),
        "additionalProperties": st.booleans(),
        "allOf": st.lists(inner, min_size=1, max_size=2),
    }
    return st.sets(st.sampled_from(sorted(keywords)), max_size=4).flatmap(
        lambda chosen: st.fixed_dictionaries({name: keywords[name] for name in chosen})
    )


_SCHEMAS: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.just({}) | _schemas(st.just({})), _schemas, max_leaves=6
)


def _keeps(schema: Any, value: Any) -> bool:
    return all(_reference(keyword, schema, value) for keyword in schema)


def _reference(keyword: str, schema: dict[str, Any], value: Any) -> Any:  # noqa: C901, PLR0911, PLR0912 - a table of the standard
    limit = schema[keyword]
    number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    exact = Fraction(value) if number else Fraction(0)
    match keyword:
        case "type":
            names = limit if isinstance(limit, list) else [limit]
            return any(name in names for name in _type_names(value))
        case "enum":
            return any(_same(value, option) for option in limit)
        case "const":
            return _same(value, limit)
        case "minLength" | "maxLength" if isinstance(value, str):
            return len(value) >= limit if keyword == "minLength" else len(value) <= limit
        case "minItems" | "maxItems" if isinstance(value, list):
            return len(value) >= limit if keyword == "minItems" else len(value) <= limit
        case "minProperties" | "maxProperties" if isinstance(value, dict):
            return len(value) >= limit if keyword == "minProperties" else len(value) <= limit
        case "minimum":
            return not number or exact >= Fraction(limit)
        case "maximum":
            return not number or exact <= Fraction(limit)
        case "exclusiveMinimum":
            return not number or exact > Fraction(limit)
        case "exclusiveMaximum":
            return not number or exact < Fraction(limit)
        case "multipleOf":
            return not number or (exact / Fraction(limit)).denominator == 1
        case "pattern" if isinstance(value, str):
            return _ORACLE[limit](value)
        case "items" if isinstance(value, list):
            return all(_keeps(limit, element) for element in value)
        case "properties" if isinstance(value, dict):
            return all(_keeps(limit[name], value[name]) for name in limit if name in value)
        case "required" if isinstance(value, dict):
            return all(name in value for name in limit)
        case "additionalProperties" if isinstance(value, dict) and limit is False:
            return all(name in schema.get("properties", {}) for name in value)
        case "allOf":
            return all(_keeps(part, value) for part in limit)
    return True


_ORACLE: dict[str, Any] = {
    "^a": lambda text: text.startswith("a"),
    "a$": lambda text: text.endswith("a"),
    "^[a-z]+$": lambda text: text != "" and all("a" <= one <= "z" for one in text),
    r"^\d$": lambda text: text == "1",
    ".": lambda text: any(one != "\n" for one in text),
    "^.b?$": lambda text: (len(text) == 1 and text != "\n") or text == "ab",
    "^$": lambda text: text == "",
}


def _type_names(value: Any) -> Iterator[str]:
    if isinstance(value, bool):
        yield "boolean"
    elif isinstance(value, int | Decimal):
        yield "number"
        if Fraction(value).denominator == 1:
            yield "integer"
    else:
        yield {str: "string", list: "array", dict: "object", type(None): "null"}[type(value)]


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, list | dict) or isinstance(left, bool) != isinstance(right, bool):
        return False
    return bool(left == right)


@settings(max_examples=CASES, deadline=None)
@given(_SCHEMAS, st.lists(_VALUES, min_size=4, max_size=8))
@example({"maximum": 10**20}, [Decimal("100000000000000000000.5")])
@example({"const": 1}, [True, Decimal("1.0")])
@example({"properties": {"a": {}}, "required": ["a"]}, [{}, {"a": None}])
@example({"properties": {"a": {"enum": [1], "type": "string"}}}, [{}, {"a": 1}])
def test_one_verdict_whichever_engine(schema: Any, values: list[Any]) -> None:
    """On random schemas the straight code, the library and the plain reference all agree."""
    quick = compile_predicate(schema)
    full = compile_schema(schema)
    assert quick is not None
    for value in values:
        expected = _keeps(schema, value)
        assert quick(value) == expected
        assert full._full.is_valid(value) == expected
        assert full.accepts(value) == expected


_ATOMS = st.sampled_from(
    [
        r"a",
        r"b",
        r".",
        r"\d",
        r"\D",
        r"\w",
        r"\W",
        r"\s",
        r"\S",
        r"[ab]",
        r"[^a]",
        r"[\w-]",
        r"[\s\d]",
        r"\.",
        r"\$",
        r"é",
        r"\u00e9",
        r"\x61",
        r"\t",
        r"\cJ",
        r"\u{1F600}",
        r"\ud83d\ude00",
        r"\0",
        r"[a-c]",
        r"[&&~~[-]",
        r"[\]\\^]",
        r"[\b]",
        r"[^]",
        r"\b",
        r"^",
        r"$",
        r"(?=a)",
        r"(?!b)",
        r"\-",
        r"]",
        r"}",
    ]
)
_EXPRESSIONS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.builds("(?:{})".format, inner),
        st.builds("({})".format, inner),
        st.builds("{}{}".format, inner, inner),
        st.builds("(?:{}|{})".format, inner, inner),
        st.builds("(?:{}){}".format, inner, st.sampled_from(["?", "{2}"])),
        st.builds(
            "{}{}".format,
            st.sampled_from(["a", ".", r"\d", r"\w", "[^a]", r"\s"]),
            st.sampled_from(["?", "*", "+", "{1,2}", "{2}", "*?", "{0,}"]),
        ),
    ),
    max_leaves=5,
)
_ALPHABET = "ab1_-. \n\r\t\v\0\b\x1c\x85é٣\u00a0\u2028\ufeff😀K$&~[]^\\"


@settings(max_examples=2 * CASES, deadline=None)
@given(
    _EXPRESSIONS,
    st.sampled_from(["{}", "^{}", "{}$", "^{}$"]),
    st.lists(st.text(alphabet=_ALPHABET, max_size=6), min_size=3, max_size=8),
)
def test_a_pattern_means_the_same_to_both_engines(
    expression: str, edges: str, texts: list[str]
) -> None:
    """A pattern that is compiled accepts and refuses exactly what the library does with it."""
    pattern = edges.format(expression)
    schema = {"type": "string", "pattern": pattern}
    quick = compile_predicate(schema)
    if quick is None:
        assert translate(pattern).python is None
        return
    try:
        full = compile_schema(schema)._full
    except ValueError:  # the library cannot repeat what matches no character; `problems` tells so
        assert ")?" in pattern or "){2}" in pattern
        return
    for text in texts:
        assert quick(text) == full.is_valid(text), (pattern, text)
