"""
A null endpoint: reads each request, answers that all of it was written, keeps nothing.

    python -m bench.throughput.endpoint [--latency MS]

It listens on a free port of 127.0.0.1 and prints it. What it tells of itself (``GET /counts``) is
kept at the price of one search through a body. Every table it is asked for is there, ACTIVE, with
the key PK and SK and always the same identity.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
import zlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CHECKOUT", "WRITTEN", "Counts", "answer_to", "counts_of", "null_endpoint"]

CHECKOUT = Path(__file__).resolve().parents[2]

_CREATED = 1_700_000_000.0
_TYPE = b"application/x-amz-json-1.0"


@dataclass(slots=True)
class Counts:
    """
    What the endpoint did since it was last asked.

    *first* is the moment of the first BatchWriteItem, by `time.monotonic` of this machine, which
    its processes share; *cpu_s* is the endpoint's own processor time.
    """

    requests: int = 0
    batches: int = 0
    items: int = 0
    bytes: int = 0
    first: float = 0.0
    cpu_s: float = 0.0


def _framed(status: bytes, body: bytes) -> bytes:
    """Frame *body* as the service does, checksum included: clients check it."""
    lines = (
        b"HTTP/1.1 " + status,
        b"Server: Server",
        b"Content-Type: " + _TYPE,
        b"Content-Length: %d" % len(body),
        b"Connection: keep-alive",
        b"x-amzn-RequestId: NULL0000000000000000000000000000000000000000000000ENDPOINT",
        b"x-amz-crc32: %d" % zlib.crc32(body),
    )
    return b"\r\n".join((*lines, b"", body))


WRITTEN = _framed(b"200 OK", b'{"UnprocessedItems":{}}')
_UNKNOWN = _framed(
    b"400 Bad Request", b'{"__type":"com.amazon.coral.service#UnknownOperationException"}'
)


def _table(name: str) -> dict[str, Any]:
    keys = (("PK", "HASH"), ("SK", "RANGE"))
    return {
        "TableName": name,
        "TableStatus": "ACTIVE",
        "TableArn": f"arn:aws:dynamodb:us-east-1:000000000000:table/{name}",
        "TableId": "00000000-0000-4000-8000-000000000000",
        "CreationDateTime": _CREATED,
        "ItemCount": 0,
        "TableSizeBytes": 0,
        "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key, _ in keys],
        "KeySchema": [{"AttributeName": key, "KeyType": role} for key, role in keys],
    }


def answer_to(operation: bytes, body: bytes) -> bytes:
    """Return the whole answer to a request that is no BatchWriteItem."""
    if operation != b"DescribeTable":
        return _UNKNOWN
    # A table may be named by its ARN; the name is what stands behind the last slash.
    name = json.loads(body)["TableName"].rpartition("/")[2]
    return _framed(b"200 OK", json.dumps({"Table": _table(name)}).encode())


class _Connection(asyncio.Protocol):
    """One connection; the parser calls the ``on_`` methods."""

    def __init__(self, counts: Counts, latency: float) -> None:
        self._counts = counts
        self._latency = latency
        self._operation = b""
        self._path = b""
        self._body: list[bytes] = []

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
        if len(name) == 12 and name.lower() == b"x-amz-target":
            self._operation = value.rpartition(b".")[2]

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        counts = self._counts
        if self._path == b"/counts":
            self._transport.write(_told(counts))
            return
        counts.requests += 1
        answer = WRITTEN
        if self._operation == b"BatchWriteItem":
            if not counts.batches:
                counts.first = time.monotonic()
            counts.batches += 1
            counts.items += body.count(b'"PutRequest"')
            counts.bytes += len(body)
        else:
            answer = answer_to(self._operation, body)
        if self._latency:
            self._later(self._latency, self._transport.write, answer)
        else:
            self._transport.write(answer)


def _told(counts: Counts) -> bytes:
    """Tell the counts, and begin anew."""
    counts.cpu_s = time.process_time() - counts.cpu_s
    told = {name: getattr(counts, name) for name in Counts.__slots__}
    for name in Counts.__slots__:
        setattr(counts, name, 0)
    counts.cpu_s = time.process_time()
    return _framed(b"200 OK", json.dumps(told).encode())


async def _serve(latency: float) -> None:
    counts = Counts()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(counts, latency), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def null_endpoint(latency_ms: float = 0) -> Iterator[str]:
    """Start an endpoint as a process of its own; give its URL, and end it afterwards."""
    line = [sys.executable, "-m", "bench.throughput.endpoint", "--latency", str(latency_ms)]
    with subprocess.Popen(line, cwd=CHECKOUT, stdout=subprocess.PIPE) as running:
        try:
            assert running.stdout is not None
            yield f"http://127.0.0.1:{int(running.stdout.readline())}"
        finally:
            running.terminate()


def counts_of(endpoint: str) -> Counts:
    """Ask an endpoint what it did since it was last asked."""
    address = urlsplit(endpoint)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=60)
    connection.request("GET", "/counts")
    counts = Counts(**json.loads(connection.getresponse().read()))
    connection.close()
    return counts


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m bench.throughput.endpoint")
    parser.add_argument("--latency", type=float, default=0, metavar="MS", help="Of each answer.")
    given = parser.parse_args()
    import uvloop  # noqa: PLC0415 - only the process of its own needs it

    with suppress(KeyboardInterrupt):
        uvloop.run(_serve(given.latency / 1000))


if __name__ == "__main__":
    main()
