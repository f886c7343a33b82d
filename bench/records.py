"""
What each step of a record costs on its way from framed bytes to a settled item.

    python -m bench.records             # 10 seconds: microseconds a record, plain beside fast
    python -m bench.records --check N   # hold fast against plain on N random cases

Processor time, best of five, of 20,000 records of ten fields (236 bytes of JSON, or the same ten
columns as CSV); only ratios count. The encoder is left out: an item's bytes are its record's.

Measured 2026-11-22, one of two shared cores, Python 3.11.7::

    0.45  frame JSONL
    0.79  decode: msgspec alone
    1.59  decode: exact, no key twice
    8.72    plain: parse again for each
    0.82  schema: straight code
    1.64    plain: the library
    0.35  map: straight code
    1.01    plain
    5.09  whole, settled, JSONL
    1.39  frame CSV
    1.35  name and coerce cells: straight code
    8.76    plain
    5.82  whole, settled, CSV
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import gc
import json
import os
import subprocess
import sys
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.core.channel import Channel
from pipeline.model import Checked, Chunk, Item, Outcome, Position, Record
from pipeline.observe.metrics import Metrics
from pipeline.sources.base import Cut
from pipeline.sources.formats.delimited.rows import CsvFramer, decode_row
from pipeline.sources.formats.duplicate_keys import path_of_duplicate
from pipeline.sources.formats.framer import FramerSpec
from pipeline.sources.formats.json_decode import decode_object
from pipeline.sources.formats.jsonl import JsonlFramer
from pipeline.sources.reading import cut_chunks
from pipeline.sources.storage.blocks import Block
from pipeline.stages.accounts import Accounts, RejectLimit
from pipeline.stages.sink import Keeping, Sink
from pipeline.stages.validator import Rules, Shortcuts, Validator
from pipeline.transform.compose import compile_transform
from pipeline.transform.mapping import compile_items
from pipeline.transform.schema import compile_schema
from pipeline.transform.specs import ItemSpec, Literal
from pipeline.transform.straight.cells import plain_rows, straight_rows
from pipeline.transform.straight.items import compile_straight

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from pipeline.model import Key, Value
    from pipeline.sources.formats.framer import Framer

_COUNT = 20_000
_ROUNDS = 5
_BLOCK = 256 * 1024

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["user_id", "email", "name"],
    "properties": {
        "user_id": {"type": "string", "minLength": 1},
        "email": {"type": "string", "pattern": "^[^@ ]+@[^@ ]+$"},
        "name": {"type": "string", "minLength": 1},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "country": {"type": "string", "minLength": 2, "maxLength": 2},
        "balance": {"type": "number"},
        "active": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "address": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "zip": {"type": "string"}},
        },
        "signup_at": {"type": "string"},
    },
}
ITEMS = [ItemSpec(key={"PK": "USER#{user_id}", "SK": "PROFILE"}, set={"entity": Literal("User")})]
KEYS: dict[str, Any] = {"PK": "S", "SK": "S"}
NULLS = frozenset([""])


def main() -> None:
    """Measure, or check."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--check", type=int, metavar="N", help="random cases instead of figures")
    cases = parser.parse_args().check
    if cases is not None:
        sys.exit(_check(cases))
    records = [_record(number) for number in range(_COUNT)]
    lines = [json.dumps(one, separators=(",", ":")).encode() for one in records]
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)  # as a run has it
    _measure_json(lines)
    _measure_csv([_row(one) for one in records])


def _check(cases: int) -> int:
    """Run the property tests with *cases* cases each."""
    tests = [
        f"tests/property/test_{of}.py" for of in ("straight", "duplicate_keys", "schema_engines")
    ]
    environment = {**os.environ, "PIPELINE_TEST_CASES": str(cases)}
    command = [sys.executable, "-m", "pytest", "-q", *tests]
    return subprocess.run(command, env=environment, check=False).returncode


def _record(number: int) -> dict[str, Any]:
    return {
        "user_id": f"u{number:08}",
        "email": f"user{number}@example{number % 97}.com",
        "name": "Grace Hopper",
        "age": number % 90,
        "country": "FR",
        "balance": number % 9999 + 0.25,
        "active": number % 2 == 0,
        "tags": ["news", "beta"],
        "address": {"city": "Berlin", "zip": f"{number % 99999:05}"},
        "signup_at": "2024-02-16T12:00:00Z",
    }


def _row(record: dict[str, Any]) -> bytes:
    cells = {**record, "active": str(record["active"]).lower()}
    for name in ("tags", "address"):
        text = json.dumps(record[name], separators=(",", ":"))
        cells[name] = '"' + text.replace('"', '""') + '"'
    return ",".join(map(str, cells.values())).encode()


def _measure_json(lines: Sequence[bytes]) -> None:
    text = b"".join(line + b"\n" for line in lines)
    spec, start = FramerSpec("part", 1 << 22), Position("part", 0, 0, 0)
    untyped = msgspec.json.Decoder(float_hook=Decimal)
    values: list[dict[str, Value]] = [untyped.decode(line) for line in lines[:2_000]]
    schema = compile_schema(SCHEMA)
    library = compile_schema({**SCHEMA, "not": {"required": ["nobody"]}})
    plain = compile_items(ITEMS, key_types=KEYS, mode="put")
    straight = compile_straight(ITEMS, key_types=KEYS, mode="put")
    assert straight is not None
    _show("frame JSONL", lambda: _frame(JsonlFramer(spec, start), text))
    _show("decode: msgspec alone", _each(untyped.decode, lines))
    _show("decode: exact, no key twice", _each(decode_object, lines))
    _show("  plain: parse again for each", _each(path_of_duplicate, lines[:2_000]))
    _show("schema: straight code", _each(schema.passes, values))
    _show("  plain: the library", _each(library.check, values))
    _show("map: straight code", _each(straight, values))
    _show("  plain", _each(plain, values))
    transform = compile_transform(SCHEMA, ITEMS, KEYS, "put", coerce=False)
    short = Shortcuts(decode_object, straight_rows(SCHEMA, NULLS), transform)
    rules = Rules(_decode, transform, transform, _encode, lambda _: None, short)
    _show("whole, settled, JSONL", lambda: asyncio.run(_whole(rules, text, csv=False)))


def _measure_csv(rows: Sequence[bytes]) -> None:
    header = ",".join(_record(0)).encode()
    text = b"".join(row + b"\n" for row in [header, *rows])
    spec, start = FramerSpec("part", 1 << 22), Position("part", 0, 0, 0)
    _show("frame CSV", lambda: _frame(CsvFramer(spec, start), text))
    framer = CsvFramer(spec, start)
    records = [one for some in framer.feed(text[:_BLOCK]) for one in some]
    assert framer.header is not None
    names, cells = framer.header, [one.cells for one in records]
    _show("name and coerce cells: straight code", _each(straight_rows(SCHEMA, NULLS)(names), cells))
    _show("  plain", _each(plain_rows(SCHEMA, NULLS)(names), cells))
    transform = compile_transform(SCHEMA, ITEMS, KEYS, "put", coerce=False)
    short = Shortcuts(decode_object, straight_rows(SCHEMA, NULLS), transform)
    rules = Rules(_decode, transform, transform, _encode, lambda _: None, short)
    _show("whole, settled, CSV", lambda: asyncio.run(_whole(rules, text, csv=True)))


def _frame(framer: Framer, text: bytes) -> None:
    for at in range(0, len(text), _BLOCK):
        for _ in framer.feed(text[at : at + _BLOCK]):
            framer.position()


def _decode(record: Record, header: tuple[str, ...] | None) -> dict[str, Value]:
    if record.cells is not None and header is not None:
        return decode_row(record, header, NULLS)
    return decode_object(record.raw)


def _encode(attributes: dict[str, Any]) -> tuple[Key, bytes, int]:
    return (attributes["PK"],), b"", 0


async def _whole(rules: Rules, text: bytes, *, csv: bool) -> None:
    """Frame, check and settle, with everything between them but the table."""
    spec, start = FramerSpec("part", 1 << 22), Position("part", 0, 0, 0)
    framer = CsvFramer(spec, start) if csv else JsonlFramer(spec, start)
    accounts, metrics = Accounts(chunks=256, memory=1 << 25), Metrics()
    limit = RejectLimit()
    sink = Sink(accounts, metrics, _Quiet(), keeping=Keeping(), limit=limit)
    chunks, items = Channel[Chunk](8), Channel[list[Item]](8)
    settlements = Channel[Checked | Outcome](16, senders=2)

    async def produce() -> None:
        async for chunk in cut_chunks(_blocks(text), framer, Cut()):
            number = await accounts.open(chunk)
            await chunks.send(dataclasses.replace(chunk, number=number))
        chunks.close()

    async def check() -> None:
        await Validator(rules)(chunks, items, settlements)
        items.close()
        settlements.close()

    async def write() -> None:
        async for some in items:
            for at in range(0, len(some), 25):
                await settlements.send(Outcome(some[at : at + 25]))
        settlements.close()

    async with asyncio.TaskGroup() as group:
        for stage in (produce(), check(), write(), sink(settlements)):
            group.create_task(stage)
    assert sink.totals.tally.succeeded == _COUNT


async def _blocks(text: bytes) -> AsyncGenerator[Block, None]:
    for at in range(0, len(text), _BLOCK):
        yield Block(text[at : at + _BLOCK], at)


class _Quiet:
    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *_, **__: None


def _each(step: Callable[[Any], object], values: Sequence[Any]) -> Callable[[], None]:
    """Return what does *step* for `_COUNT` values, the same ones again and again."""
    laps = _COUNT // len(values)
    rest = values[: _COUNT - laps * len(values)]

    def run() -> None:
        for _ in range(laps):
            for value in values:
                step(value)
        for value in rest:
            step(value)

    return run


def _show(name: str, run: Callable[[], object]) -> None:
    best = min(_timed(run) for _ in range(_ROUNDS))
    print(f"{best / _COUNT * 1e6:8.2f}  {name}", flush=True)


def _timed(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


if __name__ == "__main__":
    main()
