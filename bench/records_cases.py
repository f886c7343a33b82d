"""
Random definitions and records, a function of a seed: what the fast ways are held against.

Names are chosen to break what is written as code: quotes, braces, dots, line ends, what looks like
an end of a string and an import after it. Records have what a template or a conversion stumbles
over: absent and null fields, numbers of any length, nested objects, wrong classes.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from pipeline.transform.specs import FromField, ItemSpec, Literal, SetSpec, TemplateText

if TYPE_CHECKING:
    from random import Random

    from pipeline.model import AttributeType, Value

__all__ = [
    "CELLS",
    "NAMES",
    "Mapping",
    "random_cells",
    "random_columns",
    "random_line",
    "random_mapping",
    "random_record",
]

NAMES: Final = (
    *("id", "email", "a", "b", "c", "a.b", "a.b.c", "PK", "SK", "when", "amount"),
    *('"]; import os #', "'); raise SystemExit #", "it's", 'a"b', "{x}", "}", "{", "new\nline"),
    *(
        "\\",
        "\\'",
        '"""',
        "'''",
        "é",
        "名",
        "\u2028",
        "\x00",
        "def",
        "None",
        "fields",
        "item",
        "v1",
    ),
    *("c0", "not an identifier", " ", "%s", "f'{1/0}'", "__import__('os')"),
)
"""Field and attribute names."""

_TYPES: Final[tuple[AttributeType | None, ...]] = (
    *(None, None, "S", "N", "B", "BOOL", "SS", "NS", "BS", "L", "M"),
)
_SCALARS: Final[tuple[Value, ...]] = (
    *("", "x", "Ann", "YWJj", "YW Jj", "true", "12", "1.50", "-0", "007", "1e3", "2024-05-01"),
    *("2024-05-01T12:00:00Z", "2024-05-01T12:00:00.5+02:00", "not a date", "é", "\U0001f600"),
    *(0, 1, -1, 26, 10**17, 10**18, -(10**18), 10**40, True, False, None, None),
    *map(Decimal, ("1.5", "1.0", "1E+3", "1E+400", "-0.0", "1E-7", "123456789012345678901.5")),
)
_CONSTANTS: Final[tuple[Value, ...]] = (*_SCALARS, ["x", 1], {"a": "b"})


class Mapping:
    """What `compile_items` takes, and the fields that it asks for."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self.names = tuple(dice.sample(NAMES, 7))
        self.mode: Any = dice.choice(["put", "put", "put", "delete"])
        self.key_types: dict[str, Any] = {
            name: dice.choice("SSSNB") for name in dice.sample(self.names, dice.choice([0, 1, 2]))
        }
        self.specs = [self._spec() for _ in range(dice.choice([0, 1, 1, 1, 2, 3]))]

    def _spec(self) -> ItemSpec:
        dice = self._dice
        keys = dice.sample([*self.key_types, "PK", "SK"], dice.choice([0, 1, 2]))
        return ItemSpec(
            key={name: self._template() for name in keys},
            set={name: self._set() for name in dice.sample(self.names, dice.choice([0, 0, 1, 3]))},
            omit=dice.sample(self.names, dice.choice([0, 0, 1, 2])),
            only=dice.choice([None, None, tuple(dice.sample(self.names, 3))]),
            optional=dice.random() < 0.3,
        )

    def _set(self) -> SetSpec:
        dice = self._dice
        kind = dice.randrange(3)
        if kind == 0:
            return Literal(dice.choice(_CONSTANTS))
        if kind == 1:
            return TemplateText(self._template())
        field, target = dice.choice(self.names), dice.choice(_TYPES)
        epoch = target in (None, "N") and dice.random() < 0.4
        return FromField(field, target, as_epoch=epoch, required=dice.random() < 0.2)

    def _template(self) -> str:
        dice = self._dice
        return "".join(self._piece() for _ in range(dice.choice([0, 1, 1, 2, 3])))

    def _piece(self) -> str:
        dice = self._dice
        plain = dice.choice(NAMES).replace("{", "{{").replace("}", "}}")
        name = dice.choice([one for one in self.names if not {"{", "}"} & set(one)] or ["id"])
        if not name.strip():
            name = "id"
        with_default = f"{{{name}:-{dice.choice('xy')}}}"
        return dice.choice([plain, f"{{{name}}}", f"{{{name}}}", with_default])


def random_mapping(dice: Random) -> Mapping:
    """Make a definition's items."""
    return Mapping(dice)


def random_record(dice: Random, names: tuple[str, ...], depth: int = 0) -> dict[str, Value]:
    """Make a record with some of *names* as its fields."""
    chosen = dice.sample(names, dice.randint(0, len(names)))
    return {name: _value(dice, names, depth) for name in chosen}


def _value(dice: Random, names: tuple[str, ...], depth: int) -> Value:
    kind = dice.random()
    if kind < 0.5:
        return dice.choice(["x", "Ann", "o'neill", "YWJj", "17"])
    if kind < 0.85 or depth == 3:
        return dice.choice(_SCALARS)
    if kind < 0.93:
        paths = tuple(part for name in names for part in name.split(".") if part) or ("b",)
        return random_record(dice, tuple(dict.fromkeys(paths)), depth + 1)
    return [_value(dice, names, depth + 1) for _ in range(dice.randrange(3))]


def random_line(dice: Random) -> bytes:
    """Make the text of a JSON object, spaced as it may be, in which a key may stand twice."""
    return _object(dice, 0).encode("utf-8", "surrogatepass")


def _space(dice: Random) -> str:
    return dice.choice(["", "", "", "", "", " ", "\t", "  ", "\r", "\n"])


def _object(dice: Random, depth: int) -> str:
    names = ["a", "b", "c", "d:", '"', ":", '":', '": ', " ", "\\", "é", "{", "}", "[", "a\tb"]
    members = [
        f"{_space(dice)}{_name(dice, dice.choice(names))}{_space(dice)}:"
        f"{_space(dice)}{_json(dice, depth + 1)}{_space(dice)}"
        for _ in range(dice.choice([0, 1, 2, 3, 4]))
    ]
    return f"{{{','.join(members) or _space(dice)}}}"


def _name(dice: Random, name: str) -> str:
    if dice.random() < 0.1:
        return '"' + "".join(f"\\u{ord(letter):04x}" for letter in name) + '"'
    return json.dumps(name, ensure_ascii=dice.random() < 0.5)


def _json(dice: Random, depth: int) -> str:
    kind = dice.random()
    if kind < 0.55 or depth > 4:
        texts = ['"":', '": "', "a:b", '{"a":1}', "12:00:00", "[[", "plain", '\\":', " : ", "\t:"]
        return json.dumps(dice.choice(texts)) if dice.random() < 0.6 else _number(dice)
    if kind < 0.85:
        return _object(dice, depth)
    inside = (f"{_space(dice)}{_json(dice, depth + 1)}" for _ in range(dice.randrange(3)))
    return f"[{','.join(inside)}]"


def _number(dice: Random) -> str:
    return dice.choice(["0", "-1", "1.50", "1e3", "1e400", "true", "null", "9" * 50, "0.1"])


CELLS: Final = (
    *("", "NA", "null", "true", "false", "True", "x", "Ann", "é", "0", "-0", "-0.0", "26", "-1"),
    *("1.50", "1e5", "1E400", "1e99999999999999999999", "007", "+1", "1_000", "0x1", ".5", "5."),
    *("NaN", "Infinity", "-Infinity", " 1", "1 ", "1\n", "\u00a01", "\uff11\uff12", "1\x00"),
    *("9" * 19, "9" * 30, "9" * 4_096, "9" * 4_097, "0." + "1" * 4_200, "9" * 4_400),
    *("[]", "{}", "[1, 2.50]", " [1]", "[1", '["a"]', '["\\ud800"]', '["\\u0041"]', '["\t"]'),
    *('[{"a":1}]', '{"a":1}', '{"a":1,"a":2}', '{"a":{"b":1}}', '{"a":{"b":1,"b":2}}', '{"a":":"}'),
    *("[" * 70 + "]" * 70, "[1e999]", "[-0]", "[true,null]", "[NaN]", '{"\\u0061":1,"a":2}', '"x"'),
    *(f"[{'9' * 4_090}]", '{"a" : 1}', "[" + "1," * 3_000 + "1]"),
)
"""Cells of CSV rows."""

_TYPES_OF_CELLS: Final[tuple[Any, ...]] = (
    *("string", "integer", "integer", "number", "number", "boolean", "array", "object", "null"),
    *(["integer", "null"], ["integer", "string"], ["string", "integer"], ["boolean", "number"]),
)


def random_columns(dice: Random) -> tuple[tuple[str, ...], dict[str, Any], frozenset[str]]:
    """Make a header, a schema of its columns, and what counts as absent."""
    header = tuple(dice.sample(NAMES, dice.randint(1, 6)))
    columns: dict[str, Any] = {
        name: {"type": dice.choice(_TYPES_OF_CELLS)} for name in header if dice.random() < 0.9
    }
    for column in columns.values():
        if dice.random() < 0.1:
            column["enum"] = dice.choice([[1, "1", True], ["x", 26], ["true"]])
    schema: dict[str, Any] = {"properties": columns}
    if dice.random() < 0.1:
        schema["additionalProperties"] = {"type": "integer"}
    nulls = dice.choice([(), ("",), ("",), ("", "NA"), ("", "NA", "null", "x", "0", "[]")])
    return header, schema, frozenset(nulls)


def random_cells(dice: Random, header: tuple[str, ...]) -> list[str]:
    """Make a row for *header*."""
    return [dice.choice(CELLS) for _ in header]
