"""Closing so that the last answer arrives, reading no faster than what came is understood."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LingeringTransport"]


def _nothing_left() -> bool:
    return False


def _no_one() -> None:
    """Tell nobody."""


class LingeringTransport(asyncio.Transport):
    """
    A transport whose `close` waits for the other side where there is something left to be read.

    Reading has two brakes, for two who do not know of each other: the server's (`pause_reading`),
    and the protocol's own (`hold`), which is told by *on_resume* when the server's is loosened.

    A socket that is closed with unread bytes in it sends a reset, which throws away the answer on
    its way: the client of a refused upload would see a broken connection, not the 413. So the
    writing half is closed first; what comes is dropped by the protocol (*lingering* tells it),
    until the client closes, or *patience* seconds are over.
    """

    def __init__(
        self,
        inner: asyncio.Transport,
        unread: Callable[[], bool],
        on_resume: Callable[[], None],
        patience: float,
    ) -> None:
        super().__init__()
        self._inner = inner
        self._unread = unread
        self._on_resume = on_resume
        self._patience = patience
        self._paused = self._held = False
        self._end: asyncio.TimerHandle | None = None
        self.lingering = False

    def close(self) -> None:
        """Close, at once or after lingering."""
        if self.lingering:
            return
        if self._inner.is_closing() or not self._unread() or not self._inner.can_write_eof():
            self._inner.close()
            return
        self.lingering = True
        self._inner.write_eof()
        self._inner.resume_reading()
        loop = asyncio.get_running_loop()
        self._end = loop.call_later(self._patience, self._inner.abort)

    def abort(self) -> None:
        """Close at once; what was not sent is lost."""
        self._inner.abort()

    def closed(self) -> None:
        """Take note that the connection is gone."""
        if self._end is not None:
            self._end.cancel()
        self._unread, self._on_resume = _nothing_left, _no_one

    def is_closing(self) -> bool:
        """Whether no more may be written."""
        return self.lingering or self._inner.is_closing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write, unless the writing half is closed."""
        if not self.lingering:
            self._inner.write(data)

    def pause_reading(self) -> None:
        """Read no more for now."""
        self._paused = True
        self._brake()

    def resume_reading(self) -> None:
        """Read again, unless it is held."""
        self._paused = False
        self._brake()
        self._on_resume()

    def hold(self, *, held: bool) -> None:
        """Read no more until this is taken back."""
        self._held = held
        self._brake()

    def _brake(self) -> None:
        if self.is_closing():
            return
        if self._paused or self._held:
            self._inner.pause_reading()
        else:
            self._inner.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the socket knows."""
        return self._inner.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait for the client."""
        return self._inner.get_write_buffer_size()
