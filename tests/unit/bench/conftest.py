"""An engine behind the proxy, and requests as exact bytes."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from bench.reliability.servers.proxy import QUIET, FaultProxy
from pipeline.embedded import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from bench.reliability.servers.proxy import Plan

TABLE = {
    "TableName": "Board",
    "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}],
    "AttributeDefinitions": [
        {"AttributeName": "PK", "AttributeType": "S"},
        {"AttributeName": "gk", "AttributeType": "S"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-gk",
            "KeySchema": [{"AttributeName": "gk", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
    "BillingMode": "PAY_PER_REQUEST",
}


def put(key: str, **attributes: str) -> dict[str, Any]:
    """Make one put of a batch."""
    item = {"PK": {"S": key}, **{name: {"S": text} for name, text in attributes.items()}}
    return {"PutRequest": {"Item": item}}


def batch(*keys: str) -> dict[str, Any]:
    """Make a BatchWriteItem that puts an item for each key."""
    return {"RequestItems": {"Board": [put(key) for key in keys]}}


class Behind:
    """The embedded engine and, in front of it, the proxy."""

    def __init__(self, engine: str, proxy: FaultProxy, session: aiohttp.ClientSession) -> None:
        self._engine = engine
        self._session = session
        self.proxy = proxy

    async def call(self, operation: str, body: Any, *, direct: bool = False) -> tuple[int, Any]:
        """Send one request; give status and document, (0, None) where no whole answer came."""
        url = self._engine if direct else self.proxy.endpoint
        headers = {
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": "AWS4-HMAC-SHA256 Credential=TEST/20261122/us-east-1/dynamodb/"
            "aws4_request, SignedHeaders=host, Signature=0",
            "X-Amz-Date": "20261122T000000Z",
        }
        with suppress(aiohttp.ClientError, OSError):
            async with self._session.post(
                url, data=json.dumps(body), headers=headers, allow_redirects=False
            ) as response:
                text = await response.text()
                with suppress(json.JSONDecodeError):
                    return response.status, json.loads(text)
                return response.status, None
        return 0, None

    async def stored(self) -> set[str]:
        """Give the keys that are in the table."""
        _, answer = await self.call("Scan", {"TableName": "Board"}, direct=True)
        return {item["PK"]["S"] for item in answer["Items"]}

    async def send_until_taken(self, keys: Sequence[str], most: int = 50) -> int:
        """Send a batch, and again what is handed back, until it is taken; give the requests."""
        for requests in range(1, most + 1):
            status, answer = await self.call("BatchWriteItem", batch(*keys))
            if status == 200 and answer and answer.get("UnprocessedItems") == {}:
                return requests
        raise AssertionError(f"not taken in {most} requests")


@pytest.fixture
async def behind() -> AsyncIterator[Callable[[Plan], Behind]]:
    """Give what puts the proxy, with a plan, in front of an engine with the table Board."""
    async with serve(None) as endpoint, aiohttp.ClientSession() as session:
        with FaultProxy(endpoint.url, 7, QUIET) as proxy:
            place = Behind(endpoint.url, proxy, session)
            status, _ = await place.call("CreateTable", TABLE, direct=True)
            assert status == 200

            def with_plan(plan: Plan) -> Behind:
                proxy.plan = plan
                return place

            yield with_plan
