"""The engine behind loopback HTTP; nothing heavy is imported before it is started."""

from __future__ import annotations

import asyncio
import random
import time
import zlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pipeline.embedded import answers
from pipeline.embedded.settings import EngineSettings
from pipeline.errors import PreflightError
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from concurrent.futures import Executor
    from pathlib import Path

    from aiohttp import web

    from pipeline.embedded.engine import Engine, Reply

__all__ = ["MAX_REQUEST_BYTES", "Endpoint", "serve"]

MAX_REQUEST_BYTES = 16 * 1024 * 1024
"""The largest body of a request, as with the service."""

_HOST = "127.0.0.1"
_OWN_NAMES = frozenset({_HOST, "localhost", "[::1]"})
_CLOSING_SECONDS = 0.25
_ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_ID_LENGTH = 52
_DEFAULTS = EngineSettings()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an engine listens, e.g. ``http://127.0.0.1:41234``, and how many are connected."""

    url: str
    clients: Callable[[], int]


@asynccontextmanager
async def serve(
    path: Path | None,
    *,
    settings: EngineSettings = _DEFAULTS,
    port: int = 0,
    kept: bool = False,
) -> AsyncIterator[Endpoint]:
    """
    Serve the tables of one file (*path* None: of memory) as long as the context lasts.

    Listens on 127.0.0.1 only, on a free port if *port* is 0. SQLite runs in a thread of its own.
    With *kept* the settings that single tables are given (`configure`) outlive the process, as the
    tables do. On leaving, idle connections are closed and requests under way get a moment.

    :raises EngineBusyError: another process serves this file.
    :raises PreflightError: the file is not the engine's, or cannot be written; the port is taken.
    """
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - see above

    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, thread_name_prefix="pipeline-embedded") as thread:
        engine = await loop.run_in_executor(thread, _opened, path, settings, kept)
        try:
            async with _listening(_Front(engine, thread, settings), port) as endpoint:
                yield endpoint
        finally:
            await asyncio.shield(loop.run_in_executor(thread, engine.close))


def _opened(path: Path | None, settings: EngineSettings, kept: bool) -> Engine:  # noqa: FBT001 - an executor passes no names
    """Import what serving needs, half a second's worth, and open the engine; off the loop."""
    import aiohttp.web  # noqa: F401, PLC0415 - only a process that serves pays for it

    from pipeline.embedded.engine import Engine  # noqa: PLC0415 - orjson, msgspec, sqlite3

    engine = Engine(path, settings, kept=kept)
    engine.open()
    return engine


@asynccontextmanager
async def _listening(front: _Front, port: int) -> AsyncIterator[Endpoint]:
    from aiohttp import web  # noqa: PLC0415 - as in _opened

    server = web.Server(front.answer, access_log=None)
    runner = web.ServerRunner(server, shutdown_timeout=_CLOSING_SECONDS)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, _HOST, port).start()
        except OSError as error:
            raise PreflightError(
                f"the embedded engine cannot listen on {_HOST}:{port}: {error.strerror}. Choose "
                "another port (0: any that is free), or stop who has this one"
            ) from error
        url = f"http://{_HOST}:{runner.addresses[0][1]}"
        yield Endpoint(url, lambda: len(server.connections))
    finally:
        await runner.cleanup()


class _Front:
    """From HTTP to the engine's thread and back."""

    def __init__(self, engine: Engine, thread: Executor, settings: EngineSettings) -> None:
        self._engine = engine
        self._thread = thread
        self._settings = settings
        self._random = random.Random(settings.seed)  # noqa: S311 - jitter and request ids

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one HTTP request."""
        from aiohttp import web  # noqa: PLC0415 - as in _opened

        started = time.monotonic()
        if request.method == "GET" and request.path == "/":
            return web.Response(text="healthy: the embedded engine")
        reply = await self._reply(request)
        settings = reply.settings or self._settings
        if settings.latency or settings.jitter:
            due = started + settings.latency + settings.jitter * self._random.random()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "x-amzn-RequestId": "".join(self._random.choices(_ID_LETTERS, k=_ID_LENGTH)),
            "x-amz-crc32": str(zlib.crc32(reply.body)),
        }
        return web.Response(status=reply.status, body=reply.body, headers=headers)

    async def _reply(self, request: web.BaseRequest) -> Reply:
        from pipeline.embedded.engine import encoded  # noqa: PLC0415 - as in _opened

        refusal = _refused(request)
        body = b"" if refusal else await _body(request)
        if body is None:
            refusal = answers.too_large()
        if refusal is not None or body is None:
            return encoded(refusal or answers.too_large())
        target = request.headers.get("X-Amz-Target")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._engine.reply, target, body)


def _refused(request: web.BaseRequest) -> answers.ServiceError | None:
    """
    Look at the headers; a signature is asked for but not verified.

    A foreign Host is a browser that a page led here by a name of its own (DNS rebinding).
    """
    host = request.headers.get("Host", _HOST)
    name, _, port = host.rpartition(":")
    if (name if name and port.isdigit() else host) not in _OWN_NAMES:
        return answers.foreign_host()
    if "Authorization" not in request.headers:
        return answers.missing_token()
    return None


async def _body(request: web.BaseRequest) -> bytes | None:
    """Read the body; None if it is too large."""
    if (request.content_length or 0) > MAX_REQUEST_BYTES:
        return None
    parts: list[bytes] = []
    size = 0
    async for part in request.content.iter_any():
        size += len(part)
        if size > MAX_REQUEST_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)
