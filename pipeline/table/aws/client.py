"""The DynamoDB table: one BatchWriteItem request, and an honest reading of its answer."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from pipeline.table.base import Answer
from pipeline.table.http.answers import ambiguous, read_object
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.model import Item, Key
    from pipeline.table.encoding import Encoder
    from pipeline.table.http.response import Response

__all__ = ["DynamoTable", "Sender"]


class Sender(Protocol):
    """How requests get to the service: over our own transport, or through the SDK."""

    async def send(self, body: bytes, wires: Sequence[bytes], /) -> Response:
        """
        Send *body*, a BatchWriteItem with the writes *wires*; one HTTP request, no retry inside.

        Return the answer, if its status is 200, as it came. Raise what `Table.write` raises for
        every other one and where there is none. Nobody waits longer than the transport's timeout,
        which is for a whole exchange, from connecting to the answer's last byte: a gap between two
        bytes is no measure, since an answer can drip in for ever. A request that is given up, or
        whose sending is cancelled, has its connection closed, never used again.
        """


@dataclass(frozen=True, slots=True)
class _Usual:
    """The body of an answer that was read, its CRC32, and what it says, whatever was sent."""

    body: bytes
    checksum: str
    answer: Answer


class DynamoTable:
    """
    Write to the table *name* through *sender*.

    The request's body holds the encoded items as they are. A 200 is a success only with a whole,
    parsed body that has ``UnprocessedItems``: a truncated, empty or HTML one, taken for an empty
    object, would lose up to 25 items without a word. A body that hands nothing back says the same
    when it comes again, as it mostly does, and is not parsed anew; its CRC32 is looked at.
    """

    def __init__(self, sender: Sender, name: str, encoder: Encoder) -> None:
        self._sender = sender
        self._name = name
        self._encoder = encoder
        self._head = b'{"RequestItems":{' + orjson.dumps(name) + b":["
        self._tail = b']},"ReturnConsumedCapacity":"TOTAL"}'
        self._usual: _Usual | None = None

    async def write(self, items: Sequence[Item], /) -> Answer:
        """Send one BatchWriteItem with *items*; see `Table.write`."""
        wires = [item.wire for item in items]
        response = await self._sender.send(self._head + b",".join(wires) + self._tail, wires)
        usual, headers = self._usual, response.headers
        if (
            usual is not None
            and response.body == usual.body
            and headers.get("x-amz-crc32", usual.checksum) == usual.checksum
            and "content-encoding" not in headers
        ):
            return usual.answer
        answer = self._read(_read_body(response), items)
        if not answer.unprocessed:
            self._usual = _Usual(response.body, str(zlib.crc32(response.body)), answer)
        return answer

    def show_key(self, key: Key, /) -> Mapping[str, str]:
        """Return *key* by attribute name, for reports."""
        return self._encoder.show_key(key)

    def _read(self, answer: dict[str, Any], items: Sequence[Item]) -> Answer:
        """Return which of *items* were handed back, if it is these and nothing else."""
        unprocessed = answer["UnprocessedItems"]
        if not unprocessed:
            return Answer((), _consumed(answer))
        if set(unprocessed) != {self._name}:
            raise ambiguous("hands back items of a table that was not written to")
        if not isinstance(unprocessed[self._name], list):  # an empty object would say: none
            raise ambiguous("hands back something that is no item")
        try:
            handed = [self._key_of(request) for request in unprocessed[self._name]]
            returned = set(handed)  # which a list in a key's place breaks
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ambiguous("hands back something that is no item") from None
        left = [item for item in items if item.key in returned]
        if len(left) != len(returned):
            raise ambiguous("hands back items that were not sent")
        if len(handed) != len(returned):
            raise ambiguous("hands back an item twice")
        return Answer(left, _consumed(answer))

    def _key_of(self, request: dict[str, Any]) -> Key:
        if "PutRequest" in request:
            return self._encoder.decode_key(request["PutRequest"]["Item"])
        return self._encoder.decode_key(request["DeleteRequest"]["Key"])


def _read_body(response: Response) -> dict[str, Any]:
    """Return the answer that a 200 has for its body, with ``UnprocessedItems``, once."""
    answer = read_object(response)
    if response.body.count(b'"UnprocessedItems"') > 1 and _repeats(response.body):
        raise ambiguous("has UnprocessedItems more than once")
    if not isinstance(answer.get("UnprocessedItems"), dict):
        raise ambiguous("is without UnprocessedItems")
    return answer


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


def _consumed(answer: dict[str, Any]) -> float:
    """Add up the write units; an odd report of them counts as none, it decides nothing."""
    listed = answer.get("ConsumedCapacity")
    entries = listed if isinstance(listed, list) else ()
    units = [one.get("CapacityUnits") for one in entries if isinstance(one, dict)]
    return sum(float(one) for one in units if isinstance(one, int | float))
