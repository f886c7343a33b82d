"""A job service in memory: jobs run until a test ends them, uploads are counted, not kept."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.jobs.errors import (
    BadCursorError,
    BadDefinitionError,
    KeyReusedError,
    QueueFullError,
    TooLargeError,
    UnknownJobError,
    UnknownPipelineError,
    WrongStateError,
)
from pipeline.jobs.model import STATES, Job, Overrides, Pipeline, Upload
from pipeline.jobs.service import JobService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pipeline.jobs.model import Compression, Format, State

__all__ = ["NOON", "FakeJobs", "FakeSpool"]

NOON = 1_772_366_400.5
"""When every job was made: 2026-03-01 12:00:00.5 UTC."""


@dataclass
class FakeSpool:
    """An upload, of which only its size and digest are kept."""

    form: Format
    compression: Compression
    most: int
    size: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    async def write(self, piece: bytes) -> None:
        """Count a piece."""
        self.size += len(piece)
        self.digest.update(piece)
        if self.size > self.most:
            raise TooLargeError(f"more than {self.most} bytes")

    async def finish(self) -> Upload:
        """Return what was counted."""
        digest = self.digest.hexdigest()
        return Upload(Path("spool"), self.form, self.compression, self.size, digest)


class FakeJobs(JobService):
    """
    Jobs of the pipelines ``users`` and ``broken``.

    *raised*, where it is set, is raised by `submit` and `resume`, *full* by `require_place`.
    *lines* are every job's samples, dead letters and log lines.
    """

    def __init__(self, most: int = 1000) -> None:
        self.known: dict[str, Job] = {}
        self.spools: list[FakeSpool] = []
        self.open_spools = 0
        self.raised: Exception | None = None
        self.full: QueueFullError | None = None
        self.lines: list[dict[str, Any]] = []
        self.final: dict[str, Any] | None = None
        self.taking = True
        self._keys: dict[str, tuple[str, object]] = {}
        self._most = most
        self._version = 1
        self._changed = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether it takes jobs."""
        return self.taking

    def pipelines(self) -> list[Pipeline]:
        """Return a good one and a broken one."""
        ids = tuple(job.id for job in self.known.values() if job.state == "running")
        last = next(reversed(self.known.values()), None)
        return [
            Pipeline("broken", None, None, None, valid=False, problem="line 3: no such key"),
            Pipeline("users", "file", "Users", "aws", True, None, ids, last),  # noqa: FBT003
        ]

    def counts(self) -> dict[State, int]:
        """Count them."""
        states = [job.state for job in self.known.values()]
        return {state: states.count(state) for state in STATES}

    @asynccontextmanager
    async def spool(self, format: Format, compression: Compression) -> AsyncIterator[FakeSpool]:  # type: ignore[override]  # noqa: A002 - without a file
        """Take an upload."""
        spool = FakeSpool(format, compression, self._most)
        self.spools.append(spool)
        self.open_spools += 1
        try:
            yield spool
        finally:
            self.open_spools -= 1

    def require_place(self, pipeline: str) -> None:
        """Have one, unless it is full."""
        assert pipeline == "users"
        if self.full is not None:
            raise self.full

    async def submit(
        self,
        pipeline: str,
        overrides: Overrides,
        *,
        upload: Upload | None = None,
        idempotency_key: str | None = None,
    ) -> tuple[Job, bool]:
        """Make a job that runs at once."""
        if self.raised is not None:
            raise self.raised
        if pipeline == "broken":
            raise BadDefinitionError("line 3: no such key")
        if pipeline != "users":
            raise UnknownPipelineError(pipeline)
        request = (pipeline, overrides, upload and upload.sha256)
        if idempotency_key in self._keys:
            identity, before = self._keys[idempotency_key]
            if before != request:
                raise KeyReusedError("another request")
            return self.known[identity], False
        job = Job(f"job{len(self.known):019}", pipeline, "running", NOON, NOON, None, overrides)
        self.put(replace(job, upload=upload, run="20260301T120000-abcdef", attempts=1))
        if idempotency_key is not None:
            self._keys[idempotency_key] = (job.id, request)
        return self.known[job.id], True

    def put(self, job: Job) -> None:
        """Make *job* what is known of it."""
        self.known[job.id] = job
        self._version += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def job(self, id: str) -> Job:  # noqa: A002
        """Return a job."""
        if id not in self.known:
            raise UnknownJobError(id)
        return self.known[id]

    async def jobs(
        self,
        *,
        pipeline: str | None = None,
        state: State | None = None,
        limit: int = 50,
        before: str | None = None,
    ) -> tuple[list[Job], str | None]:
        """Return jobs, newest first; the id of the last one is the cursor."""
        found = [
            job
            for job in reversed(self.known.values())
            if pipeline in {None, job.pipeline} and state in {None, job.state}
        ]
        if before is not None:
            ids = [job.id for job in found]
            if before not in ids:
                raise BadCursorError(before)
            found = found[ids.index(before) + 1 :]
        page = found[:limit]
        return page, page[-1].id if len(found) > limit else None

    async def stop(self, id: str) -> Job:  # noqa: A002
        """Stop a running job at once."""
        job = await self.job(id)
        if job.state != "running":
            raise WrongStateError(f"the job is {job.state}; only one that runs can be stopped")
        self.put(replace(job, state="stopped", ended_at=NOON + 9, resumable=True))
        return self.known[id]

    async def resume(self, id: str) -> Job:  # noqa: A002
        """Let a stopped job run again."""
        if self.raised is not None:
            raise self.raised
        job = await self.job(id)
        if not job.resumable:
            raise WrongStateError(f"the job is {job.state}; it cannot be resumed")
        self.put(replace(job, state="running", ended_at=None, resumable=False))
        return self.known[id]

    async def live(self, id: str) -> dict[str, Any]:  # noqa: A002
        """Return the newest sample."""
        await self.job(id)
        return self.lines[-1] if self.lines else {}

    async def report(self, id: str) -> dict[str, Any] | None:  # noqa: A002
        """Return the report."""
        await self.job(id)
        return self.final

    async def samples(self, id: str, after: int, most: int) -> list[dict[str, Any]]:  # noqa: A002
        """Return lines behind *after*."""
        await self.job(id)
        return [line for line in self.lines if line["n"] > after][:most]

    async def errors(
        self,
        id: str,  # noqa: A002
        *,
        after: int,
        limit: int,
    ) -> tuple[list[dict[str, Any]], int | None]:
        """Return lines; a cursor is an index."""
        await self.job(id)
        if after > len(self.lines):
            raise BadCursorError("no letter begins there")
        page = self.lines[after : after + limit]
        end = after + len(page)
        return page, end if end < len(self.lines) else None

    log = errors

    async def wait_change(self, version: int, timeout: float) -> int:  # noqa: ASYNC109
        """Wait for a job to change."""
        if version == self._version:
            try:
                async with asyncio.timeout(timeout):
                    await self._changed.wait()
            except TimeoutError:
                pass
        return self._version
