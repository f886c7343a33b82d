"""HTTP/1.1 on a connection, as uvicorn speaks it through h11, with a bound on all of it."""

from __future__ import annotations

import sys
import uuid
from typing import TYPE_CHECKING, Any, Final, cast

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from pipeline.api.guard.headers import SECURITY_HEADERS
from pipeline.api.guard.lingering import LingeringTransport
from pipeline.api.problems import MEDIA_TYPE, Problem, body

if TYPE_CHECKING:
    import asyncio

    from uvicorn.protocols.http.h11_impl import RequestResponseCycle

    from pipeline.api.guard.configuration import BoundedConfig

__all__ = ["BoundedProtocol"]

_SLICE: Final = 16_384
"""Bytes that are parsed at once: a block of the socket's, in small chunks, takes 0.1 s."""

_BY_STATUS = {
    400: Problem("bad-request", "the request cannot be parsed; HTTP/1.1 is spoken here, not TLS"),
    431: Problem("headers-too-large", "the request line and the headers are too long"),
    501: Problem("not-implemented", "this transfer coding is not understood; use chunked"),
}


class BoundedProtocol(H11Protocol):
    """
    Bound what uvicorn leaves open: the head's time, the body's rate, the reader's patience, number.

    A connection is in one of four phases: *idle* before a request's first byte, *head* up to the
    end of its headers, *body* while its body comes, *answer* when only we have something to say.
    """

    def __init__(
        self,
        config: Any,
        server_state: Any,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        bounded = cast("BoundedConfig", config)
        self.limits = bounded.limits
        self.since = self.loop.time()
        self._note = bounded.note
        self._phase = "idle"
        self._deadline: asyncio.TimerHandle | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._arrived = 0
        self._unparsed = bytearray()
        self._parsing: asyncio.Handle | None = None
        self._lingerer: LingeringTransport | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Take a connection; with too many, at the cost of the one that is idle longest."""
        self._lingerer = LingeringTransport(
            transport, self._unread, self._parse_soon, self.limits.linger_s
        )
        super().connection_made(self._lingerer)
        self._watch("head")
        if len(self.connections) > self.limits.connections and not self._make_room():
            self._refuse(
                Problem("busy", "too many connections; try again", (), {"Retry-After": "5"})
            )

    def _make_room(self) -> bool:
        """Close the connection that waits longest for a request; tell whether there was one."""
        others = [one for one in self.connections if isinstance(one, BoundedProtocol)]
        waiting = [one for one in others if one is not self and one._phase in {"idle", "head"}]  # noqa: SLF001 - of its own kind
        if not waiting:
            return False
        min(waiting, key=lambda one: one.since).transport.abort()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything."""
        self._watch("over")
        self._stop_patience()
        if self._lingerer is not None:
            self._lingerer.closed()
        super().connection_lost(exc)
        # Who is told of its end by us holds us, and we hold it: no connection waits for the
        # collector of cycles, of which a crowd of them would leave megabytes to it.
        self._unparsed.clear()
        self.cycle = None  # type: ignore[assignment]  # as before the first request

    def data_received(self, data: bytes) -> None:
        """Take bytes, unless nobody wants them any more."""
        if self._lingerer is None or self._lingerer.is_closing():
            return
        self._arrived += len(data)
        if self._unparsed or len(data) > _SLICE:
            self._unparsed += data
            self._lingerer.hold(held=True)
            self._parse_soon()
        else:
            super().data_received(data)
            self._look()

    def _parse_soon(self) -> None:
        """Parse a slice of what came in a turn of its own, once somebody wants what is in it."""
        if self._unparsed and self._parsing is None and not self.flow.read_paused:
            self._parsing = self.loop.call_soon(self._parse)

    def _parse(self) -> None:
        self._parsing = None
        if self._lingerer is None or self._lingerer.is_closing():
            self._unparsed.clear()
            return
        piece = bytes(self._unparsed[:_SLICE])
        del self._unparsed[:_SLICE]
        super().data_received(piece)
        self._look()
        if self._unparsed:
            self._parse_soon()
        else:
            self._lingerer.hold(held=False)

    def on_response_complete(self) -> None:
        """Begin to wait for the next request, which may be there already."""
        super().on_response_complete()
        self._look()

    def shutdown(self) -> None:
        """End what is idle now, and the rest after its answer."""
        if self._lingerer is not None and self._lingerer.lingering:
            self._lingerer.abort()
        elif self.conn.our_state not in {h11.ERROR, h11.CLOSED, h11.MUST_CLOSE}:
            super().shutdown()

    def pause_writing(self) -> None:
        """Give a client that does not fetch its answer some time."""
        super().pause_writing()
        if self._patience is None:
            self._patience = self.loop.call_later(self.limits.write_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: it did."""
        self._stop_patience()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - its text is the library's
        """Refuse what is no HTTP; called by uvicorn where h11 raised."""
        status = getattr(sys.exception(), "error_status_hint", 400)
        self._refuse(_BY_STATUS.get(status, _BY_STATUS[400]))

    def _should_upgrade(self) -> bool:
        return False

    def _stop_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _open_cycle(self) -> RequestResponseCycle | None:
        """Return the request that waits for its answer, if there is one."""
        cycle: RequestResponseCycle | None = self.cycle
        return None if cycle is None or cycle.response_complete else cycle

    def _unread(self) -> bool:
        """Whether the client may still be sending."""
        return bool(self._unparsed) or self.conn.their_state not in {
            h11.IDLE,
            h11.DONE,
            h11.CLOSED,
            h11.MUST_CLOSE,
        }

    def _look(self) -> None:
        """See which phase the connection is in, and time it."""
        if self.transport.is_closing():
            self._watch("over")
        elif self._open_cycle() is not None:
            self._watch("body" if self.conn.their_state is h11.SEND_BODY else "answer")
        else:
            begun = self.conn.trailing_data[0] or self.timeout_keep_alive_task is None
            self._watch("head" if begun else "idle")

    def _watch(self, phase: str) -> None:
        """Begin *phase*, unless the connection is in it already: its time runs once."""
        if phase == self._phase:
            return
        self._phase, self.since, self._arrived = phase, self.loop.time(), 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if phase == "head":
            self._deadline = self.loop.call_later(self.limits.head_s, self._head_is_late)
        elif phase == "body":
            self._deadline = self.loop.call_later(self.limits.body_s, self._judge_body)

    def _head_is_late(self) -> None:
        self._refuse(Problem("too-slow", f"no whole request within {self.limits.head_s:g} s"))

    def _judge_body(self) -> None:
        """Refuse a body that trickles, unless it is us who do not take it."""
        least = self.limits.body_rate * self.limits.body_s
        ours = self.flow.read_paused or self._unparsed or self.cycle.waiting_for_100_continue
        if self._arrived < least and not ours:
            rate = f"{self.limits.body_rate} bytes a second"
            self._refuse(Problem("too-slow", f"the body came at less than {rate}"))
            return
        self._arrived = 0
        self._deadline = self.loop.call_later(self.limits.body_s, self._judge_body)

    def _refuse(self, problem: Problem) -> None:
        """Answer in the application's place if that can still be done, and close."""
        cycle = self._open_cycle()
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE} or self.transport.is_closing():
            self.transport.abort()
            return
        request = str(uuid.uuid4())
        self._note(problem, request, self.client)
        text = body(problem, request)
        headers = [
            *SECURITY_HEADERS,
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", b"%d" % len(text)),
            (b"x-request-id", request.encode()),
            (b"connection", b"close"),
            *((name.lower().encode(), it.encode()) for name, it in problem.headers.items()),
        ]
        status = problem.kind.status
        response = h11.Response(status_code=status, headers=headers, reason=STATUS_PHRASES[status])
        bodiless = cycle is not None and cycle.scope["method"] == "HEAD"
        events: list[h11.Event] = [response, h11.Data(data=b"" if bodiless else text)]
        events.append(h11.EndOfMessage())
        for event in events:
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
        self._watch("over")
