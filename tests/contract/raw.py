"""
Speak DynamoDB's protocol without an SDK: the engine judges exactly the bytes that a test wrote.

An SDK would refuse half of the corpus itself, and encode the other half in its own way.
"""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RawTable", "Verdict"]


class Verdict(NamedTuple):
    """What the engine said: HTTP status, error code, error text (empty where it accepted)."""

    status: int
    code: str = ""
    text: str = ""

    @property
    def accepted(self) -> bool:
        """Tell whether the write was carried out."""
        return self.status == http.HTTPStatus.OK


class RawTable:
    """One table on an engine that does not check signatures; one connection, no retries."""

    def __init__(self, endpoint: str, access_key: str, name: str) -> None:
        self._endpoint, self._access_key = endpoint, access_key
        parts = urlsplit(endpoint)
        self._connection = http.client.HTTPConnection(
            parts.hostname or "127.0.0.1", parts.port or 80, timeout=60
        )
        self._authorization = (
            f"AWS4-HMAC-SHA256 Credential={access_key}/20261122/us-east-1/dynamodb/aws4_request, "
            "SignedHeaders=host;x-amz-date, Signature=0"
        )
        self.name = name

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def again(self) -> RawTable:
        """Give the same table over another connection, for another thread."""
        return RawTable(self._endpoint, self._access_key, self.name)

    def describe(self) -> Mapping[str, Any]:
        """Give DescribeTable's ``Table``."""
        return dict(json.loads(self._post("DescribeTable", {"TableName": self.name})[1])["Table"])

    def create(self, request: Mapping[str, Any]) -> None:
        """Create the table; *request* is CreateTable's, without the name."""
        verdict = self.call("CreateTable", {**request, "TableName": self.name})
        assert verdict.accepted, verdict

    def batch_put(self, item: Mapping[str, Any]) -> Verdict:
        """Write one item with BatchWriteItem."""
        writes = [{"PutRequest": {"Item": item}}]
        return self.call("BatchWriteItem", {"RequestItems": {self.name: writes}})

    def put(self, item: Mapping[str, Any]) -> Verdict:
        """Write one item with PutItem."""
        return self.call("PutItem", {"TableName": self.name, "Item": item})

    def get(self, key: Mapping[str, Any]) -> Mapping[str, Any]:
        """Read one item as it travels; empty if it is not there."""
        body = {"TableName": self.name, "Key": key, "ConsistentRead": True}
        return dict(json.loads(self._post("GetItem", body)[1]).get("Item", {}))

    def call(self, operation: str, body: Mapping[str, Any]) -> Verdict:
        """Send one request and give the verdict."""
        status, answer = self._post(operation, body)
        if status == http.HTTPStatus.OK:
            assert not json.loads(answer).get("UnprocessedItems")
            return Verdict(status)
        error = json.loads(answer)
        text = error.get("message") or error.get("Message") or ""
        return Verdict(status, error.get("__type", "").rpartition("#")[2], text)

    def _post(self, operation: str, body: Mapping[str, Any]) -> tuple[int, bytes]:
        # ASCII escapes on purpose: half a surrogate pair can be written in no other way.
        self._connection.request(
            "POST",
            "/",
            json.dumps(body).encode(),
            {
                "X-Amz-Target": f"DynamoDB_20120810.{operation}",
                "Content-Type": "application/x-amz-json-1.0",
                "Authorization": self._authorization,
            },
        )
        response = self._connection.getresponse()
        return response.status, response.read()
