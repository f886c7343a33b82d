"""Write the results down: one JSON for programs, one table for people."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

from bench.reliability.running import CHECKOUT, TRANSPORT_VARIABLE
from tests.engine.local import IMAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from bench.reliability.board import Result, Row, Size
    from bench.reliability.mutants import Bite

__all__ = ["Store", "write_table"]

BEGIN, END = "<!-- scoreboard: begin -->", "<!-- scoreboard: end -->"
_LIBRARIES = ("aiobotocore", "aiohttp", "botocore", "orjson", "uvloop")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _commit() -> str:
    """Name the commit that is measured; with a + if files differ from it."""
    told = subprocess.run(
        ["git", "describe", "--always", "--abbrev=12", "--dirty=+"],  # noqa: S607 - git of the PATH
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip() or "unknown"


class Store:
    """
    All results as one document, kept in *path* (if given) after each row.

    What an earlier call of the same size left there stays, but for the rows measured anew: a board
    of an hour may be measured in parts.
    """

    def __init__(self, path: Path | None, size: Size, seed: int) -> None:
        self._path = path
        self.document: dict[str, Any] = {"rows": {}, "mutants": {}}
        if path is not None and path.exists():
            before = json.loads(path.read_text())
            if before["size"] == size:
                self.document = before
        self.document.update(
            size=size,
            seed=seed,
            date=_now(),
            transport=os.environ.get(TRANSPORT_VARIABLE) or "auto",
            machine={
                "cpus": os.cpu_count(),
                "system": platform.system(),
                "kind": platform.machine(),
            },
            versions={
                "python": platform.python_version(),
                "engine": IMAGE,
                "commit": _commit(),
                **{name: metadata.version(name) for name in _LIBRARIES},
            },
        )

    def add_result(self, row: Row, result: Result) -> None:
        """Keep a row's result."""
        self.document["rows"][row.id] = {
            "title": row.title,
            "passes": row.passes,
            "verdict": result.verdict,
            "figure": result.figures.figure,
            "figures": dict(result.figures.figures),
            "detail": result.figures.detail if result.verdict != "green" else "",
            "seed": result.seed,
            "seconds": result.seconds,
            "date": _now(),
        }
        self._keep()

    def add_bite(self, bite: Bite) -> None:
        """Keep what a row said of its mutant."""
        self.document["mutants"][bite.id] = {
            "what": bite.what,
            "seen": bite.seen,
            "verdict": bite.verdict,
            "figure": bite.figure,
            "why": bite.why,
            "seconds": bite.seconds,
            "date": _now(),
        }
        self._keep()

    def _keep(self) -> None:
        if self._path is not None:
            text = json.dumps(self.document, indent=1, ensure_ascii=False, sort_keys=True)
            self._path.write_text(text + "\n")


def write_table(path: Path, rows: Sequence[Row], document: Mapping[str, Any]) -> None:
    """Put the table between the two markers of *path*; the prose around it stays."""
    text = path.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    table = "\n".join(_table(rows, document))
    path.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}")


def _table(rows: Sequence[Row], document: Mapping[str, Any]) -> list[str]:
    machine, versions = document["machine"], document["versions"]
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    where = f"{machine['cpus']} cores ({machine['system']}, {machine['kind']})"
    how = f"size {document['size']}, seed {document['seed']}"
    lines = [
        f"Measured {document['date'][:10]} on {where}: {told}; {how}.",
        "",
        "| | what | figure | passes | what others reach | broken on purpose |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        result = document["rows"].get(row.id)
        if result is None:
            continue
        mark = {"green": "✓", "red": "✗", "error": "?"}[result["verdict"]]
        cells = (
            f"{row.id} {mark}",
            f"**{row.title}** {row.how}",
            f"{result['figure']} ({result['seconds']:.0f} s)",
            row.passes,
            row.peers,
            "; ".join(_broken(document["mutants"], row)),
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def _broken(bites: Mapping[str, Mapping[str, Any]], row: Row) -> Iterator[str]:
    for number, mutation in enumerate(row.mutations):
        bite = bites.get(f"{row.id}.{number}" if number else row.id)
        if bite is None:
            yield f"{mutation.what}: not tried"
        else:
            yield f"{mutation.what}: {bite['verdict']}, {bite['figure']}"
