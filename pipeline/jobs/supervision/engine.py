"""The embedded engine of all jobs: a process of its own, begun when the first job asks for it."""

from __future__ import annotations

import asyncio
import re
import subprocess
from typing import TYPE_CHECKING, Final

from pipeline.jobs.supervision.spawned import spawn
from pipeline.jobs.texts import shown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.jobs.supervision.spawned import Spawned
    from pipeline.observe.logs import Log

__all__ = ["Engine", "EngineError"]

_URL: Final = re.compile(rb"http://127\.0\.0\.1:([0-9]{1,5})")
_PATIENCE: Final = 30.0
"""Seconds that it may take to begin; it may have to wait for the one of a server before this."""

_GRACE: Final = 1.5
_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
"""Seconds before it is started again: none at first, more each time that it did not live for 30."""

_TRIES: Final = 10
"""Times that it is started where it was before it may be elsewhere: somebody has its port."""


class EngineError(Exception):
    """The engine cannot be had; the text says why."""


class Engine:
    """The engine, which runs only once a job has asked for it."""

    def __init__(self, argv: Sequence[str], runs: Path) -> None:
        self._argv = (*argv, str(runs))
        self._running: Spawned | None = None
        self._url = ""
        self._starting = asyncio.Lock()
        self._beginning: Spawned | None = None
        self._closing = False
        self._begun = asyncio.Event()

    async def url(self) -> str:
        """Return where it is served; start it if it does not run. Raise `EngineError`."""
        async with self._starting:
            if self._running is None or self._running.over:
                self._running = None
                try:
                    self._running, self._url = await self._started()
                except OSError as error:
                    raise EngineError(f"it cannot be started: {error.strerror}") from error
                self._begun.set()
            return self._url

    async def keep(self, log: Log) -> None:
        """Start it again whenever it has died, for the loads that are on their way; for ever."""
        failures, pause = 0, 0.0
        clock = asyncio.get_running_loop().time
        while True:
            await self._begun.wait()
            if self._running is not None:
                began = clock()
                await self._running.wait()
                if clock() - began >= _LONGEST_PAUSE:
                    pause = 0.0
            await asyncio.sleep(pause)
            pause = min(max(pause * 2, _PAUSE), _LONGEST_PAUSE)
            try:
                await self.url()
            except EngineError as error:
                log.warning("engine.lost", reason=str(error))
                failures, pause = failures + 1, _PAUSE
                if failures == _TRIES:
                    failures, self._url = 0, ""
            else:
                log.warning("engine.restarted", url=self._url)
                failures = 0

    async def _started(self) -> tuple[Spawned, str]:
        # One that has died comes back where it was: loads that are on their way find it there.
        port = self._url.rpartition(":")[2]
        argv = (*self._argv, port) if port else self._argv
        engine = self._beginning = await spawn(argv, b"", stdout=subprocess.PIPE)
        if self._closing:
            engine.kill()
        try:
            async with asyncio.timeout(_PATIENCE):
                line = await engine.first_line()
        except BaseException as error:
            engine.kill()
            if isinstance(error, TimeoutError):
                raise EngineError(f"it did not begin within {_PATIENCE:.0f} s") from error
            raise
        finally:
            self._beginning = None
        found = _URL.search(line)
        if found is None:
            engine.kill()
            await engine.wait()
            raise EngineError(shown(engine.said()) or "it ended before it began")
        return engine, found[0].decode()

    def give_up(self) -> None:
        """Start it no more: whoever waits for it hears so at once."""
        self._closing = True
        if self._beginning is not None:
            self._beginning.kill()

    async def close(self) -> None:
        """End it; at return it has ended."""
        engine, self._running = self._running, None
        if engine is None:
            return
        engine.terminate()
        try:
            async with asyncio.timeout(_GRACE):
                await engine.wait()
        except TimeoutError:
            engine.kill()
            await engine.wait()
