"""Everything that the proxy can do to a BatchWriteItem request, one function each."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bench.reliability.servers import wire

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable

__all__ = ["FAULTS", "MALFORMED", "PASSING", "Exchange", "pass_on"]

_NAMESPACE: Final = "com.amazonaws.dynamodb.v20120810#"
_HTML: Final = b"<html><body>Sign in to the network</body></html>"


@dataclass(slots=True)
class Exchange:
    """
    One request on its way through the proxy.

    `forward` sends a body to the engine, this request's own by default; `send` writes raw bytes to
    the client. *seconds* is the plan's unit of slowness. After *cut* the connection is not used.
    """

    body: bytes
    dice: random.Random
    seconds: float
    writer: asyncio.StreamWriter
    engine: Callable[[bytes], Awaitable[wire.Message]]
    later: Callable[[float, bytes], None]
    cut: bool = False

    async def forward(self, body: bytes | None = None) -> wire.Message:
        """Let the engine carry the request out."""
        return await self.engine(self.body if body is None else body)

    async def send(self, raw: bytes) -> None:
        """Write to the client."""
        self.writer.write(raw)
        await self.writer.drain()

    async def refuse(self, status: int, code: str, message: str = "injected", **more: Any) -> None:
        """Answer as the service refuses."""
        document = {"__type": _NAMESPACE + code, "message": message, **more}
        await self.send(wire.answer(status, json.dumps(document).encode()))

    def close(self, *, hard: bool = False) -> None:
        """End the connection, with RST if *hard*."""
        self.cut = True
        if hard:
            wire.reset(self.writer)
        else:
            self.writer.close()


def _writes(body: bytes) -> tuple[str, list[Any]]:
    ((table, writes),) = json.loads(body)["RequestItems"].items()
    return table, writes


async def pass_on(exchange: Exchange) -> None:
    """Do nothing to it."""
    reply = await exchange.forward()
    await exchange.send(wire.answer(reply.status, reply.body))


async def _unprocessed(exchange: Exchange) -> None:
    """Carry out some of the writes and hand the others back, in another order."""
    table, writes = _writes(exchange.body)
    left = exchange.dice.sample(writes, exchange.dice.randint(1, len(writes)))
    kept = [write for write in writes if write not in left]
    document: dict[str, Any] = {}
    if kept:
        request = {**json.loads(exchange.body), "RequestItems": {table: kept}}
        reply = await exchange.forward(json.dumps(request).encode())
        if reply.status != 200:
            await exchange.send(wire.answer(reply.status, reply.body))
            return
        document = json.loads(reply.body)
    document["UnprocessedItems"] = {table: left}
    await exchange.send(wire.answer(200, json.dumps(document).encode()))


async def _unprocessed_all(exchange: Exchange) -> None:
    """Hand everything back."""
    table, writes = _writes(exchange.body)
    body = json.dumps({"UnprocessedItems": {table: writes[::-1]}}).encode()
    await exchange.send(wire.answer(200, body))


async def _throttled(exchange: Exchange) -> None:
    """Throttle, in one of the service's ways."""
    codes = (
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
    )
    reason = {
        "reason": "TableWriteKeyRangeThroughputExceeded",
        "resource": "arn:aws:dynamodb:us-east-1:123456789012:table/Board",
    }
    await exchange.refuse(400, exchange.dice.choice(codes), ThrottlingReasons=[reason])


async def _server_error(exchange: Exchange) -> None:
    await exchange.refuse(500, "InternalServerError")


async def _server_error_after(exchange: Exchange) -> None:
    await exchange.forward()
    await exchange.refuse(500, "InternalServerError")


async def _bad_gateway(exchange: Exchange) -> None:
    await exchange.send(wire.answer(502, b"", kind=b"text/plain"))


async def _unavailable_html(exchange: Exchange) -> None:
    await exchange.send(wire.answer(503, _HTML, kind=b"text/html"))


async def _conflict(exchange: Exchange) -> None:
    await exchange.refuse(409, "ReplicatedWriteConflictException")


async def _reset_before(exchange: Exchange) -> None:
    exchange.close(hard=True)


async def _reset_after(exchange: Exchange) -> None:
    """Carry the request out, then lose the answer with a RST."""
    await exchange.forward()
    exchange.close(hard=True)


async def _close_before(exchange: Exchange) -> None:
    exchange.close()


async def _lost_answer(exchange: Exchange) -> None:
    """Carry the request out, then close without an answer."""
    await exchange.forward()
    exchange.close()


async def _half_body(exchange: Exchange) -> None:
    """Carry the request out, then send half of the answer and close."""
    await _begin_answer(exchange)
    exchange.close()


async def _reset_in_body(exchange: Exchange) -> None:
    """Carry the request out, then send half of the answer and a RST."""
    await _begin_answer(exchange)
    exchange.close(hard=True)


async def _begin_answer(exchange: Exchange) -> None:
    reply = await exchange.forward()
    await exchange.send(wire.answer(reply.status, reply.body)[: -len(reply.body) // 2])


async def _drip(exchange: Exchange) -> None:
    """Carry the request out and send the answer in small pieces, slowly but for sure."""
    reply = await exchange.forward()
    raw = wire.answer(reply.status, reply.body)
    for start in range(0, len(raw), 16):
        await exchange.send(raw[start : start + 16])
        await asyncio.sleep(exchange.seconds / 100)


async def _drip_for_ever(exchange: Exchange) -> None:
    """Carry the request out and send the answer so slowly that only a total deadline ends it."""
    reply = await exchange.forward()
    for byte in wire.answer(reply.status, reply.body):
        await exchange.send(bytes((byte,)))
        await asyncio.sleep(exchange.seconds)


async def _delay(exchange: Exchange) -> None:
    """Be slow, before and after the request is carried out."""
    await asyncio.sleep(exchange.dice.random() * exchange.seconds)
    reply = await exchange.forward()
    await asyncio.sleep(exchange.dice.random() * exchange.seconds)
    await exchange.send(wire.answer(reply.status, reply.body))


async def _hang(exchange: Exchange) -> None:
    """Never answer."""
    await asyncio.sleep(3600)
    exchange.close()


async def _hang_after(exchange: Exchange) -> None:
    """Carry the request out and never answer."""
    await exchange.forward()
    await _hang(exchange)


async def _hold(exchange: Exchange) -> None:
    """Close at once, and carry the request out later: the write that nobody waits for any more."""
    exchange.later(exchange.seconds, exchange.body)
    exchange.close()


async def _expired_token(exchange: Exchange) -> None:
    await exchange.refuse(400, "ExpiredTokenException", "The security token is expired")


async def _access_denied(exchange: Exchange) -> None:
    await exchange.refuse(400, "AccessDeniedException", "not authorized")


async def _too_large(exchange: Exchange) -> None:
    """Refuse as the service's front door does, with no error type."""
    await exchange.send(wire.answer(413, b'{"Message":""}'))


async def _redirect(exchange: Exchange) -> None:
    where = b"Location: http://127.0.0.1:9/\r\n"
    await exchange.send(wire.answer(307, b"", kind=b"text/plain", extra=where))


async def _validation(exchange: Exchange) -> None:
    """Refuse the whole request without naming the item, as the service does."""
    await exchange.refuse(400, "ValidationException", "One or more parameter values were invalid")


async def _validation_coral(exchange: Exchange) -> None:
    """Refuse with the other namespace, and the message in capitals, as DynamoDB Local does."""
    code = "com.amazon.coral.validate#ValidationException"
    body = json.dumps({"__type": code, "Message": "Type mismatch for Index Key"}).encode()
    await exchange.send(wire.answer(400, body))


async def _validation_echo(exchange: Exchange) -> None:
    """Refuse with a message that repeats the whole request, as some of the service's do."""
    text = f"1 validation error detected: Value '{exchange.body.decode()}' at 'requestItems'"
    await exchange.refuse(400, "ValidationException", text)


async def _serialization(exchange: Exchange) -> None:
    await exchange.refuse(400, "SerializationException", "NUMBER_VALUE cannot be converted")


async def _serialization_coral(exchange: Exchange) -> None:
    """Refuse without any message."""
    code = b'{"__type":"com.amazon.coral.service#SerializationException"}'
    await exchange.send(wire.answer(400, code))


async def _collection_size(exchange: Exchange) -> None:
    await exchange.refuse(400, "ItemCollectionSizeLimitExceededException", "Collection too large")


async def _entity_too_large(exchange: Exchange) -> None:
    await exchange.refuse(413, "RequestEntityTooLarge", "Request body is too large")


async def _broken_server(exchange: Exchange) -> None:
    """Fail as DynamoDB Local does for bad base64: the request's fault, but it looks transient."""
    await exchange.refuse(500, "InternalFailure", "The request processing has failed")


_SOUND: Final = b'{"UnprocessedItems":{}}'


async def _wrong_crc(exchange: Exchange) -> None:
    await exchange.send(wire.answer(200, _SOUND, crc=12345))


async def _truncated(exchange: Exchange) -> None:
    body = b'{"ConsumedCapacity":[{"TableName":"Board","CapacityUnits":25.0}],"Unproc'
    await exchange.send(wire.answer(200, body))


async def _html(exchange: Exchange) -> None:
    await exchange.send(wire.answer(200, _HTML, kind=b"text/html"))


async def _empty(exchange: Exchange) -> None:
    await exchange.send(wire.answer(200, b""))


async def _no_unprocessed(exchange: Exchange) -> None:
    body = b'{"ConsumedCapacity":[{"TableName":"Board","CapacityUnits":25.0}]}'
    await exchange.send(wire.answer(200, body))


async def _empty_object(exchange: Exchange) -> None:
    await exchange.send(wire.answer(200, b"{}"))


async def _null_unprocessed(exchange: Exchange) -> None:
    await exchange.send(wire.answer(200, b'{"UnprocessedItems":null}'))


async def _foreign_key(exchange: Exchange) -> None:
    table, _ = _writes(exchange.body)
    stranger = {"PutRequest": {"Item": {"PK": {"S": "never sent"}}}}
    body = json.dumps({"UnprocessedItems": {table: [stranger]}}).encode()
    await exchange.send(wire.answer(200, body))


async def _foreign_table(exchange: Exchange) -> None:
    _, writes = _writes(exchange.body)
    body = json.dumps({"UnprocessedItems": {"Another": writes[:1]}}).encode()
    await exchange.send(wire.answer(200, body))


MALFORMED: Final = {
    "wrong_crc": _wrong_crc,
    "truncated": _truncated,
    "html": _html,
    "empty": _empty,
    "empty_object": _empty_object,
    "no_unprocessed": _no_unprocessed,
    "null_unprocessed": _null_unprocessed,
    "foreign_key": _foreign_key,
    "foreign_table": _foreign_table,
}
"""Answers with status 200 to requests that were not carried out."""

PASSING: Final = {
    "unprocessed": _unprocessed,
    "unprocessed_all": _unprocessed_all,
    "throttled": _throttled,
    "server_error": _server_error,
    "server_error_after": _server_error_after,
    "bad_gateway": _bad_gateway,
    "unavailable_html": _unavailable_html,
    "conflict": _conflict,
    "reset_before": _reset_before,
    "reset_after": _reset_after,
    "close_before": _close_before,
    "lost_answer": _lost_answer,
    "half_body": _half_body,
    "reset_in_body": _reset_in_body,
    "drip": _drip,
    "delay": _delay,
    "redirect": _redirect,
    **MALFORMED,
}
"""What passes by itself: a load meets these and ends as if there had been none."""

FAULTS: Final = {
    **PASSING,
    "drip_for_ever": _drip_for_ever,
    "hang": _hang,
    "hang_after": _hang_after,
    "hold": _hold,
    "expired_token": _expired_token,
    "access_denied": _access_denied,
    "too_large": _too_large,
    "validation": _validation,
    "validation_coral": _validation_coral,
    "validation_echo": _validation_echo,
    "serialization": _serialization,
    "serialization_coral": _serialization_coral,
    "collection_size": _collection_size,
    "entity_too_large": _entity_too_large,
    "broken_server": _broken_server,
}
"""Every fault by name."""
