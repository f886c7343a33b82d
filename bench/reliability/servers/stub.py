"""
A table in memory: as fast as a client can be, and strict about signatures and writes.

    python -m bench.reliability.servers.stub [--keep]

It listens on a free port of 127.0.0.1 and prints it. Without ``--keep`` it stores no item but
counts each write and adds up a hash of its key, so that ten million items cost no memory and still
none can be missing or doubled unseen. It knows CreateTable, DescribeTable, BatchWriteItem and Scan.
``GET /counts`` tells what it did.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import zlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from bench.reliability.running import CHECKOUT, SECRET
from bench.reliability.servers import wire
from bench.reliability.servers.checks import MAX_BODY, Refused, check_writes
from bench.reliability.servers.signing import signature_error

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

__all__ = ["Counts", "key_mark", "running_stub", "stub_counts"]

_PAGE = 2_000
_NAMESPACE = "com.amazonaws.dynamodb.v20120810#"


def key_mark(key: Hashable) -> int:
    """Give a number for a key; their sum over all writes tells what was written how often."""
    return zlib.crc32(repr(key).encode())


@dataclass(slots=True)
class Counts:
    """What the stub did."""

    requests: int = 0
    writes: int = 0
    marks: int = 0
    bad_signatures: int = 0
    refused: int = 0
    last_refusal: str = ""


@dataclass(slots=True)
class _Table:
    request: Mapping[str, Any]
    key_types: Mapping[str, tuple[str, str]]
    items: dict[Hashable, Any] = field(default_factory=dict)


class _Stub:
    def __init__(self, *, keep: bool) -> None:
        self._keep = keep
        self._tables: dict[str, _Table] = {}
        self.counts = Counts()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                writer.write(self._answer(await wire.read_message(reader)))
                await writer.drain()
        writer.close()

    def _answer(self, request: wire.Message) -> bytes:
        counts = self.counts
        if request.first.startswith(b"GET /counts "):
            names = Counts.__slots__
            return wire.answer(200, orjson.dumps({name: getattr(counts, name) for name in names}))
        counts.requests += 1
        if (wrong := signature_error(request, SECRET)) is not None:
            counts.bad_signatures += 1
            return _refusal("InvalidSignatureException", wrong)
        operations = {
            "BatchWriteItem": self._batch_write,
            "CreateTable": self._create,
            "DescribeTable": self._describe,
            "Scan": self._scan,
        }
        operation = operations.get(request.operation)
        if operation is None or len(request.body) > MAX_BODY:
            return _refusal("UnknownOperationException", "not known here, or too large")
        try:
            return wire.answer(200, orjson.dumps(operation(orjson.loads(request.body))))
        except KeyError:
            return _refusal("ResourceNotFoundException", "Cannot do operations on no table")
        except Refused as refused:
            counts.refused += 1
            counts.last_refusal = str(refused)
            return _refusal("ValidationException", str(refused))

    def _batch_write(self, asked: dict[str, Any]) -> dict[str, Any]:
        ((name, writes),) = asked["RequestItems"].items()
        table = self._tables[name]
        checked = check_writes(writes, table.key_types)
        for key, item in checked:
            self.counts.marks += key_mark(key)
            if self._keep and item is not None:
                table.items[key] = item
            elif self._keep:
                table.items.pop(key, None)
        self.counts.writes += len(checked)
        used = {"TableName": name, "CapacityUnits": float(len(checked))}
        return {"UnprocessedItems": {}, "ConsumedCapacity": [used]}

    def _create(self, asked: dict[str, Any]) -> dict[str, Any]:
        types = {
            one["AttributeName"]: one["AttributeType"] for one in asked["AttributeDefinitions"]
        }
        keys = {part["AttributeName"]: part["KeyType"] for part in asked["KeySchema"]}
        key_types = {name: (types[name], role) for name, role in keys.items()}
        self._tables[asked["TableName"]] = _Table(asked, key_types)
        return {"TableDescription": self._describe(asked)["Table"]}

    def _describe(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["TableName"]
        request = self._tables[name].request
        same = ("AttributeDefinitions", "KeySchema")
        told = {
            "TableName": name,
            "TableStatus": "ACTIVE",
            "TableArn": f"arn:aws:dynamodb:us-east-1:000000000000:table/{name}",
            "TableId": "00000000-0000-0000-0000-000000000000",
            "CreationDateTime": 1.7e9,
            "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
            **{part: request[part] for part in same},
        }
        return {"Table": told}

    def _scan(self, asked: dict[str, Any]) -> dict[str, Any]:
        table = self._tables[asked["TableName"]]
        items = [*table.items.values()]
        names = [*table.key_types]
        start = 0
        if (after := asked.get("ExclusiveStartKey")) is not None:
            bare = [{name: item[name] for name in names} for item in items]
            start = bare.index(after) + 1
        page = items[start : start + _PAGE]
        told: dict[str, Any] = {"Items": page, "Count": len(page), "ScannedCount": len(page)}
        if start + _PAGE < len(items):
            told["LastEvaluatedKey"] = {name: page[-1][name] for name in names}
        return told


def _refusal(code: str, message: str) -> bytes:
    return wire.answer(400, orjson.dumps({"__type": _NAMESPACE + code, "message": message}))


async def _serve(*, keep: bool) -> None:
    stub = _Stub(keep=keep)
    server = await asyncio.start_server(stub.connected, "127.0.0.1", 0, limit=wire.LIMIT)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def running_stub(*, keep: bool = False) -> Iterator[str]:
    """Start a stub as a process of its own; give its URL, and end it afterwards."""
    line = [sys.executable, "-m", "bench.reliability.servers.stub", *(["--keep"] if keep else [])]
    with subprocess.Popen(line, cwd=CHECKOUT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def stub_counts(endpoint: str) -> Counts:
    """Ask a stub what it did."""
    address = urlsplit(endpoint)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=60)
    connection.request("GET", "/counts")
    counts = Counts(**json.loads(connection.getresponse().read()))
    connection.close()
    return counts


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m bench.reliability.servers.stub")
    parser.add_argument("--keep", action="store_true", help="Keep items, so that Scan has some.")
    given = parser.parse_args()
    import uvloop  # noqa: PLC0415 - only the process of its own needs it

    with suppress(KeyboardInterrupt):
        uvloop.run(_serve(keep=given.keep))


if __name__ == "__main__":
    main()
