"""
Malformed answers: a 200 is a success only with a whole, parsed body that has UnprocessedItems.

A server on loopback gives the answers that botocore itself would return as successes; the program
must send the items again and count them once.
"""

from __future__ import annotations

import zlib
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiohttp import web

from pipeline.errors import ThrottledError, TransientError
from pipeline.model import Item, Record
from pipeline.table.description import TableDescription
from pipeline.table.encoding import Encoder
from tests.integration.senders import Where, open_table

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pipeline.table.aws.client import DynamoTable

DESCRIPTION = TableDescription.from_response(
    {
        "TableName": "Users",
        "TableStatus": "ACTIVE",
        "AttributeDefinitions": [
            {"AttributeName": "PK", "AttributeType": "S"},
            {"AttributeName": "SK", "AttributeType": "N"},
        ],
        "KeySchema": [
            {"AttributeName": "PK", "KeyType": "HASH"},
            {"AttributeName": "SK", "KeyType": "RANGE"},
        ],
    }
)
ENCODER = Encoder(DESCRIPTION)
OK = b'{"UnprocessedItems":{}}'

Answer = tuple[int, bytes, dict[str, str]]


def answer(body: bytes, status: int = 200, crc: int | None = None) -> Answer:
    """Make an answer with a right CRC32, or the one given."""
    checksum = zlib.crc32(body) if crc is None else crc
    return status, body, {"x-amz-crc32": str(checksum)}


class Stub:
    """A server that answers each request by *script* and keeps the bodies."""

    def __init__(self, script: Callable[[int, bytes], Answer]) -> None:
        self.script = script
        self.bodies: list[bytes] = []
        self.targets: Counter[str] = Counter()

    async def respond(self, request: web.Request) -> web.Response:
        """Answer one request."""
        body = await request.read()
        self.bodies.append(body)
        self.targets[request.headers["X-Amz-Target"].rpartition(".")[2]] += 1
        status, content, headers = self.script(len(self.bodies), body)
        return web.Response(
            status=status, body=content, headers=headers, content_type="application/x-amz-json-1.0"
        )


@asynccontextmanager
async def table_at(stub: Stub, where: Where) -> AsyncIterator[DynamoTable]:
    """Yield a table whose service is *stub*."""
    app = web.Application(client_max_size=2**26)
    app.router.add_post("/", stub.respond)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with open_table(f"http://127.0.0.1:{port}", where, ENCODER) as table:
            yield table
    finally:
        await runner.cleanup()


def items(*numbers: int) -> list[Item]:
    """Encode items with a number as sort key."""
    made = []
    for number in numbers:
        encoded = ENCODER.encode({"PK": "ä€😀", "SK": number, "raw": b"\x00\xff"})
        record = Record(number, 1, 0, 2, b"{}")
        made.append(Item(encoded.key, encoded.wire, encoded.size, record, 0, "part"))
    return made


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (answer(OK, crc=1), "CRC32"),
        ((200, OK, {"x-amz-crc32": "no number"}), "CRC32"),
        ((200, OK, {"x-amz-crc32": "9" * 5_000}), "CRC32"),
        ((200, OK, {"content-encoding": "gzip"}), "encoded"),
        (answer(b'{"UnprocessedItems":{"Users":[]},"UnprocessedItems":{}}'), "more than once"),
        (answer(OK[:-3]), "no JSON"),
        (answer(b"<html>captive portal</html>"), "no JSON"),
        (answer(b""), "no JSON"),
        (answer(b"{}"), "without UnprocessedItems"),
        (answer(b"[]"), "no JSON object"),
        (answer(b'{"UnprocessedItems":null}'), "without UnprocessedItems"),
        (answer(b'{"UnprocessedItems":{"Other":[]}}'), "was not written to"),
        (
            answer(
                b'{"UnprocessedItems":{"Users":[{"PutRequest":{"Item":'
                b'{"PK":{"S":"never sent"},"SK":{"N":"1"}}}}]}}'
            ),
            "not sent",
        ),
        (answer(b'{"UnprocessedItems":{"Users":[{"PutRequest":{}}]}}'), "no item"),
        (
            answer(
                b'{"UnprocessedItems":{"Users":[{"PutRequest":{"Item":'
                b'{"PK":{"S":["a"]},"SK":{"N":"1"}}}}]}}'
            ),
            "no item",
        ),
        ((302, b"", {}), "302"),
        ((503, b"<html>", {}), "503"),
        ((500, b"null", {}), "500"),
        ((502, b"[1]", {}), "502"),
        ((400, b'"x"', {}), "400"),
        ((403, b"<html>log in first</html>", {}), "403"),
        ((400, b'{"__type":null,"message":null}', {}), "400"),
        ((400, b'{"__type":""}', {}), "400"),
        ((400, b'{"__type":"com.amazonaws.dynamodb.v20120810#"}', {}), "400"),
    ],
)
async def test_an_ambiguous_answer_is_never_a_success(
    reply: Answer, told: str, where: Where
) -> None:
    """Each is told as transient, so that the writer sends the items again; one request, no more."""
    stub = Stub(lambda _number, _body: reply)

    async with table_at(stub, where) as table:
        with pytest.raises(TransientError, match=told):
            await table.write(items(1, 2))

    assert len(stub.bodies) == 1


async def test_the_body_is_ours_signed_and_utf_8(where: Where) -> None:
    """What is sent is the encoded items as they are: no escapes, no second encoding."""
    stub = Stub(lambda _number, _body: answer(OK))

    async with table_at(stub, where) as table:
        await table.write(items(1, 2))

    (body,) = stub.bodies
    assert "ä€😀".encode() in body
    sent = orjson.loads(body)
    assert [put["PutRequest"]["Item"]["SK"] for put in sent["RequestItems"]["Users"]] == [
        {"N": "1"},
        {"N": "2"},
    ]
    assert sent["ReturnConsumedCapacity"] == "TOTAL"


async def test_what_is_handed_back_is_found_by_its_key_whatever_its_spelling(
    where: Where,
) -> None:
    """The service may reorder and respell: N 2.0 is the 2 that was sent; the sent order stays."""
    leftovers: dict[str, Any] = {
        "UnprocessedItems": {
            "Users": [
                {"PutRequest": {"Item": {"SK": {"N": "3"}, "PK": {"S": "ä€😀"}}}},
                {"PutRequest": {"Item": {"SK": {"N": "2.0"}, "PK": {"S": "ä€😀"}}}},
            ]
        },
        "ConsumedCapacity": [{"TableName": "Users", "CapacityUnits": 1.5}],
    }
    stub = Stub(lambda _number, _body: answer(orjson.dumps(leftovers)))
    sent = items(1, 2, 3, 4)

    async with table_at(stub, where) as table:
        reply = await table.write(sent)

    assert [item.key for item in reply.unprocessed] == [sent[1].key, sent[2].key]
    assert reply.consumed == 1.5


async def test_throttling_and_its_reasons_come_through(where: Where) -> None:
    """The SDK does not retry by itself, and the reasons survive its parser."""
    body = orjson.dumps(
        {
            "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
            "message": "slow down",
            "ThrottlingReasons": [{"reason": "TableWriteProvisionedThroughputExceeded"}],
        }
    )
    stub = Stub(lambda _number, _body: answer(body, status=400))

    async with table_at(stub, where) as table:
        with pytest.raises(ThrottledError) as caught:
            await table.write(items(1))

    assert caught.value.reasons == ("TableWriteProvisionedThroughputExceeded",)
    assert len(stub.bodies) == 1


@pytest.mark.parametrize("odd", [[None], ["x"], "x", {}, [{}], [{"reason": None}], [[]], 7, None])
async def test_an_error_in_an_odd_shape_is_still_that_error(odd: object, where: Where) -> None:
    """The SDK's parser breaks on fields that are not as its model says; a load does not."""
    kind = "com.amazonaws.dynamodb.v20120810#ThrottlingException"
    body = orjson.dumps({"__type": kind, "message": odd, "Message": odd, "ThrottlingReasons": odd})
    stub = Stub(lambda _number, _body: answer(body, status=400))

    async with table_at(stub, where) as table:
        with pytest.raises(ThrottledError) as caught:
            await table.write(items(1))

    assert caught.value.reasons == ()


async def test_a_name_that_stands_in_the_data_too_is_no_second_one(
    where: Where,
) -> None:
    """A table or an attribute may be called as the field of the answer is."""
    told = {
        "UnprocessedItems": {},
        "ConsumedCapacity": [{"TableName": "UnprocessedItems", "CapacityUnits": 2.0}],
    }
    stub = Stub(lambda _number, _body: answer(orjson.dumps(told)))

    async with table_at(stub, where) as table:
        assert not (await table.write(items(1, 2))).unprocessed


async def test_two_writers_do_not_mix_up_their_bodies(where: Where) -> None:
    """Requests that overlap each carry their own items and read their own answers."""
    import asyncio

    def script(_: int, body: bytes) -> Answer:
        put = orjson.loads(body)["RequestItems"]["Users"]
        return answer(orjson.dumps({"UnprocessedItems": {"Users": put[:1]}}))

    stub = Stub(script)
    async with table_at(stub, where) as table, asyncio.TaskGroup() as group:
        sent = [items(n, n + 1) for n in range(0, 40, 2)]
        tasks = [group.create_task(table.write(one)) for one in sent]

    for task, one in zip(tasks, sent, strict=True):
        assert task.result().unprocessed == one[:1]


@pytest.mark.parametrize(
    "consumed", [b'{"CapacityUnits":"x"}', b'[{"CapacityUnits":null}]', b'"x"', b"[1]"]
)
async def test_odd_statistics_decide_nothing(consumed: bytes, where: Where) -> None:
    """Capacity that cannot be read counts as none; the items are written all the same."""
    body = b'{"UnprocessedItems":{},"ConsumedCapacity":' + consumed + b"}"
    stub = Stub(lambda _number, _body: answer(body))

    async with table_at(stub, where) as table:
        reply = await table.write(items(1))

    assert (list(reply.unprocessed), reply.consumed) == ([], 0.0)
