"""Exchanges that are odd but whole, and connections that are not to be used again."""

from __future__ import annotations

import asyncio
import socket
import zlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from pipeline.errors import IsolateError, TransientError
from pipeline.table.http import dialing
from tests.integration.raw_server import OK, Exchange, RawServer, http, say
from tests.integration.test_answers import items
from tests.integration.test_wire import CHUNKED, deliver, table_at, then

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pipeline.model import Item
    from pipeline.table.aws.client import DynamoTable
    from tests.integration.raw_server import Script
    from tests.integration.senders import Where


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """Spell out a 200 in *chunks*."""
    return CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in chunks) + end


CRC = zlib.crc32(OK)

WHOLE: dict[str, Script] = {
    "chunks": say(chunked(OK[:5], OK[5:])),
    "a chunk a byte": say(chunked(*[OK[n : n + 1] for n in range(len(OK))])),
    "chunks with a trailer": say(chunked(OK, end=b"0\r\nX-Later: 1\r\n\r\n")),
    "close after it": then(http(OK, headers="Connection: close\r\n"), "close"),
    "close said, not done": say(http(OK, headers="Connection: close\r\n")),
    "HTTP/1.0 with a length": then(http(OK).replace(b"1.1", b"1.0", 1), "close"),
    "HTTP/1.0 to the end": then(b"HTTP/1.0 200 OK\r\n\r\n" + OK, "close"),
    "HTTP/1.1 to the end": then(b"HTTP/1.1 200 OK\r\n\r\n" + OK, "close"),
    "HTTP/1.0 kept alive": say(
        http(OK, headers="Connection: keep-alive\r\n").replace(b"1.1", b"1.0", 1)
    ),
    "one checksum twice": say(http(OK, headers=f"x-amz-crc32: {CRC}\r\nx-amz-crc32: {CRC}\r\n")),
    "a header without a value": say(http(OK, headers="X-Empty:\r\nX-Blank: \r\n")),
    "no reason": say(http(OK).replace(b"200 Whatever", b"200 ", 1)),
    "odd spellings": say(http(OK).replace(b"Content-Length: ", b"cOnTent-lEngth:\t", 1)),
    "identity": say(http(OK, headers="Content-Encoding: Identity\r\n")),
    "an offer to upgrade": say(http(OK, headers="Connection: upgrade\r\nUpgrade: h2c\r\n")),
    "a hundred announcements": say(b"HTTP/1.1 102 Processing\r\n\r\n" * 100 + http(OK)),
}


@pytest.mark.parametrize("whole", WHOLE)
async def test_an_odd_answer_that_is_whole_is_one(whole: str, where: Where) -> None:
    """Each is a success at once, and so is the next request's."""
    async with (
        RawServer(WHOLE[whole]).running() as server,
        table_at(server.url, where) as table,
    ):
        written, metrics = await deliver(table, [items(1, 2), items(3)])

    assert (len(written), metrics.requests) == (3, 2)


OURS_ALONE = pytest.mark.parametrize("where", ["http"], indirect=True)
"""Where the SDK's parser is more forgiving; `test_wire` has what counts."""

OURS: dict[str, Script] = {
    "two checksums": say(http(OK, headers=f"x-amz-crc32: 1\r\nx-amz-crc32: {CRC}\r\n")),
    "two checksums, the right one first": say(
        http(OK, headers=f"x-amz-crc32: {CRC}\r\nx-amz-crc32: 1\r\n")
    ),
    "a head without end": say(b"HTTP/1.1 200 OK\r\n" + b"X-More: " + b"x" * 100_000),
    "headers without end": say(b"HTTP/1.1 200 OK\r\n" + b"X-More: x\r\n" * 20_000),
    "announcements without end": say(b"HTTP/1.1 102 Processing\r\n\r\n" * 10_000),
    "a chunk that is too short": then(CHUNKED + b"18\r\n" + OK + b"\r\n0\r\n\r\n", "close"),
    "a chunk that is too long": then(CHUNKED + b"16\r\n" + OK + b"\r\n0\r\n\r\n", "close"),
    "a chunk of no size": then(CHUNKED + b"\r\n" + OK + b"\r\n0\r\n\r\n", "close"),
    "a chunk of a negative size": then(CHUNKED + b"-17\r\n" + OK + b"\r\n0\r\n\r\n", "close"),
    "a chunk of a huge size": then(CHUNKED + b"f" * 17 + b"\r\n" + OK + b"\r\n", "close"),
    "a length and chunks": then(http(OK, headers="Transfer-Encoding: chunked\r\n"), "close"),
    "a negative length": then(http(OK, length=-1), "close"),
    "a length with a sign": then(http(OK).replace(b"h: 23", b"h: +23"), "close"),
    "a folded header": then(http(OK, headers="X-A: b\r\n c: d\r\n\x00\r\n"), "close"),
    "HTTP/0.9": then(OK, "close"),
    "a status of two digits": then(http(OK).replace(b" 200 ", b" 20 ", 1), "close"),
    "zeros": then(bytes(5_000), "close"),
    "half to the end, reset": then(b"HTTP/1.1 200 OK\r\n\r\n" + OK, "reset"),
}


@OURS_ALONE
@pytest.mark.parametrize("broken", OURS)
async def test_what_is_no_answer_is_ambiguous(broken: str, where: Where) -> None:
    """Each is told as transient, at once, and the next request goes over a new connection."""

    async def script(exchange: Exchange) -> None:
        await (say(http(OK)) if exchange.number else OURS[broken])(exchange)

    async with RawServer(script).running() as server, table_at(server.url, where) as table:
        with pytest.raises(TransientError) as caught:
            await table.write(items(1))
        await table.write(items(2))

    assert caught.value.code not in ("", "timeout")
    if "checksum" not in broken:
        assert [exchange.connection for exchange in server.requests] == [1, 2]


LARGE = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
"""What the SDK's client says of every body over a megabyte."""


def bulky() -> list[Item]:
    """Make items of 12 MB in all, more than any socket takes at once; their sizes are made up."""
    filler = b',"x":{"B":"%b"}}}}' % (b"A" * 1_500_000)
    return [replace(item, wire=item.wire[:-3] + filler) for item in items(*range(8))]


@LARGE
async def test_a_large_request_arrives_whole(where: Where) -> None:
    """It is sent as the server takes it, and small ones go over the same connection after it."""
    big = bulky()
    async with RawServer(say(http(OK))).running() as server, table_at(server.url, where) as table:
        for batch in (items(1), big, items(2), big):
            await table.write(batch)

    assert {exchange.connection for exchange in server.requests} == {1}
    assert all(item.wire in server.requests[1].body for item in big)
    assert server.requests[1].body == server.requests[3].body


@asynccontextmanager
async def rude_server(answer: bytes, *, reads_on: bool) -> AsyncIterator[str]:
    """Serve *answer* as soon as a request has begun; then read the rest of it, or nothing more."""
    let_go = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        while reads_on and await reader.read(2**16):
            pass
        await let_go.wait()
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        let_go.set()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0)


@LARGE
async def test_a_refusal_may_come_before_the_request_was_sent(where: Where) -> None:
    """413 says all there is to say; the rest of the request is not waited for."""
    answer = http(b"", status=413)
    async with rude_server(answer, reads_on=False) as url, table_at(url, where) as table:
        with pytest.raises(IsolateError):
            await table.write(bulky())
        # Over a new connection: on the old one the rest of the request would come first.
        with pytest.raises(IsolateError):
            await table.write(items(1))


@OURS_ALONE
async def test_a_200_before_the_request_was_sent_confirms_nothing(where: Where) -> None:
    """Nobody can have written what has not arrived."""
    async with rude_server(http(OK), reads_on=False) as url, table_at(url, where) as table:
        with pytest.raises(TransientError, match="before the request was sent"):
            await table.write(bulky())


@LARGE
async def test_a_server_that_takes_nothing_is_given_up(where: Where) -> None:
    """The deadline is for sending too, and nobody waits for room for ever."""
    async with (
        rude_server(b"", reads_on=False) as url,
        table_at(url, where, deadline=0.4) as table,
    ):
        with pytest.raises(TransientError, match=r"no whole answer within 0\.4 s"):
            await table.write(bulky())


async def test_a_connection_that_was_closed_while_it_rested_is_not_used(where: Where) -> None:
    """The server has closed it and said so: the next request costs no attempt."""

    async def script(exchange: Exchange) -> None:
        await exchange.send(http(OK))
        exchange.close()

    async with RawServer(script).running() as server, table_at(server.url, where) as table:
        for number in range(5):
            await table.write(items(number))
            await asyncio.sleep(0.02)

    assert [exchange.connection for exchange in server.requests] == [1, 2, 3, 4, 5]


async def test_a_cancelled_exchange_ends_its_connection(where: Where) -> None:
    """Its answer would be taken for the next request's."""
    arrived = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        if exchange.number:
            await exchange.send(http(b"{}"))
        else:
            arrived.set()
            await asyncio.sleep(0.05)
            await exchange.send(http(OK))

    async with RawServer(script).running() as server, table_at(server.url, where) as table:
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(table.write(items(1)))
            await arrived.wait()
            writing.cancel()
        with pytest.raises(TransientError, match="without UnprocessedItems"):
            await table.write(items(2))

    assert [exchange.connection for exchange in server.requests] == [1, 2]


async def test_there_are_never_more_connections_than_allowed(where: Where) -> None:
    """More requests than connections wait for one of them, and all are answered."""
    open_now, most = 0, 0

    async def script(exchange: Exchange) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0.005)
        open_now -= 1
        await exchange.send(http(OK))

    async with (
        RawServer(script).running() as server,
        table_at(server.url, where, connections=3) as table,
        asyncio.TaskGroup() as group,
    ):
        for number in range(30):
            group.create_task(table.write(items(number)))

    assert (len(server.requests), server.connections, most) == (30, 3, 3)


@OURS_ALONE
async def test_a_turn_that_comes_too_late_goes_to_the_next(where: Where) -> None:
    """One who waits is cancelled in the moment in which the connection gets free for it."""

    async def first(table: DynamoTable, second: list[asyncio.Task[object]]) -> None:
        await table.write(items(1))
        second[0].cancel()

    async with (
        RawServer(say(http(OK))).running() as server,
        table_at(server.url, where, connections=1) as table,
        asyncio.TaskGroup() as group,
    ):
        second: list[asyncio.Task[object]] = []
        group.create_task(first(table, second))
        second.append(group.create_task(table.write(items(2))))
        third = group.create_task(table.write(items(3)))

    assert not third.result().unprocessed


async def test_waiting_for_a_connection_counts(where: Where) -> None:
    """The deadline is for the whole exchange, the wait for a free connection included."""

    async def script(_: Exchange) -> None:
        await asyncio.sleep(3_600)

    async with (
        RawServer(script).running() as server,
        table_at(server.url, where, connections=1, deadline=0.3) as table,
        asyncio.TaskGroup() as group,
    ):
        told = [group.create_task(fault_of(table, number)) for number in range(4)]

    assert {type(one.result()) for one in told} == {TransientError}
    assert len(server.requests) < 4


async def fault_of(table: DynamoTable, number: int) -> Exception | None:
    """Return what a write raises."""
    try:
        await table.write(items(number))
    except TransientError as fault:
        return fault
    return None


@OURS_ALONE
async def test_a_connection_that_rested_long_is_not_used(where: Where) -> None:
    """A balancer may be about to close it: after 20 s nobody can tell."""
    async with RawServer(say(http(OK))).running() as server, table_at(server.url, where) as table:
        pool = table._sender._pool  # type: ignore[attr-defined]  # which ours has
        await table.write(items(1))
        pool._idle[0].idle_since -= 19.0
        await table.write(items(2))
        pool._idle[0].idle_since -= 21.0
        await table.write(items(3))

    assert [exchange.connection for exchange in server.requests] == [1, 1, 2]


@OURS_ALONE
async def test_connections_that_are_too_many_end_after_a_rest(where: Where) -> None:
    """The one that was used last is used next, so that those which are not needed grow old."""
    async with (
        RawServer(say(http(OK))).running() as server,
        table_at(server.url, where, connections=5) as table,
    ):
        pool = table._sender._pool  # type: ignore[attr-defined]  # which ours has
        async with asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(table.write(items(number)))
        assert len(pool._open) == 5
        for number in range(3):
            await table.write(items(number))
        assert len({exchange.connection for exchange in server.requests[-3:]}) == 1
        for connection in pool._idle[:4]:
            connection.idle_since -= 21.0
        await table.write(items(6))
        await asyncio.sleep(0.01)

        assert len(pool._open) == len(pool._idle) == 1
    assert server.connections == 5


@OURS_ALONE
async def test_connections_spread_over_the_addresses_of_a_name(where: Where) -> None:
    """And a name is looked up for each new one, so that those which are gone are not missed."""
    looked_up = 0

    async def resolve(*_: object) -> list[dialing.Address]:
        nonlocal looked_up
        looked_up += 1
        ports = [int(server.url.rpartition(":")[2]) for server in (one, other)]
        return [(socket.AF_INET, ("127.0.0.1", port)) for port in ports]

    async def script(exchange: Exchange) -> None:
        await asyncio.sleep(0.05)
        await exchange.send(http(OK))

    where.monkeypatch.setattr(dialing, "_resolve", resolve)
    async with (
        RawServer(script).running() as one,
        RawServer(script).running() as other,
        table_at("http://dynamodb.test", where, connections=6) as table,
        asyncio.TaskGroup() as group,
    ):
        for number in range(6):
            group.create_task(table.write(items(number)))

    assert (one.connections, other.connections, looked_up) == (3, 3, 6)


@OURS_ALONE
async def test_an_ipv6_address_is_an_address(where: Where) -> None:
    """In brackets in the URL and in the Host header, without them for the socket."""
    with socket.socket(socket.AF_INET6) as listening:
        try:
            listening.bind(("::1", 0))
        except OSError:
            pytest.skip("there is no IPv6 here")
        server = RawServer(say(http(OK)))
        async with server.running(on=listening), table_at(server.url, where) as table:
            await table.write(items(1))

    assert f"Host: {server.url.removeprefix('http://')}\r\n".encode() in server.requests[0].head
    assert "[::1]" in server.url


async def test_what_is_sent_is_what_was_signed(where: Where) -> None:
    """Path and port of the endpoint are kept, and nothing is asked for that is not read."""
    async with (
        RawServer(say(http(OK))).running() as server,
        table_at(f"{server.url}/some/path", where) as table,
    ):
        await table.write(items(1))

    line, *rest = server.requests[0].head.decode("ascii").strip().split("\r\n")
    headers = {name.lower(): text for name, _, text in (one.partition(": ") for one in rest)}
    assert line == "POST /some/path HTTP/1.1"
    assert headers["host"] == server.url.removeprefix("http://")
    assert headers["x-amz-target"] == "DynamoDB_20120810.BatchWriteItem"
    assert headers["content-type"] == "application/x-amz-json-1.0"
    assert headers["accept-encoding"] == "identity"
    assert headers["content-length"] == str(len(server.requests[0].body))
    assert "dynamodb-pipeline" in headers["user-agent"]
    assert "transfer-encoding" not in headers
