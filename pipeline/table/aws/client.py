"""The DynamoDB table: one BatchWriteItem request, and an honest reading of its answer."""

from __future__ import annotations

import asyncio
import json
import zlib
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.errors import TransientError
from pipeline.table.aws.faults import asks_to_wait, translate
from pipeline.table.base import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_aiobotocore_dynamodb import DynamoDBClient

    from pipeline.errors import PipelineError
    from pipeline.model import Item, Key
    from pipeline.table.encoding import Encoder

__all__ = ["DynamoTable"]

_OK = 200
_TOO_LARGE = 413


@dataclass(slots=True)
class _Exchange:
    """One request's body on its way in, and the parsed answer on its way out."""

    wires: Sequence[bytes]
    body: bytes = b""
    answer: dict[str, Any] | None = None


_exchange: ContextVar[_Exchange] = ContextVar("exchange")


class DynamoTable:
    """
    Write to one table through an AWS client.

    Items come encoded; botocore would encode them a second time, at five times the price and with
    every non-ASCII character escaped to six bytes. So the request's body is put in place through
    botocore's documented events (``before-call``), before it is signed, and the answer is read
    there too (``before-parse``): botocore returns a truncated, empty or HTML body with status 200
    as a success without ``UnprocessedItems``, which would lose up to 25 items without a word.

    *timeout* are seconds for a whole exchange, from connecting to the answer's last byte: a gap
    between two bytes is no measure, since an answer can drip in for ever. It is generous by
    default, because a request that is given up may still be applied, later than its successor.
    """

    def __init__(
        self, client: DynamoDBClient, name: str, encoder: Encoder, *, timeout: float = 60.0
    ) -> None:
        self._client = client
        self._name = name
        self._encoder = encoder
        self._timeout = timeout
        self._head = b'{"RequestItems":{' + orjson.dumps(name) + b":["
        self._tail = b']},"ReturnConsumedCapacity":"TOTAL"}'
        events = client.meta.events
        events.register("before-call.dynamodb.BatchWriteItem", _put_body)
        events.register("before-parse.dynamodb.BatchWriteItem", _read_body)

    async def write(self, items: Sequence[Item], /) -> Answer:
        """Send one BatchWriteItem with *items*; see `Table.write`."""
        exchange = _Exchange([item.wire for item in items])
        exchange.body = self._head + b",".join(exchange.wires) + self._tail
        fault = await self._send(exchange)
        if fault is not None:
            # Raised here, its traceback has no texts of the client in it, which quote requests.
            raise fault
        if exchange.answer is None:
            raise TransientError("the answer was not read: 200 without a body", code="unread")
        return self._read(exchange.answer, items)

    async def _send(self, exchange: _Exchange) -> PipelineError | None:
        token = _exchange.set(exchange)
        try:
            # A request that is abandoned here has its connection closed, never used again.
            async with asyncio.timeout(self._timeout) as deadline:
                await self._client.batch_write_item(RequestItems={self._name: []})
        except Exception as error:  # noqa: BLE001 - `translate` raises what it does not know
            if deadline.expired():
                text = f"no whole answer within {self._timeout:g} s"
                return TransientError(text, code="timeout")
            return translate(error, exchange.wires)
        finally:
            _exchange.reset(token)
        return None

    def show_key(self, key: Key, /) -> Mapping[str, str]:
        """Return *key* by attribute name, for reports."""
        return self._encoder.show_key(key)

    def _read(self, answer: dict[str, Any], items: Sequence[Item]) -> Answer:
        """Return which of *items* were handed back, if it is these and nothing else."""
        unprocessed = answer["UnprocessedItems"]
        if not unprocessed:
            return Answer((), _consumed(answer))
        if set(unprocessed) != {self._name}:
            raise _ambiguous("hands back items of a table that was not written to")
        try:
            handed = [self._key_of(request) for request in unprocessed[self._name]]
            returned = set(handed)  # which a list in a key's place breaks
        except (KeyError, TypeError, ValueError, AttributeError):
            raise _ambiguous("hands back something that is no item") from None
        left = [item for item in items if item.key in returned]
        if len(left) != len(returned):
            raise _ambiguous("hands back items that were not sent")
        if len(handed) != len(returned):
            raise _ambiguous("hands back an item twice")
        return Answer(left, _consumed(answer))

    def _key_of(self, request: dict[str, Any]) -> Key:
        if "PutRequest" in request:
            return self._encoder.decode_key(request["PutRequest"]["Item"])
        return self._encoder.decode_key(request["DeleteRequest"]["Key"])


def _put_body(params: dict[str, Any], **_: object) -> None:
    params["body"] = _exchange.get().body


def _ambiguous(text: str) -> TransientError:
    """Make the error for a 200 that does not say, or not believably, what was written."""
    return TransientError(f"a 200 that {text}", code="ambiguous")


def _read_body(response_dict: dict[str, Any], **_: object) -> None:
    """Accept a 200 only with a whole, parsed body that has ``UnprocessedItems``."""
    status: int = response_dict["status_code"]
    body: bytes = response_dict["body"]
    if status != _OK:
        if status != _TOO_LARGE:
            response_dict["body"] = _own_error(status, body, response_dict["headers"])
        return
    headers = response_dict["headers"]
    checksum = headers.get("x-amz-crc32")
    if checksum is not None and checksum.strip() != str(zlib.crc32(body)):
        raise _ambiguous("does not match its CRC32")
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise _ambiguous("says that it is encoded, which was not asked for")
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _ambiguous("is no JSON") from None
    if body.count(b'"UnprocessedItems"') > 1 and _repeats(body):
        raise _ambiguous("has UnprocessedItems more than once")
    if not isinstance(answer, dict) or not isinstance(answer.get("UnprocessedItems"), dict):
        raise _ambiguous("is without UnprocessedItems")
    _exchange.get().answer = answer
    # botocore need not parse it again.
    response_dict["body"] = b"{}"


def _repeats(body: bytes) -> bool:
    """Tell whether an object has a name twice: the parser keeps the last of them."""
    repeated = False

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        found = dict(pairs)
        repeated = repeated or len(found) < len(pairs)
        return found

    json.loads(body, object_pairs_hook=members)
    return repeated


def _own_error(status: int, body: bytes, headers: Mapping[str, str]) -> bytes:
    """
    Return what counts of an error, so that botocore's parser meets nothing that it breaks on.

    Raise `TransientError` for one that DynamoDB did not write: a proxy, a portal, a balancer. Its
    own errors are JSON objects with a ``__type``, but for 413, whose body has none.
    """
    try:
        error = orjson.loads(body)
    except orjson.JSONDecodeError:
        error = None
    kind = error.get("__type") if isinstance(error, dict) else None
    if not isinstance(error, dict) or not isinstance(kind, str) or not kind.rpartition("#")[2]:
        text = f"HTTP {status} that is no answer of DynamoDB"
        raise TransientError(text, code=str(status), after=asks_to_wait(headers))
    message = error.get("message") or error.get("Message")
    listed = error.get("ThrottlingReasons")
    reasons = [
        {name: text for name, text in one.items() if isinstance(text, str)}
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, dict)
    ]
    return orjson.dumps(
        {
            "__type": kind,
            "message": message if isinstance(message, str) else "",
            "ThrottlingReasons": reasons,
        }
    )


def _consumed(answer: dict[str, Any]) -> float:
    """Add up the write units; an odd report of them counts as none, it decides nothing."""
    listed = answer.get("ConsumedCapacity")
    entries = listed if isinstance(listed, list) else ()
    units = [one.get("CapacityUnits") for one in entries if isinstance(one, dict)]
    return sum(float(one) for one in units if isinstance(one, int | float))
