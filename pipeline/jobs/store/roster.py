"""The roster: every job that is known, its turn in the queue, and who waits for a change."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.jobs.errors import StoreError, UnknownJobError, WrongStateError
from pipeline.jobs.model import ACTIVE, STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.jobs.model import Job, State
    from pipeline.jobs.store.database import Known
    from pipeline.jobs.store.rows import NewJob, Stored
    from pipeline.jobs.store.thread import Store

__all__ = ["Roster"]

_FIRST_VERSION = 1


class Roster:
    """
    What the store holds, with the jobs that are not over in memory too.

    Memory is ahead of the disk, never behind it: what is decided on the event loop holds at once
    and is saved in the same order. What the disk does not take is tried again (`catch_up`).
    A new job alone stands on the disk before anybody sees it.
    """

    def __init__(self, store: Store, known: Known) -> None:
        self._store = store
        self._active = {one.job.id: one for one in known.active}
        self._counts: Counter[State] = Counter(known.counts)
        self._newest = {job.pipeline: job for job in known.newest}
        self._last_place = max((one.place for one in known.active), default=0)
        self._unsaved: dict[str, Stored] = {}
        self._version = _FIRST_VERSION
        self._changed = asyncio.Event()

    @property
    def counts(self) -> dict[State, int]:
        """How many jobs are in each state, zeros too."""
        return {state: self._counts[state] for state in STATES}

    def waiting(self) -> list[Job]:
        """Return the jobs that wait, in the order in which their turn comes."""
        queued = [one for one in self._active.values() if one.job.state == "queued"]
        return [one.job for one in sorted(queued, key=lambda one: one.place)]

    def running(self) -> list[Job]:
        """Return the jobs that run, as far as is known."""
        return [one.job for one in self._active.values() if one.job.state != "queued"]

    async def interrupted(self) -> list[Job]:
        """Return every job that is interrupted, oldest first."""
        most = self._counts["interrupted"]
        found, _ = await self.page(None, "interrupted", most, None)
        return found[::-1]

    def active(self) -> dict[str, list[str]]:
        """Return the ids of the jobs that are not over by pipeline, those that wait last."""
        found: dict[str, list[str]] = {}
        key = lambda one: (one.job.state == "queued", one.place)  # noqa: E731 - one line of a sort
        for one in sorted(self._active.values(), key=key):
            found.setdefault(one.job.pipeline, []).append(one.job.id)
        return found

    def newest(self) -> dict[str, Job]:
        """Return the newest job of each pipeline."""
        return {job.pipeline: job for job in self._shown(self._newest.values())}

    async def add(
        self, new: NewJob, most_queued: int, then: Callable[[], None]
    ) -> tuple[Job, bool]:
        """
        Keep a new job, or return the one that its key stands for; see `Database.add`.

        *then* is called once the job is kept, even if the caller has gone meanwhile.
        """

        def register(added: tuple[Stored, bool]) -> None:
            stored, created = added
            if created:
                self._register(stored)
                then()

        add = self._store.database.add
        stored, created = await self._store.ask(add, new, most_queued, then=register)
        return self._shown([stored.job])[0], created

    def _register(self, stored: Stored) -> None:
        self._last_place = max(self._last_place, stored.place)
        self._active[stored.job.id] = stored
        self._newest[stored.job.pipeline] = stored.job
        self._counts[stored.job.state] += 1
        self._tell()

    async def replayed(self, key: str, request: str) -> Job | None:
        """Return the job that *key* stands for, if any. Raise `KeyReusedError`."""
        stored = await self._store.ask(self._store.database.replayed, key, request)
        return None if stored is None else self._shown([stored.job])[0]

    async def find(self, identity: str) -> Job:
        """Return a job as it is now. Raise `UnknownJobError`."""
        return self._shown([(await self._stored(identity)).job])[0]

    async def _stored(self, identity: str) -> Stored:
        here = self._active.get(identity) or self._unsaved.get(identity)
        if here is not None:
            return here
        found = await self._store.ask(self._store.database.find, identity)
        # It may have been resumed while it was looked up.
        here = self._active.get(identity) or self._unsaved.get(identity) or found
        if here is None:
            raise UnknownJobError("no job has this id")
        return here

    async def page(
        self, pipeline: str | None, state: State | None, limit: int, before: str | None
    ) -> tuple[list[Job], str | None]:
        """Return jobs, newest first, and the cursor of what follows; see `Database.page`."""
        page = self._store.database.page
        found = await self._store.ask(page, pipeline, state, limit + 1, before)
        shown = self._shown([one.job for one in found[:limit]])
        if state is not None:  # the disk may be a moment behind
            shown = [job for job in shown if job.state == state]
        return shown, str(found[limit - 1].number) if len(found) > limit else None

    def _shown(self, jobs: Iterable[Job]) -> list[Job]:
        """Return *jobs* as they are now, with their positions in the queue."""
        positions = {job.id: number for number, job in enumerate(self.waiting(), 1)}
        now = []
        for job in jobs:
            here = self._active.get(job.id) or self._unsaved.get(job.id)
            current = job if here is None else here.job
            now.append(replace(current, queue_position=positions.get(job.id)))
        return now

    async def change(self, job: Job) -> None:
        """Let *job*, known by its id, be what it is now; raises nothing, however the disk is."""
        before = await self._stored(job.id)
        stored = replace(before, job=job)
        self._put(before, stored)
        with contextlib.suppress(StoreError):  # it is tried again
            await self._save(stored)

    async def require(self, was: Job, job: Job, *, last: bool = False) -> None:
        """
        Let the job *was* be *job* now; on the disk at return.

        With *last* its place in the queue is behind all others. Raise `StoreError` if the disk does
        not take it: then it is what it was. Raise `WrongStateError` if it is *was* no longer, and
        `UnknownJobError` if it is being forgotten.
        """
        before = await self._stored(job.id)
        if (before.job.state, before.job.attempts) != (was.state, was.attempts):
            raise WrongStateError(f"the job is {before.job.state.replace('_', ' ')} by now")
        self._last_place += last
        stored = replace(before, place=self._last_place if last else before.place, job=job)
        self._put(before, stored)
        try:
            if not await self._save(stored):
                raise UnknownJobError("no job has this id")  # noqa: TRY301 - one way back
        except (StoreError, UnknownJobError):
            if self._active.get(job.id) is stored:
                self._put(stored, before)
            raise

    def present(self, identity: str) -> Job | None:
        """Return a job that is not over; None of one that is."""
        here = self._active.get(identity)
        return None if here is None else here.job

    async def _save(self, stored: Stored) -> bool:
        """Save it; tell whether it is still known. Raise `StoreError`."""

        def saved(_: bool) -> None:  # noqa: FBT001 - an answer
            if self._unsaved.get(stored.job.id) is stored:
                del self._unsaved[stored.job.id]

        save = self._store.database.save
        return await self._store.ask(save, stored.job, stored.place, then=saved)

    async def catch_up(self) -> None:
        """Save what the disk did not take; raises nothing."""
        with contextlib.suppress(StoreError):
            for stored in list(self._unsaved.values()):
                await self._save(stored)

    def _put(self, before: Stored, stored: Stored) -> None:
        job = stored.job
        self._unsaved[job.id] = stored
        self._counts[before.job.state] -= 1
        self._counts[job.state] += 1
        if job.state in ACTIVE:
            self._active[job.id] = stored
        else:
            self._active.pop(job.id, None)
        newest = self._newest.get(job.pipeline)
        if newest is not None and newest.id == job.id:
            self._newest[job.pipeline] = job
        self._tell()

    async def prune(self, keep: int, keys_before: float) -> list[Job]:
        """Forget the oldest jobs that are over, and return them; see `Database.prune`."""
        prune = self._store.database.prune
        dropped = await self._store.ask(prune, keep, keys_before, then=self._forget)
        return [one.job for one in dropped]

    async def abandon(self, before: float) -> list[Job]:
        """Let uploads go that nobody has come back for since a moment; return whose they are."""
        gone = []
        for job in await self._store.ask(self._store.database.abandoned, before):
            message = f"{job.message or 'over'}; its upload was removed, since nobody resumed it"
            now = replace(job, resumable=False, message=message)
            with contextlib.suppress(WrongStateError):  # somebody does, this moment
                await self.require(job, now)
                gone.append(now)
        return gone

    def _forget(self, dropped: Iterable[Stored]) -> None:
        for one in dropped:
            self._unsaved.pop(one.job.id, None)
            self._counts[one.job.state] -= 1
            newest = self._newest.get(one.job.pipeline)
            if newest is not None and newest.id == one.job.id:
                del self._newest[one.job.pipeline]

    def _tell(self) -> None:
        self._version += 1
        self._changed.set()
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Let whoever waits for a change look again."""
        self._tell()

    async def wait_change(self, version: int, timeout: float) -> int:  # noqa: ASYNC109 - it is no failure
        """Return the present version once it is not *version*, or after *timeout* seconds."""
        if version == self._version:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._changed.wait()
        return self._version
