"""What jobs are that a server before this one left running."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.jobs.errors import WrongStateError
from pipeline.jobs.following.runs import read_report, run_folder
from pipeline.jobs.model import ACTIVE
from pipeline.jobs.supervision.verdict import finished_by

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.jobs.model import Job
    from pipeline.jobs.store.roster import Roster

__all__ = ["queued_again", "recover", "require_resumable"]


async def recover(roster: Roster, runs: Path, *, resume: bool) -> list[Job]:
    """
    Let every job that was running be interrupted, or finished where its report says so.

    One that was asked to stop is stopped, and not gone on with by itself.

    With *resume* interrupted ones, of whichever server, wait again, each in its old place. Return
    what is over. Raise `StoreError`: a service does not begin with what it cannot keep.
    """
    found = []
    for job in roster.running():
        report = await asyncio.to_thread(read_report, run_folder(runs, job))
        over = replace(job, ended_at=time.time())
        now = finished_by(over, report) or _left(over)
        await roster.require(job, now)
        found.append(now)
    if not resume:
        return found
    for job in await roster.interrupted():
        await roster.require(job, queued_again(job))
    return [job for job in found if job.state != "interrupted"]


def _left(job: Job) -> Job:
    """Return a job whose server ended: interrupted, or stopped if somebody had asked for that."""
    if job.state == "stopping":
        message = "the server ended while it was being stopped; resume goes on with it"
        return replace(job, state="stopped", resumable=True, message=message)
    message = "the server ended while it ran; resume goes on with it"
    return replace(job, state="interrupted", resumable=True, message=message)


def queued_again(job: Job) -> Job:
    """
    Return *job*, which is over, as it waits to be gone on with.

    A dry run keeps nothing to go on from: it begins anew, in a folder of its own.
    """
    run = None if job.overrides.dry_run else job.run
    return replace(
        job, state="queued", run=run, ended_at=None, exit_code=None, message=None, resumable=False
    )


def require_resumable(job: Job) -> Job:
    """Return *job* if it can be gone on with. Raise `WrongStateError`."""
    state = job.state.replace("_", " ")
    if job.state in ACTIVE:
        raise WrongStateError(f"the job is {state}: there is nothing to resume")
    if not job.resumable:
        raise WrongStateError(
            f"the job is over ({state}), with nothing to go on with; start another"
        )
    return job
