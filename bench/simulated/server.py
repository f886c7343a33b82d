"""
The simulated table behind HTTP, in a process of its own.

    python -m bench.simulated.server --units 1000 [--kind window] [--partition 1000] [--burst 1]

It listens on a free port of 127.0.0.1 and prints it. ``POST /units`` with a number as its body
changes the capacity, ``GET /tallies`` tells what happened, by tenths of a second. A put costs one
unit for each started kilobyte of its JSON, which is somewhat more than the service counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import zlib
from contextlib import contextmanager, suppress
from random import Random
from typing import TYPE_CHECKING, Any, cast

import orjson

from bench.simulated.model import KINDS, Capacity
from bench.simulated.table import Tallies
from bench.throughput.endpoint import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["simulated"]

_TYPE = b"application/x-amz-json-1.0"
_TABLE = "Users"


def _framed(status: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\nx-amz-crc32: %d\r\n\r\n"
    return head % (status, _TYPE, len(body), zlib.crc32(body)) + body


class _Model:
    """The table: its capacity, its latency, and what happened."""

    def __init__(self, capacity: Capacity, *, index_units: int) -> None:
        self.capacity = capacity
        self.index_units = index_units  # units that indexes cost, for each of the table's
        self.tallies: Tallies | None = None
        self.dice = Random(7)  # noqa: S311 - a simulation
        self.now = asyncio.get_running_loop().time

    def write(self, body: bytes) -> bytes:
        """Take what there is capacity for, and frame the answer."""
        now = self.now()
        if self.tallies is None:
            self.tallies = Tallies(now)
        requests = orjson.loads(body)["RequestItems"][_TABLE]
        left, units = [], 0.0
        reasons: dict[str, None] = {}
        for request in requests:
            item = request["PutRequest"]["Item"]
            cost = -(-len(orjson.dumps(item)) // 1024)
            reason = self.capacity.admit(item["PK"]["S"], cost, now)
            if reason is None:
                units += cost
            else:
                left.append(request)
                reasons[reason] = None
        refused = len(left) == len(requests)
        self.tallies.note(now, units, refused=refused, partly=bool(left) and not refused)
        return _refusal(reasons) if refused else self._answer(units, left)

    def _answer(self, units: float, left: Sequence[Any]) -> bytes:
        consumed = {"TableName": _TABLE, "CapacityUnits": units * (1 + self.index_units)}
        unprocessed = {_TABLE: left} if left else {}
        return _framed(
            b"200 OK",
            orjson.dumps({"UnprocessedItems": unprocessed, "ConsumedCapacity": [consumed]}),
        )

    def describe(self) -> bytes:
        """Frame the description of the table, provisioned with its capacity of now."""
        keys = (("PK", "HASH"), ("SK", "RANGE"))
        table = {
            "TableName": _TABLE,
            "TableStatus": "ACTIVE",
            "TableArn": f"arn:aws:dynamodb:us-east-1:000000000000:table/{_TABLE}",
            "TableId": "00000000-0000-4000-8000-000000000001",
            "CreationDateTime": 1_700_000_000.0,
            "ProvisionedThroughput": {
                "WriteCapacityUnits": int(self.capacity.units),
                "ReadCapacityUnits": 1,
            },
            "AttributeDefinitions": [
                {"AttributeName": key, "AttributeType": "S"} for key, _ in keys
            ],
            "KeySchema": [{"AttributeName": key, "KeyType": role} for key, role in keys],
        }
        return _framed(b"200 OK", orjson.dumps({"Table": table}))


def _refusal(reasons: dict[str, None]) -> bytes:
    arn = f"arn:aws:dynamodb:us-east-1:000000000000:table/{_TABLE}"
    error = {
        "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
        "message": "The level of configured provisioned throughput was exceeded.",
        "ThrottlingReasons": [{"reason": reason, "resource": arn} for reason in reasons],
    }
    return _framed(b"400 Bad Request", orjson.dumps(error))


class _Connection(asyncio.Protocol):
    """One connection; the parser calls the ``on_`` methods."""

    def __init__(self, model: _Model, latency: tuple[float, float]) -> None:
        self._model = model
        self._latency = latency
        self._operation = b""
        self._path = b""
        self._body = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        import httptools  # noqa: PLC0415 - the measuring process needs no parser

        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpRequestParser(self)
        self._later = asyncio.get_running_loop().call_later

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._path = url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-amz-target":
            self._operation = value.rpartition(b".")[2]

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        body, model = bytes(self._body), self._model
        self._body.clear()
        if self._path == b"/units":
            model.capacity.units = float(body)
            self._transport.write(_framed(b"200 OK", b"{}"))
        elif self._path == b"/tallies":
            told = {} if model.tallies is None else model.tallies.as_json()
            self._transport.write(_framed(b"200 OK", json.dumps(told).encode()))
        elif self._operation == b"BatchWriteItem":
            half = model.dice.uniform(*self._latency) / 2
            self._later(half, self._judge, body, half)
        else:
            self._transport.write(model.describe())

    def _judge(self, body: bytes, half: float) -> None:
        self._later(half, self._answer, self._model.write(body))

    def _answer(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


async def _serve(given: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    capacity = Capacity(
        given.units,
        partition=given.partition,
        burst=given.burst,
        now=loop.time(),
        kind=given.kind,
    )
    model = _Model(capacity, index_units=given.index_units)
    latency = (given.latency[0] / 1000, given.latency[1] / 1000)
    server = await loop.create_server(lambda: _Connection(model, latency), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def simulated(units: float, **more: object) -> Iterator[str]:
    """Start a simulated table as a process of its own; give its URL, and end it afterwards."""
    line = [sys.executable, "-m", "bench.simulated.server", "--units", str(units)]
    for name, value in more.items():
        line += [f"--{name.replace('_', '-')}", str(value)]
    with subprocess.Popen(line, cwd=CHECKOUT, stdout=subprocess.PIPE) as running:
        try:
            assert running.stdout is not None
            yield f"http://127.0.0.1:{int(running.stdout.readline())}"
        finally:
            running.terminate()


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m bench.simulated.server")
    parser.add_argument("--units", type=float, required=True, help="Write units a second.")
    parser.add_argument("--partition", type=float, default=1000, help="Those of one partition.")
    parser.add_argument("--burst", type=float, default=1, help="Seconds of unused units kept.")
    parser.add_argument("--kind", choices=KINDS, default="bucket", help="How they are counted.")
    parser.add_argument("--index-units", type=int, default=0, help="What indexes cost, a unit.")
    parser.add_argument("--latency", type=float, nargs=2, default=(5, 20), metavar="MS")
    given = parser.parse_args()
    import uvloop  # noqa: PLC0415 - only the process of its own needs it

    with suppress(KeyboardInterrupt):
        uvloop.run(_serve(given))


if __name__ == "__main__":
    main()
