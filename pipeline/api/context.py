"""What the routes stand on: the job service and the server's own state, made once at its start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from pipeline.values import dataclass

if TYPE_CHECKING:
    from pipeline.api.assets import Asset
    from pipeline.api.guard.seats import Seats
    from pipeline.api.guard.traffic import Traffic
    from pipeline.core.flow import StopSignal
    from pipeline.jobs.service import JobService

__all__ = ["Context", "Here"]


@dataclass(frozen=True, slots=True)
class Context:
    """
    The server as the routes see it.

    *stop* is requested when the server closes: streams end, uploads are given up. *seats* are those
    of event streams, *max_body* are the bytes of an upload, *assets* the page's files by name.
    """

    service: JobService
    stop: StopSignal
    seats: Seats
    traffic: Traffic
    max_body: int
    assets: dict[str, Asset]


async def _context(request: Request) -> object:
    return request.app.state.context


if TYPE_CHECKING:
    Here = Context
else:
    Here = Annotated[object, Depends(_context)]
