"""The office: everything that serves jobs, opened together and closed together."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import PreflightError
from pipeline.jobs.catalogue.catalogue import Catalogue
from pipeline.jobs.errors import ClosingError, JobsError, QueueFullError, StoreError
from pipeline.jobs.spool import Spool
from pipeline.jobs.store.lock import server_lock
from pipeline.jobs.store.roster import Roster
from pipeline.jobs.store.thread import open_store
from pipeline.jobs.supervision.desk import Desk
from pipeline.jobs.supervision.engine import Engine
from pipeline.jobs.supervision.recovery import recover
from pipeline.jobs.supervision.supervisor import Supervisor
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator

    from pipeline.jobs.model import Job, Overrides, Settings, Upload
    from pipeline.jobs.store.thread import Store
    from pipeline.observe.logs import Log

__all__ = ["Office", "open_office", "request_digest"]

_LOOK_EVERY: Final = 2.0
"""Seconds between two looks at the folder of definitions."""

_SPOOLING: Final = 2
"""Threads for uploads."""

_PRUNE_EVERY: Final = 300.0
_KEEP_KEYS: Final = 48 * 3600.0
"""Seconds for which an idempotency key holds at the least: a day, and one for clocks that jump."""


@dataclass(frozen=True, slots=True)
class Office:
    """The parts of an open job service."""

    settings: Settings
    roster: Roster
    catalogue: Catalogue
    spool: Spool
    supervisor: Supervisor
    store: Store

    @property
    def closing(self) -> bool:
        """Whether no job is taken any more."""
        return self.spool.closing

    def require_open(self) -> None:
        """Raise `ClosingError` if no job is taken any more."""
        if self.closing:
            raise ClosingError("the service is closing")

    def places(self, job: Job) -> int:
        """Return how many jobs may be queued before *job* is one too many."""
        # Every job is queued first; one that is about to begin takes no place from those that wait.
        return self.settings.most_queued + self.supervisor.beginning(job)

    def require_place(self, job: Job) -> None:
        """Raise `QueueFullError` if *job* would be one too many."""
        with self.telling_when():
            waiting = len(self.roster.waiting())
            if waiting >= self.places(job):
                raise QueueFullError(f"{waiting} jobs wait already", 0)

    @contextmanager
    def telling_when(self) -> Iterator[None]:
        """Let a `QueueFullError` of the body say when there may be room."""
        try:
            yield
        except QueueFullError as error:
            raise QueueFullError(str(error), self.supervisor.retry_after_s) from None

    def close(self) -> None:
        """Take no more jobs, and ask those that run to end; harmless if it did already."""
        self.spool.closing = True
        self.supervisor.close()
        self.roster.wake()


@asynccontextmanager
async def open_office(settings: Settings, log: Log) -> AsyncIterator[Office]:
    """
    Open everything, and serve jobs while the body runs; see `open_jobs`.

    Raise `PreflightError`.
    """
    # Links stay what they are; nothing is read for this.
    folder, runs = settings.folder.absolute(), settings.runs.absolute()
    settings = replace(settings, folder=folder, runs=runs)
    failure: Exception | None = None
    with server_lock(runs / ".serve"):
        engine = Engine(settings.engine, settings.runs)
        async with _opened(settings, engine, log) as office, asyncio.TaskGroup() as group:
            working = group.create_task(office.supervisor.run())
            keeping = [engine.keep(log), *(_forever(step, office, log) for step in _STEPS)]
            kept = [group.create_task(one) for one in keeping]
            try:
                yield office
            except Exception as error:  # noqa: BLE001 - raised below, as itself and in no group
                failure = error
            finally:
                office.close()
                await asyncio.wait({working})
                _cancel(kept)
    if failure is not None:
        raise failure


@asynccontextmanager
async def _opened(settings: Settings, engine: Engine, log: Log) -> AsyncIterator[Office]:
    """Open the parts; at the end what they have begun has ended."""

    def note(error: Exception | None) -> None:
        if error is None:
            log.info("jobs.store_works")
        else:
            log.error("jobs.store_failed", exc_info=error, reason=str(error))

    home = settings.runs / ".serve"
    catalogue = Catalogue(settings.folder, os.environ)
    async with AsyncExitStack() as opened:
        threads = ThreadPoolExecutor(_SPOOLING, thread_name_prefix="spool")
        spool = Spool(home / "spool", settings, opened.enter_context(threads))
        path = home / "jobs.sqlite"
        store = await opened.enter_async_context(open_store(path, spool.folder, note))
        try:
            known = await store.ask(store.database.known)
            await spool.open(known.uploads)
            await catalogue.refresh()
            roster = Roster(store, known)
            over = await recover(roster, settings.runs, resume=settings.auto_resume)
        except (JobsError, OSError) as error:
            raise PreflightError(_unusable(settings, error)) from error
        desk = Desk(settings, roster, catalogue, spool, engine, log)
        for job in over:
            await desk.release(job)
        try:
            yield Office(settings, roster, catalogue, spool, Supervisor(desk), store)
        finally:
            await engine.close()
            await roster.catch_up()


def _unusable(settings: Settings, error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename!r} cannot be read: {error.strerror}; name a folder of definitions"
    return (
        f"what is known of the jobs in {str(settings.runs)!r} cannot be read or written; see the "
        "log line before this, and make room there"
    )


def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()


async def _forever(step: Callable[[Office], Awaitable[None]], office: Office, log: Log) -> None:
    """Take a step again and again, whatever it meets."""
    told = ""
    while True:
        try:
            await step(office)
        except StoreError:
            pass  # was told when it began
        except OSError as error:
            if str(error) != told:
                told = str(error)
                log.warning("jobs.trouble", reason=told)
        except Exception as error:
            log.error("jobs.error", exc_info=error)  # noqa: TRY400 - no logger of the library
        await asyncio.sleep(_PRUNE_EVERY if step is _prune else _LOOK_EVERY)


async def _look(office: Office) -> None:
    """Read the definitions that are new."""
    if await office.catalogue.refresh():
        office.roster.wake()


async def _save(office: Office) -> None:
    """Save what could not be saved."""
    await office.roster.catch_up()
    await office.store.try_again()


async def _prune(office: Office) -> None:
    """Forget what is old."""
    keys_before = time.time() - _KEEP_KEYS
    dropped = await office.roster.prune(office.settings.keep_ended, keys_before)
    gone = await office.roster.abandon(time.time() - office.settings.keep_uploads)
    for job in [*dropped, *gone]:
        if job.upload is not None:
            await office.spool.remove(job.upload)


_STEPS: Final = (_look, _save, _prune)


def request_digest(pipeline: str, overrides: Overrides, upload: Upload | None) -> str:
    """Return what tells whether two requests ask for the same."""
    asked: list[Any] = [pipeline, overrides.limit, overrides.rate, overrides.dry_run]
    if upload is not None:
        asked += [upload.format, upload.compression, upload.sha256]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()
