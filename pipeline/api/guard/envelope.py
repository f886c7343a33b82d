"""The envelope of every request: its id, its headers on the way out, its line in the log."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from pipeline.api.guard.headers import SECURITY_HEADERS
from pipeline.api.problems import MEDIA_TYPE, Problem, body

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pipeline.api.guard.traffic import Traffic
    from pipeline.observe.logs import Log

    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

__all__ = ["Envelope"]

_LONGEST_PATH = 200


class Envelope:
    """
    Give each request an id, each answer its headers, each error an answer, and each a log line.

    Pure ASGI, outermost. The line says which parameters a query had, not what was in them.
    """

    def __init__(self, app: Any, log: Log, traffic: Traffic) -> None:
        self._app = app
        self._log = log
        self._traffic = traffic

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request; what is no HTTP request there is none of here."""
        if scope["type"] != "http":
            return
        exchange = _Exchange(scope, receive, send)
        # What a HEAD asks for is what a GET would say, without the body.
        asked = {**scope, "method": "GET"} if exchange.bodiless else scope
        try:
            await self._app(asked, exchange.receive, exchange.send)
        except Problem as problem:
            await exchange.answer(problem)
        except Exception as error:  # noqa: BLE001 - the last resort: nothing of it goes out
            self._log.error("http.failed", request=exchange.request, exc_info=error)
            await exchange.answer(Problem("internal", _OURS))
        finally:
            self._tell(scope, exchange, getattr(asked.get("route"), "path", None))

    def _tell(self, scope: dict[str, Any], exchange: _Exchange, path: str | None) -> None:
        seconds = time.perf_counter() - exchange.begun
        self._traffic.note(scope["method"], path, exchange.status, exchange.waited)
        client, problem = scope.get("client"), scope["state"].get("problem")
        self._log.info(
            "http.request",
            request=exchange.request,
            method=scope["method"][:20],
            path=scope["path"][:_LONGEST_PATH],
            query=_names(scope["query_string"]),
            status=exchange.status,
            duration_ms=round(seconds * 1000, 1),
            sent=exchange.sent,
            client=client[0] if client else None,
            **({"problem": problem} if problem is not None else {}),
        )


_OURS = "this is a fault of the server; its log tells more under the id that stands in `instance`"


def _names(query: bytes) -> list[str]:
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return [name[:40] for name, _ in pairs[:10]]


class _Exchange:
    """One request and its answer, as they pass."""

    def __init__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        self.request = str(uuid.uuid4())
        self.begun = time.perf_counter()
        self.bodiless = scope["method"] == "HEAD"
        self.status = 0
        self.sent = 0
        self.waited = 0.0
        self._receive = receive
        self._send = send
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        self._read = b"transfer-encoding" not in headers and not length.strip(b"0")
        self._scope = scope
        scope["state"]["request"] = self.request

    async def receive(self) -> dict[str, Any]:
        """Pass on what comes, and see whether it is all."""
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            self._read = True
        return message

    async def send(self, message: dict[str, Any]) -> None:
        """Pass on what goes, with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.waited = time.perf_counter() - self.begun
            headers = [*message.get("headers", ()), *SECURITY_HEADERS]
            headers.append((b"x-request-id", self.request.encode()))
            if not any(name == b"cache-control" for name, _ in headers):
                headers.append((b"cache-control", b"no-store"))
            if not self._read and not any(name == b"connection" for name, _ in headers):
                # The rest of the body is not wanted, and would be taken for the next request's.
                headers.append((b"connection", b"close"))
            await self._send({**message, "headers": headers})
            if self.bodiless:
                await self._send({"type": "http.response.body", "body": b""})
        elif not self.bodiless:
            self.sent += len(message.get("body", b""))
            await self._send(message)

    async def answer(self, problem: Problem) -> None:
        """Answer with *problem*; where an answer has begun, uvicorn breaks the connection off."""
        if self.status:
            return
        self._scope["state"]["problem"] = problem.name
        text = body(problem, self.request)
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", b"%d" % len(text))]
        headers += [(name.lower().encode(), it.encode()) for name, it in problem.headers.items()]
        start = {"type": "http.response.start", "status": problem.kind.status, "headers": headers}
        await self.send(start)
        await self.send({"type": "http.response.body", "body": text})
