"""
Random definitions, tables and records for the fused way, a function of a seed.

Most records of a definition share a shape, or there would be no fused way to hold against the plain
one; the others have all that could make the two differ: keys twice, in any spelling and spacing,
numbers in any spelling, nulls, names that nobody knows, wrong classes, bytes that are no JSON.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pipeline.table.description import TableDescription
from pipeline.transform.specs import FromField, ItemSpec, Literal, SetSpec, TemplateText

if TYPE_CHECKING:
    from random import Random

__all__ = ["Case"]

_NAMES: Final = (
    *("id", "email", "age", "amount", "when", "tags", "address", "city", "a", "b", "c", "zip"),
    *("it's", "{x}", "}", "{", "é", "名", "def", "None", "v1", "tv2", "c0", " ", "%s", ":", "a b"),
    *("__import__('os')", "{__import__('os')}", "'''", "f'{1/0}'", "raw", "UNSET", "return", ","),
    *('a"b', "\\", "new\nline", "\u2028", "", "a.b", "x" * 80, "'); raise SystemExit #"),
)
_TEXTS: Final = (
    *(
        "",
        "x",
        "Ann",
        "FR",
        "Berlin",
        "u00000001",
        "é",
        "名前",
        "\U0001f600",
        '":',
        ':"',
        ": ",
        "::",
    ),
    *('":"', '" :', "a : b", "{}", "[", "12:00:00Z", "true", "17", "1.50", "line\nend", 'say "hi"'),
    *("back\\slash", "\x00", "\x7f", "\u2028", "tab\t", "/", "YWJj", "2024-05-01", "{__import__}"),
    *("2024-05-01T12:00:00Z", "x" * 300, "é" * 300, "y" * 600, "'", "UNSET", "None"),
)
_NUMBERS: Final = (
    *("0", "1", "7", "10", "26", "100", "-1", "-0", "150", "99999", "1.0", "1.00", "1e2", "1E2"),
    *(
        "0.5",
        "-0.5",
        "12.50",
        "1179.19",
        "6074.3",
        "0.001",
        "1e-7",
        "5e-1",
        "1e400",
        "-0.0",
        "1E+3",
    ),
    *("12345678901234567890", "9" * 38, "9" * 39, "1" + "0" * 40, "9" * 30 + ".5", "1e-130"),
    *("1e126", "1e-131", "123456789012345678.123456789012345678", "-12.25", "100.10", "0e999"),
    *("1e99999999999999999999",),
)
_ODD: Final = (
    *("null", "true", "false", "[]", "{}", "[1]", "[1.5,null]", '["x",1]', '[["x"]]', '{"k":1}'),
    *('{"k":1,"k":2}', '[{"k":1},{"k":1}]', '[{"k":1,"\\u006b":1}]', "[" * 40 + "]" * 40, "NaN"),
    *(
        "[" * 140 + "]" * 140,
        "-Infinity",
        "01",
        "+1",
        "1.",
        '"\\ud800"',
        '"\\ud83d\\ude00"',
        "\x00",
    ),
    *('{"a":{"b":{"c":{"d":{"e":{"f":"g"}}}}}}', '{"":1}', '""', "1", '"1"', '"\\u0022:"'),
)
_CONSTANTS: Final[tuple[Any, ...]] = (
    *("User", "User", "User", 1, True, None, ["x", 1], {"a": "b"}, "", "q\"\n'{x}", 10**40, "é"),
)
_KINDS: Final = ("str", "str", "str", "int", "number", "bool", "list", "map", "null", "any")


class Case:
    """One definition with its table, and the columns of its records."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        count = dice.choice([2, 3, 4, 6, 9])
        plain = _NAMES[:12] if dice.random() < 0.7 else _NAMES
        names = dice.sample(plain, min(count, len(plain)))
        self.columns = {name: self._column(0) for name in names}
        first = names[0]
        if dice.random() < 0.9:
            self.columns[first] = {"kind": "str", "there": 1.0, "null": 0.0}
        self.mode: Any = dice.choice(["put", "put", "put", "delete"])
        self.key_types: dict[str, Any] = {}
        self.description = self._table(names)
        self.specs = [self._spec(names) for _ in range(dice.choice([0, 1, 1, 1, 2, 3]))]
        self.schema = self._schema() if dice.random() < 0.8 else None
        self.rough = dice.choice([0.0, 0.02, 0.1, 0.3])
        self.spaced = dice.random() < 0.3

    def _column(self, depth: int) -> dict[str, Any]:
        dice = self._dice
        kind = dice.choice(_KINDS[: -3 if depth > 2 else None])
        column: dict[str, Any] = {
            "kind": kind,
            "there": dice.choice([1.0, 1.0, 1.0, 0.95, 0.5]),
            "null": dice.choice([0.0, 0.0, 0.0, 0.1, 0.5]),
        }
        if kind == "map":
            names = dice.sample(_NAMES[:26], dice.choice([1, 2, 4]))
            column["fields"] = {name: self._column(depth + 1) for name in names}
        return column

    def _table(self, names: list[str]) -> TableDescription:
        dice = self._dice
        keys = dice.choice([["PK"], ["PK", "SK"], [names[0]], [names[0], "SK"], ["PK", names[-1]]])
        keys = [name for name in dict.fromkeys(keys) if name]
        keys = keys or ["PK"]
        self.key_types = {
            name: dice.choice("SSSSN" if name in names[1:] else "SSSSSSNB") for name in keys
        }
        definitions = dict(self.key_types)
        indexes: dict[str, Any] = {}
        for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
            if dice.random() < 0.2:
                name = dice.choice([one for one in names if one] or ["id"])
                definitions.setdefault(name, dice.choice("SSN"))
                key = [{"AttributeName": name, "KeyType": "HASH"}]
                if kind.startswith("Local"):
                    key = [
                        {"AttributeName": keys[0], "KeyType": "HASH"},
                        {"AttributeName": name, "KeyType": "RANGE"},
                    ]
                projection = {"ProjectionType": dice.choice(["ALL", "KEYS_ONLY"])}
                indexes[kind] = [{"IndexName": kind, "KeySchema": key, "Projection": projection}]
        return TableDescription.from_response(
            {
                "TableName": "T",
                "TableStatus": "ACTIVE",
                "KeySchema": [
                    {"AttributeName": name, "KeyType": role}
                    for name, role in zip(keys, ("HASH", "RANGE"), strict=False)
                ],
                "AttributeDefinitions": [
                    {"AttributeName": name, "AttributeType": kind}
                    for name, kind in definitions.items()
                ],
                **indexes,
            }
        )

    def _spec(self, names: list[str]) -> ItemSpec:
        dice = self._dice
        keys = [name for name in self.key_types if name not in names or dice.random() < 0.3]
        sets = dice.sample([*names, "entity", "expires", "e\"'{"], dice.choice([0, 0, 1, 2, 3]))
        return ItemSpec(
            key={name: self._template(names) for name in keys},
            set={name: self._set(names) for name in sets},
            omit=dice.sample(names, dice.choice([0, 0, 0, 1])),
            only=None if dice.random() < 0.75 else tuple(dice.sample(names, min(2, len(names)))),
            optional=dice.random() < 0.2,
        )

    def _template(self, names: list[str]) -> str:
        dice = self._dice
        if dice.random() < 0.6:
            return dice.choice(["USER#", "", "K\"'\\{{}}\n"]) + f"{{{self._slot(names)}}}"
        pieces = ["PROFILE", "#", "{{", "}}", "\\N{{x}}", "é", "{{__import__('os')}}", "'", '"']
        slots = [
            f"{{{self._slot(names)}{dice.choice(['', '', ':-none', ':-'])}}}"
            for _ in range(dice.choice([0, 1, 1, 2]))
        ]
        return "".join(dice.sample([*dice.sample(pieces, 2), *slots], 2 + len(slots)))

    def _slot(self, names: list[str]) -> str:
        dice = self._dice
        name = dice.choice([names[0], dice.choice(names)])
        inside = list(self.columns.get(name, {}).get("fields", ()))
        if inside and dice.random() < 0.8:
            name = f"{name}.{dice.choice(inside)}"
        if set("{}") & set(name) or not name.strip() or ":" in name:
            return "id"
        return name

    def _set(self, names: list[str]) -> SetSpec:
        dice = self._dice
        kind = dice.randrange(3)
        if kind == 0:
            return Literal(dice.choice(_CONSTANTS))
        if kind == 1:
            return TemplateText(self._template(names))
        target: Any = dice.choice([None, None, "S", "N", "BOOL", "SS", "SS", "NS", "L", "M", "B"])
        epoch = target in (None, "N") and dice.random() < 0.4
        return FromField(self._slot(names), target, as_epoch=epoch, required=dice.random() < 0.2)

    def _schema(self) -> dict[str, Any]:
        schema = self._object(self.columns)
        if self._dice.random() < 0.1:
            schema = {
                "$defs": {"r": schema},
                "allOf": [{"$ref": "#/$defs/r"}, {"minProperties": 1}],
            }
        return schema

    def _object(self, columns: dict[str, Any]) -> dict[str, Any]:
        dice = self._dice
        schema: dict[str, Any] = {"type": "object"}
        named = [name for name in columns if dice.random() < 0.7]
        schema["properties"] = {name: self._property(columns[name]) for name in named}
        schema["required"] = [name for name in columns if dice.random() < 0.3]
        if dice.random() < 0.2 and len(named) == len(columns):
            schema["additionalProperties"] = False
        if dice.random() < 0.1:
            schema["maxProperties"] = dice.choice([len(columns), 3])
        return schema

    def _property(self, column: dict[str, Any]) -> Any:
        dice = self._dice
        kind = column["kind"]
        types = {"str": "string", "int": "integer", "bool": "boolean", "list": "array"}
        types |= {"map": "object", "any": "string"}
        name = types.get(kind, kind)
        schema: dict[str, Any] = {} if dice.random() < 0.2 else {"type": name}
        if column["null"] and dice.random() < 0.7:
            schema = {"type": [*dict.fromkeys([name, "null"])]}
        if kind == "any" and dice.random() < 0.8:
            return True
        choices: dict[str, list[dict[str, Any]]] = {
            "str": [
                {"minLength": 1},
                {"pattern": "^[^@]*$"},
                {"maxLength": 5},
                {"enum": ["x", "FR", None]},
            ],
            "int": [{"minimum": 0}, {"maximum": 150}, {"multipleOf": 1}, {"enum": [1, 7, 26, "x"]}],
            "number": [
                {"exclusiveMinimum": 0},
                {"maximum": 100},
                {"type": "integer"},
                {"const": 1},
            ],
            "list": [{"minItems": 1}, {"items": {"type": "string"}}, {"items": {"minLength": 1}}],
            "map": [self._object(column.get("fields", {}))],
        }
        if dice.random() < 0.4 and kind in choices:
            schema |= dice.choice(choices[kind])
        return schema

    def line(self, *, plain: bool = False) -> bytes:
        """Make a record's bytes; *plain*: one of those that most are like."""
        dice = self._dice
        text = self._text(self.columns, 0.0 if plain else self.rough)
        raw = text.encode("utf-8", "surrogatepass")
        if not plain and dice.random() < self.rough / 4:
            raw = self._damaged(raw)
        return raw

    def _damaged(self, raw: bytes) -> bytes:
        dice = self._dice
        at = dice.randrange(len(raw) + 1)
        return dice.choice(
            [
                raw[:at],
                raw[:at] + bytes([dice.randrange(256)]) + raw[at:],
                raw[:at] + raw[at + 1 :],
                b"\xef\xbb\xbf" + raw,
                raw + dice.choice([b"x", b" ", b"\n", b"{}", b","]),
                b" \t" + raw,
                raw.replace(b":", b" :", 1),
                raw.replace(b'"', b"'"),
                raw.replace(b'"', b'\\"', 1),
            ]
        )

    def _text(self, columns: dict[str, Any], rough: float) -> str:
        dice = self._dice
        members = []
        for name, column in columns.items():
            if dice.random() < column["there"]:
                members.append((name, self._value(column, rough)))
        if dice.random() < rough:
            members.append((dice.choice(_NAMES), self._scalar(dice.choice(_KINDS))))
        if members and dice.random() < rough:
            members.append((dice.choice(members)[0], self._scalar(dice.choice(_KINDS))))
        if dice.random() < rough:
            dice.shuffle(members)
        around = _around if self.spaced else _bare
        spaces = [around(dice) for _ in range(4)]
        shown = [
            f"{spaces[0]}{self._name(name, rough)}{self._before_colon(rough)}:{spaces[2]}{value}"
            for name, value in members
        ]
        return f"{{{f'{spaces[3]},'.join(shown)}{spaces[1]}}}"

    def _before_colon(self, rough: float) -> str:
        dice = self._dice
        return dice.choice([" ", "\t", "\n ", "\r"]) if dice.random() < rough / 2 else ""

    def _name(self, name: str, rough: float) -> str:
        dice = self._dice
        if dice.random() < rough / 2:
            return '"' + "".join(f"\\u{ord(letter):04x}" for letter in name) + '"'
        return json.dumps(name, ensure_ascii=dice.random() < 0.1)

    def _value(self, column: dict[str, Any], rough: float) -> str:
        dice = self._dice
        if dice.random() < column["null"]:
            return "null"
        if dice.random() < rough / 2:
            return dice.choice([*_ODD, self._scalar(dice.choice(_KINDS))])
        if column["kind"] == "map":
            return self._text(column["fields"], rough)
        if column["kind"] == "str" and dice.random() > rough:
            return json.dumps(dice.choice(["x", "Ann", "FR", "u001", "17", "2024-05-01", "é"]))
        if column["kind"] in ("int", "number") and dice.random() > rough:
            return dice.choice(
                ["1", "7", "26"] if column["kind"] == "int" else ["1.5", "12.25", "8"]
            )
        return self._scalar(column["kind"])

    def _scalar(self, kind: str) -> str:
        dice = self._dice
        if kind == "str":
            return json.dumps(dice.choice(_TEXTS), ensure_ascii=dice.random() < 0.2)
        if kind == "int":
            return dice.choice([one for one in _NUMBERS if one.lstrip("-").isdigit()])
        if kind == "number":
            return dice.choice(_NUMBERS)
        if kind == "bool":
            return dice.choice(["true", "false"])
        if kind == "list":
            texts = [json.dumps(dice.choice(_TEXTS[:12])) for _ in range(dice.randrange(4))]
            return f"[{','.join(texts)}]"
        return dice.choice(_ODD) if kind == "any" else "null"


def _around(dice: Random) -> str:
    return dice.choice(["", "", " ", "  ", "\t", "\r\n"])


def _bare(_: Random) -> str:
    return ""
