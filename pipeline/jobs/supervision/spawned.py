"""A process of ours: started, spoken to, and seen to its end, without blocking the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import subprocess
import threading
from typing import TYPE_CHECKING, Final

from pipeline.core.threads import outlasted
from pipeline.state.durable import write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import IO

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

    def __init__(self, popen: subprocess.Popen[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._popen = popen
        self._loop = loop
        self._said = bytearray()
        self._silent = threading.Event()
        self._reaping = threading.Lock()
        self._ended: asyncio.Future[int] = loop.create_future()
        self._lined: asyncio.Future[bytes] = loop.create_future()
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
        with self._reaping, contextlib.suppress(ProcessLookupError, PermissionError):
            if self.over:
                return
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
        await asyncio.wait({self._lined})
        return self._lined.result()

    def watch(self) -> None:
        """
        Hear what it says, in two threads of their own.

        Raise OSError if there can be no more threads: it is killed then, as nobody would see it.
        """
        parts = [self._hear, self._listen]
        try:
            while parts:
                threading.Thread(target=parts[0], daemon=True).start()
                del parts[0]
        except RuntimeError as error:  # what `Thread.start` raises
            self.kill()
            for part in parts:
                part()
            self.see_out()
            raise _no_thread() from error

    def _hear(self) -> None:
        head = bytearray()
        _read(self._popen.stdout, head, b"\n")
        _tell(self._loop, self._lined.set_result, bytes(head))
        _read(self._popen.stdout, bytearray())

    def _listen(self) -> None:
        _read(self._popen.stderr, self._said)
        self._silent.set()

    def see_out(self) -> None:
        """Wait for its end, in the thread that started it; nothing of it is left then."""
        _await_end(self._popen)
        self._silent.wait(_LAST_WORDS)
        with self._reaping:
            self.over = True
            code = self._popen.wait()
        with contextlib.suppress(OSError):
            if self._popen.stdin is not None:
                self._popen.stdin.close()
        _tell(self._loop, self._ended.set_result, code)


def _read(stream: IO[bytes] | None, kept: bytearray, end: bytes | None = None) -> None:
    """
    Read *stream* to its end, and close it, or up to where *end* has come; keep the beginning.

    Nobody else closes it, who could take the number away from under a read.
    """
    if stream is None or stream.closed:
        return
    while piece := os.read(stream.fileno(), 65_536):
        kept += piece[: max(0, _KEPT - len(kept))]
        if end is not None and end in piece:
            return
    stream.close()


async def spawn(argv: Sequence[str], line: bytes, *, stdout: int = subprocess.DEVNULL) -> Spawned:
    """
    Start *argv* in a session of its own, and write *line* to its stdin, which stays open.

    Raise OSError if it cannot be started. If the caller is cancelled meanwhile it is killed.
    """
    loop = asyncio.get_running_loop()
    begun: asyncio.Future[Spawned] = loop.create_future()
    made: list[Spawned] = []

    def live() -> None:
        try:
            one = _started(argv, line, stdout, loop)
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            _tell(loop, begun.set_exception, error)
            return
        _tell(loop, begun.set_result, one)
        one.see_out()

    try:
        threading.Thread(target=live, daemon=True).start()
    except RuntimeError as error:
        raise _no_thread() from error
    try:
        return await outlasted(begun, made.append)
    except asyncio.CancelledError:
        for one in made:
            one.kill()
        raise


def _no_thread() -> OSError:
    return OSError(errno.EAGAIN, "no thread can be started to watch it")


def _tell(loop: asyncio.AbstractEventLoop, work: Callable[..., None], *arguments: object) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody asks any more
        loop.call_soon_threadsafe(work, *arguments)


def _started(
    argv: Sequence[str], line: bytes, stdout: int, loop: asyncio.AbstractEventLoop
) -> Spawned:
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
    spawned = Spawned(popen, loop)
    spawned.watch()
    return spawned


def _await_end(popen: subprocess.Popen[bytes]) -> None:
    """Return when *popen* has ended, without taking its number from it where that can be had."""
    if not hasattr(os, "waitid"):
        popen.wait()
        return
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOWAIT)
