"""Records into items: what is copied, set and keyed, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.errors import Refused
from pipeline.model import TypedSet
from pipeline.transform.compose import compile_transform
from pipeline.transform.mapping import FromField, ItemSpec, Literal, TemplateText, compile_items

if TYPE_CHECKING:
    from pipeline.model import Value, Violation, WriteMode
    from pipeline.transform.keys import KeyType

KEYS: dict[str, KeyType] = {"PK": "S", "SK": "S"}


def mapped(
    record: dict[str, Value],
    *specs: ItemSpec,
    keys: dict[str, KeyType] = KEYS,
    mode: WriteMode = "put",
) -> list[tuple[int, dict[str, Value]]]:
    return compile_items(specs, key_types=keys, mode=mode)(record)


def refused(
    record: dict[str, Value], *specs: ItemSpec, keys: dict[str, KeyType] = KEYS
) -> tuple[Violation, ...]:
    with pytest.raises(Refused) as caught:
        mapped(record, *specs, keys=keys)
    return caught.value.violations


PROFILE = ItemSpec(
    key={"PK": "USER#{user_id}", "SK": "PROFILE"},
    set={
        "entity": Literal("User"),
        "label": TemplateText("{name} <{email}>"),
        "roles": FromField("roles", type="SS"),
        "expires": FromField("expires_at", as_epoch=True),
        "city": FromField("address.city"),
    },
    omit=("password",),
)
EMAIL = ItemSpec(key={"PK": "EMAIL#{email}", "SK": "USER#{user_id}"}, only=("user_id",))
USER: dict[str, Value] = {
    "user_id": 7,
    "email": "a@b",
    "name": "Ann",
    "password": "x",
    "roles": ["admin"],
    "expires_at": "2024-05-01T12:00:00Z",
    "address": {"city": None},
}


def test_one_record_becomes_several_items() -> None:
    """Fields are copied, attributes set, keys rendered; each item has its index."""
    record = {**USER}
    assert mapped(record, PROFILE, EMAIL) == [
        (
            0,
            {
                "user_id": 7,
                "email": "a@b",
                "name": "Ann",
                "roles": TypedSet("SS", ("admin",)),
                "expires_at": "2024-05-01T12:00:00Z",
                "address": {"city": None},
                "entity": "User",
                "label": "Ann <a@b>",
                "expires": 1_714_564_800,
                "city": None,
                "PK": "USER#7",
                "SK": "PROFILE",
            },
        ),
        (1, {"user_id": 7, "PK": "EMAIL#a@b", "SK": "USER#7"}),
    ]
    assert record == USER


def test_without_items_the_record_is_the_item() -> None:
    """No item in the definition means one item with every field."""
    record: dict[str, Value] = {"PK": "a", "SK": "b", "n": None}
    assert mapped(record) == [(0, record)]
    assert mapped(record, mode="delete") == [(0, {"PK": "a", "SK": "b"})]


def test_the_key_wins_over_set_and_set_over_fields() -> None:
    """Of three makers of one attribute the key is last."""
    spec = ItemSpec(
        key={"PK": "key"}, set={"PK": Literal("set"), "a": Literal("set"), "SK": Literal("s")}
    )
    (pair,) = mapped({"PK": "field", "a": "field", "SK": "field"}, spec)
    assert pair[1] == {"PK": "key", "SK": "s", "a": "set"}


def test_delete_items_are_their_keys() -> None:
    """In mode delete nothing but key attributes is made, and nothing else can refuse a record."""
    assert mapped({**USER, "roles": []}, PROFILE, EMAIL, mode="delete") == [
        (0, {"PK": "USER#7", "SK": "PROFILE"}),
        (1, {"PK": "EMAIL#a@b", "SK": "USER#7"}),
    ]
    spec = ItemSpec(set={"SK": TemplateText("S#{a}"), "x": FromField("b", required=True)})
    assert mapped({"PK": "p", "a": 1}, spec, mode="delete") == [(0, {"PK": "p", "SK": "S#1"})]


def test_an_item_is_refused_with_the_record_and_all_reasons_come() -> None:
    """One bad item refuses the whole record, and every reason of every item is told once."""
    found = refused({"name": None, "roles": [], "expires_at": "soon"}, PROFILE, EMAIL)
    assert {(each.rule, each.field) for each in found} == {
        ("template_field", "user_id"),
        ("template_field", "name"),
        ("set_empty", "roles"),
        ("epoch", "expires_at"),
        ("template_field", "email"),
    }
    assert len(found) == len(set(found))


def test_an_optional_item_is_skipped_alone() -> None:
    """Where a template's field is absent or null, an optional item is left out; indexes stay."""
    optional = ItemSpec(key={"PK": "PHONE#{phone}", "SK": "X"}, only=(), optional=True)
    last = ItemSpec(key={"PK": "LAST", "SK": "X"}, only=())
    for phone in ({}, {"phone": None}):
        assert mapped({**phone}, optional, last) == [(1, {"PK": "LAST", "SK": "X"})]
    assert [index for index, _ in mapped({"phone": 1}, optional, last)] == [0, 1]
    in_set = ItemSpec(
        key={"PK": "A", "SK": "B"}, set={"t": TemplateText("{phone}")}, optional=True, only=()
    )
    assert [index for index, _ in mapped({}, in_set, last)] == [1]


def test_optional_forgives_absence_and_nothing_else() -> None:
    """A field that is there but cannot be rendered still refuses the record."""
    optional = ItemSpec(key={"PK": "{phone}", "SK": "X"}, optional=True)
    last = ItemSpec(key={"PK": "LAST", "SK": "X"})
    assert refused({"phone": ["x"]}, optional, last)[0].rule == "template_field"


def test_a_record_of_no_items_is_refused() -> None:
    """If every item is skipped the record does not vanish."""
    optional = ItemSpec(key={"PK": "{phone}", "SK": "X"}, optional=True)
    (violation,) = refused({}, optional, optional)
    assert violation.rule == "no_items"
    assert "'phone'" in violation.message


@pytest.mark.parametrize(
    ("spec", "record", "expected"),
    [
        (FromField("f"), {"f": 1}, {"f": 1, "x": 1}),
        (FromField("f"), {"f": None}, {"f": None, "x": None}),
        (FromField("f"), {}, {}),
        (FromField("f", type="S"), {"f": None}, {"f": None}),
        (FromField("f", as_epoch=True), {}, {}),
        (FromField("f", as_epoch=True, type="N"), {"f": 5}, {"f": 5, "x": 5}),
        (FromField("x", type="SS"), {"x": None}, {}),
        (FromField("x", type="SS"), {"x": ["a"]}, {"x": TypedSet("SS", ("a",))}),
        (FromField("f.g"), {"f": {"g": [1]}}, {"f": {"g": [1]}, "x": [1]}),
        (FromField("f.g"), {"f.g": 2, "f": {"g": 1}}, {"f.g": 2, "f": {"g": 1}, "x": 2}),
        (FromField("f.g"), {"f": 5}, {"f": 5}),
        (Literal(None), {}, {"x": None}),
        (Literal(Decimal("1.10")), {}, {"x": Decimal("1.10")}),
        (TemplateText("{{{f}}}"), {"f": 1}, {"f": 1, "x": "{1}"}),
    ],
)
def test_set_makes_attributes(spec: Any, record: dict[str, Value], expected: Any) -> None:
    """An attribute is made from a literal, a template or a field; a null or absent one is not."""
    assert mapped(record, ItemSpec(set={"x": spec}), keys={}) == [(0, expected)]


@pytest.mark.parametrize("record", [{}, {"f": None}])
@pytest.mark.parametrize("type_", [None, "S"])
def test_a_required_field_refuses_the_record(record: dict[str, Value], type_: Any) -> None:
    """A required field that is absent or null refuses the record."""
    spec = ItemSpec(set={"x": FromField("f", type=type_, required=True)})
    (violation,) = refused(record, spec)
    assert (violation.rule, violation.field) == ("field_required", "f")


@pytest.mark.parametrize(
    "spec",
    [
        ItemSpec(key={"PK": "{"}),
        ItemSpec(set={"x": TemplateText("}")}),
        ItemSpec(set={"x": FromField("f", type="NULL")}),
        ItemSpec(set={"x": FromField("f", type="S", as_epoch=True)}),
    ],
)
def test_a_wrong_definition_does_not_compile(spec: ItemSpec) -> None:
    """What cannot work for any record is told before the first."""
    with pytest.raises(ValueError, match=r"\w"):
        compile_items([spec], key_types=KEYS, mode="put")


def test_the_whole_way() -> None:
    """Text is coerced, then checked, then mapped; the first step that refuses tells all."""
    schema = {"properties": {"age": {"type": "integer", "maximum": 9}, "n": {"type": "number"}}}
    specs = [ItemSpec(key={"PK": "A#{age}", "SK": "{n}"})]
    run = compile_transform(schema, specs, KEYS, "put", coerce=True)
    assert run({"age": "7", "n": "1.50"}) == [
        (0, {"age": 7, "n": Decimal("1.50"), "PK": "A#7", "SK": "1.5"})
    ]
    with pytest.raises(Refused) as caught:
        run({"age": "70", "n": "x"})
    assert {each.kind for each in caught.value.violations} == {"schema"}
    assert len(caught.value.violations) == 2
    strict = compile_transform(schema, specs, KEYS, "put", coerce=False)
    with pytest.raises(Refused):
        strict({"age": "7", "n": "1.50"})
    free = compile_transform(None, [], {}, "put", coerce=True)
    assert free({"a": "7"}) == [(0, {"a": "7"})]
