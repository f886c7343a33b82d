"""
What one exchange costs in processor time: over our own transport, and over the SDK's.

Five writers send a body of 7.5 KB to a null endpoint that is a process of its own. What is measured
is this process alone: signing, sending, reading an answer, and the event loop below. The best of
three, by turns in one run, on uvloop; then signing by itself.

    python -m bench.exchange [EXCHANGES]

Measured on two shared cores, Python 3.11.7, uvloop 0.23: 16 to 22 µs over our own (of it 6 µs for
the signature, most of which is the body's SHA-256) and 545 to 575 µs over the SDK's, 25 to 35 times
as much.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import TYPE_CHECKING

import uvloop

from bench.throughput.endpoint import null_endpoint
from pipeline.table.aws.connection import ConnectionSettings, connect
from pipeline.table.aws.transport import SdkSender
from pipeline.table.http.pool import open_pool
from pipeline.table.http.sender import HttpSender
from pipeline.table.http.signing import Fixed, Keys, Scope, Signer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pipeline.table.aws.client import Sender

_WRITERS = 5
_BODY = b'{"RequestItems":{"Users":[' + b"x" * 7_450 + b']},"ReturnConsumedCapacity":"TOTAL"}'
_KEYS = Keys("MEASURING", "secret")
_REGION = "us-east-1"


async def _cost(sender: Sender, exchanges: int) -> float:
    """Return the microseconds of processor time that an exchange takes."""

    async def write(count: int) -> None:
        for _ in range(count):
            await sender.send(_BODY, ())

    await write(_WRITERS)
    began = time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(_WRITERS):
            group.create_task(write(exchanges // _WRITERS))
    return (time.process_time() - began) / exchanges * 1e6


async def _over_http(url: str, exchanges: int) -> float:
    async with open_pool(url, region=_REGION, connections=_WRITERS, timeout=30) as pool:
        return await _cost(HttpSender(pool, Fixed(_KEYS)), exchanges)


async def _over_sdk(url: str, exchanges: int) -> float:
    async with connect(ConnectionSettings(_REGION, url, _WRITERS)) as sdk:
        return await _cost(SdkSender(sdk.client, "Users"), max(exchanges // 20, _WRITERS))


async def _signing(_url: str, exchanges: int) -> float:
    signer = Signer("127.0.0.1:8000", "/", Scope(_REGION))
    began = time.process_time()
    for _ in range(exchanges):
        signer.head("DynamoDB_20120810.BatchWriteItem", _BODY, _KEYS)
    return (time.process_time() - began) / exchanges * 1e6


def main() -> None:
    """Print microseconds per exchange."""
    exchanges = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    os.environ["AWS_ACCESS_KEY_ID"] = _KEYS.access_key
    os.environ["AWS_SECRET_ACCESS_KEY"] = _KEYS.secret_key
    ways: dict[str, Callable[[str, int], Awaitable[float]]] = {
        "http": _over_http,
        "sdk": _over_sdk,
        "signing alone": _signing,
    }
    best = dict.fromkeys(ways, float("inf"))
    with null_endpoint() as url:
        for _ in range(3):
            for name, way in ways.items():
                best[name] = min(best[name], uvloop.run(_once(way, url, exchanges)))
    for way_name, cost in best.items():
        print(f"{way_name:14} {cost:8.1f} µs")


async def _once(way: Callable[[str, int], Awaitable[float]], url: str, exchanges: int) -> float:
    return await way(url, exchanges)


if __name__ == "__main__":
    main()
