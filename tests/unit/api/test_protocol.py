"""HTTP on a connection, on virtual time: what is slow, endless, broken or too much ends."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from uvicorn.server import ServerState

from pipeline.api.guard.configuration import BoundedConfig
from pipeline.api.guard.protocol import BoundedProtocol
from pipeline.api.limits import Limits
from tests.clock import run

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

LIMITS = Limits(connections=3)
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPLOAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


class Wire(asyncio.Transport):
    """A transport that keeps what was written; *ended* is how and when it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.ended: tuple[str, float] | None = None
        self.half_closed = False
        self.reading = True
        self.protocol: BoundedProtocol | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep what is written."""
        self.written += bytes(data)

    def _end(self, how: str) -> None:
        if self.ended is None:
            loop = asyncio.get_running_loop()
            self.ended = (how, loop.time())
            assert self.protocol is not None
            loop.call_soon(self.protocol.connection_lost, None)

    def close(self) -> None:
        """Close."""
        self._end("closed")

    def abort(self) -> None:
        """Close at once."""
        self._end("aborted")

    def write_eof(self) -> None:
        """Close the writing half."""
        self.half_closed = True

    def can_write_eof(self) -> bool:
        """Say that halves can be closed."""
        return True

    def is_closing(self) -> bool:
        """Tell whether it is closed."""
        return self.ended is not None

    def pause_reading(self) -> None:
        """Bring no more."""
        self.reading = False

    def resume_reading(self) -> None:
        """Bring more."""
        self.reading = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return addresses."""
        return ("127.0.0.1", 1) if name in {"peername", "sockname"} else default

    def get_write_buffer_size(self) -> int:
        """Return that all is sent."""
        return 0

    @property
    def problem(self) -> str:
        """The problem that was answered; its head is held to what every answer has."""
        head, _, body = self.written.partition(b"\r\n\r\n")
        lines = head.decode().lower().split("\r\n")
        document = json.loads(body)
        assert lines[0].startswith(f"http/1.1 {document['status']} ")
        for header in (
            "content-type: application/problem+json",
            "content-security-policy: default-src 'none'",
            "x-content-type-options: nosniff",
            "connection: close",
        ):
            assert any(line.startswith(header) for line in lines), header
        return str(document["type"]).rpartition(":")[2]


class Bench:
    """Connections to an application that reads all, or none, or answers for ever."""

    def __init__(self, app: Callable[..., Coroutine[Any, Any, None]]) -> None:
        self.refused: list[str] = []

        def note(problem: Any, _request: str, _client: object) -> None:
            self.refused.append(problem.name)

        self.config = BoundedConfig(app, LIMITS, note)
        self.config.load()
        self.state = ServerState()

    def connect(self) -> Wire:
        """Open a connection."""
        wire = Wire()
        wire.protocol = BoundedProtocol(self.config, self.state, {}, asyncio.get_running_loop())
        wire.protocol.connection_made(wire)
        return wire


def feed(wire: Wire, data: bytes) -> None:
    """Bring bytes, as the loop does where the transport reads."""
    assert wire.protocol is not None
    if wire.ended is None and data:
        assert wire.reading, "nobody reads"
        wire.protocol.data_received(data)


async def reads_all(_: Any, receive: Any, send: Any) -> None:
    """Read the body, then say how long it was."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message["body"])
        more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d" % size})


async def reads_none(_: Any, __: Any, send: Any) -> None:
    """Answer at once, and let the connection be closed."""
    headers = [(b"connection", b"close"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": b"no"})


async def hangs(_: Any, receive: Any, __: Any) -> None:
    """Say nothing until the client leaves."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def takes_its_time(_: Any, receive: Any, send: Any) -> None:
    """Read a little, then nothing for a minute, then the rest."""
    await receive()
    await asyncio.sleep(60)
    await reads_all(None, receive, send)


def test_a_request_is_answered_and_the_connection_kept() -> None:
    """Until it has been idle for as long as it may."""

    async def scene() -> Wire:
        wire = Bench(reads_all).connect()
        feed(wire, GET)
        await asyncio.sleep(1)
        assert wire.written.endswith(b"\r\n0\r\n\r\n")
        await asyncio.sleep(100)
        return wire

    assert run(scene()).ended == ("closed", LIMITS.idle_s)


@pytest.mark.parametrize("begin", [b"", b"G", GET[:-2], b"GET / HTTP/1.1\r\nA: b\r\n"])
def test_a_head_that_does_not_end_is_given_up(begin: bytes) -> None:
    """Ten seconds after the connection, however it is dripped."""

    async def scene() -> Wire:
        wire = Bench(reads_all).connect()
        for at in range(30):
            feed(wire, begin[at : at + 1])
            await asyncio.sleep(1)
        return wire

    wire = run(scene())
    assert wire.ended is not None
    assert LIMITS.head_s <= wire.ended[1] <= LIMITS.head_s + LIMITS.linger_s
    assert wire.problem == "too-slow"


def test_the_next_head_has_its_own_time() -> None:
    """Which begins with its first byte, not with the connection."""

    async def scene() -> Wire:
        wire = Bench(reads_all).connect()
        for _ in range(5):
            feed(wire, GET)
            await asyncio.sleep(LIMITS.idle_s - 1)
        feed(wire, b"GET")
        wire.written = b""
        await asyncio.sleep(100)
        return wire

    wire = run(scene())
    assert wire.ended == ("closed", 5 * (LIMITS.idle_s - 1) + LIMITS.head_s)
    assert wire.problem == "too-slow"


def test_a_body_that_trickles_is_given_up() -> None:
    """After the first ten seconds that brought less than they must; the application is told."""
    told: list[float] = []

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        await reads_all(scope, receive, send)
        told.append(asyncio.get_running_loop().time())

    async def scene() -> tuple[Wire, Bench]:
        bench = Bench(watched)
        wire = bench.connect()
        feed(wire, UPLOAD)
        for _ in range(40):
            feed(wire, b"3c0\r\n" + b"x" * 960 + b"\r\n")
            await asyncio.sleep(1)
        assert not bench.state.tasks
        return wire, bench

    wire, bench = run(scene())
    assert told == [LIMITS.body_s], "the application waits for what lingers"
    assert wire.problem == "too-slow"
    assert bench.refused == ["too-slow"]
    assert wire.ended is not None
    assert wire.ended[1] <= LIMITS.body_s + LIMITS.linger_s


def test_a_slow_body_that_is_fast_enough_is_taken() -> None:
    """However long it takes in all."""

    async def scene() -> Wire:
        wire = Bench(reads_all).connect()
        feed(wire, UPLOAD)
        for _ in range(600):
            feed(wire, b"800\r\n" + b"x" * 2048 + b"\r\n")
            await asyncio.sleep(1)
        feed(wire, b"0\r\n\r\n")
        await asyncio.sleep(1)
        return wire

    wire = run(scene())
    assert b"200 OK" in wire.written
    assert b"%d" % (600 * 2048) in wire.written


def test_a_body_that_we_do_not_read_is_not_slow() -> None:
    """Where the disk is slow reading pauses, and the client is not blamed for it."""

    async def scene() -> Wire:
        wire = Bench(takes_its_time).connect()
        feed(wire, UPLOAD + b"1\r\nx\r\n")
        await asyncio.sleep(0.1)
        feed(wire, b"20000\r\n" + b"x" * 0x20000 + b"\r\n")
        assert not wire.reading
        await asyncio.sleep(59)
        assert wire.ended is None
        await asyncio.sleep(2)
        feed(wire, b"0\r\n\r\n")
        await asyncio.sleep(1)
        return wire

    assert b"200 OK" in run(scene()).written


def test_a_block_of_small_chunks_leaves_others_their_turn() -> None:
    """What a socket brings at once is parsed in slices, and nothing is read meanwhile."""
    turns = 0

    async def scene() -> Wire:
        nonlocal turns
        wire = Bench(reads_all).connect()
        feed(wire, UPLOAD)
        feed(wire, b"1\r\nx\r\n" * 40_000)
        while not wire.reading:
            turns += 1
            await asyncio.sleep(0)
        feed(wire, b"0\r\n\r\n")
        await asyncio.sleep(1)
        return wire

    assert b"40000" in run(scene()).written
    assert turns >= 240_000 // 16_384


def test_an_answer_before_the_body_s_end_arrives() -> None:
    """The writing half is closed, what still comes is dropped, and then the connection ends."""

    async def scene() -> Wire:
        wire = Bench(reads_none).connect()
        feed(wire, UPLOAD)
        await asyncio.sleep(0.5)
        assert wire.half_closed
        feed(wire, b"x" * 100_000)
        assert wire.reading
        assert wire.ended is None
        await asyncio.sleep(100)
        return wire

    wire = run(scene())
    assert wire.written.count(b"HTTP/1.1") == 1
    assert wire.ended == ("aborted", LIMITS.linger_s)


def test_a_request_behind_an_unread_body_is_not_answered() -> None:
    """Its bytes may be a part of that body."""

    async def scene() -> Wire:
        wire = Bench(reads_none).connect()
        feed(wire, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n")
        await asyncio.sleep(0.5)
        feed(wire, GET)
        await asyncio.sleep(0.5)
        return wire

    assert run(scene()).written.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "bad-request"),
        (b"\r\n\r\n", "bad-request"),
        (b"GET / HTTP/1.1\r\n\r\n", "bad-request"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "bad-request"),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "bad-request"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\n", "bad-request"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", "not-implemented"),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 20_000, "headers-too-large"),
        (UPLOAD + b"zz\r\n", "bad-request"),
        (UPLOAD + b"f" * 400 + b"\r\n", "bad-request"),
    ],
)
def test_what_is_no_http_is_a_problem_too(sent: bytes, name: str) -> None:
    """Answered once, as everything else, and the connection ends; no library's words."""

    async def scene() -> Wire:
        wire = Bench(reads_all).connect()
        feed(wire, sent)
        await asyncio.sleep(100)
        return wire

    wire = run(scene())
    assert wire.problem == name
    assert b"Invalid HTTP" not in wire.written
    assert wire.ended is not None


def test_an_answer_that_nobody_fetches_is_given_up() -> None:
    """After half a minute without progress; one that is fetched slowly goes on."""

    async def scene() -> Wire:
        wire = Bench(hangs).connect()
        feed(wire, GET)
        assert wire.protocol is not None
        for _ in range(3):
            wire.protocol.pause_writing()
            await asyncio.sleep(LIMITS.write_s - 1)
            wire.protocol.resume_writing()
        wire.protocol.pause_writing()
        await asyncio.sleep(100)
        return wire

    assert run(scene()).ended == ("aborted", 3 * (LIMITS.write_s - 1) + LIMITS.write_s)


def test_connections_are_bounded_at_the_cost_of_idle_ones() -> None:
    """The one that waits longest for a request gives way; those that are answered do not."""

    async def scene() -> None:
        bench = Bench(hangs)
        idle = bench.connect()
        await asyncio.sleep(1)
        halves = bench.connect()
        feed(halves, GET[:9])
        busy = bench.connect()
        feed(busy, GET)
        await asyncio.sleep(1)

        feed(bench.connect(), GET)
        assert idle.ended == ("aborted", 2)
        await asyncio.sleep(1)
        feed(bench.connect(), GET)
        assert halves.ended == ("aborted", 3)
        await asyncio.sleep(1)

        refused = bench.connect()
        assert refused.problem == "busy"
        assert b"retry-after: 5" in refused.written
        assert busy.ended is None
        for protocol in list(bench.state.connections):
            protocol.transport.abort()
        await asyncio.sleep(1)
        assert not bench.state.connections

    run(scene())


def test_a_server_that_closes_ends_what_is_idle_or_lingers() -> None:
    """And lets the rest be answered first."""

    async def scene() -> None:
        bench = Bench(reads_none)
        idle, lingering = bench.connect(), bench.connect()
        feed(lingering, UPLOAD)
        await asyncio.sleep(0.1)
        for protocol in list(bench.state.connections):
            protocol.shutdown()
        assert idle.ended == ("closed", 0.1)
        assert lingering.ended == ("aborted", 0.1)
        await asyncio.sleep(0.1)

    run(scene())


def test_an_upgrade_is_passed_over() -> None:
    """There are no websockets here; the request is answered as any other."""

    async def scene() -> Wire:
        wire = Bench(reads_all).connect()
        feed(wire, GET[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        await asyncio.sleep(1)
        return wire

    assert b"200 OK" in run(scene()).written


@pytest.mark.parametrize(
    ("app", "sent"),
    [
        (reads_all, b""),
        (reads_all, GET),
        (reads_all, GET * 1000),
        (hangs, GET),
        (hangs, UPLOAD + b"1\r\n \r\n" * 5000),
    ],
    ids=["nothing", "a request", "many", "unanswered", "an upload"],
)
def test_a_connection_that_is_gone_leaves_nothing(
    app: Callable[..., Coroutine[Any, Any, None]], sent: bytes
) -> None:
    """Not even for the collector of cycles: a crowd that comes and goes would fill the memory."""

    async def scene() -> weakref.ref[BoundedProtocol]:
        wire = Bench(app).connect()
        assert wire.protocol is not None
        feed(wire, sent)
        await asyncio.sleep(1)
        wire.abort()
        await asyncio.sleep(60)
        gone = weakref.ref(wire.protocol)
        wire.protocol = None
        return gone

    gc.disable()
    try:
        assert run(scene())() is None
    finally:
        gc.enable()
