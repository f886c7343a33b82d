"""Jobs end to end, on a real server process: killed, stopped, resumed, one after the other."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import time
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.loads import lot_of
from tests.integration.served import Place, Server, attempts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

KILLS = int(os.environ.get("PIPELINE_TEST_KILLS", "12"))
"""Kills of the server for each engine."""

SLOW = {"rate": {"wcu": 250}, "linger": "5ms"}
STEADY = {"rate": {"wcu": 600}, "linger": "5ms"}


BOTH = pytest.mark.parametrize("place", ["embedded", "local"], indirect=True)


@pytest.fixture
def place(request: pytest.FixtureRequest, access_key: str, tmp_path: Path) -> Place:
    """Give a place whose tables are in the embedded engine, or in DynamoDB Local."""
    endpoint = "embedded"
    if getattr(request, "param", "local") == "local":
        endpoint = request.getfixturevalue("dynamodb_local")
    return Place(tmp_path, endpoint, access_key)


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    """Take the servers that a test starts, and end those that it leaves behind."""
    started: list[Server] = []
    yield started
    for server in started:
        server.close()


async def assert_loaded(place: Place, jobs: Sequence[Mapping[str, Any]]) -> None:
    """Every job is over, each in its own run, and the tables are those of one clean run."""
    assert Counter(job["state"] for job in jobs) == {"completed_with_errors": len(jobs)}, jobs
    assert len({job["run"] for job in jobs}) == len(jobs)
    for job in jobs:
        lot, folder = place.lots[job["pipeline"]], place.runs / job["pipeline"] / job["run"]
        report = json.loads((folder / "report.json").read_text())
        refused = len(lot.refused)
        assert (report["records"], report["rejected"], report["failed"]) == (
            lot.records,
            refused,
            0,
        )
        assert report["succeeded"] + report["superseded"] == lot.records - refused
        letters = (folder / "dead-letter.jsonl").read_text().splitlines()
        assert [json.loads(letter)["record"] for letter in letters] == [n for _, n in lot.refused]
        assert not (folder / "unfinished").exists()
    for name, lot in place.lots.items():
        assert await place.rows(name) == lot.rows
        folders = {folder.name for folder in (place.runs / name).glob("2*")}
        assert folders == {job["run"] for job in jobs if job["pipeline"] == name}


def assert_one_after_the_other(place: Place, jobs: Sequence[Mapping[str, Any]]) -> None:
    """No attempt of a pipeline began before the one before it had ended."""
    for name in place.lots:
        attempts = attempts_of(place.runs, [job for job in jobs if job["pipeline"] == name])
        for (_, _, ended), (_, began, _) in pairwise(attempts):
            assert ended <= began, attempts


@BOTH
async def test_a_server_that_is_killed_anywhere_loses_no_job(
    place: Place, servers: list[Server]
) -> None:
    """Killed at random moments, jobs come to their end, none twice at once, queued ones wait."""
    dice = random.Random(f"server {KILLS}")
    for name in ("one", "two", "three"):
        place.define(name, lot_of("jsonl"), write=SLOW)
    ids: list[str] = []
    for number in range(KILLS):
        server = Server(place, most_running=2, auto_resume=bool(number % 2))
        servers.append(server)
        if dice.random() > 0.2:
            jobs = {job["id"]: job for job in server.ready().ask("jobs")}
            assert set(ids) <= set(jobs)  # an answer that never came may have made one more
            ids = list(jobs)
            if len(ids) < 5:
                ids.append(server.ask("submit", pipeline=("one", "two", "three")[number % 3])["id"])
            for job in jobs.values():
                if job["state"] == "interrupted":
                    server.ask("resume", id=job["id"])
            before = {job["id"]: job["state"] for job in server.ask("jobs")}
            assert not {"failed", "stopped"} & set(before.values()), server.ask("jobs")
            if len(ids) < 5:
                server.tell("submit", pipeline="one")
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.running.wait(dice.uniform(0, 1.2))
        server.kill()

    server = Server(place, most_running=2, auto_resume=True).ready()
    servers.append(server)
    ids += [server.ask("submit", pipeline=name)["id"] for name in place.lots]
    jobs = server.ask("settle")
    assert server.terminate() == 0
    assert set(ids) <= {job["id"] for job in jobs}
    assert sum(job["attempts"] > 1 for job in jobs) >= 2
    await assert_loaded(place, jobs)
    assert_one_after_the_other(place, jobs)


async def test_queued_jobs_wait_and_interrupted_ones_are_told_apart(
    place: Place, servers: list[Server]
) -> None:
    """After a kill the running job is interrupted, and those behind it wait in their order."""
    place.define("one", lot_of("jsonl"), write=SLOW)
    first = Server(place, most_running=1).ready()
    servers.append(first)
    ids = [first.ask("submit", pipeline="one")["id"] for _ in range(3)]
    assert [job["id"] for job in first.ask("running", count=1)] == ids[:1]
    first.kill()

    second = Server(place, most_running=1).ready()
    servers.append(second)
    states = {job["id"]: job["state"] for job in second.ask("jobs")}
    assert states[ids[0]] == "interrupted"
    assert states[ids[1]] in {"queued", "running"}
    assert states[ids[2]] == "queued"
    resumed = second.ask("resume", id=ids[0])
    assert resumed["state"] == "queued"
    jobs = second.ask("settle")
    assert second.terminate() == 0
    await assert_loaded(place, jobs)
    assert_one_after_the_other(place, jobs)
    report = {job["id"]: job["attempts"] for job in jobs}
    assert report == {ids[0]: 2, ids[1]: 1, ids[2]: 1}


@BOTH
async def test_sigterm_ends_everything_softly_within_ten_seconds(
    place: Place, servers: list[Server]
) -> None:
    """Two jobs are stopped with nothing in flight, and go on by themselves with --auto-resume."""
    for name in ("one", "two"):
        place.define(name, lot_of("jsonl", 3_000), write=STEADY)
    first = Server(place, most_running=2).ready()
    servers.append(first)
    ids = [first.ask("submit", pipeline=name)["id"] for name in ("one", "two", "one")]
    assert len(first.ask("running", count=2)) == 2
    began = time.monotonic()
    assert first.terminate() == 0
    assert time.monotonic() - began < 10  # the promise itself, which is one of time

    second = Server(place, most_running=2, auto_resume=True).ready()
    servers.append(second)
    stopped = {job["id"]: job for job in second.ask("jobs")}
    for identity in ids[:2]:
        assert stopped[identity]["state"] in {"queued", "running"}
    jobs = second.ask("settle")
    assert second.terminate() == 0
    await assert_loaded(place, jobs)
    assert_one_after_the_other(place, jobs)
    attempts = {job["id"]: job["attempts"] for job in jobs}
    assert attempts == dict(zip(ids, (2, 2, 1), strict=True))


async def test_pipelines_run_side_by_side_and_jobs_of_one_in_turn(
    place: Place, servers: list[Server]
) -> None:
    """Two of one pipeline never overlap; another one runs beside them."""
    for name in ("one", "two"):
        place.define(name, lot_of("jsonl", 600), write=SLOW)
    server = Server(place, most_running=3).ready()
    servers.append(server)
    for name in ("one", "one", "two"):
        server.ask("submit", pipeline=name)
    side = server.ask("running", count=2)
    assert sorted(job["pipeline"] for job in side) == ["one", "two"]
    jobs = server.ask("settle")
    assert server.terminate() == 0
    await assert_loaded(place, jobs)
    assert_one_after_the_other(place, jobs)


async def test_a_stopped_job_goes_on(place: Place, servers: list[Server]) -> None:
    """Stop is soft and its own state; resume goes on with the same run."""
    place.define("one", lot_of("jsonl", 3_000), write=STEADY)
    server = Server(place).ready()
    servers.append(server)
    identity = server.ask("submit", pipeline="one", key="k")["id"]
    server.ask("running", count=1)
    assert server.ask("stop", id=identity)["state"] == "stopping"
    (stopped,) = server.ask("settle")
    assert (stopped["state"], stopped["resumable"], stopped["exit_code"]) == ("stopped", True, 143)
    assert server.ask("report", id=identity)["unsettled"] == 0
    again = server.ask("submit", pipeline="one", key="k")
    assert (again["id"], again["created"]) == (identity, False)

    server.ask("resume", id=identity)
    (job,) = server.ask("settle")
    assert (job["run"], job["attempts"]) == (stopped["run"], 2)
    assert server.terminate() == 0
    await assert_loaded(place, [job])
