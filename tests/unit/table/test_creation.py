"""A table as the definition wants it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from pipeline.table.creation import IndexSpec, TableSpec, differences
from pipeline.table.description import TableDescription, Units

if TYPE_CHECKING:
    from pipeline.table.rules import KeyType

PLAIN = TableSpec("Users", {"PK": "S", "SK": "N"})
GLOBAL = IndexSpec("by-mail", "gsi", {"mail": "S", "SK": "N"}, ("name", "city"))
LOCAL = IndexSpec("by-date", "lsi", {"PK": "S", "date": "S"}, "keys_only")
SHOWN_GLOBAL = "global {mail: S, SK: N}, projection [name, city]"
SHOWN_LOCAL = "local {PK: S, date: S}, projection keys_only"
INDEXED = replace(PLAIN, indexes=(GLOBAL, LOCAL))
PROVISIONED = replace(INDEXED, billing="provisioned", wcu=10, rcu=5)


def existing(spec: TableSpec, **changes: Any) -> TableDescription:
    """Describe the table that *spec* makes, as AWS would."""
    table = spec.request()
    table["TableStatus"] = "ACTIVE"
    table["BillingModeSummary"] = {"BillingMode": table.pop("BillingMode")}
    return replace(TableDescription.from_response(table), **changes)


def test_the_request_of_a_plain_table() -> None:
    """A table is on-demand unless the definition says otherwise, and no capacity is sent."""
    assert PLAIN.request() == {
        "TableName": "Users",
        "AttributeDefinitions": [
            {"AttributeName": "PK", "AttributeType": "S"},
            {"AttributeName": "SK", "AttributeType": "N"},
        ],
        "KeySchema": [
            {"AttributeName": "PK", "KeyType": "HASH"},
            {"AttributeName": "SK", "KeyType": "RANGE"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }


def test_the_request_of_a_table_with_everything() -> None:
    """Every key attribute is declared once, and a global index has the table's capacity."""
    request = replace(PROVISIONED, indexes=(replace(GLOBAL, wcu=3), LOCAL)).request()
    assert [one["AttributeName"] for one in request["AttributeDefinitions"]] == [
        "PK",
        "SK",
        "mail",
        "date",
    ]
    assert request["ProvisionedThroughput"] == {"WriteCapacityUnits": 10, "ReadCapacityUnits": 5}
    assert request["GlobalSecondaryIndexes"] == [
        {
            "IndexName": "by-mail",
            "KeySchema": [
                {"AttributeName": "mail", "KeyType": "HASH"},
                {"AttributeName": "SK", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["name", "city"]},
            "ProvisionedThroughput": {"WriteCapacityUnits": 3, "ReadCapacityUnits": 5},
        }
    ]
    assert request["LocalSecondaryIndexes"] == [
        {
            "IndexName": "by-date",
            "KeySchema": [
                {"AttributeName": "PK", "KeyType": "HASH"},
                {"AttributeName": "date", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ]


@pytest.mark.parametrize("spec", [PLAIN, INDEXED, PROVISIONED])
def test_a_good_table_has_no_problems_and_no_differences(spec: TableSpec) -> None:
    """What the definition creates is what it wants."""
    assert spec.problems() == []
    assert differences(spec, existing(spec)) == []


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (replace(PLAIN, name="ab"), "table name 'ab' is not 3 to 255 characters"),
        (replace(PLAIN, name="a b c"), "table name 'a b c' is not"),
        (replace(PLAIN, name="x" * 256), "is not 3 to 255 characters"),
        (replace(PLAIN, key={}), "the table has 0 key attributes"),
        (replace(PLAIN, key={"a": "S", "b": "S", "c": "S"}), "the table has 3 key attributes"),
        (
            replace(PLAIN, key={"a": cast("KeyType", "BOOL")}),
            "key 'a' has type 'BOOL'; a key is S, N or B",
        ),
        (replace(PLAIN, key={"k" * 256: "S"}), "have 1 to 255 bytes"),
        (replace(PLAIN, key={"": "S"}), "have 1 to 255 bytes"),
        (replace(PLAIN, billing="provisioned", rcu=1), "needs wcu of at least 1"),
        (replace(PLAIN, billing="provisioned", wcu=1, rcu=0), "needs rcu of at least 1"),
        (replace(PLAIN, wcu=1), "wcu and rcu are for provisioned billing"),
        (replace(PLAIN, ttl=""), "the ttl attribute has an empty name"),
        (
            replace(PLAIN, indexes=tuple(replace(GLOBAL, name=f"i-{i}") for i in range(21))),
            "21 global secondary indexes; a table may have 20",
        ),
        (
            replace(PLAIN, indexes=tuple(replace(LOCAL, name=f"i-{i}") for i in range(6))),
            "6 local secondary indexes; a table may have 5",
        ),
        (
            replace(PLAIN, indexes=(GLOBAL, replace(LOCAL, name="by-mail"))),
            "two indexes are called 'by-mail'",
        ),
        (replace(PLAIN, indexes=(replace(GLOBAL, name="x"),)), "index name 'x' is not 3 to 255"),
        (replace(INDEXED, key={"PK": "S"}), "'by-date' is local, but the table has no sort key"),
        (
            replace(PLAIN, indexes=(replace(LOCAL, key={"SK": "N", "date": "S"}),)),
            "'by-date' is local: its partition key must be the table's",
        ),
        (
            replace(PLAIN, indexes=(replace(LOCAL, key={"PK": "S"}),)),
            "'by-date' is local and needs a sort key of its own",
        ),
        (
            replace(PLAIN, indexes=(replace(GLOBAL, key={"PK": "N"}),)),
            "attribute 'PK' is S in one key and N in another",
        ),
        (replace(PLAIN, indexes=(replace(GLOBAL, projection=()),)), "projects no attribute"),
        (replace(PLAIN, indexes=(replace(GLOBAL, projection=("a", "a")),)), "attribute twice"),
        (
            replace(
                PLAIN,
                indexes=(replace(GLOBAL, projection=tuple(f"a{i}" for i in range(101))),),
            ),
            "101 projected attributes; 100 are allowed",
        ),
        (replace(PLAIN, indexes=(replace(GLOBAL, wcu=1),)), "wcu is only for a global index of"),
        (replace(PROVISIONED, indexes=(replace(LOCAL, rcu=1),)), "rcu is only for a global index"),
        (replace(PROVISIONED, indexes=(replace(GLOBAL, rcu=0),)), "rcu must be at least 1"),
    ],
)
def test_what_cannot_be_created_is_told(spec: TableSpec, problem: str) -> None:
    """Each limit of CreateTable is told in a sentence before it is asked for."""
    (told,) = [one for one in spec.problems() if problem in one]
    assert "\n" not in told


@pytest.mark.parametrize(
    ("wanted", "table", "lines"),
    [
        (
            PLAIN,
            existing(replace(PLAIN, key={"PK": "S", "SK": "S"})),
            ["key: {PK: S, SK: N} in the definition, {PK: S, SK: S} in the table"],
        ),
        (
            PLAIN,
            existing(replace(PLAIN, billing="provisioned", wcu=1, rcu=1)),
            ["billing: on-demand in the definition, provisioned in the table"],
        ),
        (
            PROVISIONED,
            existing(replace(PROVISIONED, wcu=20, indexes=(replace(GLOBAL, rcu=7), LOCAL))),
            [
                "wcu: 10 in the definition, 20 in the table",
                "index by-mail, wcu: 10 in the definition, 20 in the table",
                "index by-mail, rcu: 5 in the definition, 7 in the table",
            ],
        ),
        (
            INDEXED,
            existing(PLAIN),
            [
                f"index by-mail: {SHOWN_GLOBAL} in the definition, absent in the table",
                f"index by-date: {SHOWN_LOCAL} in the definition, absent in the table",
            ],
        ),
        (
            PLAIN,
            existing(replace(PLAIN, indexes=(LOCAL,))),
            [f"index by-date: absent in the definition, {SHOWN_LOCAL} in the table"],
        ),
        (
            INDEXED,
            existing(
                replace(
                    PLAIN,
                    indexes=(
                        replace(GLOBAL, projection="all", key={"mail": "S"}),
                        replace(LOCAL, kind="gsi"),
                    ),
                )
            ),
            [
                "index by-mail, key: {mail: S, SK: N} in the definition, {mail: S} in the table",
                "index by-mail, projection: [name, city] in the definition, all in the table",
                "index by-date: local in the definition, global in the table",
            ],
        ),
        (
            replace(PLAIN, ttl="expires"),
            existing(PLAIN, ttl=""),
            ["ttl: expires in the definition, none in the table"],
        ),
        (
            PLAIN,
            existing(PLAIN, ttl="expires"),
            ["ttl: none in the definition, expires in the table"],
        ),
    ],
)
def test_a_different_table_is_shown_line_by_line(
    wanted: TableSpec, table: TableDescription, lines: list[str]
) -> None:
    """Every difference is a line that names both sides."""
    assert [str(difference) for difference in differences(wanted, table)] == lines


@pytest.mark.parametrize(
    ("wanted", "table"),
    [
        (PLAIN, existing(PLAIN, billing=None)),
        (PLAIN, existing(PLAIN, billing=None, units=Units(5, 5))),
        (replace(PLAIN, ttl="expires"), existing(PLAIN, ttl=None)),
        (PROVISIONED, existing(PROVISIONED, units=None, index_units={})),
        (
            INDEXED,
            existing(
                replace(INDEXED, indexes=(replace(GLOBAL, projection=("city", "name")), LOCAL))
            ),
        ),
    ],
)
def test_what_is_not_reported_is_no_difference(wanted: TableSpec, table: TableDescription) -> None:
    """An engine that does not say something is not accused of having it otherwise."""
    assert differences(wanted, table) == []


def test_capacity_cannot_be_made_up() -> None:
    """A request for provisioned capacity that nobody named is a mistake of ours."""
    with pytest.raises(ValueError, match="needs wcu and rcu"):
        replace(PLAIN, billing="provisioned").request()
