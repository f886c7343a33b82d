"""The one embedded engine of all jobs: a process that dies and comes back, with every table."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.embedded import EngineSettings, configure, serve
from tests.integration.children import Child
from tests.integration.loads import lot_of
from tests.integration.served import Place, Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENGINE = (sys.executable, "-m", "pipeline.jobs.engine")


class Engine:
    """The engine's process."""

    def __init__(self, runs: Path, *more: str) -> None:
        self.child = Child(b"", {}, cwd=runs.parent, argv=(*ENGINE, str(runs), *more))
        assert self.child.running.stdout is not None
        self.line = self.child.running.stdout.readline()

    @property
    def url(self) -> str:
        """Where it is served."""
        return self.line.decode().split('"')[3]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Give a folder of runs."""
    folder = tmp_path / "runs"
    folder.mkdir()
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Give a place whose tables are in the embedded engine."""
    return Place(tmp_path, "embedded", "TESTembedded")


@pytest.fixture
def server(place: Place) -> Iterator[Server]:
    """Give a server that serves, and end it."""
    place.configs.mkdir()
    server = Server(place, most_running=4).ready()
    yield server
    server.close()


def engine_of(runs: Path) -> int | None:
    """Return the engine's process, as the lock of its file names it; None as it is written."""
    text = (runs / "embedded.sqlite.lock").read_text()
    return int(text) if text.endswith("\n") else None


async def another_engine(runs: Path, killed: set[int]) -> int:
    """Return the engine's process as soon as it is none of *killed*, after a restart's pause."""
    for _ in range(600):
        if (pid := engine_of(runs)) is not None and pid not in killed:
            return pid
        await asyncio.sleep(0.05)
    raise TimeoutError


@pytest.mark.parametrize("end", ["hang up", "terminate"])
def test_it_ends_with_whoever_started_it(runs: Path, end: str) -> None:
    """It says where it is and nothing else, and ends at once when nobody is connected."""
    engine = Engine(runs)
    assert engine.url.startswith("http://127.0.0.1:")
    if end == "hang up":
        engine.child.hang_up()
    else:
        engine.child.running.terminate()
    assert engine.child.ended() == (0, "")


async def test_another_takes_its_place_where_it_was(runs: Path) -> None:
    """Killed, it leaves its tables and their settings; on its port there is the next one."""
    first = Engine(runs)
    await configure(first.url, "items", EngineSettings(wcu=5))
    first.child.killed()
    second = Engine(runs, first.url.rpartition(":")[2])
    assert second.url == first.url
    await configure(second.url, "others", EngineSettings(wcu=7))
    second.child.hang_up()
    assert second.child.ended() == (0, "")


async def test_it_waits_for_one_that_lets_go(runs: Path) -> None:
    """The engine of a server that is gone still has the file for a moment."""
    async with serve(runs / "embedded.sqlite"):
        child = Child(b"", {}, cwd=runs.parent, argv=(*ENGINE, str(runs)))
        with pytest.raises(subprocess.TimeoutExpired):
            child.running.wait(timeout=0.7)
    assert child.running.stdout is not None
    assert b"http://127.0.0.1:" in child.running.stdout.readline()
    child.hang_up()
    assert child.ended() == (0, "")


@pytest.mark.parametrize("arguments", [[], ["runs", "x"], ["runs", "1", "2"], ["runs", "65536"]])
def test_a_wrong_call_is_refused(tmp_path: Path, arguments: list[str]) -> None:
    """One text, exit code 2, and nothing is made."""
    ended = subprocess.run(
        [*ENGINE, *arguments], stdin=subprocess.DEVNULL, capture_output=True, cwd=tmp_path,
        check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert b"RUNS" in ended.stderr
    assert list(tmp_path.iterdir()) == []


async def test_definitions_of_different_settings_share_it(place: Place, server: Server) -> None:
    """At once in one engine: one table is short of units, one loses items, one is as ever."""
    shortages: dict[str, dict[str, Any]] = {
        "short": {"wcu": 200},
        "lossy": {"unprocessed": "30%", "seed": 3},
        "free": {},
    }
    for name, settings in shortages.items():
        place.define(name, lot_of("jsonl"), target={"embedded": settings} if settings else {})
    ids = {name: server.ask("submit", pipeline=name)["id"] for name in shortages}
    jobs = {job["pipeline"]: job for job in server.ask("settle")}
    reports = {name: server.ask("report", id=identity) for name, identity in ids.items()}
    assert server.terminate() == 0

    assert {job["state"] for job in jobs.values()} == {"completed_with_errors"}
    assert reports["short"]["throttled"] > 0
    assert reports["lossy"]["retries"] > 0
    assert (reports["free"]["throttled"], reports["free"]["retries"]) == (0, 0)
    assert len({report["endpoint"] for report in reports.values()}) == 1
    for name, lot in place.lots.items():
        assert await place.rows(name) == lot.rows


async def test_a_job_outlives_the_engine(place: Place, server: Server) -> None:
    """Killed again and again under a load, it is started again where it was; no record is lost."""
    place.define(
        "one", lot_of("jsonl", 3_000), write={"rate": {"wcu": 600}},
        target={"embedded": {"latency": "5ms"}},
    )  # fmt: skip
    server.ask("submit", pipeline="one")
    killed: set[int] = set()
    for _ in range(3):
        server.ask("running", count=1)
        killed.add(pid := await another_engine(place.runs, killed))
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(subprocess.TimeoutExpired):
            server.running.wait(timeout=0.8)
    (job,) = server.ask("settle")
    report = server.ask("report", id=job["id"])
    assert server.terminate() == 0

    assert len(killed) == 3
    assert job["state"] == "completed_with_errors", job
    assert job["attempts"] == 1
    assert report["failed"] == 0
    assert await place.rows("one") == place.lots["one"].rows


async def test_a_definition_may_have_tables_of_its_own(place: Place, server: Server) -> None:
    """A file that the definition names is where its tables are, in an engine of its own."""
    own = place.folder / "own.sqlite"
    place.define("one", lot_of("jsonl", 300), target={"embedded": {"path": str(own)}})
    server.ask("submit", pipeline="one")
    (job,) = server.ask("settle")
    assert server.terminate() == 0
    assert job["state"] == "completed_with_errors", job
    async with serve(own) as served:
        assert await place.rows_at(served.url, "one") == place.lots["one"].rows
