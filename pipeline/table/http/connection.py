"""Connection: one exchange at a time on one socket, and never an answer that is another's."""

from __future__ import annotations

import asyncio
import select
from typing import TYPE_CHECKING, Final, cast

from pipeline.table.http.reading import AnswerReader
from pipeline.table.http.response import DeadlineError, ExchangeError, Response

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

__all__ = ["Connection"]

_PIECE: Final = 128 * 1024
"""Bytes given to the socket at once; a larger request is sent piece by piece, as it drains."""

_REFUSAL: Final = 300


class Connection(asyncio.Protocol):
    """
    A connection to the endpoint; `Pool` opens them, and calls *gone* once when it has ended.

    It is `usable` until anything at all is wrong: bytes that arrive while nobody waits for any end
    it (the next answer would belong to a request that was sent before), and so do an exchange that
    is given up, an answer that ends with the connection, and one that comes before its request was
    sent.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, gone: Callable[[Connection], None]) -> None:
        self.usable = False
        self.idle_since = 0.0
        self._loop = loop
        self._gone = gone
        self._transport: asyncio.Transport | None = None
        self._news: select.poll | None = None  # of the socket below
        self._reader = AnswerReader()
        self._waiter: asyncio.Future[Response] | None = None
        self._room: asyncio.Future[None] | None = None
        self._paused = False
        self._sent = False
        self._alarm: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._seconds = 0.0

    # What the pool calls.

    def quiet(self) -> bool:
        """
        Tell whether the connection can take a request now: still open, and nothing has arrived.

        Also asks the socket for what the event loop has not read yet.
        """
        return self.usable and self._news is not None and not self._news.poll(0)

    async def exchange(self, head: bytes, body: bytes, deadline: float, seconds: float) -> Response:
        """
        Send a request and return its answer; *deadline* is by the loop's clock.

        *seconds* is what a message names. Raise `ExchangeError` or `OSError` if there is none; the
        connection is then closed, and so it is if the exchange is cancelled.
        """
        transport = self._transport
        if transport is None or not self.usable:
            raise ExchangeError("the connection had ended", "closed")
        self._reader.begin()
        waiter: asyncio.Future[Response] = self._loop.create_future()
        self._waiter = waiter
        self._deadline, self._seconds = deadline, seconds
        if self._alarm is None or deadline < self._alarm.when():
            self._set_alarm()
        try:
            if len(body) <= _PIECE:
                self._sent = True
                transport.write(head + body)
            else:
                await self._send(transport, waiter, head, body)
            return await waiter
        except BaseException:
            self.close()
            if waiter.done() and not waiter.cancelled():
                waiter.exception()  # else the loop would complain that nobody heard of it
            raise
        finally:
            self._waiter = None

    async def _send(
        self, transport: asyncio.Transport, waiter: asyncio.Future[Response], *parts: bytes
    ) -> None:
        """Send *parts* as the socket takes them, unless an answer comes first."""
        self._sent = False
        for part in parts:
            view = memoryview(part)
            for start in range(0, len(part), _PIECE):
                if waiter.done():
                    return
                transport.write(view[start : start + _PIECE])
                if self._paused:
                    self._room = self._loop.create_future()
                    await self._room
        self._sent = True

    def close(self) -> None:
        """End the connection at once; nothing that is still to be sent is waited for."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be open."""
        self._transport = cast("asyncio.Transport", transport)
        self.usable = True

    def on_socket(self, sock: socket.socket) -> None:
        """Know the socket below; only looked at, never read."""
        self._news = select.poll()
        self._news.register(sock.fileno(), select.POLLIN)  # its end is news too, and a fault

    def data_received(self, data: bytes) -> None:
        """Read on, and give the answer to who waits for it as soon as it is whole."""
        waiter = self._waiter
        if waiter is None or waiter.done():
            self.close()
            return
        try:
            answer = self._reader.feed(data)
        except ExchangeError as fault:
            self._fail(fault)
            return
        if answer is not None:
            self._deliver(waiter, answer, lasting=self._reader.lasting)

    def eof_received(self) -> None:
        """Take an answer without a length as ended; its reader judges whether it is whole."""
        waiter, answer = self._waiter, self._reader.end()
        if answer is not None and waiter is not None and not waiter.done():
            self._deliver(waiter, answer, lasting=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        self.usable = False
        self._transport = self._news = None
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        began = self._reader.received > 0
        text = f"the connection ended {'within' if began else 'before'} the answer"
        text += f" ({type(exc).__name__})" if exc is not None else ""
        fault = ExchangeError(text, "cut off" if began else "closed")
        fault.__cause__ = exc
        self._fail(fault)
        self._gone(self)

    def pause_writing(self) -> None:
        """Give the socket no more for now."""
        self._paused = True

    def resume_writing(self) -> None:
        """Go on sending."""
        self._paused = False
        self._go_on()

    # How an exchange ends.

    def _deliver(
        self, waiter: asyncio.Future[Response], answer: Response, *, lasting: bool
    ) -> None:
        transport = self._transport
        early = not self._sent or transport is None or transport.get_write_buffer_size() > 0
        if early and answer.status < _REFUSAL:
            self._fail(ExchangeError("an answer before the request was sent", "early"))
            return
        waiter.set_result(answer)
        if early or not lasting:
            self.close()
        self._go_on()

    def _fail(self, fault: ExchangeError) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_exception(fault)
        self.close()
        self._go_on()

    def _go_on(self) -> None:
        """Wake who sends, to send on or to stop."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def _set_alarm(self) -> None:
        """Look at the deadline when it is due: one timer for many exchanges, as most are short."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._loop.call_at(self._deadline, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        if self._waiter is None or self._waiter.done():
            return
        if self._deadline > self._loop.time():
            self._set_alarm()
        else:
            self._fail(DeadlineError(self._seconds))
