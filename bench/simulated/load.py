"""One load of the real program into a simulated table, and what the table saw of it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bench.simulated.table import Tallies
from bench.throughput.running import environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Load", "Sort", "run_load", "source"]

_DEFINITION = """\
name: paced
source: {type: file, path: %s}
items: [{key: {PK: "{pk}", SK: "{sk}"}}]
target: {table: Users, region: us-east-1, endpoint: "${THROUGHPUT_ENDPOINT}"}
checkpoint: {enabled: false}
write: {workers: %s%s}
"""

Sort = str
"""spread: every partition value once. hot: half of the items are of one. sorted: by partition."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is loaded, how, and when the capacity changes: (seconds after the start, units)."""

    records: int
    workers: str = "auto"
    rate: str = ""
    sort: Sort = "spread"
    seconds: float = 60.0
    changes: Sequence[tuple[float, float]] = field(default_factory=tuple)


def _keys(count: int, sort: Sort) -> Iterable[tuple[str, str]]:
    for number in range(count):
        if sort == "hot" and number % 2:
            yield "hot", str(number)
        elif sort == "sorted":
            yield f"partition{number // 2000}", str(number)
        else:
            yield f"user{number}", "a"


def source(path: Path, count: int, sort: Sort = "spread") -> None:
    """Write *count* records of about 250 bytes to *path*."""
    filler = "x" * 180
    with path.open("w", encoding="utf-8") as file:
        for pk, sk in _keys(count, sort):
            file.write(f'{{"pk":"{pk}","sk":"{sk}","text":"{filler}"}}\n')


def _ask(endpoint: str, method: str, path: str, body: str = "") -> bytes:
    address = urlsplit(endpoint)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=60)
    connection.request(method, path, body=body)
    answer = connection.getresponse().read()
    connection.close()
    return answer


def run_load(load: Load, endpoint: str) -> Tallies:
    """
    Run *load* until all of it is written, or for its seconds at most, and return the tallies.

    Changes are timed from the table's first request.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        source(folder / "source.jsonl", load.records, load.sort)
        rate = f", rate: {load.rate}" if load.rate else ""
        definition = folder / "paced.yaml"
        text = _DEFINITION % (json.dumps(str(folder / "source.jsonl")), load.workers, rate)
        definition.write_text(text, encoding="utf-8")
        line = [sys.executable, "-m", "pipeline", "run", str(definition), "--fresh", "--json"]
        running = subprocess.Popen(
            line,
            cwd=folder,
            env=environment(endpoint),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _change(load, endpoint, running)
        try:
            running.wait(load.seconds + 20)
        except subprocess.TimeoutExpired:
            running.terminate()
            running.wait(20)
        return Tallies.from_json(json.loads(_ask(endpoint, "GET", "/tallies")))


def _change(load: Load, endpoint: str, running: subprocess.Popen[bytes]) -> None:
    """Wait for the first request, then for each change, and for the end of the time."""
    while running.poll() is None and not json.loads(_ask(endpoint, "GET", "/tallies")):
        time.sleep(0.02)
    began = time.monotonic()
    ended = threading.Event()
    for after, units in load.changes:
        ended.wait(max(0.0, began + after - time.monotonic()))
        _ask(endpoint, "POST", "/units", str(units))
    while running.poll() is None and time.monotonic() < began + load.seconds:
        time.sleep(0.05)
    if running.poll() is None:
        running.terminate()
