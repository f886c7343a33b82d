"""Call an application as a server does: a scope, pieces of a body, and what was sent back."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.api.app import make_app
from pipeline.api.assets import Asset
from pipeline.api.context import Context
from pipeline.api.guard.access import Access
from pipeline.api.guard.seats import Seats
from pipeline.api.guard.traffic import Traffic
from pipeline.api.limits import Limits
from pipeline.core.flow import StopSignal
from tests.fakes import ListLog
from tests.unit.api.fake_jobs import FakeJobs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Answer", "Bench"]

NOTHING: Mapping[str, str] = {}


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    ended: bool = False

    def header(self, name: str) -> str | None:
        """Return the one header *name*."""
        found = [value for it, value in self.headers if it == name]
        assert len(found) <= 1, f"{name} is there twice"
        return found[0] if found else None

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        """The last part of the problem's type."""
        assert self.header("content-type") == "application/problem+json"
        document = self.json
        assert document["status"] == self.status
        assert document["instance"] == f"urn:uuid:{self.header('x-request-id')}"
        return str(document["type"]).rpartition(":")[2]


class Bench:
    """An application over a fake service, and what a test needs to look at."""

    def __init__(
        self, *, access: Access | None = None, limits: Limits | None = None, most: int = 1000
    ) -> None:
        limits = limits or Limits()
        self.jobs = FakeJobs(most)
        self.stop = StopSignal()
        self.log = ListLog()
        self.traffic = Traffic()
        assets = {
            "index.html": Asset(b"<!doctype html>", "text/html; charset=utf-8", '"page"'),
            "app.js": Asset(b"1;", "text/javascript; charset=utf-8", '"app"'),
        }
        self.context = Context(
            self.jobs, self.stop, Seats(limits.streams), self.traffic, most, assets
        )
        self.app = make_app(self.context, access or Access(), limits, self.log)

    async def ask(
        self,
        method: str,
        target: str,
        body: bytes | Sequence[bytes] = b"",
        headers: Mapping[str, str] = NOTHING,
        *,
        gone: asyncio.Event | None = None,
        version: str = "1.1",
    ) -> Answer:
        """Ask, and wait for the end of the answer; *gone* lets the client leave before."""
        pieces = [body] if isinstance(body, bytes) else list(body)
        given = {"host": "localhost:8080", **headers}
        if isinstance(body, bytes) and body and "content-length" not in given:
            given["content-length"] = str(len(body))
        if not isinstance(body, bytes):
            given["transfer-encoding"] = "chunked"
        waiting, answer = list(pieces), Answer()

        async def receive() -> dict[str, Any]:
            if waiting:
                piece = waiting.pop(0)
                return {"type": "http.request", "body": piece, "more_body": bool(waiting)}
            await (gone or asyncio.Event()).wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = [
                    (name.decode(), value.decode()) for name, value in message["headers"]
                ]
                return
            answer.body += message.get("body", b"")
            answer.ended = not message.get("more_body", False)

        scope = {**scope_of(method, target, given), "http_version": version}
        await self.app(scope, receive, send)
        return answer


def scope_of(method: str, target: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the scope of a request as uvicorn makes it."""
    path, _, query = target.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), it.encode("latin-1")) for name, it in headers.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8080),
        "state": {},
    }
