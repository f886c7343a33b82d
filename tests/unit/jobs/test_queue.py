"""The queue: a bounded number at once, one of a pipeline at a time, in order, and not too many."""

from __future__ import annotations

import asyncio
import fcntl
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.jobs.errors import QueueFullError
from pipeline.jobs.model import Job, Overrides
from pipeline.jobs.supervision.schedule import startable
from tests.unit.jobs.stage import over, staged, submitted

if TYPE_CHECKING:
    from pathlib import Path

PIPELINES = st.sampled_from("abcd")


@given(
    st.lists(PIPELINES, max_size=12),
    st.lists(PIPELINES, max_size=4, unique=True),
    st.sets(PIPELINES),
    st.integers(1, 5),
)
def test_the_schedule_keeps_its_rules(
    waiting: list[str], running: list[str], held: set[str], most: int
) -> None:
    """Never more than so many, one a pipeline, none that is held; what could begin does."""
    jobs = [Job(str(number), name, "queued", 0.0) for number, name in enumerate(waiting)]
    chosen = startable(jobs, running, held, most)
    names = [job.pipeline for job in chosen]
    assert len(running) + len(chosen) <= max(most, len(running))
    assert len(set(names)) == len(names)
    assert not set(names) & (set(running) | held)
    assert [int(job.id) for job in chosen] == sorted(int(job.id) for job in chosen)
    for job in chosen:  # the first of its pipeline: their order stays
        assert job.id == next(one.id for one in jobs if one.pipeline == job.pipeline)
    able = dict.fromkeys(name for name in waiting if name not in held and name not in running)
    assert names == list(able)[: max(0, most - len(running))]


async def test_a_bounded_number_runs_and_a_pipeline_never_twice(tmp_path: Path) -> None:
    """Two at once; the second of a pipeline waits for the first, others pass it by."""
    async with staged(tmp_path, "a", "b", "c") as stage, stage.open() as service:
        jobs = [await submitted(service, name) for name in ("a", "a", "b", "c")]
        one, two = await stage.puppet(), await stage.puppet()
        first, second = sorted((one, two), key=lambda puppet: str(puppet.told["config"]))
        assert [puppet.told["config"][-6] for puppet in (first, second)] == ["a", "b"]
        positions = [(await service.job(job.id)).queue_position for job in jobs]
        assert positions == [None, 1, None, 2]
        listed = {one.name: one for one in service.pipelines()}
        assert listed["a"].active_jobs == (jobs[0].id, jobs[1].id)
        assert listed["a"].last_job is not None
        assert listed["a"].last_job.queue_position == 1
        second.ends(0)
        third = await stage.puppet()
        assert third.told["config"].endswith("c.yaml")
        first.ends(0)
        fourth = await stage.puppet()
        assert fourth.told["config"].endswith("a.yaml")
        third.ends(0)
        fourth.ends(0)
        assert [(await over(service, job.id)).state for job in jobs] == ["succeeded"] * 4
        assert service.counts()["succeeded"] == 4
        assert sum(service.counts().values()) == 4


async def test_a_full_queue_takes_nothing_more_and_says_for_how_long(tmp_path: Path) -> None:
    """Neither a new job nor a resumed one; what was refused leaves nothing behind."""
    async with staged(tmp_path) as stage, stage.open(most_queued=2) as service:
        running = await submitted(service)
        puppet = await stage.puppet()
        waiting = [await submitted(service) for _ in range(2)]
        for refused in (service.submit("users", Overrides()), service.submit("users", Overrides())):
            with pytest.raises(QueueFullError) as full:
                await refused
            assert 1 <= full.value.retry_after_s <= 600
        await service.stop(waiting[0].id)
        await submitted(service)
        with pytest.raises(QueueFullError):
            await service.resume(waiting[0].id)
        assert (await service.job(waiting[0].id)).state == "stopped"
        assert service.counts()["queued"] == 2
        assert len((await service.jobs())[0]) == 4
        puppet.ends(0)
        await over(service, running.id)


@pytest.mark.parametrize("most_queued", [0, 1])
async def test_what_begins_at_once_takes_no_place_in_the_queue(
    tmp_path: Path, most_queued: int
) -> None:
    """As many jobs are taken in a moment as may run and wait, also if none may wait."""
    async with (
        staged(tmp_path, "a", "b", "c", "d") as stage,
        stage.open(most_running=2, most_queued=most_queued) as service,
    ):
        taken = [await submitted(service, name) for name in "abcd"[: 2 + most_queued]]
        with pytest.raises(QueueFullError):
            await submitted(service, "d")
        puppets = [await stage.puppet() for _ in range(2)]
        with pytest.raises(QueueFullError):
            await submitted(service, "d")
        await service.stop(taken[0].id)
        for puppet in puppets:
            if puppet.told["config"].endswith("a.yaml"):
                puppet.ends(143)
        await over(service, taken[0].id)
        await submitted(service, "d")


async def test_a_hundred_at_once_are_taken_up_to_the_limit(tmp_path: Path) -> None:
    """However many ask at the same moment, as many wait as may, each in a place of its own."""
    async with staged(tmp_path) as stage, stage.open(most_queued=30) as service:
        await submitted(service)
        await stage.puppet()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_taken(service.submit("users", Overrides()))) for _ in range(100)
            ]
        taken = [task.result() for task in tasks if task.result() is not None]
        assert len(taken) == 30
        positions = [(await service.job(str(one))).queue_position for one in taken]
        assert sorted(position or 0 for position in positions) == list(range(1, 31))


async def _taken(submitting: object) -> str | None:
    try:
        job, _ = await submitting  # type: ignore[misc]  # a coroutine
    except QueueFullError:
        return None
    return str(job.id)


async def test_a_run_from_elsewhere_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While somebody else holds the job's lock its jobs wait and say so; other pipelines go on."""
    monkeypatch.setattr("pipeline.jobs.supervision.supervisor._LOOK_AGAIN", 0.05)
    async with staged(tmp_path, "a", "b") as stage:
        lock = stage.runs / "a" / ".lock"
        lock.parent.mkdir(parents=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        async with stage.open() as service:
            held, free = await submitted(service, "a"), await submitted(service, "b")
            (await stage.puppet()).ends(0)
            assert (await over(service, free.id)).state == "succeeded"
            version = 0
            while not (job := await service.job(held.id)).message:
                version = await service.wait_change(version, 0.05)
            assert (job.state, job.queue_position) == ("queued", 1)
            assert job.message == "waits for a run of this pipeline that was not started here"
            os.close(descriptor)
            (await stage.puppet()).ends(0)
            ended = await over(service, held.id)
            assert (ended.state, ended.message) == ("succeeded", None)


async def test_a_lock_that_was_taken_in_the_meantime_can_be_waited_out(tmp_path: Path) -> None:
    """A process that finds its lock held after all fails, and can be resumed."""
    async with staged(tmp_path) as stage, stage.open() as service:
        job = await submitted(service)
        (await stage.puppet()).ends(2, say="job 'users' is already running: run x holds it")
        ended = await over(service, job.id)
        assert (ended.state, ended.resumable) == ("failed", True)


async def test_a_stop_while_a_run_from_elsewhere_is_waited_for(tmp_path: Path) -> None:
    """The job is stopped, and stays so when the lock is free."""
    async with staged(tmp_path) as stage:
        lock = stage.runs / "users" / ".lock"
        lock.parent.mkdir(parents=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        async with stage.open() as service:
            job = await submitted(service)
            assert (await service.stop(job.id)).state == "stopped"
            os.close(descriptor)
            other = await submitted(service)
            (await stage.puppet()).ends(0)
            await over(service, other.id)
            assert (await service.job(job.id)).state == "stopped"
            assert stage.nobody_came
