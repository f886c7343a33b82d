"""Laws of the transform: exact coercion, and all of a record's items or none."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.errors import Refused
from pipeline.transform.coerce import compile_coercion
from pipeline.transform.mapping import FromField, ItemSpec, Literal, TemplateText, compile_items
from pipeline.transform.numbers import canonical, parse_number
from pipeline.transform.template import parse

if TYPE_CHECKING:
    from pipeline.model import Value, Violation

NUMBERS = st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.one_of(NUMBERS, st.text(max_size=3), st.booleans(), st.none())
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
TYPES = {
    bool: "boolean",
    int: "integer",
    Decimal: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def written(value: Value) -> str:
    """Write a value as JSON does, numbers with all their digits."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, dict):
        inside = (f"{json.dumps(name)}: {written(part)}" for name, part in value.items())
        return f"{{{', '.join(inside)}}}"
    return json.dumps(value)


@given(JSON)
def test_a_value_survives_its_way_through_text(value: Value) -> None:
    """What is written as text and coerced to its type is the same value, digit for digit."""
    assume(value is not None)
    text = value if isinstance(value, str) else written(value)
    typed = compile_coercion({"properties": {"a": {"type": TYPES[type(value)]}}})
    back = typed({"a": text})["a"] if typed else text
    assert back == value
    assert isinstance(back, bool) == isinstance(value, bool)


@given(
    st.text(alphabet="0123456789-+.eE true\n", max_size=8), st.sampled_from(sorted(TYPES.values()))
)
def test_coercion_only_reads_what_json_reads(text: str, kind: str) -> None:
    """A text either stays as it is or is exactly the JSON that it spells."""
    typed = compile_coercion({"properties": {"a": {"type": kind}}})
    value = typed({"a": text})["a"] if typed else text
    if isinstance(value, str):
        assert value == text
    else:
        assert json.loads(text, parse_float=Decimal) == value
        assert text == text.strip()


@given(NUMBERS)
def test_a_number_has_one_spelling(number: int | Decimal) -> None:
    """Canonical text is plain, has no needless zero, and is the same number again."""
    text = canonical(number)
    if text is None:
        assert isinstance(number, Decimal)
        return
    assert Decimal(text) == number
    assert not set(text) & set("eE+")
    assert text == canonical(Decimal(text))
    assert text == "0" or not text.startswith("-0") or text.startswith("-0.")
    assert "." not in text or not text.endswith(("0", "."))
    again = parse_number(text)
    assert again is not None
    assert again == number


PARTS = st.sampled_from(["{a}", "{b}", "{c.d}", "{c:-none}", "X#", "{{", "é"])
TEMPLATES = st.lists(PARTS, min_size=1, max_size=3).map("".join)
SETS = st.one_of(
    st.builds(Literal, SCALARS),
    st.builds(TemplateText, TEMPLATES),
    st.builds(
        FromField,
        st.sampled_from(["a", "b", "c.d"]),
        type=st.sampled_from([None, "S", "N", "B", "BOOL", "SS", "NS", "BS", "L", "M"]),
        required=st.booleans(),
    ),
)
SPECS = st.builds(
    ItemSpec,
    key=st.fixed_dictionaries({"PK": TEMPLATES, "SK": TEMPLATES}),
    set=st.dictionaries(st.sampled_from(["a", "x", "y"]), SETS, max_size=2),
    omit=st.lists(NAMES, max_size=2),
    only=st.none() | st.lists(NAMES, max_size=2, unique=True).map(tuple),
    optional=st.booleans(),
)
MODES = st.sampled_from(["put", "delete"])
RECORDS = st.dictionaries(NAMES, JSON | st.fixed_dictionaries({"d": SCALARS}), max_size=3)
KEY_TYPES: Any = st.fixed_dictionaries({"PK": st.sampled_from("SNB"), "SK": st.sampled_from("SNB")})


def attempt(
    specs: list[ItemSpec], record: dict[str, Value], key_types: Any, mode: Any
) -> tuple[list[tuple[int, dict[str, Value]]], tuple[Violation, ...]]:
    """Return what a record becomes, and why it becomes nothing."""
    try:
        return compile_items(specs, key_types=key_types, mode=mode)(record), ()
    except Refused as refused:
        return [], refused.violations


@given(
    st.lists(SPECS, min_size=1, max_size=3), RECORDS, KEY_TYPES, st.sampled_from(["put", "delete"])
)
def test_a_record_becomes_all_of_its_items_or_none(
    specs: list[ItemSpec], record: dict[str, Value], key_types: Any, mode: Any
) -> None:
    """Either every item that may not be skipped is made, whole, or the record is refused."""
    before = written(record)
    items, violations = attempt(specs, record, key_types, mode)
    assert written(record) == before
    if violations:
        assert items == []
        assert {each.kind for each in violations} == {"mapping"}
        return
    assert items
    made = dict(items)
    assert [index for index, _ in items] == sorted(made)
    for index, spec in enumerate(specs):
        if index not in made:
            assert spec.optional
            continue
        item = made[index]
        kinds: dict[str, Any] = {"S": str, "N": (int, Decimal), "B": bytes}
        for name in ("PK", "SK"):
            assert isinstance(item[name], kinds[key_types[name]])
            assert item[name] is not None
            if key_types[name] == "S":
                assert item[name] == parse(spec.key[name]).render(record)
        if mode == "delete":
            assert item.keys() == {"PK", "SK"}
        else:
            copied = record.keys() if spec.only is None else set(spec.only) & record.keys()
            for name in set(copied) - set(spec.omit) - set(spec.set):
                assert item[name] == record[name]
            assert item.keys() <= {*copied, *spec.set, "PK", "SK"}


@given(st.lists(SPECS, min_size=2, max_size=3), RECORDS, KEY_TYPES)
def test_a_refusal_tells_every_reason(
    specs: list[ItemSpec], record: dict[str, Value], key_types: Any
) -> None:
    """The reasons for a record are those of its items, each compiled alone."""
    alone = {
        violation
        for spec in specs
        for violation in attempt([spec], record, key_types, "put")[1]
        if violation.rule != "no_items"
    }
    together = attempt(specs, record, key_types, "put")[1]
    assert {each for each in together if each.rule != "no_items"} == alone
