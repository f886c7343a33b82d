"""Calling an engine as it is: no SDK that checks, completes or retries a request."""

from __future__ import annotations

import io
import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp

__all__ = ["Answer", "Calls", "attributes", "key", "put", "table"]

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, as it came."""

    status: int
    body: Json
    headers: Mapping[str, str]

    @property
    def error(self) -> str:
        """The error's code; empty on success."""
        return str(self.body.get("__type", "")).rpartition("#")[2]

    @property
    def message(self) -> str:
        """The error's text; empty on success."""
        return str(self.body.get("message", self.body.get("Message", "")))


class Calls:
    """One engine, its tables and how it is called; *name* is ``embedded`` or ``local``."""

    def __init__(
        self, name: str, url: str, access_key: str, session: aiohttp.ClientSession
    ) -> None:
        self.name = name
        self.url = url
        self._session = session
        self._credential = f"{access_key}/20260101/us-east-1/dynamodb/aws4_request"

    @property
    def embedded(self) -> bool:
        """Say whether this is our own engine."""
        return self.name == "embedded"

    async def __call__(
        self, operation: str, request: Json | bytes, **headers: str | None
    ) -> Answer:
        """Send a request; *headers* replace those that are sent anyway, None leaves one out."""
        sent = {
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "X-Amz-Date": "20260101T000000Z",
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={self._credential}, "
            "SignedHeaders=host, Signature=none",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        kept = {name: value for name, value in sent.items() if value is not None}
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        content = io.BytesIO(body)  # bytes of a megabyte are against aiohttp's taste
        async with self._session.post(f"{self.url}/", data=content, headers=kept) as response:
            answer = await response.read()
            if "x-amz-crc32" in response.headers:
                assert int(response.headers["x-amz-crc32"]) == zlib.crc32(answer)
            return Answer(response.status, json.loads(answer or b"{}"), response.headers.copy())

    async def ok(self, operation: str, request: Json) -> Json:
        """Send a request that must succeed, and give the body."""
        answer = await self(operation, request)
        assert answer.status == 200, (answer.error, answer.message)
        return answer.body

    async def batch(self, name: str, *requests: Json, **more: Any) -> Answer:
        """Send one BatchWriteItem to one table."""
        return await self("BatchWriteItem", {"RequestItems": {name: list(requests)}, **more})

    async def scan(self, name: str) -> list[Json]:
        """Read a whole small table."""
        body = await self.ok("Scan", {"TableName": name})
        assert "LastEvaluatedKey" not in body
        return list(body["Items"])


def attributes(*names: str) -> list[Json]:
    """Make AttributeDefinitions of ``pk:S`` and the like."""
    pairs = (name.split(":") for name in names)
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in pairs]


def key(partition: str, sort: str | None = None) -> list[Json]:
    """Make a KeySchema."""
    schema = [{"AttributeName": partition, "KeyType": "HASH"}]
    return schema + ([{"AttributeName": sort, "KeyType": "RANGE"}] if sort else [])


def table(name: str = "items", **changes: Any) -> Json:
    """Make a CreateTable request: partition key pk:S, on demand; None takes a part away."""
    request = {
        "TableName": name,
        "AttributeDefinitions": attributes("pk:S"),
        "KeySchema": key("pk"),
        "BillingMode": "PAY_PER_REQUEST",
        **changes,
    }
    return {name: value for name, value in request.items() if value is not None}


def put(**item: Any) -> Json:
    """Make a PutRequest of an item in its wire form."""
    return {"PutRequest": {"Item": item}}
