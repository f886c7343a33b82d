"""
Catch the package in the act of blocking the event loop.

Python announces what may block (opening a file, connecting, starting a program) to audit hooks.
Ours objects where that happens in a thread whose event loop is running, by code of this package.
It sees the calls, not how long they take: what costs time in the processor alone (inflating,
parsing) is for a benchmark to find. A sleep is announced only since Python 3.13, so that
test_architecture.py looks for those.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["BlockedLoop", "no_blocking"]

BLOCKING = frozenset(
    {
        "glob.glob",
        "open",
        "os.listdir",
        "os.scandir",
        "os.system",
        "shutil.copyfile",
        "shutil.rmtree",
        "socket.connect",
        "socket.getaddrinfo",
        "sqlite3.connect",
        "subprocess.Popen",
    }
)


class BlockedLoop(AssertionError):  # noqa: N818 - it is the verdict of a test, read as one
    """The package did something on the event loop that may block it."""


class _Watch:
    """A hook can never be taken back, so there is one for the whole process and a switch."""

    installed = False
    watched: str | None = None


@contextmanager
def no_blocking(package: str = "pipeline") -> Iterator[None]:
    """Raise BlockedLoop, inside the call, where *package* blocks the event loop."""
    if not _Watch.installed:
        sys.addaudithook(_object)
        _Watch.installed = True
    _Watch.watched = package
    try:
        yield
    finally:
        _Watch.watched = None


def _object(event: str, arguments: tuple[object, ...]) -> None:
    if _Watch.watched is None or event not in BLOCKING:
        return
    if asyncio._get_running_loop() is None:
        return
    place = _guilty_place(sys._getframe(1), _Watch.watched)
    if place is not None:
        raise BlockedLoop(f"{event}{arguments!r} on the event loop, by {place}")


def _guilty_place(frame: FrameType | None, package: str) -> str | None:
    """Give where the innermost frame of *package* stands; None where an import is under way."""
    place = None
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("importlib."):
            return None
        if place is None and module.split(".")[0] == package:
            place = f"{module}:{frame.f_lineno}"
        frame = frame.f_back
    return place
