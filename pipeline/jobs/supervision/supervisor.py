"""The supervisor: jobs begin in their turn, run in processes of their own, and come to an end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import orjson

from pipeline.jobs.errors import JobsError, StoreError, WrongStateError
from pipeline.jobs.following.runs import read_report, run_folder
from pipeline.jobs.supervision.attempt import Attempt
from pipeline.jobs.supervision.engine import EngineError
from pipeline.jobs.supervision.locks import is_locked
from pipeline.jobs.supervision.schedule import startable
from pipeline.jobs.supervision.spawned import spawn
from pipeline.jobs.supervision.verdict import Ended, concluded
from pipeline.jobs.texts import shown
from pipeline.state.rundir import new_run_id

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.jobs.catalogue.catalogue import Catalogue
    from pipeline.jobs.model import Job, Settings
    from pipeline.jobs.spool import Spool
    from pipeline.jobs.store.roster import Roster
    from pipeline.jobs.supervision.engine import Engine
    from pipeline.jobs.supervision.spawned import Spawned
    from pipeline.observe.logs import Log

__all__ = ["Supervisor"]

_LOOK_AGAIN: Final = 1.0
"""Seconds after which a pipeline is looked at again that could not begin."""

_TYPICAL_S, _LONGEST_S = 10.0, 600.0
"""Seconds that a job takes, before any has ended; the longest that anybody is asked to wait."""

_ELSEWHERE: Final = "waits for a run of this pipeline that was not started here"
_TROUBLE: Final = "waits for the disk, which does not take what becomes of it"


class Supervisor:
    """Begin, stop and close jobs; `run` works until it was closed and everything has ended."""

    def __init__(
        self,
        settings: Settings,
        roster: Roster,
        catalogue: Catalogue,
        spool: Spool,
        engine: Engine,
        log: Log,
    ) -> None:
        self._settings = settings
        self._roster = roster
        self._catalogue = catalogue
        self._spool = spool
        self._engine = engine
        self._log = log
        self._attempts: dict[str, Attempt] = {}
        self._held: dict[str, float] = {}
        self._wake = asyncio.Event()
        self._closing = False
        self._typical_s = _TYPICAL_S

    @property
    def retry_after_s(self) -> float:
        """How many seconds it may take until a job that waits has begun, by those that ended."""
        return min(max(self._typical_s / self._settings.most_running, 1.0), _LONGEST_S)

    async def run(self) -> None:
        """Begin whatever may begin, until `close`; return once all that ran has ended."""
        async with asyncio.TaskGroup() as group:
            while not self._closing:
                self._wake.clear()
                for job in self._next():
                    attempt = self._attempts[job.id] = Attempt(job)
                    group.create_task(self._guarded(attempt))
                await self._awake()

    async def _awake(self) -> None:
        """Return when there is something to look at."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_AGAIN if self._held else None):
                await self._wake.wait()

    def wake(self) -> None:
        """Look whether another job may begin."""
        self._wake.set()

    def close(self) -> None:
        """Begin nothing more, and ask what runs to end."""
        self._closing = True
        for attempt in self._attempts.values():
            attempt.ask("close", self._settings.grace)
        self._wake.set()

    def _next(self) -> list[Job]:
        now = asyncio.get_running_loop().time()
        self._held = {name: until for name, until in self._held.items() if until > now}
        waiting = [job for job in self._roster.waiting() if job.id not in self._attempts]
        running = [attempt.pipeline for attempt in self._attempts.values()]
        return startable(waiting, running, self._held, self._settings.most_running)

    async def stop(self, job: Job) -> None:
        """Ask a job that is not over to end. Raise `WrongStateError` if it is."""
        attempt = self._attempts.get(job.id)
        if job.state == "queued":
            gone = replace(job, state="stopped", ended_at=time.time(), resumable=True)
            await self._roster.change(replace(gone, message="stopped before its turn came"))
        elif job.state == "stopping":
            return
        elif job.state == "running" and attempt is not None:
            attempt.ask("stop", self._settings.grace)
            await self._roster.change(replace(job, state="stopping"))
        else:
            raise WrongStateError(f"the job is over: it is {job.state.replace('_', ' ')}")

    async def _guarded(self, attempt: Attempt) -> None:
        """Go through with one attempt; an error of ours costs this job, not the others."""
        try:
            await self._attempted(attempt)
        except Exception as error:  # noqa: BLE001 - the others go on
            self._log.error("job.error", job=attempt.id, exc_info=error)
            await self._fail(attempt, "the server failed to run it; its log tells more")
        finally:
            if attempt.spawned is not None:
                attempt.spawned.kill()  # harmless, unless we were cancelled
            attempt.over()
            del self._attempts[attempt.id]
            self._wake.set()

    async def _attempted(self, attempt: Attempt) -> None:
        try:
            config, url = await self._prepared(attempt)
        except JobsError as error:
            return await self._fail(attempt, str(error))
        except EngineError as error:
            return await self._fail(attempt, f"the embedded engine is not there: {error}")
        begun = None if config is None else await self._begun(attempt)
        if begun is None or config is None:
            return None
        try:
            attempt.spawned = await spawn(self._settings.child, self._line(begun, config, url))
        except OSError as error:
            why = f"its process cannot be started: {error.strerror}"
            return await self._fail(attempt, why)
        self._log.info("job.started", job=begun.id, pipeline=begun.pipeline, run=begun.run)
        if attempt.asked is not None:
            attempt.ask(attempt.asked, self._settings.grace)
        return await self._conclude(attempt, attempt.spawned)

    async def _prepared(self, attempt: Attempt) -> tuple[Path | None, str | None]:
        """Return the definition and the engine that a job needs; None if it has to wait."""
        job = self._roster.present(attempt.id)
        if job is None:
            return None, None
        runs = self._settings.runs
        if not job.overrides.dry_run and await asyncio.to_thread(is_locked, runs, job.pipeline):
            await self._hold(attempt, _ELSEWHERE)
            return None, None
        entry = await self._catalogue.current(job.pipeline)
        return entry.path, await self._engine.url() if entry.endpoint == "embedded" else None

    async def _hold(self, attempt: Attempt, why: str) -> None:
        """Let a job wait a moment longer, and its pipeline with it."""
        self._held[attempt.pipeline] = asyncio.get_running_loop().time() + _LOOK_AGAIN
        job = self._roster.present(attempt.id)
        if job is not None and job.state == "queued" and job.message != why:
            await self._roster.change(replace(job, message=why))

    async def _begun(self, attempt: Attempt) -> Job | None:
        """Let the job be running, on the disk; None if it was stopped or has to wait."""
        job = self._roster.present(attempt.id)
        if job is None or job.state != "queued" or attempt.asked is not None:
            return None
        begun = replace(
            job,
            state="running",
            started_at=job.started_at or time.time(),
            ended_at=None,
            run=job.run or new_run_id(),
            attempts=job.attempts + 1,
            exit_code=None,
            message=None,
            resumable=False,
        )
        try:
            await self._roster.require(job, begun)
        except StoreError:
            await self._hold(attempt, _TROUBLE)
            return None
        return begun

    def _line(self, job: Job, config: Path, url: str | None) -> bytes:
        """Return what the job's process is told."""
        upload = job.upload
        source = None
        if upload is not None:
            source = {
                "path": str(upload.path),
                "format": upload.format,
                "compression": upload.compression,
            }
        spec = {
            "config": str(config),
            "runs": str(self._settings.runs),
            "run": job.run,
            "engine": url,
            "limit": job.overrides.limit,
            "rate": job.overrides.rate,
            "dry_run": job.overrides.dry_run,
            "source": source,
        }
        return orjson.dumps(spec) + b"\n"

    async def _fail(self, attempt: Attempt, why: str) -> None:
        job = self._roster.present(attempt.id)
        if job is not None:
            failed = replace(job, state="failed", ended_at=time.time(), message=why)
            await self._roster.change(replace(failed, resumable=True))
            self._log.warning("job.ended", job=job.id, pipeline=job.pipeline, state="failed")

    async def _conclude(self, attempt: Attempt, spawned: Spawned) -> None:
        """Wait for the end of a job's process, and say what it means."""
        code = await spawned.wait()
        settings, job = self._settings, self._roster.present(attempt.id)
        if job is None:
            return
        report = await asyncio.to_thread(read_report, run_folder(settings.runs, job))
        said = shown(spawned.said(), [settings.runs, settings.folder])
        ended = Ended(code, said, report, attempt.asked, attempt.killed)
        # It may have been asked to stop while its report was read.
        over = concluded(self._roster.present(attempt.id) or job, ended, time.time())
        await self._roster.change(over)
        state = over.state
        self._typical_s += (attempt.age() - self._typical_s) / 4
        self._log.info("job.ended", job=job.id, pipeline=job.pipeline, state=state, exit_code=code)
        await self.release(over)

    async def release(self, job: Job) -> None:
        """Remove the upload of a job that has no use for it any more."""
        if job.upload is not None and not job.resumable and job.state != "queued":
            await self._spool.remove(job.upload)
