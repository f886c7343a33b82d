"""The route that tells a job's changes and samples as they come: server-sent events."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Depends, Response

from pipeline.api.context import Here  # noqa: TC001 - FastAPI reads annotations when it runs
from pipeline.api.problems import Problem, dumps
from pipeline.api.schema.answers import job_json
from pipeline.api.schema.documented import EVENTS, refusals
from pipeline.api.schema.parameters import AfterSample, JobId, LastEvent, known_query
from pipeline.jobs.model import ACTIVE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pipeline.api.context import Context

__all__ = ["router"]

router = APIRouter(tags=["jobs"], dependencies=[Depends(known_query)])

_LOOK_EVERY: Final = 1.0
"""Seconds after which the timeline is looked at, which grows without a change of the job."""

_SILENCE: Final = 15.0
"""Seconds of silence after which a comment keeps proxies from closing the connection."""

_BLOCK: Final = 50
"""Samples that a stream holds at once, of which there may be 64."""


@router.get(
    "/api/jobs/{id}/events",
    operation_id="events",
    response_class=Response,
    responses=EVENTS | refusals(404, 422),
    summary="Follow a job",
)
async def events(
    here: Here,
    id: JobId,  # noqa: A002 - the name in the address
    after: AfterSample = -1,
    last_event_id: LastEvent = None,
) -> Response:
    """
    Follow a job: `job` on each change, `sample` for each line of the timeline, `end` at its end.

    A sample's id is its number, from which a broken stream goes on by Last-Event-ID. A stream
    without `end` was broken off: connect again.
    """
    first = await here.service.job(id)
    if not here.seats.free:
        raise Problem("busy", "too many event streams are open", headers={"Retry-After": "10"})
    start = after if last_event_id is None else last_event_id
    return EventStream(here, _told(here, job_json(first), start))


async def _told(here: Context, job: dict[str, Any], after: int) -> AsyncIterator[bytes]:
    """Tell what is, and then what becomes of it; wait at most a look's time at once."""
    service, clock = here.service, asyncio.get_running_loop()
    yield b"retry: 2000\n\n" + _event("job", job)
    version, spoken, due = 0, clock.time(), 0.0
    if (await service.live(job["id"])).get("n", -1) < after:
        after = -1  # of a timeline that was before this one: a dry run begins anew
    while True:
        # First the job, then its samples: of a job that is over, no sample comes any more.
        now = job_json(await service.job(job["id"]))
        if now["run"] != job["run"]:
            after = -1
        # The files are looked at now and then, however often the other jobs change.
        if now != job or clock.time() >= due:
            due = clock.time() + _LOOK_EVERY
            while (samples := await _samples(here, now["id"], after))[1]:
                after, spoken = samples[0], clock.time()
                yield samples[1]
        if now != job:
            job, spoken = now, clock.time()
            yield _event("job", job)
        if job["state"] not in ACTIVE:
            yield _event("end", {"state": job["state"]})
            return
        if clock.time() - spoken >= _SILENCE:
            spoken = clock.time()
            yield b": still here\n\n"
        version = await service.wait_change(version, max(0.0, due - clock.time()))


async def _samples(here: Context, job: str, after: int) -> tuple[int, bytes]:
    """Return some samples that follow *after* as events, and the number of the last."""
    block = await here.service.samples(job, after, _BLOCK)
    last = block[-1]["n"] if block else after
    return last, b"".join(_event("sample", line, line["n"]) for line in block)


def _event(name: str, content: object, number: int | None = None) -> bytes:
    mark = b"" if number is None else b"id: %d\n" % number
    return mark + b"event: " + name.encode() + b"\ndata: " + dumps(content) + b"\n\n"


class EventStream(Response):
    """An answer that goes on until the events end, the client leaves, or the server closes."""

    def __init__(self, here: Context, told: AsyncIterator[bytes]) -> None:
        super().__init__(None, 200, {"Cache-Control": "no-store"}, "text/event-stream")
        self._here = here
        self._told = told
        self.raw_headers = [one for one in self.raw_headers if one[0] != b"content-length"]

    async def __call__(self, _: Any, receive: Any, send: Any) -> None:
        """Send the events."""
        head = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        with self._here.seats.taken():
            await send(head)
            with suppress(TimeoutError):
                async with self._here.stop.interrupts(), asyncio.timeout(None) as connected:
                    await self._follow(receive, send, connected)
        await send({"type": "http.response.body", "body": b""})

    async def _follow(self, receive: Any, send: Any, connected: asyncio.Timeout) -> None:
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(_await_leaving(receive, connected))
            async with aclosing(self._told) as told:  # type: ignore[type-var]  # a generator
                async for piece in told:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            listening.cancel()


async def _await_leaving(
    receive: Callable[[], Awaitable[dict[str, Any]]], connected: asyncio.Timeout
) -> None:
    """End the scope *connected* once the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    connected.reschedule(asyncio.get_running_loop().time())
