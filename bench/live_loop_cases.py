"""Inputs that are made to stall the event loop: records, definitions, and files around them."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

__all__ = ["CASES", "Case"]

MIB = 1024 * 1024
ANY = "schema: {}\n"


@dataclass(frozen=True)
class Case:
    """The pieces of a source, and what the definition says beside source and target."""

    lines: Callable[[], Iterable[bytes]]
    definition: str = ""
    source: str = ""
    suffix: str = ".jsonl"
    schema: Any = None

    def write(self, path: Path) -> None:
        """Write the definition to *path*, and the source beside it."""
        file = path.parent / f"data{self.suffix}"
        if self.suffix.endswith(".gz"):
            with gzip.open(file, "wb", 1) as packed:
                packed.writelines(self.lines())
        else:
            with file.open("wb") as plain:
                plain.writelines(self.lines())
        text = f"source:\n  type: file\n  path: {file.name}\n{self.source}"
        text += "target: {table: Users, endpoint: embedded, create: {key: {id: S}}}\n"
        if self.schema is not None:
            (path.parent / "schema.json").write_text(json.dumps(self.schema))
            text += "schema: {$ref: schema.json}\n"
        path.write_text(text + self.definition)


def lines(count: int, make: Callable[[int], bytes]) -> Callable[[], Iterable[bytes]]:
    return lambda: (make(number) + b"\n" for number in range(count))


def record(inside: str | bytes) -> Callable[[int], bytes]:
    """Return a maker of objects with an id, and *inside*."""
    text = inside if isinstance(inside, bytes) else inside.encode()

    def make(number: int) -> bytes:
        body = text.replace(b"@", b"%d" % number)
        return b'{"id":"%d",%s}' % (number, body)

    return make


def times(text: str, size: int) -> str:
    """Repeat *text* up to *size* bytes."""
    return text * (size // len(text))


def members(size: int, value: str = "1") -> str:
    """Return members of an object, each with a name of its own."""
    count = size // (len(value) + 11)
    return ",".join(f'"k{number:06}":{value}' for number in range(count))


OMIT = "items: [{omit: [x]}]\n"
DELETE_X = "items: [{only: [id]}]\n"
CLOSED = {"type": "object", "properties": {"id": {"type": "string"}}, "additionalProperties": False}
TYPED = {"type": "object", "properties": {"x": {"type": "array", "items": {"type": "string"}}}}

CASES: dict[str, Case] = {}

for size, label, count in (
    (4 * MIB - 100, "4M", 1),
    (255 * 1024, "255K", 12),
    (60_000, "60K", 40),
):
    shapes = {
        "text": f'"x":"{times("a", size - 60)}"',
        "escapes": f'"x":"{times(chr(92) + "u00e9", size - 60)}"',
        "integers": f'"x":[{times("1,", size - 60)}1]',
        "decimals": f'"x":[{times("1.25,", size - 60)}1]',
        "texts": f'"x":[{times(chr(34) * 2 + ",", size - 60)}1]',
        "empty lists": f'"x":[{times("[],", size - 60)}1]',
        "empty objects": f'"x":[{times("{},", size - 60)}1]',
        "members": f'"x":{{{members(size - 100)}}}',
        "fields": members(size - 100),
        "the same key": times('"a":1,', size - 60) + '"b":1',
        "wrong at its end": f'"x":[{times("1,", size - 60)}',
        "nested": '"x":' + "[" * 100 + times("1,", size - 300) + "1" + "]" * 100,
        "colons in text": f'"x":"{times("a:,", size - 60)}"',
    }
    for shape, inside in shapes.items():
        CASES[f"{label} {shape}"] = Case(lines(count, record(inside)))
    CASES[f"{label} integers, left out"] = Case(lines(count, record(shapes["integers"])), OMIT)
    CASES[f"{label} fields, refused"] = Case(lines(count, record(shapes["fields"])), schema=CLOSED)
    CASES[f"{label} integers, refused"] = Case(
        lines(count, record(shapes["integers"])), schema=TYPED
    )
    CASES[f"{label} no UTF-8"] = Case(
        lines(count, record(b'"x":"' + b"a" * (size - 60) + b'\xff"')), ANY
    )

FIVE_BAD = {"type": "object", "properties": {f"f{n}": {"type": "integer"} for n in range(100)}}
CASES |= {
    "a thousand refusals": Case(lines(100_000, record('"x":1')), schema={"required": ["y"]}),
    "tiny records, all refused": Case(lines(200_000, lambda _: b"{}")),
    "tiny records, in large chunks": Case(
        lines(300_000, lambda _: b"{}"), "queues: {chunk: 100000}\n"
    ),
    "no JSON at all": Case(lines(300_000, lambda _: b"x"), "queues: {chunk: 100000}\n"),
    "a hundred violations each": Case(
        lines(5_000, record(",".join(f'"f{n}":"x"' for n in range(100)))), schema=FIVE_BAD
    ),
    "a huge unknown name": Case(lines(60, record(f'"{times("n", 240_000)}":1')), schema=CLOSED),
    "many long unknown names": Case(
        lines(60, record(",".join(f'"{times("n", 2_000)}{n}":1' for n in range(110)))),
        schema=CLOSED,
    ),
    "deep": Case(lines(5_000, record('"x":' + "[" * 126 + "]" * 126))),
    "deep enough": Case(lines(20_000, record('"x":' + "[" * 30 + "]" * 30))),
    "a thousand properties": Case(
        lines(500, record(members(12_000, '"a"'))),
        schema={"properties": {f"k{n:06}": {"type": "string"} for n in range(1_000)}},
    ),
    "ten thousand patterns": Case(
        lines(20, record('"x":"abc"')),
        schema={
            "properties": {"x": {"allOf": [{"pattern": f"^a.*{n}?c$"} for n in range(10_000)]}}
        },
    ),
    "ten thousand pattern names": Case(
        lines(100, record(members(200))),
        schema={"patternProperties": {f"^k{n}[0-9]$": {"type": "integer"} for n in range(10_000)}},
    ),
    "unique elements": Case(
        lines(30, record('"x":[' + ",".join(map(str, range(35_000))) + "]")),
        schema={"properties": {"x": {"uniqueItems": True}}},
    ),
    "unique objects": Case(
        lines(30, record('"x":[' + ",".join(f'{{"a":{n}}}' for n in range(20_000)) + "]")),
        schema={"properties": {"x": {"uniqueItems": True}}},
    ),
    "one of a hundred": Case(
        lines(5_000, record('"x":"abc"')),
        schema={"properties": {"x": {"oneOf": [{"pattern": f"^a{n}"} for n in range(100)]}}},
    ),
    "multiples": Case(
        lines(60, record('"x":[' + ",".join("123456789.01" for _ in range(19_000)) + "]")),
        schema={"properties": {"x": {"items": {"multipleOf": 0.01}}}},
    ),
    "long integers": Case(lines(2_000, record(f'"x":{"9" * 4_200}'))),
    "long decimals": Case(lines(60, record(f'"x":0.{"9" * 250_000}'))),
    "long key": Case(lines(60, lambda n: b'{"id":"%d%s"}' % (n, b"k" * 250_000))),
    "a hundred items a record": Case(
        lines(5_000, record('"x":1')),
        "items:\n" + "".join(f'  - key: {{id: "{{id}}#{n}"}}\n' for n in range(100)),
    ),
    "a set": Case(
        lines(60, record('"x":[' + ",".join(f'"{n:06}"' for n in range(25_000)) + "]")),
        "items: [{set: {x: {from: x, type: SS}}}]\n",
    ),
    "binary": Case(
        lines(60, record(f'"x":"{"QUJD" * 63_000}"')), "items: [{set: {x: {from: x, type: B}}}]\n"
    ),
    "one key for all": Case(lines(300_000, lambda n: b'{"id":"same","n":%d}' % n)),
    "two keys for all": Case(lines(300_000, lambda n: b'{"id":"%d","n":%d}' % (n % 2, n))),
    "blank lines": Case(lambda: [b"{}\n", *(b"\n" * MIB for _ in range(64))]),
    "spaces": Case(lambda: [b"{}\n", *(b" " * MIB + b"\n" for _ in range(64))]),
    "a line without end": Case(lambda: [b"{}\n", *(b"x" * MIB for _ in range(64))]),
    "a bomb in gzip": Case(
        lambda: [b"{}\n", *(b"\0" * MIB for _ in range(200))], suffix=".jsonl.gz"
    ),
    "blank lines in gzip": Case(
        lambda: [b"{}\n", *(b"\n" * MIB for _ in range(100))], suffix=".jsonl.gz"
    ),
    "an array": Case(
        lambda: [b"[", *(b'{"id":"%d"},' % n for n in range(100_000)), b'{"id":"x"}]'],
        suffix=".json",
    ),
    "spaces in an array": Case(
        lambda: [b'[{"id":"1"},', *(b" " * MIB for _ in range(64)), b'{"id":"x"}]'], suffix=".json"
    ),
    "a long element": Case(
        lambda: [b'[{"id":"1"},{"id":"2","x":[', *(b"1," * 500_000 for _ in range(64)), b"1]}]"],
        suffix=".json",
    ),
    "commas in an array": Case(
        lambda: [b'[{"id":"1"}', *(b"," * MIB for _ in range(8)), b'{"id":"x"}]'], suffix=".json"
    ),
    "a thousand columns": Case(
        lambda: [
            ",".join(["id", *(f"c{n}" for n in range(999))]).encode() + b"\n",
            *(b"%d,%s\n" % (n, b",".join([b"abc"] * 999)) for n in range(5_000)),
        ],
        suffix=".csv",
    ),
    "a thousand typed columns": Case(
        lambda: [
            ",".join(["id", *(f"c{n}" for n in range(999))]).encode() + b"\n",
            *(b"%d,%s\n" % (n, b",".join([b"123"] * 999)) for n in range(3_000)),
        ],
        suffix=".csv",
        schema={"properties": {f"c{n}": {"type": ["integer", "null"]} for n in range(999)}},
    ),
    "an open quote": Case(
        lambda: [b'id,x\n1,"', *(b"abc\n" * 250_000 for _ in range(20))], suffix=".csv"
    ),
    "many open quotes": Case(
        lambda: [b"id,x\n", *(b'1,"a\n' for _ in range(500_000))], suffix=".csv"
    ),
    "quotes in quotes": Case(
        lambda: [b"id,x\n", *(b'%d,"%s"\n' % (n, b'""' * 100_000) for n in range(100))],
        suffix=".csv",
    ),
    "lines in quotes": Case(
        lambda: [b"id,x\n", *(b'%d,"%s"\n' % (n, b"a\n" * 100_000) for n in range(100))],
        suffix=".csv",
    ),
    "too few cells": Case(lambda: [b"id,x\n", *(b"1\n" for _ in range(300_000))], suffix=".csv"),
    "empty rows": Case(lambda: [b"id,x\n", *(b"\n" * MIB for _ in range(16))], suffix=".csv"),
    "a wide row": Case(
        lambda: [b"id,x\n", *(b"," * 3_000_000 + b"\n" for _ in range(10))], suffix=".csv"
    ),
}
