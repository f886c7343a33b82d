"""Everything that the proxy can do to a BatchWriteItem request, by name."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from bench.reliability.servers import wire
from bench.reliability.servers.exchange import Exchange, Fault, writes_of
from bench.reliability.servers.malformed import FOREIGN, MALFORMED
from bench.reliability.servers.refusals import DENIALS, POISONED, TRANSIENT

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FAULTS", "MALFORMED", "PASSING"]


async def _unprocessed(exchange: Exchange) -> None:
    """Carry out some of the writes and hand the others back, in another order."""
    table, writes = writes_of(exchange.body)
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
    table, writes = writes_of(exchange.body)
    body = json.dumps({"UnprocessedItems": {table: writes[::-1]}}).encode()
    await exchange.send(wire.answer(200, body))


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


async def _redirect(exchange: Exchange) -> None:
    where = b"Location: http://127.0.0.1:9/\r\n"
    await exchange.send(wire.answer(307, b"", kind=b"text/plain", extra=where))


async def _broken_server(exchange: Exchange) -> None:
    """Fail as DynamoDB Local does for bad base64: the request's fault, but it looks transient."""
    await exchange.refuse(500, "InternalFailure", "The request processing has failed")


PASSING: Final[Mapping[str, Fault]] = {
    "unprocessed": _unprocessed,
    "unprocessed_all": _unprocessed_all,
    "reset_before": _reset_before,
    "reset_after": _reset_after,
    "close_before": _close_before,
    "lost_answer": _lost_answer,
    "half_body": _half_body,
    "reset_in_body": _reset_in_body,
    "drip": _drip,
    "delay": _delay,
    "redirect": _redirect,
    **TRANSIENT,
    **FOREIGN,
    **MALFORMED,
}
"""What passes by itself: a load meets these and ends as if there had been none."""

FAULTS: Final[Mapping[str, Fault]] = {
    **PASSING,
    **DENIALS,
    **POISONED,
    "drip_for_ever": _drip_for_ever,
    "hang": _hang,
    "hang_after": _hang_after,
    "hold": _hold,
    "broken_server": _broken_server,
}
"""Every fault by name."""
