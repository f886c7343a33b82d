"""
Broken exchanges: whatever a connection does, items are sent again and counted once.

The server's own table is the truth: it may apply a write and then fail to say so.
"""

from __future__ import annotations

import asyncio
import gzip
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from pipeline.core.backoff import RetryPolicy
from pipeline.core.breaker import Breaker
from pipeline.core.channel import Channel
from pipeline.errors import TransientError
from pipeline.model import Batch, Outcome
from pipeline.observe.metrics import Metrics
from pipeline.stages.writer import Delivery, Writer
from tests.fakes import ListLog
from tests.integration.raw_server import OK, Exchange, RawServer, Script, http, say
from tests.integration.senders import Where, open_table
from tests.integration.test_answers import ENCODER, items

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from pipeline.model import Item
    from pipeline.table.aws.client import DynamoTable

DEADLINE = 0.4
HANGING = ("silence", "a dripping answer", "a length that is too long")


@asynccontextmanager
async def table_at(
    url: str, where: Where, *, deadline: float = 20.0, connections: int = 2
) -> AsyncIterator[DynamoTable]:
    """Yield a table whose service is at *url*."""
    async with open_table(url, where, ENCODER, deadline=deadline, connections=connections) as table:
        yield table


async def deliver(
    table: DynamoTable, batches: Sequence[Sequence[Item]], workers: int = 1
) -> tuple[list[Item], Metrics]:
    """Write *batches* as a run does; return the items that were reported as written."""
    policy = RetryPolicy(base_delay=0.001, max_delay=0.01)
    metrics, dice = Metrics(), random.Random(1)
    delivery = Delivery(table, policy, Breaker(policy, dice), metrics, dice, ListLog())
    writer = Writer(delivery, lambda _: None)
    inbox: Channel[Batch] = Channel(len(batches))
    outbox: Channel[Outcome] = Channel(100_000)
    for batch in batches:
        await inbox.send(Batch(batch))
    inbox.close()
    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(writer(inbox, outbox))
    outbox.close()
    outcomes = [outcome async for outcome in outbox]
    assert [one.message for outcome in outcomes for one in outcome.refused] == []
    return [item for outcome in outcomes for item in outcome.written], metrics


def handed_back(*requests: dict[str, Any], table: str = "Users") -> bytes:
    """Spell out a 200 that hands back *requests*."""
    return http(orjson.dumps({"UnprocessedItems": {table: list(requests)}}))


def put(number: int, **more: Any) -> dict[str, Any]:
    """Make the put of the item with sort key *number*, as the service would hand it back."""
    return {"PutRequest": {"Item": {"PK": {"S": "ä€😀"}, "SK": {"N": str(number)}, **more}}}


def then(data: bytes, end: str) -> Script:
    """Script an answer of *data* after which the connection ends."""

    async def script(exchange: Exchange) -> None:
        await exchange.send(data)
        exchange.reset() if end == "reset" else exchange.close()

    return script


async def silence(_: Exchange) -> None:
    """Say nothing, ever."""
    await asyncio.sleep(3_600)


async def drip(exchange: Exchange) -> None:
    """Answer a byte at a time: no gap is long, and there is no end."""
    for byte in http(OK):
        await exchange.send(bytes([byte]))
        await asyncio.sleep(DEADLINE / 10)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

BROKEN: dict[str, Script] = {
    "closed": then(b"", "close"),
    "reset": then(b"", "reset"),
    "half a head": then(http(OK)[:20], "close"),
    "half a head, reset": then(http(OK)[:20], "reset"),
    "half a body": then(http(OK)[:-5], "close"),
    "half a body, reset": then(http(OK)[:-5], "reset"),
    "silence": silence,
    "a dripping answer": drip,
    "a length that is too long": say(http(OK, length=len(OK) + 1)),
    "a length that is too short": say(http(OK, length=len(OK) - 1)),
    "a length that is no number": say(
        http(OK).replace(b"Content-Length: 23", b"Content-Length: x")
    ),
    "two lengths": say(http(OK, headers="Content-Length: 5\r\n")),
    "no length": then(b"HTTP/1.1 200 OK\r\n\r\n" + OK[:9], "close"),
    "a wrong CRC32": say(http(OK, headers="x-amz-crc32: 1\r\n")),
    "HTML": say(http(b"<html>log in</html>")),
    "nothing": say(http(b"")),
    "an empty object": say(http(b"{}")),
    "null": say(http(b"null")),
    "a list": say(http(b"[]")),
    "a number": say(http(b"1")),
    "UnprocessedItems null": say(http(b'{"UnprocessedItems":null}')),
    "UnprocessedItems a list": say(http(b'{"UnprocessedItems":[]}')),
    "no UTF-8": say(http(b'{"UnprocessedItems":{"\xff":[]}}')),
    "two objects": say(http(OK + OK)),
    "another table's": say(handed_back(put(1), table="Other")),
    "a second table's": say(
        http(orjson.dumps({"UnprocessedItems": {"Users": [put(1)], "Other": [put(1)]}}))
    ),
    "a key that was not sent": say(handed_back(put(99))),
    "a key too many": say(handed_back(put(1), put(2), put(3))),
    "a key twice": say(handed_back(put(1), put(1))),
    "no key": say(handed_back({"PutRequest": {"Item": {"SK": {"N": "1"}}}})),
    "no request": say(handed_back({})),
    "text for a list": say(http(b'{"UnprocessedItems":{"Users":"x"}}')),
    "201": say(http(OK, status=201)),
    "202": say(http(OK, status=202)),
    "204": say(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "206": say(http(OK, status=206)),
    "101": then(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", ""
    ),
    "302": say(http(b"", status=302, headers="Location: http://127.0.0.1:1/\r\n")),
    "304": say(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    "307 without a place": say(http(b"", status=307)),
    "not HTTP": then(b"SSH-2.0-OpenSSH_9.6\r\n", "close"),
    "gzip that is none": say(http(b"\x1f\x8b\x08 garbage", headers="Content-Encoding: gzip\r\n")),
    "gzip nobody asked for": say(http(gzip.compress(OK), headers="Content-Encoding: gzip\r\n")),
    "a broken chunk": then(CHUNKED + b"17\r\n" + OK + b"\r\nzz\r\n", "close"),
    "no last chunk": then(CHUNKED + b"17\r\n" + OK + b"\r\n", "close"),
    "503 that is cut": then(http(b'{"__type":"x#ServiceUnavailable"}', status=503)[:-4], "close"),
}


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_broken_exchange_is_repeated_and_counted_once(broken: str, where: Where) -> None:
    """Twice broken, then answered: three requests with the same items, each item written once."""

    async def script(exchange: Exchange) -> None:
        await (BROKEN[broken] if exchange.number < 2 else say(http(OK)))(exchange)

    sent, deadline = items(1, 2), DEADLINE if broken in HANGING else 20.0
    async with (
        RawServer(script).running() as server,
        table_at(server.url, where, deadline=deadline) as table,
    ):
        written, metrics = await deliver(table, [sent])

    assert written == sent
    # On a busy machine an answer that is right may be late as well.
    assert metrics.requests == len(server.requests) == 3 or broken in HANGING
    assert len({exchange.body for exchange in server.requests}) == 1


@pytest.mark.parametrize("broken", HANGING)
async def test_an_abandoned_connection_is_not_used_again(broken: str, where: Where) -> None:
    """Its answer may come at any time, and would be taken for another request's."""

    async def script(exchange: Exchange) -> None:
        await (say(http(OK)) if exchange.number else BROKEN[broken])(exchange)

    async with (
        RawServer(script).running() as server,
        table_at(server.url, where, deadline=DEADLINE) as table,
    ):
        with pytest.raises(TransientError, match=r"no whole answer within 0\.4 s"):
            await table.write(items(1))
        table._sender.timeout = 20.0  # type: ignore[attr-defined]  # both have one
        await table.write(items(2))

    assert [exchange.connection for exchange in server.requests] == [1, 2]


@pytest.mark.parametrize("pause", [0.0, 0.05])
async def test_an_answer_too_many_is_nobodys(pause: float, where: Where) -> None:
    """A second answer to one request, at once or while the connection rests, confirms no other."""

    async def script(exchange: Exchange) -> None:
        if exchange.number == 0:
            await exchange.send(http(OK) + (b"" if pause else http(OK)))
            await asyncio.sleep(pause)
            if pause:
                await exchange.send(http(OK))
        else:
            await exchange.send(http(b'{"__type":"x#InternalServerError"}', status=500))

    async with RawServer(script).running() as server, table_at(server.url, where) as table:
        await table.write(items(1))
        await asyncio.sleep(0.2)
        with pytest.raises(TransientError, match="InternalServerError"):
            await table.write(items(2))

    assert [exchange.connection for exchange in server.requests] == [1, 2]


async def test_interim_answers_are_passed_over(where: Where) -> None:
    """100 and 103 announce an answer and are none."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"
    async with (
        RawServer(say(interim + http(OK))).running() as server,
        table_at(server.url, where) as table,
    ):
        written, metrics = await deliver(table, [items(1, 2), items(3)])

    assert (len(written), metrics.requests) == (3, 2)


async def test_a_connection_that_ends_between_two_requests_costs_one_attempt_at_most(
    where: Where,
) -> None:
    """The server ends every connection after its answer, or as the next request arrives."""

    async def script(exchange: Exchange) -> None:
        if exchange.number % 3 == 2:
            exchange.close()  # it had decided to, and did not see the request
        else:
            await exchange.send(http(OK))
            if exchange.number % 3 == 0:
                exchange.close()

    batches = [items(number) for number in range(30)]
    async with RawServer(script).running() as server, table_at(server.url, where) as table:
        written, metrics = await deliver(table, batches)

    assert [item.key for item in written] == [batch[0].key for batch in batches]
    assert len(server.requests) <= metrics.requests < 3 * 30


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(status: int, where: Where) -> None:
    """A signed body goes to the host that it was signed for, and to no other."""
    async with RawServer(say(http(OK))).running() as elsewhere:
        place = http(b"", status=status, headers=f"Location: {elsewhere.url}/\r\n")
        async with (
            RawServer(say(place)).running() as server,
            table_at(server.url, where) as table,
        ):
            with pytest.raises(TransientError, match=str(status)):
                await table.write(items(1))

    assert (len(server.requests), len(elsewhere.requests)) == (1, 0)


async def test_a_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY: the SDK sends to the proxy, with the service's whole address; we know of it."""
    async with RawServer(say(http(OK))).running() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        async with table_at("http://dynamodb.example.invalid", Where("sdk", monkeypatch)) as table:
            await table.write(items(1))

    assert proxy.requests[0].head.startswith(b"POST http://dynamodb.example.invalid/ HTTP/1.1")


@pytest.mark.parametrize("seed", [1, 2])
async def test_any_mixture_of_breakages_loses_nothing_and_counts_once(
    seed: int, where: Where
) -> None:
    """Five writers, every third exchange broken, before or after the write is applied."""
    dice, rows = random.Random(seed), set[str]()
    quick = [name for name in BROKEN if name not in HANGING]

    async def script(exchange: Exchange) -> None:
        broken = dice.random() < 0.35
        if not broken or dice.random() < 0.5:
            for request in orjson.loads(exchange.body)["RequestItems"]["Users"]:
                rows.add(request["PutRequest"]["Item"]["SK"]["N"])
        await (BROKEN[dice.choice(quick)] if broken else say(http(OK)))(exchange)

    # None of these is handed back by name in a broken answer, which would be a sound one then.
    numbers = range(1_000, 1_500)
    batches = [items(*numbers[start : start + 5]) for start in range(0, len(numbers), 5)]
    async with (
        RawServer(script).running() as server,
        table_at(server.url, where, connections=6) as table,
    ):
        written, metrics = await deliver(table, batches, workers=5)

    assert rows == set(map(str, numbers))
    assert sorted(item.key[1] for item in written) == sorted(rows)
    assert metrics.requests > 100
