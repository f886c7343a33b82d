"""
What a record costs from its bytes to its write, in one go and step by step; or hold both together.

    python bench/fused.py                    microseconds per record, for several sources
    python bench/fused.py --check 2000000    random records, with random definitions, both ways

Processor time; plainly, fused with all that it learns and leaves to the plain ways, and the share
that it took. Measured 2026-11-22, one of two shared cores, Python 3.11.7::

        7.54     3.52  99.4% fused  ten fields
       10.49     3.65  99.4% fused  ten fields, odd one in two there
       17.87     6.74  99.4% fused  users.yaml, two items
        6.54     4.00  99.4% fused  two shapes that take turns
       14.19    13.54   9.4% fused  worst: never the same names
       13.28    10.96  54.4% fused  worst: one in two has a strange name
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import orjson

from pipeline.compose import specs
from pipeline.compose.fused import fuse
from pipeline.config import load
from pipeline.errors import Refused
from pipeline.sources.formats.json_decode import decode_object
from pipeline.sources.generate import make_users
from pipeline.table.encoding import Encoder
from pipeline.transform.compose import compile_transform

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ROOT: Final = Path(__file__).resolve().parent.parent
_COUNT: Final = 10_000
_ROUNDS: Final = 3
_PER_CASE: Final = 40
"""Records that the property test tries of each definition."""

_TEN: Final = """
source: {type: stdin, format: jsonl}
schema:
  type: object
  required: [user_id, email, name]
  properties:
    user_id: {type: string, minLength: 1}
    email: {type: string, pattern: "^[^@ ]+@[^@ ]+$"}
    name: {type: string, minLength: 1}
    age: {type: integer, minimum: 0, maximum: 150}
    country: {type: string, minLength: 2, maxLength: 2}
    balance: {type: number}
    active: {type: boolean}
    tags: {type: array, items: {type: string}}
    address: {type: object, properties: {city: {type: string}, zip: {type: string}}}
    signup_at: {type: string}
items:
  - key: {PK: "USER#{user_id}", SK: PROFILE}
    set: {entity: User}
target: {table: Users, endpoint: embedded, create: {key: {PK: S, SK: S}}}
"""


def main() -> None:
    """Measure, or compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--check", type=int, metavar="RECORDS", help="compare so many records")
    given = parser.parse_args()
    if given.check:
        sys.exit(_check(given.check))
    folder = Path(os.environ.get("TMPDIR", "/tmp"))  # noqa: S108 - a definition is nobody's secret
    ten = folder / f"fused-{os.getpid()}.yaml"
    ten.write_text(_TEN)
    users = make_users(7)
    try:
        _show("ten fields", ten, [_line(_ten(n)) for n in range(_COUNT)])
        _show("ten fields, odd one in two there", ten, [_line(_some(n)) for n in range(_COUNT)])
        _show(
            "users.yaml, two items",
            _ROOT / "configs/users.yaml",
            [orjson.dumps(users(n)) for n in range(_COUNT)],
        )
        _show("two shapes that take turns", ten, [_line(_turns(n)) for n in range(_COUNT)])
        _show("worst: never the same names", ten, [_line(_strange(n)) for n in range(_COUNT)])
        _show("worst: one in two has a strange name", ten, [_line(_late(n)) for n in range(_COUNT)])
    finally:
        ten.unlink()


def _check(records: int) -> int:
    """Run the property test with so many records."""
    environment = {**os.environ, "PIPELINE_TEST_CASES": str(max(1, records // _PER_CASE))}
    command = [sys.executable, "-m", "pytest", "-q", "tests/property/test_fused.py"]
    return subprocess.run(command, env=environment, check=False, cwd=_ROOT).returncode


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()


def _ten(number: int) -> dict[str, Any]:
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


def _some(number: int) -> dict[str, Any]:
    """Leave out each of five fields in every other record, and in other ones each time."""
    record = _ten(number)
    for bit, name in enumerate(("age", "country", "balance", "tags", "address")):
        if number * 2_654_435_761 >> (bit + 12) & 1:
            del record[name]
    return record


def _turns(number: int) -> dict[str, Any]:
    if number % 2:
        return _ten(number)
    record = {
        name: value for name, value in _ten(number).items() if name in ("user_id", "email", "name")
    }
    return record | {f"other_{index}": f"text {index}" for index in range(7)}


def _strange(number: int) -> dict[str, Any]:
    record = _ten(number)
    return record if number < 1_000 else record | {f"field {number}": 1}


def _late(number: int) -> dict[str, Any]:
    """Make records that are alike at first; then every other one has a strange last name."""
    return _strange(number) if number % 2 else _ten(number)


def _show(name: str, path: Path, lines: Sequence[bytes]) -> None:
    """Time both ways in turn; the fused one learns anew each time."""
    ways = _Ways(path)
    best = [float("inf"), float("inf")]
    for _ in range(_ROUNDS):
        ways.forget()
        for index, way in enumerate((ways.plain, ways.both)):
            best[index] = min(best[index], _timed(way, lines))
    plain, fused = (one / len(lines) * 1e6 for one in best)
    print(f"{plain:8.2f} {fused:8.2f}  {ways.hits / len(lines):5.1%} fused  {name}", flush=True)


class _Ways:
    """The two ways of one definition; refused records count as well."""

    def __init__(self, path: Path) -> None:
        definition = load(path, environment=os.environ)
        self._table = specs.assumed_table(definition)
        self._given = (
            definition.record_schema,
            specs.item_specs(definition),
            {part.name: part.type for part in self._table.key},
            definition.write.mode,
        )
        self._transform = compile_transform(*self._given, coerce=False)
        self.forget()

    def forget(self) -> None:
        """Begin anew, with nothing learnt."""
        self._encoder = Encoder(self._table, self._given[-1])
        fused = fuse(*self._given, self._encoder.frame)
        assert fused is not None
        self._fused = fused
        self.hits = 0

    def plain(self, raw: bytes, decode: Callable[[bytes], Any] = decode_object) -> None:
        """Decode, check and map, encode."""
        try:
            for _, attributes in self._transform(decode(raw)):
                self._encoder.encode(attributes)
        except Refused:
            pass

    def both(self, raw: bytes) -> None:
        """Try in one go first."""
        if self._fused.attempt(raw):
            self.hits += 1
        else:
            self.plain(raw, self._fused.decode)


def _timed(way: Callable[[bytes], None], lines: Sequence[bytes]) -> float:
    began = time.process_time()
    for line in lines:
        way(line)
    return time.process_time() - began


if __name__ == "__main__":
    main()
