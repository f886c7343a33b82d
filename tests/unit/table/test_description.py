"""What DescribeTable says, as the pipeline reads it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.table.description import TableDescription, Units
from pipeline.table.rules import Index, KeyAttribute

PK = KeyAttribute("pk", "S", "partition")
SK = KeyAttribute("sk", "N", "sort")

# As DynamoDB Local 3.3.1 answers, but for the order of the key schema and the id, which AWS gives.
FULL: dict[str, Any] = {
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": kind}
        for name, kind in (("pk", "S"), ("sk", "N"), ("g", "B"), ("l", "S"))
    ],
    "TableName": "full",
    "TableId": "0f3d",
    "KeySchema": [
        {"AttributeName": "sk", "KeyType": "RANGE"},
        {"AttributeName": "pk", "KeyType": "HASH"},
    ],
    "TableStatus": "ACTIVE",
    "CreationDateTime": 1795353478.233,
    "ProvisionedThroughput": {
        "NumberOfDecreasesToday": 0,
        "ReadCapacityUnits": 3,
        "WriteCapacityUnits": 4,
    },
    "TableArn": "arn:aws:dynamodb:ddblocal:000000000000:table/full",
    "LocalSecondaryIndexes": [
        {
            "IndexName": "ldx",
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "l", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "gdx",
            "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["a", "b"]},
            "IndexStatus": "ACTIVE",
            "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
        }
    ],
}
SMALL: dict[str, Any] = {
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "TableName": "small",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "TableStatus": "CREATING",
}


def test_everything_that_is_reported_is_read() -> None:
    """Keys come partition first, indexes with their keys, types and projection."""
    ttl = {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}}
    assert TableDescription.from_response(FULL, ttl) == TableDescription(
        name="full",
        status="ACTIVE",
        key=(PK, SK),
        arn="arn:aws:dynamodb:ddblocal:000000000000:table/full",
        id="0f3d",
        created=datetime.fromtimestamp(1795353478.233, UTC),
        billing="provisioned",
        attribute_types={"pk": "S", "sk": "N", "g": "B", "l": "S"},
        indexes=(
            Index("gdx", "gsi", (KeyAttribute("g", "B", "partition"),), "INCLUDE", ("a", "b")),
            Index("ldx", "lsi", (PK, KeyAttribute("l", "S", "sort")), "KEYS_ONLY"),
        ),
        units=Units(wcu=4, rcu=3),
        index_units={"gdx": Units(wcu=6, rcu=5)},
        ttl="expires",
    )


def test_what_is_not_reported_is_none() -> None:
    """An engine that says little is not taken to say anything more."""
    assert TableDescription.from_response(SMALL) == TableDescription(
        name="small", status="CREATING", key=(PK,), attribute_types={"pk": "S"}
    )


@pytest.mark.parametrize(
    ("mode", "units", "billing"),
    [
        ("PAY_PER_REQUEST", 0, "on-demand"),
        ("PROVISIONED", 5, "provisioned"),
        (None, 5, "provisioned"),
        (None, 0, None),
        ("SOMETHING_NEW", 0, None),
    ],
)
def test_billing_is_told_by_mode_or_capacity(
    mode: str | None, units: int, billing: str | None
) -> None:
    """A table that never was on-demand reports no mode, but capacity; else it is not known."""
    table = {
        **SMALL,
        "ProvisionedThroughput": {"ReadCapacityUnits": units, "WriteCapacityUnits": units},
    }
    if mode is not None:
        table["BillingModeSummary"] = {"BillingMode": mode}
    assert TableDescription.from_response(table).billing == billing


@pytest.mark.parametrize(
    ("described", "ttl"),
    [
        ({"TimeToLiveStatus": "ENABLED", "AttributeName": "x"}, "x"),
        ({"TimeToLiveStatus": "ENABLING", "AttributeName": "x"}, "x"),
        ({"TimeToLiveStatus": "DISABLED"}, ""),
        ({"TimeToLiveStatus": "DISABLING", "AttributeName": "x"}, ""),
        ({}, None),
    ],
)
def test_ttl_is_an_attribute_or_none_or_unknown(described: dict[str, str], ttl: str | None) -> None:
    """No TTL and not knowing are two things."""
    response = {"TimeToLiveDescription": described}
    assert TableDescription.from_response(SMALL, response).ttl == ttl


def test_botocores_datetime_is_kept() -> None:
    """The SDK parses the creation time already."""
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    table = {**SMALL, "CreationDateTime": moment}
    assert TableDescription.from_response(table).created == moment


def test_its_rules_know_keys_and_indexes() -> None:
    """The rules of a described table hold items to its keys and those of its indexes."""
    rules = TableDescription.from_response(FULL).rules()
    found = rules.check({"pk": {"S": "p"}, "g": {"S": "no bytes"}})
    assert [violation.rule for violation in found] == ["key_missing", "index_key_type"]
