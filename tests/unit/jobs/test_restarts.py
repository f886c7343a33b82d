"""Servers that end, in order or not: no job is lost, none is begun twice, each is told right."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import PreflightError
from pipeline.jobs.errors import ClosingError, UnknownJobError
from pipeline.jobs.model import Overrides
from pipeline.jobs.processes.spec import UNREACHED
from pipeline.jobs.store.database import Database
from tests.unit.jobs.stage import over, staged, submitted, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.jobs.stage import Puppet


async def test_closing_stops_softly_what_runs_and_keeps_what_waits(tmp_path: Path) -> None:
    """Running jobs hear SIGTERM at once and are interrupted; those that wait still wait."""
    async with staged(tmp_path, "a", "b") as stage:
        async with stage.open(most_running=1) as service:
            running, waiting = await submitted(service, "a"), await submitted(service, "b")
            puppet = await stage.puppet()
            service.close()
            service.close()
            assert not service.ready
            assert await puppet.hears() == "term"
            with pytest.raises(ClosingError):
                await submitted(service)
            with pytest.raises(ClosingError):
                await service.resume(running.id)
            with pytest.raises(ClosingError):
                async with service.spool("jsonl", "none"):
                    pass
            report = {"status": "stopped", "resumable": True, "message": "stopped by sigterm"}
            puppet.ends(143, report)
            closed = await over(service, running.id)
            assert (closed.state, closed.resumable) == ("interrupted", True)
        async with stage.open(most_running=1) as service:
            assert (await service.job(running.id)).state == "interrupted"
            second = await stage.puppet()
            assert second.told["config"].endswith("b.yaml")
            assert (await service.resume(running.id)).queue_position == 1
            second.ends(0)
            assert (await over(service, waiting.id)).state == "succeeded"
            third = await stage.puppet()
            assert third.told["run"] == puppet.told["run"]


async def test_a_job_whose_table_does_not_answer_is_tried_again_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an interruption, with growing pauses; its pipeline's next job waits behind it."""
    monkeypatch.setattr("pipeline.jobs.supervision.supervisor._LOOK_AGAIN", 0.02)
    monkeypatch.setattr("pipeline.jobs.supervision.schedule._LONGEST_PAUSE", 0.05)
    told = "the table does not answer"
    async with staged(tmp_path) as stage, stage.open(auto_resume=True) as service:
        first, second = await submitted(service), await submitted(service)
        await crashed(await stage.puppet())
        for attempt in range(2, 8):  # more than a job that crashes has
            puppet = await stage.puppet()
            assert (await service.job(first.id)).attempts == attempt
            puppet.ends(UNREACHED, say=told)
            waits = await until(service, first.id, "queued")
            assert told in str(waits.message)
        await crashed(await stage.puppet())  # the first in a row
        puppet = await stage.puppet()
        puppet.ends(0)
        assert (await over(service, first.id)).state == "succeeded"
        (await stage.puppet()).ends(UNREACHED, say=told)
        failed = await over(service, second.id)
        assert (failed.state, failed.message, failed.exit_code) == ("failed", told, 2)
        assert stage.nobody_came


async def crashed(puppet: Puppet) -> None:
    """Let a job's process be killed after it has begun to write."""
    puppet.does(write={str(puppet.folder / "unfinished"): ""}, signal=signal.SIGKILL)


async def test_a_stop_lets_go_of_what_the_job_held(tmp_path: Path) -> None:
    """The next job of its pipeline begins at once, and a resume is not made to wait."""
    async with staged(tmp_path) as stage, stage.open(auto_resume=True) as service:
        first = await submitted(service)
        await crashed(await stage.puppet())
        for _ in range(2):
            (await stage.puppet()).ends(UNREACHED, say="no answer")
            waits = await until(service, first.id, "queued")
        service._office.supervisor._held["users"] += 1_000
        second = await submitted(service)
        assert (await service.stop(waits.id)).state == "stopped"
        (await stage.puppet()).ends(0)
        assert (await over(service, second.id)).state == "succeeded"
        assert service._office.supervisor._patience.unanswered(first.id) == 1.0


@pytest.mark.parametrize(
    ("error", "told"),
    [(UnknownJobError("no job has this id"), "jobs.trouble"), (RuntimeError("a bug"), "job.error")],
)
async def test_what_goes_wrong_after_an_attempt_ends_no_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    """As where the job is forgotten in the moment in which it would be gone on with."""

    async def fail(*_: object, **__: object) -> None:
        raise error

    async with staged(tmp_path) as stage, stage.open(auto_resume=True) as service:
        job = await submitted(service)
        puppet = await stage.puppet()
        with monkeypatch.context() as patch:
            patch.setattr(service._office.roster, "require", fail)
            await crashed(puppet)
            assert (await over(service, job.id)).state == "interrupted"
            await stage.notes.hears(told)
        other = await submitted(service)
        (await stage.puppet()).ends(0)
        assert (await over(service, other.id)).state == "succeeded"


async def test_a_closed_service_does_not_wait_for_a_process_that_does_not_end(
    tmp_path: Path,
) -> None:
    """It is killed when its grace is over; its job is interrupted all the same."""
    async with staged(tmp_path) as stage:
        async with stage.open(grace=0.05) as service:
            job = await submitted(service)
            await stage.puppet()
            service.close()
            assert (await over(service, job.id)).exit_code == -signal.SIGKILL
        async with stage.open() as service:
            assert (await service.job(job.id)).state == "interrupted"


async def test_a_stopped_job_is_stopped_although_the_server_closes(tmp_path: Path) -> None:
    """Who asked first is who it is stopped for."""
    async with staged(tmp_path) as stage, stage.open() as service:
        job = await submitted(service)
        puppet = await stage.puppet()
        await service.stop(job.id)
        service.close()
        puppet.ends(143, {"status": "stopped", "resumable": True})
        assert (await over(service, job.id)).state == "stopped"


async def test_the_body_s_own_error_comes_out_as_itself(tmp_path: Path) -> None:
    """Whoever uses the service sees no groups of errors; jobs were stopped before."""
    async with staged(tmp_path) as stage:
        with pytest.raises(PreflightError, match="the address is taken"):
            async with stage.open():
                raise PreflightError("the address is taken")


async def test_a_second_server_is_told_about_the_first(tmp_path: Path) -> None:
    """Two of them would run every job twice."""
    async with staged(tmp_path) as stage, stage.open():
        with pytest.raises(PreflightError, match=f"served by process {os.getpid()} already"):
            async with stage.open():
                pass


class Disk:
    """Copies of what stands on the disk after each change: each is a crash's moment."""

    def __init__(self, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moments: list[Path] = []
        self._runs = runs
        for name in ("add", "save"):
            self._watch(monkeypatch, name)

    def _watch(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        change = getattr(Database, name)

        def watched(database: Database, *arguments: object) -> object:
            done = change(database, *arguments)
            moment = self._runs.with_name(f"moment-{len(self.moments)}")
            shutil.copytree(self._runs, moment)
            self.moments.append(moment)
            return done

        monkeypatch.setattr(Database, name, watched)


async def test_a_crash_at_any_moment_loses_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A job that was taken stands there whenever the server dies, in a state it can go on from.

    Taken, begun, stopping, stopped, resumed, over: after each change of the disk a server begins
    anew on a copy, and every job that was known comes to its end there.
    """
    async with staged(tmp_path, "a", "b") as stage:
        disk = Disk(stage.runs, monkeypatch)
        async with stage.open(most_running=1) as service:
            first = await submitted(service, "a", idempotency_key="one")
            puppet = await stage.puppet()
            await submitted(service, "b")
            await service.stop(first.id)
            puppet.ends(143, {"status": "stopped", "resumable": True})
            await over(service, first.id)
            puppet = await stage.puppet()
            await service.resume(first.id)
            puppet.ends(1, {"status": "completed_with_errors"})
            puppet = await stage.puppet()
            puppet.ends(0, {"status": "succeeded"})
            await over(service, first.id)
        monkeypatch.undo()
        assert len(disk.moments) >= 9
        for number, moment in enumerate(disk.moments):
            stage.settings = replace(stage.settings, runs=moment)
            async with stage.open(auto_resume=True, most_running=2) as service:
                jobs, _ = await service.jobs()
                assert first.id in {job.id for job in jobs}, number
                again, created = await service.submit("a", Overrides(), idempotency_key="one")
                assert (again.id, created) == (first.id, False)
                pending = [job for job in jobs if job.state in {"queued", "running"}]
                assert {job.state for job in pending} <= {"queued", "running"}
                for _ in pending:
                    (await stage.puppet()).ends(0, {"status": "succeeded"})
                for job in pending:
                    assert (await over(service, job.id)).state == "succeeded", number


async def test_who_asked_for_a_stop_gets_it_although_the_server_died(tmp_path: Path) -> None:
    """A job that was stopping is stopped, not gone on with; so is an interrupted one on request."""
    async with staged(tmp_path, "a", "b") as stage:
        async with stage.open(most_running=2) as service:
            stopping, running = await submitted(service, "a"), await submitted(service, "b")
            await stage.puppet()
            await stage.puppet()
            await service.stop(stopping.id)
            shutil.copytree(stage.runs, tmp_path / "crashed")
        stage.settings = replace(stage.settings, runs=tmp_path / "crashed")
        async with stage.open() as service:
            left = await service.job(stopping.id)
            assert (left.state, left.resumable) == ("stopped", True)
            assert (await service.job(running.id)).state == "interrupted"
            given_up = await service.stop(running.id)
            assert (given_up.state, given_up.resumable) == ("stopped", True)
        async with stage.open(auto_resume=True) as service:
            assert service.counts()["stopped"] == 2


async def test_what_ran_when_the_server_died_is_interrupted_or_resumed(tmp_path: Path) -> None:
    """As the operator wants it: shown as interrupted, or begun again first of all, its run kept."""
    async with staged(tmp_path, "a", "b") as stage:
        async with stage.open(most_running=1) as service:
            job, behind = await submitted(service, "a"), await submitted(service, "b")
            puppet = await stage.puppet()
            shutil.copytree(stage.runs, tmp_path / "died")
            shutil.copytree(stage.runs, tmp_path / "resumed")
        stage.settings = replace(stage.settings, runs=tmp_path / "died", most_running=1)
        async with stage.open() as service:
            left = await service.job(job.id)
            assert (left.state, left.resumable, left.exit_code) == ("interrupted", True, None)
            assert (await stage.puppet()).told["config"].endswith("b.yaml")
        stage.settings = replace(stage.settings, runs=tmp_path / "resumed")
        async with stage.open(auto_resume=True) as service:
            again = await stage.puppet()
            assert again.told["run"] == puppet.told["run"]
            assert (await service.job(behind.id)).queue_position == 1


async def test_what_had_ended_when_the_server_died_has_ended(tmp_path: Path) -> None:
    """Its report says so: it is neither interrupted nor begun again."""
    async with staged(tmp_path) as stage:
        async with stage.open() as service:
            job = await submitted(service)
            puppet = await stage.puppet()
            report = json.dumps({"status": "completed_with_errors", "message": None})
            (puppet.folder).mkdir(parents=True)
            (puppet.folder / "report.json").write_text(report)
            shutil.copytree(stage.runs, tmp_path / "died")
        stage.settings = replace(stage.settings, runs=tmp_path / "died")
        async with stage.open(auto_resume=True) as service:
            found = await service.job(job.id)
            assert (found.state, found.exit_code, found.resumable) == (
                "completed_with_errors",
                1,
                False,
            )
            assert stage.nobody_came


async def test_a_job_that_had_ended_after_all_is_not_failed(tmp_path: Path) -> None:
    """A process that outlived its server ended the run; a resume finds out, and says so."""
    async with staged(tmp_path) as stage, stage.open() as service:
        job = await submitted(service)
        puppet = await stage.puppet()
        puppet.does(signal=signal.SIGKILL)
        await over(service, job.id)
        await service.resume(job.id)
        again = await stage.puppet()
        again.ends(2, {"status": "succeeded"}, say="run is finished")
        ended = await over(service, job.id)
        assert (ended.state, ended.resumable) == ("succeeded", False)


SERVER = """
import asyncio, sys
from pathlib import Path
from pipeline.jobs.model import Overrides, Settings
from pipeline.jobs.service import open_jobs

async def main():
    child = tuple(sys.argv[2:])
    folder, runs = Path(sys.argv[1], "configs"), Path(sys.argv[1], "runs")
    settings = Settings(folder, runs, child=child, most_queued=1_000_000)
    async with open_jobs(settings) as service:
        while True:
            job, _ = await service.submit("users", Overrides())
            print(job.id, flush=True)

asyncio.run(main())
"""


async def test_a_killed_server_s_processes_hear_that_it_is_gone(tmp_path: Path) -> None:
    """SIGKILL while it takes jobs: each that it answered for stands there, the process hears it."""
    async with staged(tmp_path) as stage:
        argv = [sys.executable, "-c", SERVER, str(tmp_path), *stage.settings.child]
        server = await asyncio.to_thread(
            subprocess.Popen, argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        try:
            assert server.stdout is not None
            answered = [(await asyncio.to_thread(server.stdout.readline)).strip()]
            puppet = await stage.puppet()
            answered += [
                (await asyncio.to_thread(server.stdout.readline)).strip() for _ in range(20)
            ]
        finally:
            server.kill()
            answered += (await asyncio.to_thread(server.communicate))[0].split()
        assert await puppet.hears() == "eof"
        async with stage.open() as service:
            known = {job.id: job for job in (await service.jobs(limit=100_000))[0]}
            assert set(answered) <= known.keys()
            assert known[answered[0]].state == "interrupted"
            await until(service, answered[1], "running")
