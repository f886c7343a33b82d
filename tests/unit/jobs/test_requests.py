"""What is asked of the service: definitions, idempotency keys, pages of jobs, changes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pipeline.jobs.errors import (
    BadCursorError,
    BadDefinitionError,
    KeyReusedError,
    UnknownPipelineError,
)
from pipeline.jobs.model import Overrides
from tests.blocking import no_blocking
from tests.unit.jobs.stage import define, over, staged, submitted

if TYPE_CHECKING:
    from pathlib import Path


async def test_the_same_request_under_a_key_is_the_same_job(tmp_path: Path) -> None:
    """Also when it is over, when its definition has broken, and at the same moment."""
    async with staged(tmp_path) as stage, stage.open() as service:
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(service.submit("users", Overrides(limit=1), idempotency_key="k"))
                for _ in range(10)
            ]
        jobs, created = zip(*[task.result() for task in asked], strict=True)
        assert len({job.id for job in jobs}) == 1
        assert sum(created) == 1
        (await stage.puppet()).ends(0)
        await over(service, jobs[0].id)
        (stage.folder / "users.yaml").write_text("nonsense")
        again, made = await service.submit("users", Overrides(limit=1), idempotency_key="k")
        assert (again.id, again.state, made) == (jobs[0].id, "succeeded", False)
        assert stage.nobody_came


@pytest.mark.parametrize("other", ["limit", "rate", "dry_run", "pipeline"])
async def test_another_request_under_a_key_is_refused(tmp_path: Path, other: str) -> None:
    """Whatever differs; and nothing is started."""
    async with staged(tmp_path, "users", "cities") as stage, stage.open() as service:
        await service.submit("users", Overrides(), idempotency_key="k")
        differs = {
            "limit": ("users", Overrides(limit=0)),
            "rate": ("users", Overrides(rate=1.0)),
            "dry_run": ("users", Overrides(dry_run=True)),
            "pipeline": ("cities", Overrides()),
        }
        with pytest.raises(KeyReusedError):
            await service.submit(*differs[other], idempotency_key="k")
        assert len((await service.jobs())[0]) == 1


async def test_a_key_holds_over_a_restart(tmp_path: Path) -> None:
    """The same job answers to it."""
    async with staged(tmp_path) as stage:
        async with stage.open() as service:
            job, _ = await service.submit("users", Overrides(), idempotency_key="k")
        async with stage.open() as service:
            again, created = await service.submit("users", Overrides(), idempotency_key="k")
            assert (again.id, created) == (job.id, False)


async def test_a_full_queue_still_answers_to_a_key(tmp_path: Path) -> None:
    """A lost answer is asked for again when there is no room for anything new."""
    async with staged(tmp_path) as stage, stage.open(most_queued=1) as service:
        await submitted(service)
        await stage.puppet()
        job, _ = await service.submit("users", Overrides(), idempotency_key="k")
        again, created = await service.submit("users", Overrides(), idempotency_key="k")
        assert (again.id, again.queue_position, created) == (job.id, 1, False)


async def test_what_is_no_pipeline_or_a_broken_one_is_refused(tmp_path: Path) -> None:
    """By the folder as it is at that moment."""
    async with staged(tmp_path) as stage, stage.open() as service:
        with pytest.raises(UnknownPipelineError):
            await service.submit("cities", Overrides())
        define(stage.folder, "cities")
        await submitted(service, "cities")
        (stage.folder / "users.yaml").write_text("name: users\nsource: {type: fil}\n")
        with pytest.raises(BadDefinitionError) as broken:
            await service.submit("users", Overrides())
        assert "users.yaml:2" in broken.value.problem
        assert str(tmp_path) not in broken.value.problem
        (stage.folder / "cities.yaml").unlink()
        with pytest.raises(UnknownPipelineError):
            await service.submit("cities", Overrides())
        for name in ("../configs/users", "users.yaml", "", "a\0b", "x" * 10_000):
            with pytest.raises(UnknownPipelineError):
                await service.submit(name, Overrides())


async def test_standard_input_is_served_with_an_upload_alone(tmp_path: Path) -> None:
    """A definition that reads stdin has nothing to read here unless records come along."""
    async with staged(tmp_path) as stage, stage.open() as service:
        path = stage.folder / "users.yaml"
        text = path.read_text().replace("type: generate, count: 10", "type: stdin, format: jsonl")
        path.write_text(text)
        with pytest.raises(BadDefinitionError, match="send the records"):
            await service.submit("users", Overrides())
        async with service.spool("jsonl", "none") as spool:
            await spool.write(b'{"a": 1}\n')
            await service.submit("users", Overrides(), upload=await spool.finish())
        assert (await stage.puppet()).told["source"]["format"] == "jsonl"


async def test_pages_of_jobs_hold_still_while_others_come(tmp_path: Path) -> None:
    """Newest first; the cursor goes on behind the last, whatever was added; filters count."""
    async with staged(tmp_path, "a", "b") as stage, stage.open(most_running=1) as service:
        ids = [(await submitted(service, name)).id for name in "ababababab"]
        page, cursor = await service.jobs(limit=4)
        assert [job.id for job in page] == ids[:-5:-1]
        await submitted(service, "a")
        rest = []
        while cursor is not None:
            page, cursor = await service.jobs(limit=4, before=cursor)
            rest += [job.id for job in page]
        assert rest == ids[-5::-1]
        of_b, cursor = await service.jobs(pipeline="b", limit=5)
        assert ([job.id for job in of_b], cursor) == (ids[::-2], None)
        await stage.puppet()
        running, _ = await service.jobs(state="running")
        assert [job.id for job in running] == [ids[0]]
        waiting, _ = await service.jobs(pipeline="b", state="queued", limit=2)
        assert [(job.id, job.queue_position) for job in waiting] == [(ids[9], 9), (ids[7], 7)]
        for nonsense in ("x", "-1", "1.5", "", "٣", "9" * 30, "1; DROP TABLE jobs"):
            with pytest.raises(BadCursorError):
                await service.jobs(before=nonsense)


async def test_a_change_wakes_whoever_waits_and_a_time_out_is_none(tmp_path: Path) -> None:
    """The version moves with every change of any job, and with nothing else."""
    async with staged(tmp_path) as stage, stage.open(most_running=1) as service:
        version = await service.wait_change(0, 10)
        assert await service.wait_change(version, 0.01) == version
        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(service.wait_change(version, 10)) for _ in range(3)]
            await submitted(service)
        assert {task.result() > version for task in waits} == {True}


async def test_nothing_blocks_the_event_loop(tmp_path: Path) -> None:
    """Files, folders, the database and processes are for threads."""
    async with staged(tmp_path) as stage, stage.open() as service:
        with no_blocking():
            job = await submitted(service)
            puppet = await stage.puppet()
            async with service.spool("jsonl", "none") as spool:
                await spool.write(b"x" * 600_000)
                upload = await spool.finish()
                other = await submitted(service, upload=upload)
            await service.live(job.id)
            await service.samples(job.id, -1, 10)
            await service.errors(job.id, after=0, limit=10)
            await service.log(job.id, after=0, limit=10)
            await service.jobs()
            define(stage.folder, "more")
            await submitted(service, "more")
            await service.stop(other.id)
            await service.resume(other.id)
            puppet.ends(0, {"status": "succeeded"})
            assert (await over(service, job.id)).state == "succeeded"
            assert await service.report(job.id) == {"status": "succeeded"}
