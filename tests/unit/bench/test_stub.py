"""The table in memory is strict: about who signed a request, and about what may be written."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bench.reliability.running import SECRET
from bench.reliability.servers.checks import Refused, check_writes, size_of
from bench.reliability.servers.signing import signature_error
from bench.reliability.servers.stub import key_mark, running_stub, stub_counts
from bench.reliability.servers.wire import Message
from bench.reliability.truth import connect, scan
from pipeline.table.size import value_size
from tests.contract.random_items import random_item

KEY = {"PK": ("S", "HASH"), "SK": ("N", "RANGE")}


def _signed(body: bytes = b"{}", secret: str = SECRET) -> Message:
    """Make a request as the SDK signs it."""
    target = {"X-Amz-Target": "DynamoDB_20120810.BatchWriteItem"}
    request = AWSRequest("POST", "http://127.0.0.1:80/", data=body, headers=target)
    SigV4Auth(Credentials("TEST", secret), "dynamodb", "us-east-1").add_auth(request)
    headers = {b"host": b"127.0.0.1"}
    headers |= {name.lower().encode(): value.encode() for name, value in request.headers.items()}
    return Message(b"POST / HTTP/1.1", headers, body)


def test_the_sdks_signature_is_right() -> None:
    """What botocore signs with the right secret is accepted."""
    assert signature_error(_signed(), SECRET) is None


@pytest.mark.parametrize(
    "change",
    [
        {"body": b'{"a":1}'},
        {"x-amz-target": b"DynamoDB_20120810.DeleteTable"},
        {"host": b"example.org"},
        {"x-amz-date": b"20200101T000000Z"},
        {"authorization": b""},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_request_that_was_changed_is_refused(change: dict[str, bytes]) -> None:
    """Body, operation, receiver and time are all under the signature."""
    request = _signed()
    body = change.pop("body", request.body)
    headers = {**request.headers, **{name.encode(): value for name, value in change.items()}}
    assert signature_error(Message(request.first, headers, body), SECRET) is not None


def test_another_secret_is_refused() -> None:
    """The signature of a stranger is none."""
    assert signature_error(_signed(secret="other"), SECRET) is not None


def _put(**changes: Any) -> dict[str, Any]:
    item = {"PK": {"S": "a"}, "SK": {"N": "1"}, **changes}
    return {"PutRequest": {"Item": {k: v for k, v in item.items() if v is not None}}}


GOOD: dict[str, list[dict[str, Any]]] = {
    "one": [_put()],
    "25": [_put(SK={"N": str(n)}) for n in range(25)],
    "of the limit": [_put(v={"S": "x" * (409_600 - len("PKaSKv") - 2)})],
    "a delete": [{"DeleteRequest": {"Key": {"PK": {"S": "a"}, "SK": {"N": "1"}}}}],
    "longest key": [_put(PK={"S": "x" * 2048})],
}
BAD: dict[str, list[dict[str, Any]]] = {
    "none": [],
    "26": [_put(SK={"N": str(n)}) for n in range(26)],
    "a key twice": [_put(SK={"N": "1"}), _put(SK={"N": "1.0"})],
    "over the limit": [_put(v={"S": "x" * (409_601 - len("PKaSKv") - 2)})],
    "no sort key": [_put(SK=None)],
    "sort key of another type": [_put(SK={"S": "1"})],
    "empty key": [_put(PK={"S": ""})],
    "key too long": [_put(PK={"S": "x" * 2049})],
    "two types": [_put(v={"S": "a", "N": "1"})],
    "no type": [_put(v={})],
    "empty set": [_put(v={"SS": []})],
    "set with one twice": [_put(v={"SS": ["a", "a"]})],
    "39 digits": [_put(v={"N": "1" * 39})],
    "no number": [_put(v={"L": [{"N": "abc"}]})],
    "bad base64": [_put(v={"B": "YQ"})],
    "a delete with more than the key": [{"DeleteRequest": {"Key": _put(v={"S": ""})}}],
    "neither": [{}],
}


@pytest.mark.parametrize("name", GOOD)
def test_sound_writes_pass(name: str) -> None:
    """What the service takes is taken."""
    assert len(check_writes(GOOD[name], KEY)) == len(GOOD[name])


@pytest.mark.parametrize("name", BAD)
def test_unsound_writes_are_refused(name: str) -> None:
    """What the service refuses is refused."""
    with pytest.raises(Refused):
        check_writes(BAD[name], KEY)


def test_two_arithmetics_agree() -> None:
    """The stub's sizes, written anew, are those of the package on random values of all types."""
    for seed in range(100):
        for value in random_item(Random(seed)).values():
            assert size_of(value) == value_size(value), (seed, value)


def test_it_serves_an_sdk() -> None:
    """A process of its own creates, takes, scans in pages and counts; a stranger gets nothing."""
    with running_stub(keep=True) as endpoint:
        client: Any = connect(endpoint, "TEST")
        client.create_table(
            TableName="Board",
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        assert client.describe_table(TableName="Board")["Table"]["TableStatus"] == "ACTIVE"
        keys = [f"k{n}" for n in range(50)]
        for start in (0, 25):
            writes = [
                {"PutRequest": {"Item": {"PK": {"S": key}}}} for key in keys[start : start + 25]
            ]
            client.batch_write_item(RequestItems={"Board": writes})
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.describe_table(TableName="Other")
        client.close()
        assert sorted(item["PK"]["S"] for item in scan(endpoint, "TEST")) == sorted(keys)
        counts = stub_counts(endpoint)
        assert (counts.writes, counts.bad_signatures, counts.refused) == (50, 0, 0)
        assert counts.marks == sum(key_mark((key,)) for key in keys)
