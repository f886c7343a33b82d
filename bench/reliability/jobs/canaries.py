"""Records that are refused for every reason there is, with a canary in each of their values."""

from __future__ import annotations

import json
from typing import Any, Final

__all__ = [
    "DEFINITION",
    "ECHO_FAULT",
    "ECHO_REFUSAL",
    "HOSTILE",
    "KEY",
    "NUMBER",
    "VALUE",
    "csv_source",
    "hostile_source",
    "json_source",
]

VALUE: Final = "ZqValueQz7731"
NUMBER: Final = "773100377310037"
KEY: Final = "ZqKeyQz7731"

ECHO_REFUSAL: Final = b"the-table-refuses-this"
ECHO_FAULT: Final = b"the-table-breaks-on-this"

HOSTILE: Final = (
    "\x1b]0;painted\x07\x1b[31m\r\n\x00\x08\x7f\x9b31m\x85\u2028\u2029\u202e\u2066\u200f\ufeff"
    '{"level":"error"}'
)
"""What paints a terminal, forges a line, or turns the text around it."""

DEFINITION: Final[dict[str, Any]] = {
    "schema": {
        "type": "object",
        "properties": {
            "id": {"type": ["string", "integer", "null"]},
            "integer": {"type": "integer"},
            "enum": {"enum": ["a", "b"]},
            "const": {"const": "c"},
            "pattern": {"type": "string", "pattern": "^[0-9]+$"},
            "short": {"type": "string", "maxLength": 3},
            "long": {"type": "string", "minLength": 100},
            "small": {"type": "integer", "maximum": 3},
            "large": {"type": "number", "minimum": 10**30},
            "multiple": {"type": "integer", "multipleOf": 2},
            "unique": {"type": "array", "uniqueItems": True},
            "few": {"type": "array", "maxItems": 1},
            "items": {"type": "array", "items": {"type": "integer"}},
            "has": {"contains": {"const": 1}},
            "any": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "one": {"oneOf": [{"type": "string"}, {"minLength": 1}]},
            "none": {"not": {"type": "string"}},
            "inner": {
                "type": "object",
                "properties": {"deep": {"type": "integer"}},
                "required": ["must"],
            },
            "bare": {"type": "object", "additionalProperties": {"type": "integer"}},
            "pair": {"type": "object", "dependentRequired": {"a": ["b"]}},
        },
    },
    "items": [
        {
            "key": {"PK": "{id}"},
            "omit": ["id"],
            "set": {
                "epoch": {"from": "when", "as": "epoch", "required": False},
                "texts": {"from": "texts", "type": "SS", "required": False},
                "numbers": {"from": "numbers", "type": "NS", "required": False},
                "bytes": {"from": "bytes", "type": "B", "required": False},
                "number": {"from": "number", "type": "N", "required": False},
                "flag": {"from": "flag", "type": "BOOL", "required": False},
            },
        }
    ],
}

_BAD: Final[tuple[dict[str, Any], ...]] = (
    {"integer": VALUE},
    {"enum": VALUE},
    {"const": VALUE},
    {"pattern": VALUE},
    {"short": VALUE},
    {"long": VALUE},
    {"small": int(NUMBER)},
    {"large": int(NUMBER)},
    {"multiple": int(NUMBER)},
    {"unique": [VALUE, VALUE]},
    {"few": [VALUE, int(NUMBER)]},
    {"items": [VALUE]},
    {"has": [VALUE]},
    {"any": VALUE},
    {"one": VALUE},
    {"none": VALUE},
    {"inner": {"deep": VALUE}},
    {"bare": {"field": VALUE}},
    {"pair": {"a": VALUE}},
    {"when": VALUE},
    {"texts": VALUE},
    {"texts": [VALUE, VALUE]},
    {"texts": [VALUE, int(NUMBER)]},
    {"texts": []},
    {"numbers": [VALUE]},
    {"numbers": [int(NUMBER), int(NUMBER)]},
    {"bytes": f"{VALUE}!"},
    {"number": VALUE},
    {"number": f"{NUMBER}{NUMBER}{NUMBER}"},
    {"number": f"{NUMBER}e200"},
    {"flag": VALUE},
    {"free": VALUE * 40_000},
    {"free": f"{VALUE}\ud800"},
    {"free": {"a" * 70_000: VALUE}},
    {"id": None, "free": VALUE},
    {"id": "", "free": VALUE},
    {"id": {"map": VALUE}},
    {"id": [VALUE]},
    {"free": VALUE, "more": int(NUMBER), "mark": ECHO_REFUSAL.decode()},
    {"free": VALUE, "more": int(NUMBER), "mark": ECHO_FAULT.decode()},
)


def _nested(depth: int) -> Any:
    value: Any = VALUE
    for _ in range(depth):
        value = {"in": value}
    return value


def json_source(key: str = "k") -> bytes:
    """Give the lines: one for each reason, then good ones; the keys begin with *key*."""
    bad = [*_BAD, {"free": _nested(40)}]
    lines = [
        json.dumps({"id": f"{key}{number}", **fields}).encode() for number, fields in enumerate(bad)
    ]
    text = VALUE.encode()
    lines += [
        b'{"id": "%s", "free": "%s' % (key.encode(), text),
        b'{"id": "x", "free": "%s"} %s' % (text, text),
        b'{"id": "x", "free": "%s", "free": "%s"}' % (text, text),
        b'{"id": "x", "free": %s}' % text,
        b'{"id": "x", "free": "%s", "n": NaN}' % text,
        b'{"id": "x", "free": "%s \xff\xfe"}' % text,
        b'"%s"' % text,
        b'["%s"]' % text,
        b'{"id": "x", "free": ' + b'["%s", ' % text * 2_000,
        b"%s" % text,
        b'{"id": "x", "free": "%s \x01"}' % text,
        b'{"id": "x", "free": "%s \\q"}' % text,
        b'{"id": "x", "free": %s%s}' % (NUMBER.encode(), b"0" * 5_000),
    ]
    good = (json.dumps({"id": f"{key}good{n}", "free": VALUE}).encode() for n in range(300))
    return b"\n".join([*lines, *good, b""])


def csv_source() -> bytes:
    """Give a CSV source whose rows are refused in CSV's own ways."""
    rows = [
        "id,integer,pattern,free",
        f"a,{VALUE},1,x",
        f"b,1,{VALUE},x",
        f"c,1,1,x,{VALUE}",
        f"d,{VALUE}",
        f'e,1,1,{VALUE}"quoted"',
        f'f,1,1,"{VALUE}" and more',
        *(f"good{n},1,1,{VALUE}" for n in range(100)),
        f'g,1,1,"{VALUE}',
    ]
    return "\n".join(rows).encode() + b"\n"


def hostile_source() -> bytes:
    """Give records with control characters in keys, names and values, refused and taken."""
    records = [
        {"id": f"k{HOSTILE}", "integer": HOSTILE},
        {"id": f"k{HOSTILE}" * 100, HOSTILE: HOSTILE},
        {"id": f"m{HOSTILE}", "inner": {HOSTILE: HOSTILE}},
        {"id": f"n{HOSTILE}", "bare": {HOSTILE: HOSTILE}},
        {"id": f"o{HOSTILE}", "free": f"{HOSTILE} {ECHO_REFUSAL.decode()}"},
        {"id": f"p{HOSTILE}", "free": f"{HOSTILE} {ECHO_FAULT.decode()}"},
        *({"id": f"good{n}{HOSTILE}", HOSTILE: HOSTILE} for n in range(60)),
    ]
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)
