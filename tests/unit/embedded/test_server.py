"""The engine's HTTP: where it listens, what it answers, how it starts and ends."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from pipeline.embedded import EngineSettings, serve
from pipeline.errors import PreflightError
from tests.blocking import no_blocking
from tests.contract.engine_calls import Calls, put, table
from tests.engine import tables
from tests.unit.embedded.conftest import opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.contract.engine_calls import Json


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Give an HTTP client."""
    async with aiohttp.ClientSession() as session:
        yield session


async def test_headers_of_an_answer(session: aiohttp.ClientSession) -> None:
    """Every answer, errors too, has its checksum, an id of its own and the protocol's type."""
    async with serve(None) as endpoint:
        engine = Calls("embedded", endpoint.url, "TEST", session)
        ids = set()
        for operation, status in (("ListTables", 200), ("DescribeTable", 400), ("Nothing", 400)):
            answer = await engine(operation, {})
            assert answer.status == status
            assert answer.headers["Content-Type"] == "application/x-amz-json-1.0"
            assert answer.headers["x-amz-crc32"].isdigit()
            ids.add(answer.headers["x-amzn-RequestId"])
        assert len(ids) == 3
        raw = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Authorization": "any"}
        async with session.post(endpoint.url, data=b"{}", headers=raw) as response:
            body = await response.read()
            assert int(response.headers["x-amz-crc32"]) == zlib.crc32(body)


async def test_only_this_machine_is_answered(session: aiohttp.ClientSession) -> None:
    """It listens on 127.0.0.1 alone, and a name that a web page made up is refused."""
    async with serve(None) as endpoint:
        assert endpoint.url.startswith("http://127.0.0.1:")
        port = endpoint.url.rpartition(":")[2]
        engine = Calls("embedded", endpoint.url, "TEST", session)
        for host in ("127.0.0.1", f"localhost:{port}", "[::1]:8000"):
            assert (await engine("ListTables", {}, Host=host)).status == 200
        for host in ("rebound.example", f"rebound.example:{port}", "127.0.0.1.example"):
            answer = await engine("ListTables", {}, Host=host)
            assert (answer.status, answer.error) == (403, "AccessDeniedException")


async def test_a_given_port_is_taken(unused_tcp_port: int) -> None:
    """A port that is asked for is the one; a taken one is named before anything starts."""
    async with serve(None, port=unused_tcp_port) as endpoint:
        assert endpoint.url == f"http://127.0.0.1:{unused_tcp_port}"
        with pytest.raises(PreflightError, match=f"127.0.0.1:{unused_tcp_port}"):
            async with serve(None, port=unused_tcp_port):
                pass


async def test_an_answer_takes_its_time(session: aiohttp.ClientSession) -> None:
    """With a latency set no answer comes before it, and requests wait side by side."""
    loop = asyncio.get_running_loop()
    async with serve(None, settings=EngineSettings(latency=0.05, jitter=0.01)) as endpoint:
        engine = Calls("embedded", endpoint.url, "TEST", session)
        started = loop.time()
        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(engine("ListTables", {}))
        assert 0.05 <= loop.time() - started < 20 * 0.05


async def test_it_ends_at_once() -> None:
    """Leaving closes idle connections instead of waiting for their clients."""
    async with aiohttp.ClientSession() as session:
        async with asyncio.timeout(5):  # a client may keep its connection for minutes
            async with serve(None) as endpoint:
                engine = Calls("embedded", endpoint.url, "TEST", session)
                async with asyncio.TaskGroup() as group:
                    for _ in range(5):
                        group.create_task(engine("ListTables", {}))
                began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 1
        with pytest.raises(aiohttp.ClientConnectionError):
            await engine("ListTables", {})


async def test_it_does_not_wait_for_slow_answers(session: aiohttp.ClientSession) -> None:
    """Leaving gives requests under way a moment, and then cuts them off."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    slow = serve(None, settings=EngineSettings(latency=30))

    async def ask(engine: Calls) -> None:
        with pytest.raises(aiohttp.ClientConnectionError):
            await engine("ListTables", {})

    async with asyncio.TaskGroup() as group, slow as endpoint:
        group.create_task(ask(Calls("embedded", endpoint.url, "TEST", session)))
        async with session.get(endpoint.url) as response:  # answered at once: the other waits
            assert response.status == 200
    assert loop.time() - began < 10


async def test_it_ends_after_an_error(session: aiohttp.ClientSession) -> None:
    """An error inside comes out as it is, and the engine is closed."""
    urls: list[str] = []

    async def fail() -> None:
        async with serve(None) as endpoint:
            urls.append(endpoint.url)
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        await fail()
    with pytest.raises(aiohttp.ClientConnectionError):
        await Calls("embedded", urls[0], "TEST", session)("ListTables", {})


async def test_the_loop_is_never_blocked(tmp_path: Any, session: aiohttp.ClientSession) -> None:
    """Files are locked, opened and closed in the engine's thread."""
    with no_blocking():
        async with serve(tmp_path / "runs" / "tables.sqlite") as endpoint:
            engine = Calls("embedded", endpoint.url, "TEST", session)
            await engine.ok("CreateTable", table())
            await engine.batch("items", put(pk={"S": "a"}))
            assert await engine.scan("items") == [{"pk": {"S": "a"}}]


async def test_the_sdk_understands_its_errors() -> None:
    """The AWS SDK finds items, unprocessed items and the reasons of throttling where it looks."""
    settings = EngineSettings(wcu=0.001)
    async with (
        serve(None, settings=settings) as endpoint,
        tables.connect(endpoint.url, "TEST") as sdk,
    ):
        for name, billing in (("demanded", {}), ("provided", {"BillingMode": "PROVISIONED"})):
            units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
            more: Any = {**billing, **({"ProvisionedThroughput": units} if billing else {})}
            await sdk.create_table(**table(name, **more))
            await sdk.get_waiter("table_exists").wait(TableName=name)
            writes: Any = [put(pk={"S": str(n)}, v={"S": "x" * 2000}) for n in range(25)]
            answer = await sdk.batch_write_item(RequestItems={name: writes})
            assert len(answer["UnprocessedItems"][name]) == 24
            with pytest.raises(sdk.exceptions.ClientError) as refused:
                await sdk.put_item(TableName=name, Item={"pk": {"S": "a"}})
            response: Json = dict(refused.value.response)
            reasons = response.get("throttlingReasons") or response.get("ThrottlingReasons")
            assert response["Error"]["Code"] == (
                "ProvisionedThroughputExceededException" if billing else "ThrottlingException"
            )
            assert [one["resource"].rpartition("/")[2] for one in reasons or ()] == [name]
            assert len(await tables.scan_all(sdk, name)) == 1


UNSUPPORTED: list[tuple[str, Json]] = [
    ("PutItem", {"Item": {"pk": {"S": "a"}}, "ConditionExpression": "attribute_not_exists(pk)"}),
    ("PutItem", {"Item": {"pk": {"S": "a"}}, "Expected": {"pk": {"Exists": False}}}),
    ("PutItem", {"Item": {"pk": {"S": "a"}}, "ReturnItemCollectionMetrics": "SIZE"}),
    ("DeleteItem", {"Key": {"pk": {"S": "a"}}, "ConditionExpression": "attribute_exists(pk)"}),
    ("GetItem", {"Key": {"pk": {"S": "a"}}, "ProjectionExpression": "pk"}),
    ("GetItem", {"Key": {"pk": {"S": "a"}}, "AttributesToGet": ["pk"]}),
    ("Scan", {"FilterExpression": "attribute_exists(pk)"}),
    ("Scan", {"ScanFilter": {"pk": {}}}),
    ("Query", {"KeyConditions": {"pk": {}}}),
    ("Query", {"KeyConditionExpression": "pk = :p", "FilterExpression": "a = :p"}),
    ("UpdateTable", {"StreamSpecification": {"StreamEnabled": True}}),
    ("UpdateTable", {"DeletionProtectionEnabled": True}),
    ("CreateTable", {"StreamSpecification": {"StreamEnabled": True}}),
    ("CreateTable", {"SSESpecification": {"Enabled": True}}),
]


@pytest.mark.parametrize(("operation", "request_"), UNSUPPORTED)
def test_what_it_cannot_do_is_refused(operation: str, request_: Json) -> None:
    """A parameter that the engine cannot obey is named and refused, never ignored."""
    own = table("items") if operation == "CreateTable" else {"TableName": "items"}
    (name,) = list(request_)[-1:]
    with opened() as bench:
        if operation != "CreateTable":
            bench.ok("CreateTable", **table("items"))
        answer = bench(operation, **own, **request_)
        assert (answer.status, answer.error) == (400, "ValidationException")
        assert f"does not support {name} in {operation}" in answer.message
        assert bench.ok("ListTables")["TableNames"] == (
            [] if operation == "CreateTable" else ["items"]
        )
        if operation != "CreateTable":
            assert bench.ok("Scan", TableName="items")["Count"] == 0


@pytest.mark.parametrize("operation", ["UpdateItem", "TransactWriteItems", "ExecuteStatement", ""])
def test_operations_that_it_does_not_have(operation: str) -> None:
    """An operation of the service that the engine lacks is unknown, and says where it is known."""
    with opened() as bench:
        answer = bench(operation, TableName="items")
        assert answer.error == "UnknownOperationException"
        assert "DynamoDB Local" in answer.message


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff", b'{"RequestItems": 1}'])
def test_a_body_that_is_no_request(body: bytes) -> None:
    """What is no JSON object of the right shape is a SerializationException."""
    with opened() as bench:
        reply = bench.engine.reply("DynamoDB_20120810.BatchWriteItem", body)
        assert (reply.status, b"SerializationException" in reply.body) == (400, True)


def test_importing_costs_nothing() -> None:
    """A process that does not start the engine pays neither for the server nor for SQLite."""
    code = "import sys, pipeline.embedded; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert (
        loaded & {"aiohttp", "msgspec", "orjson", "sqlite3", "concurrent.futures.thread"} == set()
    )
