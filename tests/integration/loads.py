"""Loads whose outcome is known beforehand: a source, the rows and the dead letters it must give."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import subprocess
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import zstandard

from tests.engine import tables
from tests.integration.command import pipeline, start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tests.integration.command import Ended
    from tests.integration.gate import Gate

__all__ = ["FORMATS", "Job", "Lot", "events_of", "letters_of", "lot_of", "unfinished"]

TABLE = "Loaded"

SCHEMA = {
    "type": "object",
    "required": ["id", "v", "age"],
    "properties": {
        "id": {"type": "string"},
        "v": {"type": "integer"},
        "age": {"type": "integer", "minimum": 0},
    },
}

DEFINITION: dict[str, Any] = {
    "name": "loaded",
    "schema": SCHEMA,
    "items": [{"key": {"PK": "ROW#{id}"}}],
    "target": {"table": TABLE, "create": {"key": {"PK": "S"}, "if_missing": True}},
    "write": {"linger": "5ms"},
    "queues": {"chunk": 50},
    "checkpoint": {"every": "0s"},
}


@dataclass(frozen=True)
class Lot:
    """
    Files, and what must come of them: *rows* by id, *refused* as (part, number of the record).

    Some keys come twice, close together and far apart, and the later one must be in the table.
    *refused_rows* are what the refused records would be, *all_rows* what all of them would.
    """

    files: Mapping[str, bytes]
    records: int
    rows: Mapping[str, int]
    refused_rows: Mapping[str, int]
    all_rows: Mapping[str, int]
    refused: Sequence[tuple[str, int]]
    path: str


FOLDERS = {
    "folder": ("lot/1.jsonl", "lot/2.csv", "lot/3.jsonl.gz"),
    "plain folder": ("lot/1.jsonl", "lot/2.jsonl", "lot/3.jsonl"),
}


def lot_of(form: str, count: int = 1_000) -> Lot:
    """Make *count* records in a file of the format *form*, or in a folder of three files."""
    records = [_record(number) for number in range(count)]
    cut = (0, count // 5, count * 9 // 10, count)
    names: tuple[str, ...]
    names, shares = (f"lot.{form}",), [records]
    if form in FOLDERS:
        names, shares = FOLDERS[form], [records[a:b] for a, b in pairwise(cut)]
    parts = dict(zip(names, shares, strict=True))
    return Lot(
        files={name: _packed(name, share) for name, share in parts.items()},
        records=count,
        rows={one["id"]: one["v"] for one in records if one["age"] >= 0},
        refused_rows={one["id"]: one["v"] for one in records if one["age"] < 0},
        all_rows={one["id"]: one["v"] for one in records},
        refused=[
            (name, ordinal)
            for name, share in parts.items()
            for ordinal, one in enumerate(share)
            if one["age"] < 0
        ],
        path="lot" if form in FOLDERS else names[0],
    )


def _record(number: int) -> dict[str, Any]:
    twin = {13: number - 4, 29: number - 25}.get(number % 40, number)
    age = -1 if number % 37 == 5 else number % 90
    return {"id": f"r{twin}", "v": number, "age": age, "text": f'"ä, {number}"\n' + "x" * 150}


def _jsonl(records: Sequence[Mapping[str, Any]]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in records)


def _array(records: Sequence[Mapping[str, Any]]) -> bytes:
    return json.dumps(records, indent=1).encode()


def _csv(records: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, records[0].keys())
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode()


FORMATS: Mapping[str, Callable[[Sequence[Mapping[str, Any]]], bytes]] = {
    "jsonl": _jsonl,
    "json": _array,
    "csv": _csv,
}


def _packed(name: str, records: Sequence[Mapping[str, Any]]) -> bytes:
    _, form, *packing = name.split(".")
    text = FORMATS[form](records)
    if packing == ["gz"]:
        return gzip.compress(text)
    if packing == ["zst"]:
        return zstandard.ZstdCompressor(write_checksum=True).compress(text)
    return text


@dataclass
class Job:
    """A definition in a folder of its own, whose table is behind *gate*."""

    folder: Path
    gate: Gate
    variables: Mapping[str, str]
    definition: dict[str, Any] = field(default_factory=lambda: json.loads(json.dumps(DEFINITION)))

    def take(self, lot: Lot) -> None:
        """Write the files of *lot*, and load those."""
        for name, text in lot.files.items():
            (self.folder / name).parent.mkdir(exist_ok=True)
            (self.folder / name).write_bytes(text)
        self.definition["source"] = {"type": "file", "path": lot.path}

    def define(self) -> Path:
        """Write the definition; YAML takes JSON as it is."""
        self.definition["target"]["endpoint"] = self.gate.url
        path = self.folder / "loaded.yaml"
        path.write_text(json.dumps(self.definition))
        return path

    def run(self, *options: str | Path, stdin: str | None = None) -> Ended:
        """Run the job to its end."""
        return self.call("run", self.define(), *options, stdin=stdin)

    def call(self, *arguments: str | Path, stdin: str | None = None) -> Ended:
        """Run any command in the job's folder to its end."""
        return pipeline(*arguments, cwd=self.folder, stdin=stdin, variables=self.variables)

    def start(self, *options: str | Path, stdin: Any = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """Start the job."""
        return self.begin("run", self.define(), *options, stdin=stdin)

    def begin(
        self, *arguments: str | Path, stdin: Any = subprocess.DEVNULL
    ) -> subprocess.Popen[str]:
        """Start any command in the job's folder."""
        return start(*arguments, cwd=self.folder, stdin=stdin, variables=self.variables)

    def killed_at(self, requests: int, *options: str, within: float = 0) -> None:
        """Run the job until that many writes were answered, and *within* seconds later kill it."""
        self.kill_at(requests, "run", self.define(), *options, within=within)

    def kill_at(self, requests: int, *arguments: str | Path, within: float = 0) -> None:
        """Run any command, and kill it as `killed_at` does, but not before a checkpoint moved."""
        self.gate.shut_after(requests, losing=True)
        with self.begin(*arguments) as running:
            self.gate.await_shut(running)
            name = "loaded-replay" if arguments[0] == "replay" else "loaded"
            _await_position(self.folder / "runs" / name / "latest" / "checkpoint.json", running)
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(timeout=within)
            running.kill()
        self.gate.open()

    async def items(self) -> dict[str, dict[str, Any]]:
        """Read the whole table: items by key."""
        key = self.variables["AWS_ACCESS_KEY_ID"]
        async with tables.connect(self.gate.upstream, key) as client:
            return {item["PK"]["S"]: dict(item) for item in await tables.scan_all(client, TABLE)}

    async def rows(self) -> dict[str, int]:
        """Read the whole table: what the item of each id holds."""
        items = await self.items()
        rows = {item["id"]["S"]: int(item["v"]["N"]) for item in items.values()}
        assert set(items) == {f"ROW#{name}" for name in rows}
        return rows

    @property
    def runs(self) -> Path:
        """The folder of the job's runs."""
        return self.folder / "runs" / "loaded"

    @property
    def latest(self) -> Path:
        """The folder of the newest run."""
        return (self.runs / "latest").resolve()


def _await_position(checkpoint: Path, running: subprocess.Popen[str]) -> None:
    """Return when there is something to go on from; what was answered is on its way there."""
    for _ in range(1_000):
        with contextlib.suppress(FileNotFoundError):
            if b'"position":null' not in checkpoint.read_bytes():
                return
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(timeout=0.02)
    raise AssertionError(f"{checkpoint} has no position")


def letters_of(report: Mapping[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Read the dead letters of a report; each line must be whole."""
    text = (folder / report["dead_letter"]).read_bytes()
    assert text.endswith(b"\n")
    return [json.loads(line) for line in text.splitlines()]


def events_of(run: Path) -> list[dict[str, Any]]:
    """Read the log of a run; a line that a kill has torn is passed over."""
    lines = (run / "log.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def unfinished(job: Job) -> list[str]:
    """Name the runs that are marked as unfinished."""
    return sorted(marker.parent.name for marker in job.runs.glob("2*/unfinished"))
