"""The job service: what a server of any kind needs to offer jobs, without HTTP."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from pipeline.jobs.model import (
        Compression,
        Format,
        Job,
        Overrides,
        Pipeline,
        Settings,
        State,
        Upload,
    )
    from pipeline.observe.logs import Log

__all__ = ["JobService", "open_jobs"]


class Spool(Protocol):
    """An upload on its way to the disk; see `JobService.spool`."""

    async def write(self, piece: bytes) -> None:
        """Take the next bytes. Raise `TooLargeError`, `SpoolFullError` or `BadUploadError`."""

    async def finish(self) -> Upload:
        """Return the upload, whole and on the disk. Raise as `write` does."""


class JobService:
    """
    The jobs of one folder of definitions; made by `open_jobs` alone.

    Every method may be cancelled at any moment: what it began is then done or not, never half. None
    blocks the event loop. All of them raise `JobsError`s, and nothing else on purpose.
    """

    @property
    def ready(self) -> bool:
        """Whether jobs are taken: not before all is read, nor once it closes."""
        raise NotImplementedError

    def pipelines(self) -> list[Pipeline]:
        """Return every definition of the folder by name, broken ones with their problem."""
        raise NotImplementedError

    def counts(self) -> dict[State, int]:
        """Return how many jobs are in each state, zeros too."""
        raise NotImplementedError

    def spool(
        self,
        format: Format,  # noqa: A002 - what `Upload` calls it
        compression: Compression,
    ) -> AbstractAsyncContextManager[Spool]:
        """
        Take an upload: write its pieces, finish it, submit it, all inside the context.

        What was not submitted at its end is removed. Raise `ClosingError` or `SpoolFullError`.
        """
        raise NotImplementedError

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
        raise NotImplementedError

    async def job(self, id: str) -> Job:  # noqa: A002 - what `Job` calls it
        """Return a job as it is now. Raise `UnknownJobError`."""
        raise NotImplementedError

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
        raise NotImplementedError

    async def stop(self, id: str) -> Job:  # noqa: A002 - as above
        """
        Ask a job to end softly, and return it as it is then: stopping, or stopped if it waited.

        Asking twice is asking once. Raise `UnknownJobError` or `WrongStateError` (it is over).
        """
        raise NotImplementedError

    async def resume(self, id: str) -> Job:  # noqa: A002 - as above
        """
        Queue a job that is over, to go on where it stands, and return it.

        Raise `UnknownJobError`, `WrongStateError` (it is not resumable), `QueueFullError`,
        `StoreError` or `ClosingError`.
        """
        raise NotImplementedError

    async def live(self, id: str) -> dict[str, Any]:  # noqa: A002 - as above
        """Return the newest line of the job's timeline, {} before there is one."""
        raise NotImplementedError

    async def report(self, id: str) -> dict[str, Any] | None:  # noqa: A002 - as above
        """Return the run's report once the job is over, None if there is none."""
        raise NotImplementedError

    async def samples(self, id: str, after: int, most: int) -> list[dict[str, Any]]:  # noqa: A002
        """Return up to *most* lines of the timeline whose ``n`` is above *after*, in order."""
        raise NotImplementedError

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
        raise NotImplementedError

    async def log(
        self,
        id: str,  # noqa: A002 - as above
        *,
        after: int,
        limit: int,
    ) -> tuple[list[dict[str, Any]], int | None]:
        """Return lines of the run's log; cursors are as those of `errors`."""
        raise NotImplementedError

    async def wait_change(self, version: int, timeout: float) -> int:  # noqa: ASYNC109 - it is no failure
        """
        Return the present version once it is not *version*, or after *timeout* seconds.

        It changes with every change of any job. Start with 0, which is never present.
        """
        raise NotImplementedError


@asynccontextmanager
async def open_jobs(settings: Settings, log: Log | None = None) -> AsyncIterator[JobService]:
    """
    Serve the jobs of ``settings.folder`` while the body runs; then stop them softly.

    Jobs that a server before left running are interrupted, or queued with ``auto_resume``; those
    that waited still wait. At the end running jobs are asked to end, killed after
    ``settings.grace``, and are interrupted. Raise `PreflightError` if another server has the runs
    folder, or if the folders or what is kept there cannot be used.
    """
    raise NotImplementedError(settings, log)
    yield JobService()
