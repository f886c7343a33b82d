"""A proxy that tells which items the engine has applied, and that can refuse by telling values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bench.reliability.servers.proxy import FaultProxy
from bench.reliability.servers.wire import Message

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["WatchedProxy"]

_ECHOED = 2_000


class WatchedProxy(FaultProxy):
    """
    A `FaultProxy` that calls *applied*, in its own thread, with the items of every put applied.

    Also of those whose client never heard of it, or is dead by then. *echo* maps a byte string to a
    status, a code and a message: a request whose body holds it is refused so, and ``{body}`` in the
    message repeats the request, as some of the service's do.
    """

    applied: Callable[[list[dict[str, Any]]], None] | None = None
    echo: dict[bytes, tuple[int, str, str]]

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.echo = {}

    async def _carry_out(self, engine: Any, request: Message, body: bytes) -> Message:
        for mark, (status, code, message) in self.echo.items():
            if mark in body:
                told = message.replace("{body}", body[:_ECHOED].decode(errors="replace"))
                return _refusal(status, code, told)
        reply = await super()._carry_out(engine, request, body)
        if self.applied is not None and reply.status == 200:
            ((table, writes),) = json.loads(body)["RequestItems"].items()
            left = json.loads(reply.body)["UnprocessedItems"].get(table, [])
            self.applied([one["PutRequest"]["Item"] for one in writes if one not in left])
        return reply


def _refusal(status: int, code: str, message: str) -> Message:
    document = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message}
    return Message(b"HTTP/1.1 %d Told" % status, {}, json.dumps(document).encode())
