"""No item's value is in a log, a report, or on a terminal: keys only, and hashed where asked."""

from __future__ import annotations

import hashlib
import json
import random
from typing import TYPE_CHECKING

import pytest

from pipeline.config import load
from pipeline.core.flow import StopSignal
from pipeline.run import Options, check_source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.observe.report import Report

SECRET, NUMBER = "s3cr3t", "77777777"

DEFINITION = """
source: {type: file, path: DATA, max_record: 20KB}
schema:
  properties:
    a: {type: integer, maximum: 10}
    b: {type: string, pattern: "^x+$", maxLength: 9, format: date-time}
    c: {enum: [1, two], not: {const: two}}
    d: {type: array, items: {type: integer, multipleOf: 3}, uniqueItems: true, maxItems: 2}
    e: {anyOf: [{type: integer, minimum: 100000000}, {type: array, minItems: 3}]}
    f: {propertyNames: {maxLength: 3}, additionalProperties: {type: "null"}}
    g: {const: right}
    h: {oneOf: [{minimum: 5}, {maximum: 9}], exclusiveMinimum: 3}
items:
  - key: {PK: "U#{id}", SK: "{sort}"}
    set:
      n: {from: n, type: N}
      t: {from: t, as: epoch}
      s: {from: s, type: SS}
      ns: {from: ns, type: NS}
      bin: {from: bin, type: B}
      flag: {from: flag, type: BOOL}
      text: "{m.n:-none}"
target: {table: Users, create: {key: {PK: S, SK: N}, indexes: [{name: abc, key: {i: S}}]}}
log: {level: debug, hash_keys: HASHED}
"""

FIELDS = ("a", "b", "c", "d", "e", "f", "g", "h", "n", "t", "s", "ns", "bin", "flag", "m", "i")


def value(dice: random.Random, depth: int = 0) -> object:
    """Make a value in which everything is secret."""
    kinds = [
        lambda: SECRET,
        lambda: SECRET + dice.choice(["\ud800", "\x00", "", "\u202e", "'", '"', "{id}", "%s"]),
        lambda: int(NUMBER),
        lambda: -int(NUMBER * dice.choice([1, 5, 20])),
        lambda: float(NUMBER) / 8,
        lambda: [value(dice, depth + 1) for _ in range(dice.randrange(4))],
        lambda: [SECRET, SECRET],
        lambda: {f"k{n}": value(dice, depth + 1) for n in range(dice.randrange(3))},
        lambda: {"n": SECRET, "long name": SECRET},
        lambda: None,
        lambda: SECRET * 4_000,
        lambda: NUMBER + "-01-01T00:00:00Z",
    ]
    return dice.choice(kinds[:5] if depth > 2 else kinds)()  # type: ignore[no-untyped-call]


def records(dice: random.Random) -> Iterator[bytes]:
    """Make lines that are refused for all kinds of reasons."""
    for number in range(1_500):
        fields = {name: value(dice) for name in dice.sample(FIELDS, dice.randrange(1, 5))}
        record = {"id": f"key-{number}", "sort": number, **fields}
        if number % 5 == 0:  # nothing wrong but the key of an index
            record = {
                "id": f"key-{number}",
                "sort": number,
                "i": dice.choice([int(NUMBER), [SECRET]]),
            }
        elif number % 7 == 0:
            record["sort"] = dice.choice([SECRET, "", None, [SECRET]])
        line = json.dumps(record).encode()
        damages = (b"", b"", b"", line[-9:], b'"' + SECRET.encode(), SECRET.encode(), b"\xff")
        yield line[: len(line) - dice.randrange(2) * dice.randrange(9)] + dice.choice(damages)
    yield b'{"%s": 1, "%s": 2}' % (b"twice", b"twice")
    yield SECRET.encode()


async def checked(folder: Path, *, hashed: bool) -> Report:
    """Check the source in *folder* as a run would."""
    path = folder / "job.yaml"
    text = DEFINITION.replace("HASHED", str(hashed).lower())
    path.write_text(text.replace("DATA", "data.*"))
    options = Options(folder=folder, runs=folder / "runs", dry_run=True)
    return await check_source(load(path, environment={}), options, StopSignal())


def told(folder: Path, report: Report, captured: pytest.CaptureFixture[str]) -> str:
    """Return all that anybody is told of the run, also in the dead letters beside the records."""
    from pipeline.observe.screen import render_report

    render_report(report)
    letters = []
    for line in next((folder / "runs").rglob("dead-letter.jsonl")).read_text().splitlines():
        letter = json.loads(line)
        kept = letter.pop("raw", None), letter.pop("raw_b64", None), letter.pop("header", None)
        letters.append(json.dumps(letter))
        assert any(kept)
    files = [
        path.read_text("utf-8", "surrogateescape")
        for path in (folder / "runs").rglob("*")
        if path.is_file() and path.name != "dead-letter.jsonl"
    ]
    out, err = captured.readouterr()
    return "\n".join([*files, *letters, out, err, json.dumps(report.as_json())])


@pytest.mark.parametrize("seed", range(3))
async def test_no_value_of_a_json_record_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], seed: int
) -> None:
    """Whatever a record is refused for, its values are in the dead letters alone."""
    (tmp_path / "data.jsonl").write_bytes(b"\n".join(records(random.Random(seed))))

    report = await checked(tmp_path, hashed=False)

    text = told(tmp_path, report, capfd)
    assert report.rejected > 1_000
    assert {"malformed", "schema", "mapping", "rule"} <= report.errors_by_kind.keys()
    assert SECRET not in text
    assert NUMBER not in text
    letters = next((tmp_path / "runs").rglob("dead-letter.jsonl"))
    assert SECRET in letters.read_text()
    assert letters.stat().st_mode & 0o777 == 0o600


async def test_no_value_of_a_cell_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The same for CSV, whose cells are turned into types and fail at that."""
    dice = random.Random(7)
    cells = [SECRET, NUMBER, f'"{SECRET}', f'{SECRET}"x', "", f"-{NUMBER}.5", f'"{SECRET}"{SECRET}']
    rows = [
        ",".join([f"key-{number}", str(number), *dice.choices(cells, k=len(FIELDS))])
        for number in range(1_000)
    ]
    (tmp_path / "data.csv").write_text("\n".join([",".join(["id", "sort", *FIELDS]), *rows]))

    report = await checked(tmp_path, hashed=False)

    text = told(tmp_path, report, capfd)
    assert report.rejected > 500
    assert SECRET not in text
    assert NUMBER not in text


async def test_keys_are_hashed_where_that_is_asked_for(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Then no key is told either, also not with the dead letter beside its record."""
    (tmp_path / "data.jsonl").write_bytes(b"\n".join(records(random.Random(1))))

    report = await checked(tmp_path, hashed=True)

    assert "key-" not in told(tmp_path, report, capfd)
    keys = [error["key"] for error in report.errors if error["key"]]
    plain = {f"U#key-{number}" for number in range(1_500)}
    digests = {f"sha256:{hashlib.sha256(key.encode()).hexdigest()[:16]}" for key in plain}
    assert keys
    assert all(key["PK"] in digests for key in keys)
