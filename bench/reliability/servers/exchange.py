"""One request on its way through the proxy, and what a fault can do with it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from bench.reliability.servers import wire

if TYPE_CHECKING:
    import asyncio
    import random
    from collections.abc import Awaitable, Callable

__all__ = ["Exchange", "Fault", "pass_on", "writes_of"]

_NAMESPACE: Final = "com.amazonaws.dynamodb.v20120810#"


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

    async def answer(self, body: bytes, status: int = 200, kind: str = "x-amz-json-1.0") -> None:
        """Answer with these bytes."""
        await self.send(wire.answer(status, body, kind=f"application/{kind}".encode()))

    async def refuse(self, status: int, code: str, message: str = "injected", **more: Any) -> None:
        """Answer as the service refuses."""
        document = {"__type": _NAMESPACE + code, "message": message, **more}
        await self.answer(json.dumps(document).encode(), status)

    def close(self, *, hard: bool = False) -> None:
        """End the connection, with RST if *hard*."""
        self.cut = True
        if hard:
            wire.reset(self.writer)
        else:
            self.writer.close()


def writes_of(body: bytes) -> tuple[str, list[Any]]:
    """Give the table and the writes of a BatchWriteItem."""
    ((table, writes),) = json.loads(body)["RequestItems"].items()
    return table, writes


async def pass_on(exchange: Exchange) -> None:
    """Do nothing to it."""
    reply = await exchange.forward()
    await exchange.send(wire.answer(reply.status, reply.body))


Fault: TypeAlias = "Callable[[Exchange], Awaitable[None]]"
