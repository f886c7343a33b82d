"""
Items that DynamoDB takes and items that it refuses, at and beside every limit that it has.

A case is (name, table, item, rule): *rule* is what we refuse it for, None for a good item. The
tables are those of `rules_tables`. `ON_PURPOSE` holds what we refuse though the engine takes it.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.table.rules.values import Rule

__all__ = ["CASES", "ON_PURPOSE", "Case"]


class Case(NamedTuple):
    """One item and what is to be said of it."""

    name: str
    table: str
    item: dict[str, Any]
    rule: Rule | None
    why: str = ""


_KEY = {"pk": {"S": "p"}, "sk": {"S": "s"}}


def _b(data: bytes) -> dict[str, str]:
    return {"B": base64.b64encode(data).decode()}


def _nest(kind: str, depth: int, leaf: dict[str, Any]) -> dict[str, Any]:
    for _ in range(depth):
        leaf = {"M": {"a": leaf}} if kind == "M" else {"L": [leaf]}
    return leaf


def _of_value(rule: Rule | None, **values: Any) -> Iterator[Case]:
    """Make cases whose attribute `v` is the value."""
    for name, value in values.items():
        yield Case(name, "text", {**_KEY, "v": value}, rule)


def _of_number(rule: Rule | None, *texts: str) -> Iterator[Case]:
    for text in texts:
        name = (
            f"number {text!a}" if len(text) < 30 else f"number {text[:6]}…{text[-6:]} {len(text)}"
        )
        yield Case(name, "text", {**_KEY, "v": {"N": text}}, rule)
        yield Case(f"{name} in NS", "text", {**_KEY, "v": {"NS": ["7", text]}}, rule)


def _of_key(rule: Rule | None, **changes: Any) -> Case:
    told = ", ".join(f"{name} {_told(value)}" for name, value in changes.items())
    name = f"{rule or 'good'}: {told}"
    item = {**_KEY, **changes}
    return Case(name, "text", {k: v for k, v in item.items() if v is not None}, rule)


def _told(value: dict[str, str] | None) -> str:
    if value is None:
        return "absent"
    ((kind, content),) = value.items()
    return f"{kind} {content[:1]} x {len(content)}"


def _numbers() -> Iterator[Case]:
    one = "1" * 38
    yield from _of_number(
        None,
        *("0", "-0", "0.0", "1", "-1", "+1", ".5", "-.5", "5.", "00012", "1e2", "1E+2", "1E-5"),
        *("1E125", "-1E125", "9.9E125", "1E-130", "-1E-130", "1.1E-130", "10E-131", "100E-132"),
        *(one, "-" + one, one + "0" * 50, "0." + one, one + "E-167", "9" * 38 + "E88"),
        *("1" + "0" * 125, "0." + "0" * 129 + "1", "1." + "0" * 60, "0" * 500 + "1", "0E200"),
        *("1E+0000000000005", "\uff11\uff12", "\u0663", "1E\uff12"),
    )
    yield from _of_number(
        "number_syntax",
        *("", " ", ".", "-", "+", "e5", "1e", "1e+", "1.5.5", "0x10", "1_000", " 1", "1 ", "1\n"),
        *("NaN", "nan", "Infinity", "-Infinity", "inf", "1d", "1L", "1,000", "1E5.0", "--1", "+-1"),
        *(
            "abc",
            "\u22121",
            "\U0001d7cf",
            "1E99999999999",
            "1E-99999999999",
            "0E99999999999",
            "1E2147483648",
        ),
    )
    yield from _of_number(
        "number_precision", one + "1", "0." + one + "1", one + ".1", one + "1E200", one + "1E-200"
    )
    yield from _of_number("number_overflow", "1E126", "-1E126", "1" + "0" * 126, "1E2147483647")
    yield from _of_number("number_underflow", "1E-131", "-1E-131", "0.1E-130", "9.9E-131")


def _values() -> Iterator[Case]:
    yield from _of_value(
        None,
        empty_text={"S": ""},
        nul_in_text={"S": "a\0b"},
        pair={"S": "😀"},
        empty_binary={"B": ""},
        binary=_b(b"\xff\x00"),
        unused_bits={"B": "YR=="},
        true={"BOOL": True},
        false={"BOOL": False},
        null={"NULL": True},
        empty_list={"L": []},
        empty_map={"M": {}},
        list_of_all={"L": [{"S": ""}, {"N": "1"}, _b(b""), {"NULL": True}, {"M": {}}, {"L": []}]},
        set_with_empty_text={"SS": ["", "a"]},
        set_of_composed_and_decomposed={"SS": ["é", "e\u0301"]},
        set_of_numbers={"NS": ["1", "-1", "1.5"]},
        set_with_empty_binary={"BS": ["", "YQ=="]},
        deep_maps=_nest("M", 31, {"S": "x"}),
        deep_lists=_nest("L", 31, {"S": "x"}),
        deep_set=_nest("L", 31, {"SS": ["x"]}),
        longest_inner_name={"M": {"x" * 65535: {"S": ""}}},
    )
    yield from _of_value("set_empty", empty_ss={"SS": []}, empty_ns={"NS": []}, empty_bs={"BS": []})
    yield from _of_value("set_empty", empty_ss_inside={"M": {"a": {"L": [{"SS": []}]}}})
    yield from _of_value(
        "set_duplicates",
        twice_ss={"SS": ["a", "b", "a"]},
        twice_ns={"NS": ["1", "1"]},
        same_number={"NS": ["1", "1.0"]},
        same_exponent={"NS": ["100", "1E2"]},
        same_zero={"NS": ["0", "-0"]},
        twice_bs={"BS": ["YQ==", "YQ=="]},
        same_bytes={"BS": ["YQ==", "YR=="]},
    )
    yield from _of_value("null_false", null_false={"NULL": False})
    yield from _of_value("null_false", null_false_inside={"L": [{"NULL": False}]})
    yield from _of_value("type_many", two_types={"S": "a", "N": "1"})
    yield from _of_value(
        "type_none",
        no_type={},
        null_type={"S": None},
        no_type_in_list={"L": [{}]},
        no_type_in_map={"M": {"a": {}}},
    )
    yield from _of_value("type_unknown", unknown_type={"X": "a"}, lower_case_type={"s": "a"})
    yield from _of_value("attribute_null", null_value=None, null_member={"L": [None]})
    yield from _of_value("attribute_null", null_entry={"M": {"a": None}})
    yield from _of_value(
        "type_mismatch",
        bare_text="a",
        bare_number=1,
        bare_list=[],
        text_of_list={"S": []},
        list_of_object={"L": {}},
        map_of_list={"M": []},
        set_of_text={"SS": "a"},
        boolean_text={"BOOL": "x"},
        list_of_bare_text={"L": ["a"]},
        map_of_bare_text={"M": {"a": "x"}},
        binary_number={"B": 1},
    )
    yield from _of_value(
        "base64",
        unpadded={"B": "YQ"},
        half_padded={"B": "YQ="},
        no_alphabet={"B": "!!!!"},
        url_alphabet={"B": "_-_-"},
        blank_inside={"B": "Y Q=="},
        only_padding={"B": "===="},
        over_padded={"B": "YQ==="},
        bad_member={"BS": ["YQ==", "YQ"]},
    )
    yield from _of_value(
        "nesting",
        maps_32=_nest("M", 32, {"S": "x"}),
        lists_32=_nest("L", 32, {"S": "x"}),
        empty_map_at_32=_nest("M", 31, {"M": {}}),
        empty_list_at_32=_nest("L", 31, {"L": []}),
        lists_200=_nest("L", 200, {"S": "x"}),
    )
    yield from _of_value("name_empty", empty_inner_name={"M": {"": {"S": "a"}}})
    yield from _of_value("name_too_long", long_inner_name={"M": {"x" * 65536: {"S": ""}}})


def _names() -> Iterator[Case]:
    yield Case("name of 65,535 bytes", "text", {**_KEY, "x" * 65535: {"S": ""}}, None)
    yield Case("name of 65,536 bytes", "text", {**_KEY, "x" * 65536: {"S": ""}}, "name_too_long")
    yield Case("name of é", "text", {**_KEY, "é" * 32768: {"S": ""}}, "name_too_long")
    yield Case("empty name", "text", {**_KEY, "": {"S": "a"}}, "name_empty")


def _keys() -> Iterator[Case]:
    yield _of_key(None, pk={"S": "x" * 2048}, sk={"S": "x" * 1024})
    yield _of_key(None, sk={"S": "é" * 512})
    yield _of_key("key_missing", sk=None)
    yield _of_key("key_missing", pk=None)
    yield _of_key("key_type", pk={"N": "1"})
    yield _of_key("key_type", sk=_b(b"s"))
    yield _of_key("key_empty", pk={"S": ""})
    yield _of_key("key_empty", sk={"S": ""})
    yield _of_key("key_too_long", pk={"S": "x" * 2049})
    yield _of_key("key_too_long", pk={"S": "一" * 683})
    yield _of_key("key_too_long", sk={"S": "x" * 1025})
    others: list[dict[str, Any]] = [
        {"BOOL": True},
        {"NULL": True},
        {"L": []},
        {"M": {}},
        {"SS": ["a"]},
        {"NS": ["1"]},
        {"BS": ["YQ=="]},
    ]
    for other in others:
        (kind,) = other
        for name, rule in (("pk", "key"), ("sk", "key"), ("gk", "index_key"), ("lk", "index_key")):
            item = {**_KEY, name: other}
            named: Rule = "key_not_scalar" if rule == "key" else "index_key_not_scalar"
            yield Case(f"{name} of {kind}", "text", item, named)
    good: dict[str, Any] = {"pk": _b(b"p"), "sk": {"N": "1"}}
    for name, item, broken in (
        ("keys at their limit", {"pk": _b(b"x" * 2048)}, None),
        ("binary key too long", {"pk": _b(b"x" * 2049)}, "key_too_long"),
        ("binary key empty", {"pk": _b(b"")}, "key_empty"),
        ("binary key as text", {"pk": {"S": "p"}}, "key_type"),
        ("number key no number", {"sk": {"N": "x"}}, "number_syntax"),
        ("number key as text", {"sk": {"S": "1"}}, "key_type"),
        ("number key 38 digits", {"sk": {"N": "-" + "1" * 38}}, None),
    ):
        yield Case(name, "binary", {**good, **item}, broken)  # type: ignore[arg-type]  # a literal


def _index_keys() -> Iterator[Case]:
    yield _of_key(None, gk={"S": "x" * 2048})
    yield _of_key(None, gk={"S": "g"}, gn={"N": "1"}, lk={"S": "x" * 1024}, lb=_b(b"x" * 1024))
    yield _of_key("index_key_type", gk={"N": "1"})
    yield _of_key("index_key_type", gn={"S": "1"})
    yield _of_key("index_key_type", lk=_b(b"l"))
    yield _of_key("index_key_type", lb={"S": "l"})
    yield _of_key("index_key_empty", gk={"S": ""})
    yield _of_key("index_key_empty", lk={"S": ""})
    yield _of_key("index_key_empty", lb=_b(b""))
    yield _of_key("index_key_too_long", gk={"S": "x" * 2049})
    yield _of_key("index_key_too_long", gk={"S": "x" * 2049}, gn={"N": "1"})
    yield _of_key("index_key_too_long", lk={"S": "x" * 1025})
    yield _of_key("index_key_too_long", lb=_b(b"x" * 1025))
    for length, rule in ((1024, None), (1025, "index_key_too_long")):
        item = {**_KEY, "pk": {"S": "x" * length}}
        name = f"partition key of {length} bytes as an index's sort key"
        yield Case(name, "crossed", item, rule)  # type: ignore[arg-type]  # a literal


def _sizes() -> Iterator[Case]:
    room = 409_600 - len("pkpsksv")
    for over, rule in ((-1, None), (0, None), (1, "item_size"), (50_000, "item_size")):
        item = {**_KEY, "v": {"S": "x" * (room + over)}}
        yield Case(f"item of the limit {over:+}", "text", item, rule)  # type: ignore[arg-type]  # a literal
        item = {**_KEY, "v": _b(b"x" * (room + over))}
        yield Case(f"binary of the limit {over:+}", "text", item, rule)  # type: ignore[arg-type]  # a literal
    text = {"S": "é" * (room // 2)}
    yield Case("two-byte text of the limit", "text", {**_KEY, "v": text}, None)
    text = {"S": "é" * (room // 2 + 1)}
    yield Case("two-byte text over it", "text", {**_KEY, "v": text}, "item_size")


CASES = (*_numbers(), *_values(), *_names(), *_keys(), *_index_keys(), *_sizes())

_NO_UTF8 = "half a surrogate pair has no encoding in UTF-8; no other client could read it"
_LAX = "only a lax parser takes it; the encoder never makes it"

ON_PURPOSE = (
    Case("surrogate in text", "text", {**_KEY, "v": {"S": "\ud800"}}, "text_surrogate", _NO_UTF8),
    Case("turned pair", "text", {**_KEY, "v": {"S": "\udc00\ud800"}}, "text_surrogate", _NO_UTF8),
    Case("surrogate in a key", "text", {**_KEY, "sk": {"S": "\ud800"}}, "text_surrogate", _NO_UTF8),
    Case("surrogate in SS", "text", {**_KEY, "v": {"SS": ["\ud800"]}}, "text_surrogate", _NO_UTF8),
    Case("surrogate in a name", "text", {**_KEY, "\ud800": {"S": ""}}, "name_surrogate", _NO_UTF8),
    Case("number as JSON number", "text", {**_KEY, "v": {"N": 1}}, "type_mismatch", _LAX),
    Case("text as JSON number", "text", {**_KEY, "v": {"S": 1}}, "type_mismatch", _LAX),
    Case("boolean as text", "text", {**_KEY, "v": {"BOOL": "true"}}, "type_mismatch", _LAX),
    Case("null as text", "text", {**_KEY, "v": {"NULL": "true"}}, "null_false", _LAX),
    Case("SS of JSON numbers", "text", {**_KEY, "v": {"SS": [1]}}, "type_mismatch", _LAX),
    Case("a type and an unknown one", "text", {**_KEY, "v": {"S": "a", "X": 1}}, "type_many", _LAX),
    Case("base64 with a line end", "text", {**_KEY, "v": {"B": "YQ==\n"}}, "base64", _LAX),
    Case("base64 after padding", "text", {**_KEY, "v": {"B": "YQ==YQ=="}}, "base64", _LAX),
)
