"""The proxy: what reaches the engine, and what comes back, as a plan says."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from bench.reliability.board import dice
from bench.reliability.servers import wire
from bench.reliability.servers.exchange import Exchange, pass_on
from bench.reliability.servers.faults import FAULTS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["QUIET", "FaultProxy", "Plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What happens to BatchWriteItem requests; everything else passes.

    *faults* are names of `FAULTS` with weights, and *rate* is the share of requests that meet one.
    *first_only* spares a request that was seen before. *marks* wins: the first of these byte
    strings that a body holds decides its fault. *latency* is what each write takes in addition,
    *seconds* the measure of slow faults. *hide_indexes* takes the indexes out of DescribeTable's
    answers, as if they had been made afterwards. With *remember* the proxy's `stored` holds every
    different write that the engine has carried out.
    """

    faults: Mapping[str, float] = field(default_factory=dict)
    rate: float = 0.0
    first_only: bool = False
    marks: Mapping[bytes, str] = field(default_factory=dict)
    latency: float = 0.0
    seconds: float = 0.2
    hide_indexes: bool = False
    remember: bool = False


QUIET = Plan()


class FaultProxy:
    """
    A proxy in front of *upstream*, in a thread of its own, from ``with`` to its end.

    Which fault a request meets is a pure function of *seed*, its items and how often they were sent
    together: not of the time. `plan` may be set while it runs.
    """

    def __init__(self, upstream: str, seed: int, plan: Plan = QUIET) -> None:
        address = urlsplit(upstream)
        self._upstream = (address.hostname or "127.0.0.1", address.port or 80)
        self._seed = seed
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fault proxy", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop: asyncio.Event | None = None
        self.plan = plan
        self.endpoint = ""
        self.requests = 0
        self.faults: Counter[str] = Counter()
        self.attempts: Counter[str] = Counter()
        self.accepted: list[tuple[float, int]] = []
        self.stored: set[str] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(30)
        assert self.endpoint, "the proxy did not start"
        return self

    def __exit__(self, *_: object) -> None:
        stop = self._stop
        if stop is not None:
            self._loop.call_soon_threadsafe(stop.set)
        self._thread.join(30)
        self._loop.close()

    def counts(self) -> dict[str, Any]:
        """Tell what was done: requests in all, and by fault; how often each batch was sent."""
        return {
            "requests": self.requests,
            "faults": dict(sorted(self.faults.items())),
            "batches": len(self.attempts),
            "attempts": dict(sorted(Counter(self.attempts.values()).items())),
            "accepted": sum(count for _, count in self.accepted),
        }

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=wire.LIMIT)
        port = server.sockets[0].getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{port}"
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in (tasks := [*self._tasks]):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=10)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        engine = _Engine(self._upstream)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._exchange(reader, writer, engine):
                    pass
        finally:
            self._tasks.discard(task)
            engine.close()
            writer.close()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, engine: _Engine
    ) -> bool:
        """Serve one request; tell whether the connection lives on."""
        request = await wire.read_message(reader)
        if request.operation != "BatchWriteItem":
            reply = await engine.call(request, request.body)
            body = _without_indexes(reply.body) if self.plan.hide_indexes else reply.body
            writer.write(wire.answer(reply.status, body))
            await writer.drain()
            return True
        self.requests += 1
        plan = self.plan
        digest = _digest(request.body)
        name, rolled = self._choose(plan, request.body, digest)
        exchange = Exchange(
            request.body,
            rolled,
            plan.seconds,
            writer,
            engine=lambda body: self._carry_out(engine, request, body),
            later=lambda after, body: self._later(after, request, body),
        )
        await asyncio.sleep(plan.latency)
        if name is None:
            await pass_on(exchange)
        else:
            self.faults[name] += 1
            await FAULTS[name](exchange)
        return not exchange.cut

    async def _carry_out(self, engine: _Engine, request: wire.Message, body: bytes) -> wire.Message:
        """Let the engine carry a write out, and note what it took."""
        reply = await engine.call(request, body)
        if reply.status == HTTPStatus.OK:
            ((table, writes),) = json.loads(body)["RequestItems"].items()
            left = json.loads(reply.body)["UnprocessedItems"].get(table, [])
            stored = [write for write in writes if write not in left]
            self.accepted.append((time.monotonic(), len(stored)))
            if self.plan.remember:
                self.stored.update(map(_canonical, stored))
        return reply

    def _choose(self, plan: Plan, body: bytes, digest: str) -> tuple[str | None, Any]:
        """Give the name of this request's fault, None for none, and its dice."""
        self.attempts[digest] += 1
        seen = self.attempts[digest]
        rolled = dice(self._seed, digest, seen)
        for mark, name in plan.marks.items():
            if mark in body:
                return name, rolled
        if rolled.random() >= plan.rate or (plan.first_only and seen > 1):
            return None, rolled
        return rolled.choices([*plan.faults], [*plan.faults.values()])[0], rolled

    def _later(self, after: float, request: wire.Message, body: bytes) -> None:
        """Carry a request out that nobody waits for any more."""

        async def carry_out() -> None:
            await asyncio.sleep(after)
            engine = _Engine(self._upstream)
            await self._carry_out(engine, request, body)
            engine.close()

        task = self._loop.create_task(carry_out())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Engine:
    """One connection to the engine, opened when needed and anew when it broke."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None

    async def call(self, request: wire.Message, body: bytes) -> wire.Message:
        """Send *request* with *body* and give the answer."""
        for last in (False, True):
            if self._writer is None or self._reader is None:
                self._reader, self._writer = await asyncio.open_connection(
                    *self._address, limit=wire.LIMIT
                )
            try:
                self._writer.write(request.again(body))
                return await wire.read_message(self._reader)
            except (OSError, asyncio.IncompleteReadError):
                self.close()
                if last:
                    raise
        raise AssertionError("two tries, each of them returns or raises")

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._writer is not None:
            self._writer.close()
        self._writer = self._reader = None


def _digest(body: bytes) -> str:
    """Name a batch by its writes, whatever their order."""
    tables = json.loads(body)["RequestItems"]
    writes = sorted(_canonical(write) for one in tables.values() for write in one)
    return hashlib.sha256("\n".join(writes).encode()).hexdigest()[:16]


def _canonical(write: Any) -> str:
    return json.dumps(write, sort_keys=True)


def _without_indexes(body: bytes) -> bytes:
    document = json.loads(body)
    table = document.get("Table", {})
    hidden = ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
    if not any(name in table for name in hidden):
        return body
    keys = {part["AttributeName"] for part in table["KeySchema"]}
    document["Table"] = {name: value for name, value in table.items() if name not in hidden}
    document["Table"]["AttributeDefinitions"] = [
        one for one in table["AttributeDefinitions"] if one["AttributeName"] in keys
    ]
    return json.dumps(document).encode()
