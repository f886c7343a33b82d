"""The null endpoint answers as the service does, and counts what it was sent."""

from __future__ import annotations

import json
import sys
import zlib
from http.client import HTTPConnection, HTTPResponse
from io import BytesIO
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import pytest

from bench.throughput.endpoint import WRITTEN, answer_to, counts_of, null_endpoint
from bench.throughput.modes.bench import interleaved
from bench.throughput.running import BenchError, Load, measure
from pipeline.table.description import TableDescription

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

BATCH = {
    "RequestItems": {"Users": [{"PutRequest": {"Item": {"PK": {"S": str(n)}}}} for n in "123"]}
}


class _Wire:
    """What `HTTPResponse` reads from, in a socket's place."""

    def __init__(self, wire: bytes) -> None:
        self._wire = wire

    def makefile(self, _mode: str) -> BytesIO:
        return BytesIO(self._wire)


def read(wire: bytes) -> tuple[int, dict[str, str], Any]:
    """Parse a whole HTTP answer with the standard library's parser."""
    response = HTTPResponse(cast("socket.socket", _Wire(wire)))
    response.begin()
    body = response.read()
    headers = {name.lower(): value for name, value in response.getheaders()}
    assert headers["x-amz-crc32"] == str(zlib.crc32(body))
    assert headers["content-length"] == str(len(body))
    return response.status, headers, json.loads(body)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with null_endpoint() as url:
        yield url


def post(url: str, operation: str, *pieces: bytes) -> Any:
    """Send a request, its body in *pieces*; return the answer's body."""
    address = urlsplit(url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=10)
    connection.putrequest("POST", "/")
    connection.putheader("X-Amz-Target", f"DynamoDB_20120810.{operation}")
    connection.putheader("Content-Length", str(sum(map(len, pieces))))
    connection.endheaders()
    for piece in pieces:
        connection.send(piece)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def test_all_was_written() -> None:
    """The answer to a batch hands nothing back, with the checksum that clients verify."""
    status, headers, body = read(WRITTEN)
    assert (status, body) == (200, {"UnprocessedItems": {}})
    assert headers["content-type"] == "application/x-amz-json-1.0"


def test_every_table_is_there_and_stays_the_same() -> None:
    """A table is described as active, with the key PK and SK; asked again it is the same one."""
    for name in (b"Users", b"arn:aws:dynamodb:us-east-1:000000000000:table/Users"):
        status, _, body = read(answer_to(b"DescribeTable", b'{"TableName":"%s"}' % name))
        table = TableDescription.from_response(body["Table"])
        assert (status, table.name, table.status) == (200, "Users", "ACTIVE")
        assert [part.name for part in table.key] == ["PK", "SK"]
        assert answer_to(b"DescribeTable", b'{"TableName":"%s"}' % name) == answer_to(
            b"DescribeTable", b'{"TableName":"Users"}'
        )


def test_what_it_does_not_know_it_refuses() -> None:
    """A call that is no part of a load is no success."""
    status, _, body = read(answer_to(b"DeleteTable", b"{}"))
    assert (status, body["__type"].partition("#")[2]) == (400, "UnknownOperationException")


def test_it_counts_requests_and_items(endpoint: str) -> None:
    """Items are counted whatever pieces a body comes in, and counting begins anew when told."""
    body = json.dumps(BATCH).encode()
    counts_of(endpoint)
    assert post(endpoint, "BatchWriteItem", body) == {"UnprocessedItems": {}}
    assert post(endpoint, "BatchWriteItem", body[:70], body[70:71], body[71:])
    assert post(endpoint, "DescribeTable", b'{"TableName":"T"}')["Table"]["TableName"] == "T"
    counts = counts_of(endpoint)
    assert (counts.requests, counts.batches, counts.items) == (3, 2, 6)
    assert counts.bytes == 2 * len(body)
    assert counts.first > 0
    assert counts_of(endpoint).requests == 0


def test_a_load_that_leaves_records_out_has_no_figure(endpoint: str) -> None:
    """A program that ends well but sent nothing is told so, with what it said."""
    load = Load("idle", [sys.executable, "-c", "print('nothing to do')"], records=3)
    with pytest.raises(BenchError, match=r"idle: exit code 0, 0 items of 3 .*nothing to do"):
        measure(load, endpoint)


def test_a_program_that_cannot_be_measured_is_told_and_holds_nobody_back(endpoint: str) -> None:
    """The others of a comparison are measured, and it has the reason in its place."""

    def broken() -> tuple[Load, Load]:
        raise BenchError("no compiler for it")

    idle = Load("idle", [sys.executable, "-c", "pass"], records=0)
    costs = interleaved({"broken": broken, "idle": lambda: (idle, idle)}, endpoint, 2)
    assert costs.figures("broken") == {"reason": "no compiler for it"}
    assert costs.found["idle"].whole.wall_s > 0
