"""The server: listen, serve until a stop is requested, and end everything within ten seconds."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from pipeline.api.app import make_app
from pipeline.api.assets import load_assets
from pipeline.api.context import Context
from pipeline.api.guard.configuration import BoundedConfig
from pipeline.api.guard.seats import Seats
from pipeline.api.guard.traffic import Traffic
from pipeline.api.settings import Settings, access_of, listen, read_token
from pipeline.jobs.model import Settings as JobSettings
from pipeline.jobs.service import open_jobs
from pipeline.observe.logs import open_stderr_log

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping

    from pipeline.api.problems import Problem
    from pipeline.core.flow import StopSignal
    from pipeline.observe.logs import Log

__all__ = ["serve", "serving"]


_GIB: Final = 1 << 30

_ARENA_MAX, _ARENAS = -8, 2
"""`M_ARENA_MAX` of glibc's ``mallopt``, and how many heaps its threads may have between them."""


class _Server(uvicorn.Server):
    """Uvicorn's server, without its own idea of signals: ours stop the jobs too."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def serving(
    arguments: Mapping[str, Any], ready: Callable[[str], None]
) -> Callable[[StopSignal], Coroutine[Any, Any, None]]:
    """Return the work of the command ``serve``, by its *arguments*; see `serve`."""

    async def work(stop: StopSignal) -> None:
        settings = Settings(
            arguments["host"],
            arguments["port"],
            read_token(arguments["token_file"], os.environ),
            arguments["hosts"],
            arguments["max_body"],
        )
        with open_stderr_log("info") as log:
            await serve(settings, job_settings(arguments), stop, log, ready)

    return work


def job_settings(arguments: Mapping[str, Any]) -> JobSettings:
    """Return what the *arguments* of ``serve`` say of jobs; there is room for several uploads."""
    body, room = arguments["max_body"], max(arguments["max_body"], _GIB)
    return JobSettings(
        folder=arguments["folder"],
        runs=arguments["runs_dir"],
        most_running=arguments["jobs"],
        most_queued=arguments["queue"],
        auto_resume=arguments["auto_resume"],
        max_body=body,
        max_inflated=8 * room,
        max_spool=16 * room,
    )


async def serve(
    settings: Settings,
    jobs: JobSettings,
    stop: StopSignal,
    log: Log,
    ready: Callable[[str], None],
) -> None:
    """
    Serve until *stop* is requested; tell *ready* where, once requests are taken.

    Then no request is taken any more, open streams end, running jobs are stopped softly. Raise
    `UsageError` for what is found before that, such as an address that is taken.
    """
    _share_heaps()
    access = access_of(settings)
    assets = await asyncio.to_thread(load_assets)
    with listen(settings) as listening:
        url = _url(settings, listening.getsockname()[1])
        async with open_jobs(jobs, log) as service:
            traffic, seats = Traffic(), Seats(settings.limits.streams)
            context = Context(service, stop, seats, traffic, settings.max_body, assets)
            app = make_app(context, access, settings.limits, log)
            server = _Server(BoundedConfig(app, settings.limits, _noting(log)))
            # The jobs say how long their end may take: the limit holds for the requests alone.
            async with stop.limits(), asyncio.TaskGroup() as group:
                group.create_task(server.serve(sockets=[listening]))
                ready(url)
                await _requested(stop)
                # The jobs begin to end while the last requests are answered.
                service.close()
                server.should_exit = True


def _share_heaps() -> None:
    """
    Let threads share two heaps, where the C library is glibc.

    By itself it gives each of them one, up to eight a core, and keeps what they have freed: a rush
    of requests through a dozen threads would leave the server some 10 MB larger for good.
    """
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # another library has its own ways
            ctypes.CDLL(None).mallopt(_ARENA_MAX, _ARENAS)


async def _requested(stop: StopSignal) -> None:
    """Wait until *stop* is requested."""
    async with stop.interrupts():
        await asyncio.get_running_loop().create_future()


def _url(settings: Settings, port: int) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{port}"


def _noting(log: Log) -> Callable[[Problem, str, Any], None]:
    def note(problem: Problem, request: str, client: Any) -> None:
        address = client[0] if client else None
        log.warning("http.refused", request=request, problem=problem.name, client=address)

    return note
