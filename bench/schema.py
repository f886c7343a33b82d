"""
What a record's check costs, beside the other ways to do it.

Run: ``python bench/schema.py`` (5 seconds). Best of 7 interleaved rounds, microseconds a record of
10 fields (250 bytes of JSON) on one of two shared cores, Python 3.11, jsonschema-rs 0.60, msgspec
0.22. Only ratios count::

    0.63  decode: msgspec untyped
    0.76  decode: msgspec typed Struct
    1.58  decode + check: untyped, straight code
    0.80  check: straight code (ours)
    1.91  check: jsonschema-rs with exact numbers (ours)
    0.74  check: jsonschema-rs as it is
    0.62  check: msgspec.convert to the Struct
    13.4  check: a bad record, both engines, all violations
    3.01  map: two items

What was kept, and why. The straight code is 2.4 times as fast as the library once that compares
numbers exactly, and no slower than the library as it is, which takes 100000000000000000000.5 for at
most 100000000000000000000. A typed decode would save another 0.8 us of the 60 us and more that an
item costs on its way out, but has another verdict than JSON Schema: it drops the fields that it
does not name (which an item keeps), refuses 1.0 as an integer, and matches patterns as Python does.
"""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

import jsonschema_rs
import msgspec

from pipeline.transform.mapping import FromField, ItemSpec, compile_items
from pipeline.transform.mapping import Literal as Constant
from pipeline.transform.schema import compile_schema

if TYPE_CHECKING:
    from collections.abc import Callable

_RECORDS = 5_000
_ROUNDS = 7

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["user_id", "email"],
    "properties": {
        "user_id": {"type": "string", "minLength": 1},
        "email": {"type": "string", "pattern": "^[^@]+@[^@]+$"},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "name": {"type": "string", "maxLength": 200},
        "active": {"type": "boolean"},
        "score": {"type": "number", "minimum": 0},
        "city": {"type": "string"},
        "created_at": {"type": "string"},
        "roles": {
            "type": "array",
            "items": {"type": "string", "enum": ["admin", "user", "guest"]},
            "maxItems": 10,
        },
        "plan": {"enum": ["free", "pro", "team"]},
    },
}


class User(msgspec.Struct):
    """
    The same schema as msgspec types, as far as they go.

    It drops the fields that it does not name, knows no exact limits for decimals, refuses 1.0 as an
    integer, and cannot say `pattern` as ECMA-262 does: so this is a peer and no engine of ours.
    """

    user_id: Annotated[str, msgspec.Meta(min_length=1)]
    email: Annotated[str, msgspec.Meta(pattern="^[^@]+@[^@]+$")]
    age: Annotated[int, msgspec.Meta(ge=0, le=150)] | msgspec.UnsetType = msgspec.UNSET
    name: Annotated[str, msgspec.Meta(max_length=200)] | msgspec.UnsetType = msgspec.UNSET
    active: bool | msgspec.UnsetType = msgspec.UNSET
    score: Decimal | msgspec.UnsetType = msgspec.UNSET
    city: str | msgspec.UnsetType = msgspec.UNSET
    created_at: str | msgspec.UnsetType = msgspec.UNSET
    roles: (
        Annotated[list[Literal["admin", "user", "guest"]], msgspec.Meta(max_length=10)]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    plan: Literal["free", "pro", "team"] | msgspec.UnsetType = msgspec.UNSET


def _line(number: int) -> bytes:
    return (
        f'{{"user_id":"u{number:07}","email":"ann.smith{number}@example.com","age":{number % 90},'
        f'"name":"Ann Smith","active":true,"score":{number % 100}.75,"city":"Paris",'
        f'"created_at":"2024-05-01T12:00:00Z","roles":["admin","user"],"plan":"pro"}}'
    ).encode()


def main() -> None:
    """Measure and print every way."""
    lines = [_line(number) for number in range(_RECORDS)]
    untyped = msgspec.json.Decoder(float_hook=Decimal)
    typed = msgspec.json.Decoder(User, float_hook=Decimal)
    compiled = compile_schema(SCHEMA)
    library_alone = compile_schema({**SCHEMA, "not": {"required": ["nobody"]}})
    assert compiled.compiled
    assert not library_alone.compiled
    inexact = jsonschema_rs.Draft202012Validator(SCHEMA)
    specs = [
        ItemSpec(
            key={"PK": "USER#{user_id}", "SK": "PROFILE"},
            set={"entity": Constant("User"), "roles": FromField("roles", type="SS")},
            omit=("password",),
        ),
        ItemSpec(key={"PK": "EMAIL#{email}", "SK": "USER#{user_id}"}, only=("user_id",)),
    ]
    to_items = compile_items(specs, key_types={"PK": "S", "SK": "S"}, mode="put")
    records = [untyped.decode(line) for line in lines]
    bad = [{**record, "age": -1, "email": "x"} for record in records]
    ways: dict[str, tuple[Callable[[Any], object], list[Any]]] = {
        "decode: msgspec untyped": (untyped.decode, lines),
        "decode: msgspec typed Struct": (typed.decode, lines),
        "decode + check: untyped, straight code": (
            lambda line: compiled.check(untyped.decode(line)),
            lines,
        ),
        "check: straight code (ours)": (compiled.check, records),
        "check: jsonschema-rs with exact numbers (ours)": (library_alone.check, records),
        "check: jsonschema-rs as it is": (inexact.is_valid, records),
        "check: msgspec.convert to the Struct": (
            lambda record: msgspec.convert(record, User),
            records,
        ),
        "check: a bad record, both engines, all violations": (compiled.accepts, bad),
        "map: two items": (to_items, records),
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(_ROUNDS):
        for name, (way, inputs) in ways.items():
            start = time.process_time()
            for each in inputs:
                way(each)
            best[name] = min(best[name], time.process_time() - start)
    for name, seconds in best.items():
        print(f"{seconds / _RECORDS * 1e6:8.2f} us  {name}")


if __name__ == "__main__":
    main()
