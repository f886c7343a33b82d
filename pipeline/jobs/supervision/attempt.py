"""An attempt: one job on its way, from its turn in the queue to the end of its process."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pipeline.jobs.errors import JobsError, StoreError
from pipeline.jobs.following.runs import read_report, run_folder
from pipeline.jobs.supervision.engine import EngineError
from pipeline.jobs.supervision.locks import is_locked
from pipeline.jobs.supervision.spawned import spawn
from pipeline.jobs.supervision.verdict import Ended, concluded
from pipeline.jobs.texts import shown, upload_name
from pipeline.state.rundir import new_run_id
from pipeline.state.unfinished import is_marked

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.jobs.model import Job
    from pipeline.jobs.supervision.desk import Desk
    from pipeline.jobs.supervision.spawned import Spawned
    from pipeline.jobs.supervision.verdict import Asked

__all__ = ["Attempt", "WaitError"]

_ELSEWHERE: Final = "waits for a run of this pipeline that was not started here"
_TROUBLE: Final = "waits for the disk, which does not take what becomes of it"


class WaitError(Exception):
    """The job cannot begin now, and waits on; the text says what for."""


class Attempt:
    """One job on its way; made in its turn, and gone through with once."""

    def __init__(self, desk: Desk, job: Job) -> None:
        self.id = job.id
        self.pipeline = job.pipeline
        self._desk = desk
        self._asked: Asked = None
        self._killed = False
        self._spawned: Spawned | None = None
        self._timer: asyncio.TimerHandle | None = None

    def ask(self, wish: Asked) -> None:
        """
        Ask it to end softly; if it has not when its grace is over, it is killed.

        A job that somebody stopped stays so, though the service closes too.
        """
        if self._asked is None or wish == "stop":
            self._asked = wish
        if self._spawned is not None and self._timer is None:
            self._spawned.terminate()
            grace = self._desk.settings.grace
            self._timer = asyncio.get_running_loop().call_later(grace, self._kill)

    def _kill(self) -> None:
        if self._spawned is not None:
            self._killed = True
            self._spawned.kill()

    def clear(self) -> None:
        """Leave nothing behind, however it went."""
        if self._timer is not None:
            self._timer.cancel()
        if self._spawned is not None:
            self._spawned.kill()  # harmless, unless we were cancelled

    async def go(self) -> Job | None:
        """
        Run the job, and return it as it is when it is over; None if it was stopped before.

        Raise `WaitError` if it has to wait.
        """
        try:
            config, url = await self._prepared()
        except JobsError as error:
            return await self.fail(str(error))
        except EngineError as error:
            return await self.fail(f"the embedded engine is not there: {error}")
        begun = await self._begun()
        if begun is None:
            return None
        try:
            line = self._line(begun, config, url)
            self._spawned = await spawn(self._desk.settings.child, line)
        except OSError as error:
            return await self.fail(f"its process cannot be started: {error.strerror}")
        self._desk.log.info("job.started", job=self.id, pipeline=self.pipeline, run=begun.run)
        if self._asked is not None:
            self.ask(self._asked)
        return await self._conclude(self._spawned)

    async def _prepared(self) -> tuple[Path, str | None]:
        """Return the definition and, where the job needs it, the engine."""
        desk, job = self._desk, self._desk.roster.present(self.id)
        dry = job is not None and job.overrides.dry_run
        if not dry and await asyncio.to_thread(is_locked, desk.settings.runs, self.pipeline):
            raise WaitError(_ELSEWHERE)
        entry = await desk.catalogue.current(self.pipeline)
        return entry.path, await desk.engine.url() if entry.endpoint == "embedded" else None

    async def _begun(self) -> Job | None:
        """Let the job be running, on the disk; None if it was stopped meanwhile."""
        job = self._desk.roster.present(self.id)
        if job is None or job.state != "queued" or self._asked is not None:
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
            await self._desk.roster.require(job, begun)
        except StoreError as error:
            raise WaitError(_TROUBLE) from error
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
            "runs": str(self._desk.settings.runs),
            "run": job.run,
            "engine": url,
            "limit": job.overrides.limit,
            "rate": job.overrides.rate,
            "dry_run": job.overrides.dry_run,
            "source": source,
        }
        # Escaped, so that names of files that are no Unicode get through.
        return json.dumps(spec).encode() + b"\n"

    async def _conclude(self, spawned: Spawned) -> Job | None:
        """Wait for the end of the job's process, and say what it means."""
        code = await spawned.wait()
        settings, roster = self._desk.settings, self._desk.roster
        job = roster.present(self.id)
        if job is None:
            return None
        folder = run_folder(settings.runs, job)
        report = await asyncio.to_thread(read_report, folder)
        begun = folder is not None and await asyncio.to_thread(is_marked, folder)
        ended = Ended(code, spawned.said(), report, self._asked, self._killed, begun)
        # It may have been asked to stop while its report was read.
        over = concluded(roster.present(self.id) or job, ended, time.time())
        if over.message is not None:
            place = self._desk.catalogue.place(self.pipeline)
            folders = [settings.runs, settings.folder, *([] if place is None else [place])]
            told = over.message
            if job.upload is not None:  # by the name that its errors have
                told = told.replace(job.upload.path.name, upload_name(job.upload))
            over = replace(over, message=shown(told, folders))
        return await self._settle(over)

    async def fail(self, why: str) -> Job | None:
        """Let the job have failed before it ran; it can be resumed once that is mended."""
        job = self._desk.roster.present(self.id)
        if job is None or (self._asked == "close" and job.state == "queued"):
            return None
        failed = replace(job, state="failed", ended_at=time.time(), message=why, resumable=True)
        return await self._settle(failed)

    async def _settle(self, job: Job) -> Job:
        await self._desk.roster.change(job)
        facts = {"job": job.id, "pipeline": job.pipeline, "state": job.state}
        self._desk.log.info("job.ended", **facts, exit_code=job.exit_code)
        await self._desk.release(job)
        return job
