"""The job service: what a server of any kind needs to offer jobs, without HTTP."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.jobs.catalogue.listing import listing
from pipeline.jobs.errors import BadDefinitionError
from pipeline.jobs.following import runs
from pipeline.jobs.following.cloak import Cloak
from pipeline.jobs.model import ACTIVE, Job
from pipeline.jobs.office import open_office, request_digest
from pipeline.jobs.store.rows import NewJob
from pipeline.jobs.supervision.recovery import queued_again, require_resumable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from pipeline.jobs.model import (
        Compression,
        Format,
        Overrides,
        Pipeline,
        Settings,
        State,
        Upload,
    )
    from pipeline.jobs.office import Office
    from pipeline.jobs.spool import Incoming
    from pipeline.observe.logs import Log

__all__ = ["JobService", "open_jobs"]

T = TypeVar("T")


class JobService:
    """
    The jobs of one folder of definitions; made by `open_jobs` alone.

    Every method may be cancelled at any moment: what it began is then done or not, never half. None
    blocks the event loop. All of them raise `JobsError`s, and nothing else on purpose.
    """

    def __init__(self, office: Office) -> None:
        self._office = office

    @property
    def ready(self) -> bool:
        """Whether jobs are taken: not once it closes, nor while the disk does not keep them."""
        return not (self._office.closing or self._office.store.failing)

    def pipelines(self) -> list[Pipeline]:
        """Return every definition of the folder by name, broken ones with their problem."""
        return listing(self._office.catalogue, self._office.roster)

    def counts(self) -> dict[State, int]:
        """Return how many jobs are in each state, zeros too."""
        return self._office.roster.counts

    def spool(
        self,
        format: Format,  # noqa: A002 - what `Upload` calls it
        compression: Compression,
    ) -> AbstractAsyncContextManager[Incoming]:
        """
        Take an upload: write its pieces, finish it, submit it, all inside the context.

        What was not submitted at its end is removed. Raise `ClosingError` or `SpoolFullError`.
        """
        return self._office.spool.incoming(format, compression)

    def require_place(self, pipeline: str) -> None:
        """Raise `QueueFullError` if a job of *pipeline* would now be one too many."""
        self._office.require_place(Job("", pipeline, "queued", time.time()))

    async def submit(
        self,
        pipeline: str,
        overrides: Overrides,
        *,
        upload: Upload | None = None,
        idempotency_key: str | None = None,
    ) -> tuple[Job, bool]:
        """
        Take a job: it stands on the disk at return. Tell whether it was made now.

        The same request under the same key returns the job that it made the first time, for as long
        as that is remembered, 24 hours at the least. The definition is checked, as it stands on the
        disk now. Raise `UnknownPipelineError`, `BadDefinitionError`, `KeyReusedError`,
        `QueueFullError`, `StoreError` or `ClosingError`.
        """
        office = self._office
        office.require_open()
        request = request_digest(pipeline, overrides, upload)
        known = idempotency_key and await office.roster.replayed(idempotency_key, request)
        if known:
            return known, False
        entry = await office.catalogue.current(pipeline)
        if entry.source == "stdin" and upload is None:
            raise BadDefinitionError("source.type is stdin: send the records with the request")
        identity = secrets.token_urlsafe(16)
        job = Job(identity, pipeline, "queued", time.time(), None, None, overrides, upload)

        def kept() -> None:
            if upload is not None:
                office.spool.keep(upload)
            office.supervisor.wake()

        new = NewJob(job, idempotency_key, request)
        with office.telling_when():
            return await office.roster.add(new, office.places(job), kept)

    async def job(self, id: str) -> Job:  # noqa: A002 - what `Job` calls it
        """Return a job as it is now. Raise `UnknownJobError`."""
        return await self._office.roster.find(id)

    async def jobs(
        self,
        *,
        pipeline: str | None = None,
        state: State | None = None,
        limit: int = 50,
        before: str | None = None,
    ) -> tuple[list[Job], str | None]:
        """
        Return jobs, newest first, and the *before* of the next page, None if this is the last.

        A job that comes while somebody pages moves nothing. Raise `BadCursorError`.
        """
        return await self._office.roster.page(pipeline, state, limit, before)

    async def stop(self, id: str) -> Job:  # noqa: A002 - as above
        """
        Ask a job to end softly, and return it as it is then: stopping, or stopped if it waited.

        Asking twice is asking once. Raise `UnknownJobError` or `WrongStateError` (it is over).
        """
        await self._office.supervisor.stop(await self.job(id))
        return await self.job(id)

    async def resume(self, id: str) -> Job:  # noqa: A002 - as above
        """
        Queue a job that is over, to go on where it stands, and return it.

        Raise `UnknownJobError`, `WrongStateError` (it is not resumable), `QueueFullError`,
        `StoreError` or `ClosingError`.
        """
        office = self._office
        office.require_open()
        job = require_resumable(await self.job(id))
        office.require_place(job)
        await office.roster.require(job, queued_again(job), last=True)
        office.supervisor.wake()
        return await self.job(id)

    async def live(self, id: str) -> dict[str, Any]:  # noqa: A002 - as above
        """Return the newest line of the job's timeline, {} before there is one."""
        return await self._read(id, runs.newest_sample)

    async def report(self, id: str) -> dict[str, Any] | None:  # noqa: A002 - as above
        """Return the run's report once the job is over, None if there is none."""
        job = await self.job(id)
        if job.state in ACTIVE:
            return None
        return await self._read(id, runs.read_report, self._cloak(job))

    async def samples(self, id: str, after: int, most: int) -> list[dict[str, Any]]:  # noqa: A002
        """Return up to *most* lines of the timeline whose ``n`` is above *after*, in order."""
        return await self._read(id, runs.samples_of, after, most)

    async def errors(
        self,
        id: str,  # noqa: A002 - as above
        *,
        after: int,
        limit: int,
    ) -> tuple[list[dict[str, Any]], int | None]:
        """
        Return dead letters from byte *after* of their file on, and where the next page begins.

        Each has ``part``, ``line``, ``record``, ``item``, ``kind``, ``rule``, ``field``,
        ``message`` and ``key``, none the record itself. None as the next page: there are no more
        now; of a job that runs, ask again from the same *after* later. Raise `BadCursorError` if no
        letter begins at *after*.
        """
        cloak = self._cloak(await self.job(id))
        return await self._read(id, runs.page_of_errors, after, limit, cloak)

    async def log(
        self,
        id: str,  # noqa: A002 - as above
        *,
        after: int,
        limit: int,
    ) -> tuple[list[dict[str, Any]], int | None]:
        """Return lines of the run's log; cursors are as those of `errors`."""
        cloak = self._cloak(await self.job(id))
        return await self._read(id, runs.page_of_log, after, limit, cloak)

    async def wait_change(self, version: int, timeout: float) -> int:  # noqa: ASYNC109 - it is no failure
        """
        Return the present version once it is not *version*, or after *timeout* seconds.

        It changes with every change of any job. Start with 0, which is never present.
        """
        return await self._office.roster.wait_change(version, timeout)

    def close(self) -> None:
        """Take no more jobs, and ask those that run to end; the rest is `open_jobs`' to do."""
        self._office.close()

    def _cloak(self, job: Job) -> Cloak:
        return Cloak(self._office.settings, job, self._office.catalogue.place(job.pipeline))

    async def _read(
        self,
        id: str,  # noqa: A002 - as above
        read: Callable[..., T],
        *arguments: object,
    ) -> T:
        """Read from the folder of a job's run, in a thread."""
        folder = runs.run_folder(self._office.settings.runs, await self.job(id))
        return await asyncio.to_thread(read, folder, *arguments)


@asynccontextmanager
async def open_jobs(settings: Settings, log: Log | None = None) -> AsyncIterator[JobService]:
    """
    Serve the jobs of ``settings.folder`` while the body runs; then stop them softly.

    Jobs that a server before left running are interrupted, or queued with ``auto_resume``; those
    that waited still wait. At the end running jobs are asked to end, killed after
    ``settings.grace``, and are interrupted. Raise `PreflightError` if another server has the runs
    folder, or if the folders or what is kept there cannot be used.
    """
    async with open_office(settings, _Silence() if log is None else log) as office:
        yield JobService(office)


class _Silence:
    """A log that nobody reads."""

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *_, **__: None
