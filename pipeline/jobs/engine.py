"""
``python -m pipeline.jobs.engine RUNS [PORT]``: the embedded engine of all jobs.

Its tables stand in ``RUNS/embedded.sqlite``, and beside them what each was given for its rehearsal.
It listens on 127.0.0.1 alone, on any free port unless one is given; the first line on stdout is
``{"url": "http://127.0.0.1:..."}``. It ends with SIGTERM, and when its stdin ends: then whoever
started it is gone, and the loads that are still connected may finish what they have in flight.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.errors import UsageError
from pipeline.jobs.processes.lifeline import EndedEarly, Lifeline, quiet, say
from pipeline.state.durable import write_all

if TYPE_CHECKING:
    from pipeline.core.flow import StopSignal
    from pipeline.embedded import Endpoint

__all__ = ["main"]

_USAGE, _FAILED, _STDOUT = 2, 3, 1
_LAST_PORT: Final = 65_535
_NICENESS: Final = 5
"""As of the loads that it serves: the server answers first."""

_BUSY_PATIENCE: Final = 15.0
"""Seconds for the engine of a server that is gone to end."""
_LINGERING: Final = {"sighup": 9.0, "sigterm": 0.3}
"""Seconds for loads to let go, by why it ends: in good order they have ended before."""
_PAUSE: Final = 0.05


def main() -> None:
    """Serve until asked to end; the process ends here."""
    gc.disable()  # as in `pipeline.cli.main`
    quiet()
    lifeline = Lifeline(at_end=signal.SIGHUP)
    try:
        lifeline.install()
        code = _served(lifeline, sys.argv[1:])
    except EndedEarly:
        code = 0
    except Exception as error:  # noqa: BLE001 - a bug; Python would show what the error says
        from pipeline.observe.tracebacks import safe_traceback  # noqa: PLC0415 - hardly ever

        say(safe_traceback(error))
        code = _FAILED
    lifeline.let_go()
    sys.exit(code)


def _served(lifeline: Lifeline, arguments: list[str]) -> int:
    from pipeline.observe.tracebacks import install_hooks  # noqa: PLC0415 - signals are taken first

    install_hooks(say)
    os.nice(_NICENESS)
    try:
        runs, port = _read(arguments)
        lifeline.watch()
        lifeline.drive(lambda stop: _serve(runs / "embedded.sqlite", port, stop))
    except UsageError as error:
        say(str(error))
        return _USAGE
    return 0


def _read(arguments: list[str]) -> tuple[Path, int]:
    port = arguments[1] if len(arguments) == 2 else "0"  # noqa: PLR2004 - RUNS and PORT
    known = port.isascii() and port.isdecimal() and len(port) <= len("65535")
    if len(arguments) not in (1, 2) or not known or int(port) > _LAST_PORT:
        raise UsageError("the job server starts this with RUNS and perhaps a PORT")
    return Path(arguments[0]), int(port)


async def _serve(file: Path, port: int, stop: StopSignal) -> None:
    async with AsyncExitStack() as serving:
        endpoint = await _opened(serving, file, port)
        line = json.dumps({"url": endpoint.url}).encode() + b"\n"
        write_all(_STDOUT, line)
        async with stop.limits(), stop.interrupts():
            await asyncio.get_running_loop().create_future()
        for _ in range(round(_LINGERING.get(stop.reason or "", 0) / _PAUSE)):
            if not endpoint.clients():
                break
            await asyncio.sleep(_PAUSE)


async def _opened(serving: AsyncExitStack, file: Path, port: int) -> Endpoint:
    """Serve *file* as long as *serving*, once the engine of a server that is gone let go of it."""
    from pipeline.embedded import EngineBusyError, serve  # noqa: PLC0415 - as above

    clock = asyncio.get_running_loop().time
    deadline = clock() + _BUSY_PATIENCE
    while True:
        try:
            return await serving.enter_async_context(serve(file, port=port, kept=True))
        except EngineBusyError:
            if clock() >= deadline:
                raise
        await asyncio.sleep(_PAUSE)


if __name__ == "__main__":
    main()
