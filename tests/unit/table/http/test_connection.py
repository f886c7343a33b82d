"""A connection takes no request once anything at all has arrived on it."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from pipeline.table.http.connection import Connection
from pipeline.table.http.response import DeadlineError, ExchangeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Connection, socket.socket]]:
    """Yield a connection and the socket of its peer, which does what a test does."""
    loop = asyncio.get_running_loop()
    ours, peer = socket.socketpair()
    ended = asyncio.Event()
    connection = Connection(loop, lambda _: ended.set())
    await loop.create_connection(lambda: connection, sock=ours)
    connection.on_socket(ours)
    peer.settimeout(0)
    try:
        yield connection, peer
    finally:
        connection.close()
        await ended.wait()
        peer.close()


async def test_a_connection_at_rest_is_quiet() -> None:
    """New, and after an exchange."""
    async with connected() as (connection, peer):
        assert connection.quiet()
        await exchanged(connection, peer)
        assert connection.quiet()


async def exchanged(connection: Connection, peer: socket.socket, answer: bytes = ANSWER) -> None:
    """Make one exchange."""
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(connection.exchange(b"head", b"body", loop.time() + 3_600, 5))
        assert await loop.sock_recv(peer, 100) == b"headbody"
        peer.send(answer)
    assert task.result().body == b"{}"


async def test_bytes_that_the_loop_has_not_seen_yet_are_seen() -> None:
    """Nothing runs between their arrival and the question."""
    async with connected() as (connection, peer):
        peer.send(ANSWER)

        assert connection.usable
        assert not connection.quiet()


async def test_an_end_that_the_loop_has_not_seen_yet_is_seen() -> None:
    """The same for a peer that has gone."""
    async with connected() as (connection, peer):
        peer.close()

        assert connection.usable
        assert not connection.quiet()


async def test_bytes_that_nobody_waits_for_end_it() -> None:
    """They would be taken for the next answer."""
    async with connected() as (connection, peer):
        await exchanged(connection, peer)
        peer.send(b"H")
        await asyncio.sleep(0.01)

        assert not connection.usable
        with pytest.raises(ExchangeError, match="had ended"):
            await connection.exchange(b"head", b"body", 0, 0)


async def test_an_exchange_that_is_given_up_ends_it() -> None:
    """The peer is told, whether or not it has anything to say yet."""
    async with connected() as (connection, peer):
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(connection.exchange(b"head", b"body", loop.time() + 5, 5))
            await loop.sock_recv(peer, 100)
            task.cancel()

        assert not connection.usable
        assert await loop.sock_recv(peer, 100) == b""


async def test_a_large_body_waits_for_the_socket() -> None:
    """What the peer does not take is not handed over: it would be held twice, or encrypted."""
    async with connected() as (connection, _):
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            body = bytes(12_000_000)
            task = group.create_task(connection.exchange(b"head", body, loop.time() + 5, 5))
            for _ in range(100):
                await asyncio.sleep(0)
            transport = connection._transport
            assert transport is not None
            assert transport.get_write_buffer_size() < 300_000
            task.cancel()


async def test_a_deadline_is_kept_when_an_earlier_one_was_later() -> None:
    """One timer serves many exchanges: it is set anew where it would ring too late."""
    async with connected() as (connection, peer):
        loop = asyncio.get_running_loop()
        await exchanged(connection, peer)
        with pytest.raises(DeadlineError, match=r"0\.05 s"):
            await connection.exchange(b"head", b"body", loop.time() + 0.05, 0.05)


async def test_an_early_alarm_does_not_end_a_later_exchange() -> None:
    """The timer of an exchange that is over looks at the deadline of the one under way."""
    async with connected() as (connection, peer):
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(connection.exchange(b"a", b"b", loop.time() + 0.05, 0.05))
            await loop.sock_recv(peer, 100)
            peer.send(ANSWER)
        assert task.result().status == 200
        async with asyncio.TaskGroup() as group:
            task = group.create_task(connection.exchange(b"a", b"b", loop.time() + 5, 5))
            await loop.sock_recv(peer, 100)
            await asyncio.sleep(0.1)
            peer.send(ANSWER)

        assert task.result().status == 200
