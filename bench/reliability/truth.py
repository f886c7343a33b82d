"""The truth: a source made from a seed, what the table must hold after it, and what it holds."""

from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from bench.reliability.board import dice
from bench.reliability.running import SECRET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from random import Random

    from types_aiobotocore_dynamodb.client import DynamoDBClient

__all__ = ["POISON", "Comparison", "Load", "account_errors", "compare", "scan", "table_definition"]

Typed = dict[str, Any]
"""An item as it travels: {"PK": {"S": "a"}}."""

_WORDS = ("alpha", "héllo", "日本", "😀", 'quo"te', "comma,", "tab\t", "", "back\\slash", "z" * 60)
POISON = "POISON"
"""The text of a record that the table is to refuse."""

_FIELDS = ("id", "version", "number", "text", "flag")


@dataclass(frozen=True, slots=True)
class Load:
    """
    A source of *records* records over *keys* keys (0: each its own), a pure function of *seed*.

    Every *bad_every*-th record breaks the schema and must be rejected; every *poison_every*-th has
    POISON in its text, by which a proxy can know that it must refuse it as the table would.
    """

    seed: int
    records: int
    keys: int = 0
    bad_every: int = 0
    poison_every: int = 0
    name: str = "source.jsonl"

    def record(self, ordinal: int) -> dict[str, Any]:
        """Give one record; *version* is its ordinal, so that no two are alike."""
        roll = dice(self.seed, ordinal)
        return {
            "id": self.key(ordinal),
            "version": "bad" if self.is_bad(ordinal) else ordinal,
            "number": roll.randrange(-(10**12), 10**12),
            "text": POISON if self.is_poison(ordinal) else self._text(roll),
            "flag": roll.random() < 0.5,
        }

    def key(self, ordinal: int) -> str:
        """Give the partition key of one record."""
        if not self.keys:
            return f"k{ordinal:09}"
        return f"k{dice(self.seed, 'key', ordinal).randrange(self.keys):09}"

    def is_bad(self, ordinal: int) -> bool:
        """Tell whether the schema refuses this record."""
        return bool(self.bad_every) and ordinal % self.bad_every == self.bad_every - 1

    def is_poison(self, ordinal: int) -> bool:
        """Tell whether the table is to refuse this record, which is no bad one."""
        every = self.poison_every
        return bool(every) and ordinal % every == every - 1 and not self.is_bad(ordinal)

    def is_good(self, ordinal: int) -> bool:
        """Tell whether this record can be in the table."""
        return not (self.is_bad(ordinal) or self.is_poison(ordinal))

    def line(self, ordinal: int) -> int:
        """Give the line of the source in which a record stands."""
        return ordinal + (2 if self._as_csv else 1)

    def refused_lines(self) -> tuple[set[int], set[int]]:
        """
        Give the lines of the records that must be rejected, and of those that may be.

        What the table would refuse may be replaced by a later record of its key before it is sent.
        """
        bad = {n for n in range(self.records) if self.is_bad(n)}
        poisoned = {n for n in range(self.records) if self.is_poison(n)}
        newest = {self.key(n): n for n in range(self.records) if n not in bad}
        must = bad | {n for n in poisoned if newest[self.key(n)] == n}
        return {self.line(n) for n in must}, {self.line(n) for n in bad | poisoned}

    def item(self, ordinal: int) -> Typed:
        """Give what the table must hold of a record, as it travels."""
        record = self.record(ordinal)
        return {
            "PK": {"S": record["id"]},
            "id": {"S": record["id"]},
            "version": {"N": str(record["version"])},
            "number": {"N": str(record["number"])},
            "text": {"S": record["text"]},
            "flag": {"BOOL": record["flag"]},
        }

    def last(self) -> dict[str, int]:
        """Give for each key the ordinal of its last good record: that one must be in the table."""
        return {self.key(n): n for n in range(self.records) if self.is_good(n)}

    def write(self, folder: Path) -> Path:
        """Write the source; its name's suffixes say how: .jsonl, .csv, and .gz behind them."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.name
        packed = path.suffix == ".gz"
        with gzip.open(path, "wb", 6) if packed else path.open("wb") as file:
            file.writelines(self.lines())
        return path

    def lines(self) -> Iterator[bytes]:
        """Give the source's lines, ends included."""
        if self._as_csv:
            yield ",".join(_FIELDS).encode() + b"\n"
        for ordinal in range(self.records):
            record = self.record(ordinal)
            if self._as_csv:
                yield _csv_line(record)
            else:
                yield json.dumps(record, ensure_ascii=False).encode() + b"\n"

    @property
    def _as_csv(self) -> bool:
        return ".csv" in self.name

    @staticmethod
    def _text(roll: Random) -> str:
        return " ".join(roll.choices(_WORDS, k=3)).strip() or "x"

    def definition(self, endpoint: str, **changes: Any) -> dict[str, Any]:
        """
        Give the definition of a job that loads this source; *changes* replace whole sections.

        ``target.create`` is part of it: the first execution makes the table.
        """
        return {
            "name": "job",
            "source": {"type": "file", "path": self.name},
            "schema": _SCHEMA,
            "items": [{"key": {"PK": "{id}"}}],
            "target": table_definition(endpoint),
            "write": {"retry": {"base_delay": "1ms", "max_delay": "200ms"}},
            **changes,
        }


_SCHEMA = {
    "type": "object",
    "required": list(_FIELDS),
    "properties": {
        "id": {"type": "string"},
        "version": {"type": "integer"},
        "number": {"type": "integer"},
        "text": {"type": "string"},
        "flag": {"type": "boolean"},
    },
}


def table_definition(endpoint: str, table: str = "Board") -> dict[str, Any]:
    """Give a definition's ``target``: a table with the partition key PK, made if missing."""
    return {
        "table": table,
        "endpoint": endpoint,
        "region": "us-east-1",
        "create": {"key": {"PK": "S"}, "if_missing": True},
    }


def _csv_line(record: Mapping[str, Any]) -> bytes:
    line = io.StringIO(newline="")
    values = [record[name] for name in _FIELDS]
    texts = [str(value).lower() if isinstance(value, bool) else value for value in values]
    csv.writer(line, lineterminator="\n").writerow(texts)
    return line.getvalue().encode()


def connect(endpoint: str, access_key: str) -> DynamoDBClient:
    """Open a plain, blocking AWS client; it knows nothing of the program."""
    import botocore.session  # noqa: PLC0415 - half a second that --help need not pay
    from botocore.config import Config  # noqa: PLC0415 - as above

    client: Any = botocore.session.get_session().create_client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=SECRET,
        config=Config(retries={"mode": "standard", "total_max_attempts": 5}),
    )
    return cast("DynamoDBClient", client)


def scan(endpoint: str, access_key: str, table: str = "Board") -> Iterator[Typed]:
    """Read the whole table, strongly consistent, with values; nothing if there is no table."""
    client: Any = connect(endpoint, access_key)
    try:
        for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            yield from page["Items"]
    except client.exceptions.ResourceNotFoundException:
        return
    finally:
        client.close()


@dataclass(slots=True)
class Comparison:
    """How a table differs from the truth; *samples* are the first keys of each kind."""

    lost: int = 0
    wrong: int = 0
    extra: int = 0
    present: int = 0
    samples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        """Whether the table is exactly what it must be."""
        return not (self.lost or self.wrong or self.extra)

    def note(self, kind: str, key: str) -> None:
        """Count one difference."""
        setattr(self, kind, getattr(self, kind) + 1)
        self.samples.setdefault(kind, [])
        if len(self.samples[kind]) < 5:
            self.samples[kind].append(key)

    def told(self) -> str:
        """Say it in a line."""
        return f"lost {self.lost}, wrong {self.wrong}, extra {self.extra} {self.samples or ''}"


def compare(load: Load, items: Iterable[Typed], without: Iterable[int] = ()) -> Comparison:
    """
    Compare a scan with the source: the last good record of each key, and nothing else.

    The keys of the records *without* are left out of the verdict (they were dead-lettered as
    failed, and an older version may stand there).
    """
    found = Comparison()
    wanted = load.last()
    excused = {load.key(ordinal) for ordinal in without}
    for item in items:
        found.present += 1
        key = item["PK"]["S"]
        ordinal = wanted.pop(key, None)
        if key in excused:
            continue
        if ordinal is None:
            found.note("extra", key)
        elif item != load.item(ordinal):
            found.note("wrong", key)
    for key in wanted:
        if key not in excused:
            found.note("lost", key)
    return found


def account_errors(
    load: Load, report: Mapping[str, Any] | None, letters: Iterable[Mapping[str, Any]]
) -> list[str]:
    """
    Hold a finished run's report against the source and the dead letters; return what is wrong.

    One record is one item here. Each record must be accounted for once: of the bad and poisoned
    ones none is missing and no other is rejected, rejected and failed ones have one dead letter
    each, at their own line, and the sums are the source's.
    """
    if report is None:
        return ["there is no report"]
    wrong = []
    outcome = {name: report[name] for name in ("succeeded", "superseded", "rejected", "failed")}
    if report["total"] != sum(outcome.values()):
        wrong.append(f"total {report['total']} is not the sum of {outcome}")
    if report["records"] != load.records or report["total"] != load.records:
        wrong.append(f"{report['records']} records, total {report['total']}; {load.records} exist")
    letters = [*letters]
    lines = [letter["line"] for letter in letters]
    refused = {one["line"] for one in letters if one["kind"] != "retry_exhausted"}
    must, may = load.refused_lines()
    if not must <= refused <= may:
        wrong.append(f"not rejected {sorted(must - refused)[:5]}, but {sorted(refused - may)[:5]}")
    if outcome["rejected"] != len(refused):
        wrong.append(f"{outcome['rejected']} rejected, {len(refused)} dead letters of such")
    if len(lines) != outcome["rejected"] + outcome["failed"]:
        wrong.append(f"{len(lines)} dead letters for {outcome}")
    if len(set(lines)) != len(lines):
        wrong.append("a record has two dead letters")
    return wrong
