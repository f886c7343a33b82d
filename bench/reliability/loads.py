"""Loads: sources made from a seed, and what a table must hold after them."""

from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.reliability.board import dice
from bench.reliability.truth import table_definition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from random import Random

    from bench.reliability.truth import Typed

__all__ = ["POISON", "Load"]

_WORDS = ("alpha", "héllo", "日本", "😀", 'quo"te', "comma,", "tab\t", "", "back\\slash", "z" * 60)
POISON = "POISON"
"""The text of a record that the table is to refuse."""

_TWIN = "twin#"
_TWIN_ITEM = {"key": {"PK": _TWIN + "{id}"}, "only": ["version"]}
_FIELDS = ("id", "version", "number", "text", "flag")


@dataclass(frozen=True, slots=True)
class Load:
    """
    A source of *records* records over *keys* keys (0: each its own), a pure function of *seed*.

    Every *bad_every*-th record breaks the schema and must be rejected; every *poison_every*-th has
    POISON in its text, by which a proxy can know that it must refuse it as the table would. With
    *twins* a record becomes two items: itself, and one that holds only its key and version.
    """

    seed: int
    records: int
    keys: int = 0
    bad_every: int = 0
    poison_every: int = 0
    name: str = "source.jsonl"
    twins: bool = False

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

    @property
    def total(self) -> int:
        """How many items a report must account for: a record that is refused counts as one."""
        if not self.twins:
            return self.records
        return self.records + sum(not self.is_bad(n) for n in range(self.records))

    def item(self, ordinal: int, key: str = "") -> Typed:
        """Give what the table must hold of a record, as it travels; *key* may be its twin's."""
        record = self.record(ordinal)
        if key.startswith(_TWIN):
            return {"PK": {"S": key}, "version": {"N": str(record["version"])}}
        return {
            "PK": {"S": record["id"]},
            "id": {"S": record["id"]},
            "version": {"N": str(record["version"])},
            "number": {"N": str(record["number"])},
            "text": {"S": record["text"]},
            "flag": {"BOOL": record["flag"]},
        }

    def last(self) -> dict[str, int]:
        """
        Give for each key the ordinal of its last good record: that one must be in the table.

        The table refuses one of two twins only.
        """
        last = {self.key(n): n for n in range(self.records) if self.is_good(n)}
        if self.twins:
            numbers = range(self.records)
            last |= {_TWIN + self.key(n): n for n in numbers if not self.is_bad(n)}
        return last

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
            "items": [{"key": {"PK": "{id}"}}, *([_TWIN_ITEM] if self.twins else [])],
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


def _csv_line(record: Mapping[str, Any]) -> bytes:
    line = io.StringIO(newline="")
    values = [record[name] for name in _FIELDS]
    texts = [str(value).lower() if isinstance(value, bool) else value for value in values]
    csv.writer(line, lineterminator="\n").writerow(texts)
    return line.getvalue().encode()
