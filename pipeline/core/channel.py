"""Channels: bounded queues that know when they end."""

from __future__ import annotations

import asyncio
from typing import Final, Generic, Protocol, TypeVar, cast

__all__ = ["Channel", "ChannelClosed", "EndOfStream", "Receiver", "Sender"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)


class EndOfStream(Exception):  # noqa: N818 - a fact, not a fault
    """Every sender has closed and every message has been received."""


class ChannelClosed(Exception):  # noqa: N818 - as EndOfStream
    """A message was sent after the last sender closed."""


class Sender(Protocol[T_contra]):
    """The upstream face of a channel."""

    async def send(self, message: T_contra) -> None:
        """Put *message* in the channel; wait while it is full."""


class Receiver(Protocol[T_co]):
    """The downstream face of a channel."""

    @property
    def depth(self) -> int:
        """Messages waiting."""

    async def receive(self) -> T_co:
        """Take the next message; wait while there is none. Raise `EndOfStream` after the last."""

    def __aiter__(self) -> Receiver[T_co]: ...
    async def __anext__(self) -> T_co: ...


class _End:
    """The marker that follows the last message."""


_END: Final = _End()


class Channel(Generic[T]):
    """
    Carry messages between stages, holding at most *capacity* of them.

    The stream ends when all *senders* have closed. From then on the queue is never empty: whoever
    takes the last message leaves the end marker behind, so a single marker stops any number of
    receivers, and none can wait in vain.
    """

    def __init__(self, capacity: int, *, senders: int = 1) -> None:
        self._queue: asyncio.Queue[T | _End] = asyncio.Queue(maxsize=capacity)
        self._open_senders = senders
        self.ended = False

    def __repr__(self) -> str:
        state = "ended" if self.ended else f"{self._open_senders} senders"
        return f"<Channel {self._queue.qsize()}/{self._queue.maxsize}, {state}>"

    @property
    def depth(self) -> int:
        """Messages waiting; a depth that stays at capacity is backpressure."""
        return self._queue.qsize()

    async def send(self, message: T) -> None:
        """Put *message* in the channel; wait while it is full."""
        if not self._open_senders:
            raise ChannelClosed
        await self._queue.put(message)

    def close(self) -> None:
        """Close one sender. Never waits, so that a full queue cannot block it."""
        if not self._open_senders:
            raise ChannelClosed
        self._open_senders -= 1
        self._end_if_drained()

    async def receive(self) -> T:
        """Take the next message; raise `EndOfStream` after the last."""
        message = await self._queue.get()
        self._end_if_drained()
        if message is _END:
            raise EndOfStream
        return cast("T", message)

    def _end_if_drained(self) -> None:
        if not self._open_senders and self._queue.empty():
            self._queue.put_nowait(_END)
            self.ended = True

    def __aiter__(self) -> Channel[T]:
        return self

    async def __anext__(self) -> T:
        try:
            return await self.receive()
        except EndOfStream:
            raise StopAsyncIteration from None
