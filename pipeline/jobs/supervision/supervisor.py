"""The supervisor: jobs begin in their turn, a bounded number at once, and are asked to end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pipeline.jobs.errors import JobsError, WrongStateError
from pipeline.jobs.supervision.attempt import Attempt, WaitError
from pipeline.jobs.supervision.recovery import queued_again
from pipeline.jobs.supervision.schedule import Patience, startable
from pipeline.jobs.supervision.verdict import REFUSED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.jobs.model import Job
    from pipeline.jobs.supervision.desk import Desk

__all__ = ["Supervisor"]

_LOOK_AGAIN: Final = 1.0
"""Seconds after which a pipeline is looked at again that could not begin."""

_TYPICAL_S, _LONGEST_S = 10.0, 600.0
"""Seconds that a job takes, before any has ended; the longest that anybody is asked to wait."""


class Supervisor:
    """Begin, stop and close jobs; `run` works until it was closed and everything has ended."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._attempts: dict[str, Attempt] = {}
        self._held: dict[str, float] = {}
        self._patience = Patience()
        self._wake = asyncio.Event()
        self._closing = False
        self._typical_s = _TYPICAL_S

    @property
    def retry_after_s(self) -> float:
        """How many seconds it may take until a job that waits has begun, by those that ended."""
        return min(max(self._typical_s / self._desk.settings.most_running, 1.0), _LONGEST_S)

    async def run(self) -> None:
        """Begin whatever may begin, until `close`; return once all that ran has ended."""
        async with asyncio.TaskGroup() as group:
            while not self._closing:
                self._wake.clear()
                for job in self._next():
                    attempt = self._attempts[job.id] = Attempt(self._desk, job)
                    group.create_task(self._guarded(attempt))
                await self._awake()

    async def _awake(self) -> None:
        """Return when there is something to look at."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_AGAIN if self._held else None):
                await self._wake.wait()

    def _next(self) -> list[Job]:
        now = asyncio.get_running_loop().time()
        self._held = {name: until for name, until in self._held.items() if until > now}
        return self._startable(self._desk.roster.waiting(), self._attempts.values())

    def _startable(self, waiting: Iterable[Job], attempts: Iterable[Attempt]) -> list[Job]:
        idle = [job for job in waiting if job.id not in self._attempts]
        running = [attempt.pipeline for attempt in attempts]
        return startable(idle, running, self._held, self._desk.settings.most_running)

    def beginning(self, job: Job) -> int:
        """Return how many of the jobs that wait, and *job* with them, wait for no other."""
        roster = self._desk.roster
        waiting = roster.waiting()
        begun = sum(one.id in self._attempts for one in waiting)
        # An attempt tidies up for a moment after its job is seen to be over.
        alive = [one for one in self._attempts.values() if roster.present(one.id) is not None]
        return begun + len(self._startable([*waiting, job], alive))

    def wake(self) -> None:
        """Look whether another job may begin."""
        self._wake.set()

    def close(self) -> None:
        """Begin nothing more, and ask what runs to end."""
        self._closing = True
        for attempt in self._attempts.values():
            attempt.ask("close")
        self._desk.engine.give_up()
        self._wake.set()

    async def stop(self, job: Job) -> None:
        """Ask a job that is not over to end. Raise `WrongStateError` if it is."""
        attempt, roster = self._attempts.get(job.id), self._desk.roster
        self._patience.forget(job.id)
        if job.state == "queued":
            self._held.pop(job.pipeline, None)
            gone = replace(job, state="stopped", ended_at=time.time(), resumable=True)
            await roster.change(replace(gone, message="stopped before its turn came"))
            self.wake()
        elif job.state == "running" and attempt is not None:
            attempt.ask("stop")
            await roster.change(replace(job, state="stopping"))
        elif job.state == "interrupted":
            told = "stopped while it was interrupted; resume goes on with it"
            await roster.change(replace(job, state="stopped", message=told))
        elif job.state != "stopping":
            raise WrongStateError(f"the job is over: it is {job.state.replace('_', ' ')}")

    async def _guarded(self, attempt: Attempt) -> None:
        """Go through with one attempt; what comes after it begins when all is decided."""
        clock = asyncio.get_running_loop()
        begun = clock.time()
        try:
            over = await self._gone_through(attempt)
            if over is not None:
                self._typical_s += (clock.time() - begun - self._typical_s) / 4
                await self._go_on_with(over)
        except (
            JobsError
        ) as error:  # it stays interrupted: somebody was quicker, or the disk is full
            self._desk.log.warning("jobs.trouble", job=attempt.id, reason=str(error))
        except Exception as error:
            self._desk.log.error("job.error", job=attempt.id, exc_info=error)  # noqa: TRY400 - as in office
        finally:
            attempt.clear()
            del self._attempts[attempt.id]
            self._wake.set()

    async def _gone_through(self, attempt: Attempt) -> Job | None:
        """Return the job as `Attempt.go` does; an error of ours costs this job, not the others."""
        try:
            return await attempt.go()
        except WaitError as wait:
            await self._hold(attempt, str(wait))
        except Exception as error:
            self._desk.log.error("job.error", job=attempt.id, exc_info=error)  # noqa: TRY400 - as in office
            await self._give_up(attempt)
        return None

    async def _give_up(self, attempt: Attempt) -> None:
        """Let a job have failed; where even that fails, the others go on."""
        try:
            await attempt.fail("the server failed to run it; its log tells more")
        except Exception as error:
            self._desk.log.error("job.error", job=attempt.id, exc_info=error)  # noqa: TRY400 - as in office

    async def _hold(self, attempt: Attempt, why: str) -> None:
        """Let a job wait a moment longer, and its pipeline with it."""
        self._held[attempt.pipeline] = asyncio.get_running_loop().time() + _LOOK_AGAIN
        job = self._desk.roster.present(attempt.id)
        if job is not None and job.state == "queued" and job.message != why:
            await self._desk.roster.change(replace(job, message=why))
        elif job is not None and job.state == "stopping":  # while its beginning could not be kept
            gone = replace(job, state="stopped", ended_at=time.time(), resumable=True)
            await self._desk.roster.change(replace(gone, message="stopped before it began"))

    async def _go_on_with(self, job: Job) -> None:
        """Resume a job by itself that was interrupted, but after crashes not for ever."""
        if job.state != "interrupted" or self._closing or not self._desk.settings.auto_resume:
            self._patience.forget(job.id)
            return
        again = queued_again(job)
        if job.exit_code == REFUSED:
            pause = self._patience.unanswered(job.id)
            self._held[job.pipeline] = asyncio.get_running_loop().time() + pause
            again = replace(again, message=f"tried again after {pause:.0f} s: {job.message}")
        elif (crashes := self._patience.crashed(job.id)) is not None:
            self._patience.forget(job.id)
            self._desk.log.warning("job.given_up", job=job.id, crashes=crashes)
            return
        await self._desk.roster.require(job, again)
