"""A process of ours: started, spoken to, and seen to its end, without blocking the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from functools import partial
from typing import TYPE_CHECKING, Final

from pipeline.jobs.threads import settled
from pipeline.state.durable import write_all

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Spawned", "spawn"]

_KEPT: Final = 4_096
"""Bytes of what it says that are kept, from the beginning."""

_LAST_WORDS: Final = 1.0
"""Seconds in which its stderr has to end once it has: others may have inherited it."""


class Spawned:
    """
    A process that runs, or has ended.

    It lives no longer than its parent means it to: its stdin stays open while the parent lives.
    """

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen
        self._said = bytearray()
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.over = False

    @property
    def pid(self) -> int:
        """Its number."""
        return self._popen.pid

    def said(self) -> str:
        """Return the beginning of what it wrote to stderr."""
        return bytes(self._said).decode("utf-8", "replace").strip()

    def terminate(self) -> None:
        """Ask it to end; harmless if it has."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it, with whatever it has started."""
        self._signal(signal.SIGKILL, group=True)

    def _signal(self, number: signal.Signals, *, group: bool = False) -> None:
        # It is not reaped before `over`, so that its number is still its own.
        if self.over:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if group:
                os.killpg(self._popen.pid, number)
            else:
                os.kill(self._popen.pid, number)

    async def wait(self) -> int:
        """Return its exit code once it has ended, negative for a signal."""
        await asyncio.wait({self._ended})
        return self._ended.result()

    async def first_line(self) -> bytes:
        """Return the first line of its stdout, which was piped; b"" if it ends before."""
        if self._popen.stdout is None:
            return b""
        descriptor, loop = self._popen.stdout.fileno(), asyncio.get_running_loop()
        line, readable = b"", asyncio.Event()
        loop.add_reader(descriptor, readable.set)
        try:
            while not line.endswith(b"\n"):
                await readable.wait()
                readable.clear()
                piece = os.read(descriptor, _KEPT)
                if not piece:
                    break
                line += piece
        finally:
            loop.remove_reader(descriptor)
        return line

    def watch(self) -> None:
        """See it to its end, in threads of their own."""
        loop = asyncio.get_running_loop()
        reader = threading.Thread(target=self._listen, daemon=True)
        reader.start()

        def wait() -> None:
            _await_end(self._popen)
            reader.join(_LAST_WORDS)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody asks any more
                loop.call_soon_threadsafe(self._end)

        threading.Thread(target=wait, daemon=True).start()

    def _listen(self) -> None:
        """Read its stderr to the end, or it would come to a halt at a full pipe."""
        if self._popen.stderr is None:
            return
        with contextlib.suppress(OSError, ValueError):
            while piece := os.read(self._popen.stderr.fileno(), 65_536):
                self._said += piece[: max(0, _KEPT - len(self._said))]

    def _end(self) -> None:
        self.over = True
        code = self._popen.wait()
        for stream in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
        self._ended.set_result(code)


async def spawn(argv: Sequence[str], line: bytes, *, stdout: int = subprocess.DEVNULL) -> Spawned:
    """
    Start *argv* in a session of its own, and write *line* to its stdin, which stays open.

    Raise OSError if it cannot be started. If the caller is cancelled meanwhile it is killed.
    """
    made: list[Spawned] = []

    def started(popen: subprocess.Popen[bytes]) -> None:
        made.append(Spawned(popen))
        made[0].watch()

    try:
        await settled(partial(_started, argv, line, stdout), started)
    except asyncio.CancelledError:
        for one in made:
            one.kill()
        raise
    return made[0]


def _started(argv: Sequence[str], line: bytes, stdout: int) -> subprocess.Popen[bytes]:
    popen = subprocess.Popen(  # noqa: S603 - how a job is started is the server's to say
        argv,
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=subprocess.PIPE,
        bufsize=0,
        # A Ctrl-C for the server is none for its jobs: it is the server that stops them.
        start_new_session=True,
    )
    # One that is gone already cannot be spoken to: its end says why.
    if popen.stdin is not None:
        with contextlib.suppress(OSError):
            write_all(popen.stdin.fileno(), line)
    return popen


def _await_end(popen: subprocess.Popen[bytes]) -> None:
    """Return when *popen* has ended, without taking its number from it where that can be had."""
    if not hasattr(os, "waitid"):
        popen.wait()
        return
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOWAIT)
