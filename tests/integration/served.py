"""Hold a job server of the tests by the hand: start it, ask it, kill it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.embedded import serve
from tests.engine import tables
from tests.integration.loads import DEFINITION, events_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.integration.loads import Lot

__all__ = ["Place", "Server", "attempts_of"]

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0


class Server:
    """One process that serves jobs."""

    def __init__(self, place: Place, **settings: Any) -> None:
        self.log = (place.folder / "server.log").open("ab")
        self.running = subprocess.Popen(
            [
                sys.executable,
                *("-m", "tests.integration.job_server"),
                *(str(place.configs), str(place.runs), json.dumps(settings)),
            ],
            cwd=ROOT,
            env={**os.environ, **place.variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
        )

    def ready(self) -> Server:
        """Return when it serves."""
        assert "ready" in self._line()
        return self

    def ask(self, do: str, **request: Any) -> Any:
        """Return its answer."""
        assert self.running.stdin is not None
        self.running.stdin.write(json.dumps({"do": do, **request}).encode() + b"\n")
        self.running.stdin.flush()
        return self._line()

    def tell(self, do: str, **request: Any) -> None:
        """Ask without waiting for an answer."""
        assert self.running.stdin is not None
        self.running.stdin.write(json.dumps({"do": do, **request}).encode() + b"\n")
        self.running.stdin.flush()

    def _line(self) -> Any:
        assert self.running.stdout is not None
        patience = threading.Timer(PATIENCE, self.running.kill)
        patience.start()
        try:
            line = self.running.stdout.readline()
        finally:
            patience.cancel()
            patience.join()
        assert line, f"the server has ended: {Path(self.log.name).read_text()[-3_000:]}"
        return json.loads(line)

    def kill(self) -> None:
        """Kill it, and nothing else, at once."""
        self.running.kill()
        self.close()

    def terminate(self) -> int:
        """Ask it to end; return its exit code."""
        self.running.terminate()
        code = self.running.wait(PATIENCE)
        self.close()
        return code

    def close(self) -> None:
        """End it if it has not, and close what connects to it."""
        self.running.kill()
        self.running.wait(PATIENCE)
        for stream in (self.running.stdin, self.running.stdout, self.log):
            if stream is not None:
                stream.close()


@dataclass
class Place:
    """A folder of definitions, a folder of runs, and the engine behind them."""

    folder: Path
    endpoint: str
    access_key: str
    lots: dict[str, Lot] = field(default_factory=dict)

    @property
    def configs(self) -> Path:
        """The folder of definitions."""
        return self.folder / "configs"

    @property
    def runs(self) -> Path:
        """The folder of runs."""
        return self.folder / "runs"

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment of the server."""
        return tables.credentials_of(self.access_key)

    def define(self, name: str, lot: Lot, **changes: Mapping[str, Any]) -> None:
        """Write the definition *name* of a load of *lot* into the table *name*."""
        home = self.configs / "data" / name
        for file, text in lot.files.items():
            (home / file).parent.mkdir(parents=True, exist_ok=True)
            (home / file).write_bytes(text)
        definition = json.loads(json.dumps(DEFINITION))
        definition["name"] = name
        definition["source"] = {"type": "file", "path": f"data/{name}/{lot.path}"}
        definition["target"] |= {"table": name, "endpoint": self.endpoint}
        for section, values in changes.items():
            definition[section] = {**definition.get(section, {}), **values}
        (self.configs / f"{name}.yaml").write_text(json.dumps(definition))
        self.lots[name] = lot

    async def rows(self, name: str) -> dict[str, int]:
        """Read the whole table *name*, once nobody serves it: what the item of each id holds."""
        if self.endpoint != "embedded":
            return await self.rows_at(self.endpoint, name)
        async with serve(self.runs / "embedded.sqlite") as served:
            return await self.rows_at(served.url, name)

    async def rows_at(self, url: str, name: str) -> dict[str, int]:
        """Read the whole table *name* of the engine at *url*."""
        async with tables.connect(url, self.access_key) as client:
            items = await tables.scan_all(client, name)
        return {item["id"]["S"]: int(item["v"]["N"]) for item in items}


def attempts_of(runs: Path, jobs: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """
    Return every attempt of the runs of *jobs*: run, first and last moment, by its log.

    In the log of one run attempts must follow each other: none is told of after a later one began.
    """
    found = []
    for job in jobs:
        events = events_of(runs / job["pipeline"] / job["run"])
        starts = [
            n for n, one in enumerate(events) if one["event"] in {"run.started", "run.resumed"}
        ]
        for first, after in zip(starts, [*starts[1:], len(events)], strict=True):
            part = events[first:after]
            found.append((job["run"], part[0]["timestamp"], part[-1]["timestamp"]))
            over = [n for n, one in enumerate(part) if one["event"] == "run.finished"]
            assert over in ([], [len(part) - 1]), [one["event"] for one in part]
    return sorted(found, key=lambda one: one[1])
