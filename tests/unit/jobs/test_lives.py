"""The life of a job: taken, begun, ended, stopped, resumed; what each end of a process means."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest

from pipeline.jobs.errors import UnknownJobError, WrongStateError
from pipeline.jobs.model import Overrides
from pipeline.jobs.supervision import attempt
from pipeline.jobs.supervision.spawned import Spawned, spawn
from tests.unit.jobs.stage import define, over, staged, submitted, until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


async def test_a_job_is_told_what_to_load_and_ends_with_its_report(tmp_path: Path) -> None:
    """A process is told definition, run and overrides on stdin; its exit code and report count."""
    async with staged(tmp_path) as stage, stage.open() as service:
        job, _ = await service.submit("users", Overrides(limit=7, rate=2.5, dry_run=True))
        assert (job.state, job.queue_position, job.run) == ("queued", 1, None)
        puppet = await stage.puppet()
        running = await service.job(job.id)
        assert puppet.told == {
            "config": str(stage.folder / "users.yaml"),
            "runs": str(stage.runs),
            "run": running.run,
            "engine": None,
            "limit": 7,
            "rate": 2.5,
            "dry_run": True,
            "source": None,
        }
        assert (running.state, running.attempts) == ("running", 1)
        assert await service.report(job.id) is None
        puppet.ends(1, {"status": "completed_with_errors", "total": 7})
        ended = await over(service, job.id)
        assert (ended.state, ended.exit_code) == ("completed_with_errors", 1)
        assert (ended.resumable, ended.queue_position) == (False, None)
        assert await service.report(job.id) == {"status": "completed_with_errors", "total": 7}
        assert ended.created_at <= (ended.started_at or 0) <= (ended.ended_at or 0)


async def test_what_ends_before_it_begins_says_why(tmp_path: Path) -> None:
    """What a refused process says is the job's message, without paths of the machine or secrets."""
    async with staged(tmp_path) as stage, stage.open() as service:
        job = await submitted(service)
        said = f"{stage.runs}/users/x is full; password=hunter2 \x1b[1m"
        (await stage.puppet()).ends(2, say=said)
        ended = await over(service, job.id)
        assert (ended.state, ended.resumable) == ("failed", True)
        assert ended.message == "users/x is full; password=… \\x1b[1m"


async def test_what_a_report_says_is_told_like_anything_else(tmp_path: Path) -> None:
    """Its words become the job's message, without paths of the machine or the command line's."""
    async with staged(tmp_path) as stage, stage.open() as service:
        job = await submitted(service)
        said = f"'{stage.folder}/users.csv' is another; put it back, or start over with --fresh"
        (await stage.puppet()).ends(3, {"status": "failed", "resumable": False, "message": said})
        message = (await over(service, job.id)).message
        assert message == "'users.csv' is another; put it back, or start another job"


async def test_much_that_is_said_costs_nothing(tmp_path: Path) -> None:
    """A process that floods stderr is neither held up nor kept: 4 KB of it are."""
    async with staged(tmp_path) as stage, stage.open() as service:
        job = await submitted(service)
        puppet = await stage.puppet()
        puppet.does(say="x" * 1_000_000)
        puppet.ends(2)
        message = (await over(service, job.id)).message
        assert message == "x" * 4_096


async def test_a_process_that_cannot_be_started_fails_its_job_alone(tmp_path: Path) -> None:
    """The job says so and can be resumed; the service goes on."""
    async with staged(tmp_path) as stage:
        async with stage.open(child=(str(tmp_path / "nothing"),)) as service:
            ended = await over(service, (await submitted(service)).id)
            assert (ended.state, ended.resumable) == ("failed", True)
            assert ended.message == "its process cannot be started: No such file or directory"
            assert ended.exit_code is None
        async with stage.open() as service:
            await service.resume(ended.id)
            (await stage.puppet()).ends(0)
            assert (await over(service, ended.id)).attempts == 2


async def test_a_stop_is_soft_and_can_be_resumed_under_the_same_run(tmp_path: Path) -> None:
    """SIGTERM, then the process's own end; a resume goes on with the very run."""
    async with staged(tmp_path) as stage, stage.open() as service:
        job = await submitted(service)
        first = await stage.puppet()
        assert (await service.stop(job.id)).state == "stopping"
        assert (await service.stop(job.id)).state == "stopping"
        assert await first.hears() == "term"
        first.ends(143, {"status": "stopped", "resumable": True, "message": "stopped by sigterm"})
        stopped = await over(service, job.id)
        assert (stopped.state, stopped.resumable, stopped.exit_code) == ("stopped", True, 143)
        with pytest.raises(WrongStateError):
            await service.stop(job.id)
        again = await service.resume(job.id)
        assert again.state in {"queued", "running"}
        assert (again.message, again.ended_at) == (None, None)
        second = await stage.puppet()
        assert second.told["run"] == first.told["run"]
        with pytest.raises(WrongStateError):
            await service.resume(job.id)
        second.ends(0, {"status": "succeeded"})
        done = await over(service, job.id)
        assert (done.state, done.attempts, done.run) == ("succeeded", 2, first.told["run"])
        assert done.started_at == stopped.started_at
        with pytest.raises(WrongStateError):
            await service.resume(job.id)


async def test_a_process_that_does_not_end_is_killed(tmp_path: Path) -> None:
    """After its grace it is killed; the job was stopped, and goes on from its last checkpoint."""
    async with staged(tmp_path) as stage, stage.open(grace=0.05) as service:
        job = await submitted(service)
        puppet = await stage.puppet()
        await service.stop(job.id)
        assert await puppet.hears() == "term"
        ended = await over(service, job.id)
        assert (ended.state, ended.resumable) == ("stopped", True)
        assert ended.exit_code == -signal.SIGKILL


@pytest.mark.parametrize(("wish", "state"), [("stop", "stopped"), ("close", "interrupted")])
async def test_a_wish_that_comes_while_a_process_is_started_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wish: str, state: str
) -> None:
    """The job runs already, its process does not yet: it is asked as soon as it is there."""
    async with staged(tmp_path) as stage, stage.open() as service:

        async def late(_: Sequence[str], line: bytes) -> Spawned:
            if wish == "stop":
                assert (await service.stop(job.id)).state == "stopping"
            else:
                service.close()
            return await spawn(("/bin/sleep", "60"), line)

        monkeypatch.setattr(attempt, "spawn", late)
        job = await submitted(service)
        ended = await over(service, job.id)
        assert (ended.state, ended.resumable, ended.exit_code) == (state, True, -signal.SIGTERM)


@pytest.mark.parametrize("stopped_first", [True, False])
async def test_a_job_that_is_stopped_while_the_server_closes_is_stopped(
    tmp_path: Path, *, stopped_first: bool
) -> None:
    """Whichever comes first: it is not gone on with by itself."""
    async with staged(tmp_path) as stage:
        async with stage.open() as service:
            job = await submitted(service)
            puppet = await stage.puppet()
            if stopped_first:
                await service.stop(job.id)
            service.close()
            if not stopped_first:
                assert (await service.stop(job.id)).state == "stopping"
            puppet.ends(143, {"status": "stopped", "resumable": True})
        async with stage.open(auto_resume=True) as service:
            assert (await service.job(job.id)).state == "stopped"


async def test_a_process_that_is_killed_by_others_is_interrupted(tmp_path: Path) -> None:
    """Nobody asked it to end: the job was interrupted, can be resumed, and says so."""
    async with staged(tmp_path) as stage, stage.open() as service:
        job = await submitted(service)
        (await stage.puppet()).does(signal=signal.SIGKILL)
        ended = await over(service, job.id)
        assert (ended.state, ended.resumable, ended.exit_code) == ("interrupted", True, -9)
        assert "SIGKILL" in str(ended.message)
        await service.resume(job.id)
        (await stage.puppet()).ends(0)
        assert (await over(service, job.id)).state == "succeeded"


async def test_what_was_killed_is_resumed_by_itself_but_not_for_ever(tmp_path: Path) -> None:
    """With auto_resume a killed process is started again, three times in a row at most."""
    async with staged(tmp_path) as stage, stage.open(auto_resume=True) as service:
        job = await submitted(service)
        runs = set()
        for _ in range(4):
            puppet = await stage.puppet()
            runs.add(puppet.told["run"])
            puppet.does(signal=signal.SIGKILL)
        version = 0
        while "job.given_up" not in stage.notes.events:
            version = await service.wait_change(version, 0.05)
        ended = await service.job(job.id)
        assert (ended.state, ended.attempts, len(runs)) == ("interrupted", 4, 1)
        assert stage.nobody_came


async def test_a_job_that_waits_is_stopped_at_once(tmp_path: Path) -> None:
    """It never begins, leaves its place, and can be resumed behind the others."""
    async with staged(tmp_path) as stage, stage.open(most_running=1) as service:
        first, second, third = [await submitted(service) for _ in range(3)]
        puppet = await stage.puppet()
        stopped = await service.stop(second.id)
        assert (stopped.state, stopped.resumable, stopped.run) == ("stopped", True, None)
        assert (await service.job(third.id)).queue_position == 1
        assert (await service.resume(second.id)).queue_position == 2
        puppet.ends(0)
        await over(service, first.id)
        last = await stage.puppet()
        assert (await service.job(third.id)).run == last.told["run"]
        last.ends(0)
        (await stage.puppet()).ends(0)
        assert (await over(service, second.id)).state == "succeeded"


async def test_two_who_resume_at_once_resume_once(tmp_path: Path) -> None:
    """Of many that resume the same job one is told that it did, the rest that it was done."""
    async with staged(tmp_path) as stage, stage.open() as service:
        job = await submitted(service)
        (await stage.puppet()).ends(3, {"status": "failed", "resumable": True, "message": "out"})
        failed = await over(service, job.id)
        assert (failed.state, failed.message, failed.resumable) == ("failed", "out", True)
        await service.jobs()  # so that it is known from the disk alone
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_tried(service.resume(job.id))) for _ in range(5)]
        assert sorted(task.result() for task in tasks) == ["refused"] * 4 + ["resumed"]
        (await stage.puppet()).ends(0)
        assert (await over(service, job.id)).attempts == 2
        assert stage.nobody_came


async def _tried(resuming: object) -> str:
    try:
        await resuming  # type: ignore[misc]  # a coroutine
    except WrongStateError:
        return "refused"
    return "resumed"


async def test_a_dry_run_is_resumed_from_its_beginning(tmp_path: Path) -> None:
    """It keeps no checkpoint, so that it begins anew, in a run of its own."""
    async with staged(tmp_path) as stage, stage.open() as service:
        job, _ = await service.submit("users", Overrides(dry_run=True))
        first = await stage.puppet()
        first.does(signal=signal.SIGKILL)
        await over(service, job.id)
        await service.resume(job.id)
        second = await stage.puppet()
        assert second.told["run"] != first.told["run"]
        second.ends(0)
        await over(service, job.id)


async def test_a_definition_that_broke_while_its_job_waited_fails_the_job(tmp_path: Path) -> None:
    """It says what is wrong; mended, the job is resumed."""
    async with staged(tmp_path, "a", "b") as stage, stage.open(most_running=1) as service:
        await submitted(service, "a")
        waiting = await submitted(service, "b")
        puppet = await stage.puppet()
        (stage.folder / "b.yaml").write_text("name: b\nsource: 7\n")
        puppet.ends(0)
        failed = await over(service, waiting.id)
        assert (failed.state, failed.resumable, failed.run) == ("failed", True, None)
        assert "b.yaml:2" in str(failed.message)
        define(stage.folder, "b")
        await service.resume(waiting.id)
        (await stage.puppet()).ends(0)
        assert (await over(service, waiting.id)).state == "succeeded"


async def test_an_unknown_job_is_unknown_everywhere(tmp_path: Path) -> None:
    """Whatever is asked about it."""
    async with staged(tmp_path) as stage, stage.open() as service:
        for asked in (
            service.job("x"),
            service.stop("x"),
            service.resume("x"),
            service.live("x"),
            service.report("x"),
            service.samples("x", -1, 1),
            service.errors("x", after=0, limit=1),
            service.log("x", after=0, limit=1),
        ):
            with pytest.raises(UnknownJobError):
                await asked


async def test_an_error_of_ours_costs_one_job(tmp_path: Path) -> None:
    """A bug while a job runs fails that job, and is logged; the others go on."""
    async with staged(tmp_path) as stage, stage.open(child=("\0",)) as service:
        ended = await over(service, (await submitted(service)).id)
        assert (ended.state, ended.resumable) == ("failed", True)
        assert "job.error" in stage.notes.events
        assert service.ready
        assert (await until(service, ended.id, "failed")).message is not None
