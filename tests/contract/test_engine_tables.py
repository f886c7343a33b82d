"""One contract for both engines: tables, what may be asked of them and how they are described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.engine_calls import attributes, key, put, table

if TYPE_CHECKING:
    from tests.contract.engine_calls import Calls, Json

VALIDATION = "ValidationException"
UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 7}
INVALID = "One or more parameter values were invalid: "
BAD_NAME = (
    "Invalid table/index name.  Table/index names must be between 3 and 255 characters long, and "
    "may contain only the characters a-z, A-Z, 0-9, '_', '-', and '.'"
)
KEY_NAMES = (
    "Names of key attributes and attributes projected into an index must be between 1 and 255 "
    "characters, inclusive"
)


def _index(name: str = "by-g", partition: str = "g", sort: str | None = None, **more: Any) -> Json:
    index = {
        "IndexName": name,
        "KeySchema": key(partition, sort),
        "Projection": {"ProjectionType": "ALL"},
        **more,
    }
    return {name: value for name, value in index.items() if value is not None}


def _global(*indexes: Json, **more: Any) -> Json:
    return {
        "AttributeDefinitions": attributes("pk:S", "g:S"),
        "GlobalSecondaryIndexes": list(indexes),
        **more,
    }


def _local(*indexes: Json, **more: Any) -> Json:
    return {
        "AttributeDefinitions": attributes("pk:S", "sk:S", "l:S"),
        "KeySchema": key("pk", "sk"),
        "LocalSecondaryIndexes": list(indexes),
        **more,
    }


def _projecting(kind: str, *names: str) -> Json:
    projection: Json = {"ProjectionType": kind}
    return {"Projection": {**projection, **({"NonKeyAttributes": list(names)} if names else {})}}


# name: (changes to a sound request, the embedded engine's text, Local's; None: Local takes it)
REFUSED: dict[str, tuple[Json, str, str | None]] = {
    "no name": (
        {"TableName": None},
        "The parameter 'TableName' is required but was not present in the request",
        BAD_NAME,
    ),
    "short name": (
        {"TableName": "ab"},
        (
            "1 validation error detected: Value 'ab' at 'tableName' failed to satisfy constraint: "
            "Member must have length greater than or equal to 3"
        ),
        BAD_NAME,
    ),
    "long name": (
        {"TableName": "a" * 256},
        (
            f"1 validation error detected: Value '{'a' * 256}' at 'tableName' failed to satisfy "
            "constraint: Member must have length less than or equal to 255"
        ),
        BAD_NAME,
    ),
    "name with a blank": (
        {"TableName": "a table"},
        (
            "1 validation error detected: Value 'a table' at 'tableName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
        ),
        BAD_NAME,
    ),
    "no attributes": ({"AttributeDefinitions": None}, "No Attribute Schema Defined", ""),
    "attribute twice": (
        {"AttributeDefinitions": attributes("pk:S", "pk:N")},
        "Cannot have two attributes with the same name",
        "",
    ),
    "attribute of another type": (
        {"AttributeDefinitions": attributes("pk:BOOL")},
        (
            "1 validation error detected: Value 'BOOL' at "
            "'attributeDefinitions.1.member.attributeType' failed to satisfy constraint: "
            "Member must satisfy enum value set: [B, N, S]"
        ),
        "Member must satisfy enum value set: [B, N, S]",
    ),
    "attribute without a use": (
        {"AttributeDefinitions": attributes("pk:S", "other:S")},
        (
            f"{INVALID}Some AttributeDefinitions are not used. AttributeDefinitions: [pk, other], "
            "keys used: [pk]"
        ),
        (
            "The number of attributes in key schema must match the number of attributes defined in "
            "attribute definitions."
        ),
    ),
    "key name too long": (
        {"AttributeDefinitions": attributes("p" * 256 + ":S"), "KeySchema": key("p" * 256)},
        KEY_NAMES,
        "",
    ),
    "no key": (
        {"KeySchema": None},
        (
            "No defined key schema.  A key schema containing at least a hash key must be defined "
            "for all tables"
        ),
        "",
    ),
    "key that is not defined": (
        {"KeySchema": key("other")},
        (
            f"{INVALID}Some index key attributes are not defined in AttributeDefinitions. Keys: "
            "[other], AttributeDefinitions: [pk]"
        ),
        "Hash Key not specified in Attribute Definitions.  Type unknown.",
    ),
    "one attribute as both keys": (
        {"KeySchema": key("pk", "pk")},
        "Invalid KeySchema: Some index key attribute have no definition",
        "Two keys can not have the same name",
    ),
    "three keys": (
        {"KeySchema": [*key("pk", "a"), *key("b")]},
        (
            "1 validation error detected: Value '[3 elements]' at 'keySchema' failed to satisfy "
            "constraint: Member must have length less than or equal to 2"
        ),
        "Key Schema too big.  Key Schema must at most consist of the hash and range key of a table",
    ),
    "sort key first": (
        {"KeySchema": key("pk", "pk")[1:]},
        "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
        "No Hash Key specified in schema.  All Dynamo DB tables must have exactly one hash key",
    ),
    "two partition keys": (
        {"AttributeDefinitions": attributes("pk:S", "a:S"), "KeySchema": [*key("pk"), *key("a")]},
        "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type",
        "Too many hash keys specified.  All Dynamo DB tables must have exactly one hash key",
    ),
    "key of another role": (
        {"KeySchema": [{"AttributeName": "pk", "KeyType": "KEY"}]},
        (
            "1 validation error detected: Value 'KEY' at 'keySchema.1.member.keyType' failed to "
            "satisfy constraint: Member must satisfy enum value set: [HASH, RANGE]"
        ),
        "No Hash Key specified in schema.  All Dynamo DB tables must have exactly one hash key",
    ),
    "provisioned without units": (
        {"BillingMode": None},
        (
            f"{INVALID}ReadCapacityUnits and WriteCapacityUnits must both be specified when "
            "BillingMode is PROVISIONED"
        ),
        "No provisioned throughput specified for the table",
    ),
    "no units at all": (
        {"BillingMode": None, "ProvisionedThroughput": {**UNITS, "WriteCapacityUnits": 0}},
        (
            "1 validation error detected: Value '0' at 'writeCapacityUnits' failed to satisfy "
            "constraint: Member must have value greater than or equal to 1"
        ),
        "Table read and write throughput must be at least 1, and cannot be null",
    ),
    "on-demand with units": (
        {"ProvisionedThroughput": UNITS},
        (
            f"{INVALID}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when "
            "BillingMode is PAY_PER_REQUEST"
        ),
        None,
    ),
    "empty list of global indexes": (
        {"GlobalSecondaryIndexes": []},
        f"{INVALID}List of GlobalSecondaryIndexes is empty",
        "GSI list is empty/invalid",
    ),
    "index key that is not defined": (
        _global(_index(partition="other")),
        (
            f"{INVALID}Some index key attributes are not defined in AttributeDefinitions. Keys: "
            "[other], AttributeDefinitions: [pk, g]"
        ),
        "Attribute other is not defined in AttributeDefinitions",
    ),
    "index without projection": (
        _global(_index(Projection=None)),
        f"{INVALID}Unknown ProjectionType: null",
        "Indexes must have a projection specified",
    ),
    "index including nothing": (
        _global(_index(**_projecting("INCLUDE"))),
        f"{INVALID}ProjectionType is INCLUDE, but NonKeyAttributes is not specified",
        (
            "If Projection type INCLUDE is specified, some non-key attributes to include in the "
            "projection must be specified as well"
        ),
    ),
    "index of all and more": (
        _global(_index(**_projecting("ALL", "a"))),
        f"{INVALID}ProjectionType is ALL, but NonKeyAttributes is specified",
        "No attributes should be specified to be projected unless projection type is INCLUDE",
    ),
    "index including one twice": (
        _global(_index(**_projecting("INCLUDE", "a", "a"))),
        "Cannot have two attributes with the same name",
        "",
    ),
    "two indexes of a name": (
        _global(_index(), _index()),
        f"{INVALID}Duplicate index name: by-g",
        "Two global secondary indices have the same name",
    ),
    "21 global indexes": (
        _global(*(_index(f"by-g-{number}") for number in range(21))),
        f"{INVALID}GlobalSecondaryIndex count exceeds the per-table limit of 20",
        "GlobalSecondaryIndex count exceeds the per-table limit",
    ),
    "index with a short name": (
        _global(_index("g")),
        (
            "1 validation error detected: Value 'g' at 'indexName' failed to satisfy constraint: "
            "Member must have length greater than or equal to 3"
        ),
        BAD_NAME,
    ),
    "provisioned index without units": (
        _global(_index(), BillingMode=None, ProvisionedThroughput=UNITS),
        (
            f"{INVALID}ReadCapacityUnits and WriteCapacityUnits must both be specified when "
            "BillingMode is PROVISIONED"
        ),
        "No provisioned throughput specified for the global secondary index",
    ),
    "local index of a table without sort key": (
        _local(_index("local", "pk", "l"), KeySchema=key("pk"))
        | {"AttributeDefinitions": attributes("pk:S", "l:S")},
        (
            f"{INVALID}Table KeySchema does not have a range key, which is required when "
            "specifying a LocalSecondaryIndex"
        ),
        "Local Secondary indices are not allowed on hash tables, only hash and range tables",
    ),
    "local index with another partition key": (
        _local(_index("local", "sk", "l")),
        (
            f"{INVALID}Index KeySchema does not have the same leading hash key as table KeySchema "
            "for index: local. index hash key: sk, table hash key: pk"
        ),
        "Local Secondary indices must have the same hash key as the main table",
    ),
    "local index without sort key": (
        _local(_index("local", "pk"), AttributeDefinitions=attributes("pk:S", "sk:S")),
        f"{INVALID}Index KeySchema does not have a range key for index: local",
        "Local secondary indices must have a range key",
    ),
    "six local indexes": (
        _local(*(_index(f"local-{number}", "pk", "l") for number in range(6))),
        f"{INVALID}Number of LocalSecondaryIndexes exceeds per-table limit of 5",
        "Cannot have more than 5 local secondary indexes per table",
    ),
    "local and global index of a name": (
        _local(_index("local", "pk", "l"), GlobalSecondaryIndexes=[_index("local", "l")]),
        f"{INVALID}Duplicate index name: local",
        "Local Secondary Indices AND Global Secondary Indices must have different names",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_create_refused(name: str, engine: Calls) -> None:
    """A table that cannot be is refused, and not there."""
    changes, text, local = REFUSED[name]
    answer = await engine("CreateTable", table(**{"TableName": "items", **changes}))
    if local is None and not engine.embedded:
        assert answer.status == 200
        return
    assert (answer.status, answer.error) == (400, VALIDATION)
    assert answer.message == (text if engine.embedded or not local else local)
    assert await engine.ok("ListTables", {}) == {"TableNames": []}


FULL = _local(
    _index("local", "pk", "l", **_projecting("KEYS_ONLY")),
    BillingMode="PROVISIONED",
    ProvisionedThroughput=UNITS,
    GlobalSecondaryIndexes=[
        _index("by-l", "l", "sk", **_projecting("INCLUDE", "a"), ProvisionedThroughput=UNITS)
    ],
)
# What an engine may say beside what was asked for, or in its own way.
OWN_FIELDS = {
    "CreationDateTime",
    "TableArn",
    "IndexArn",
    "LastIncreaseDateTime",
    "LastDecreaseDateTime",
    "LastUpdateToPayPerRequestDateTime",
    "TableId",
}


def _plain(description: Any) -> Any:
    """Give a description without what differs from call to call and from engine to engine."""
    if isinstance(description, list):
        return [_plain(one) for one in description]
    if not isinstance(description, dict):
        return description
    return {name: _plain(value) for name, value in description.items() if name not in OWN_FIELDS}


def _by_name(description: Json) -> Json:
    """Put a description's lists in an order that does not matter."""
    plain: Json = _plain(description)
    plain["AttributeDefinitions"].sort(key=lambda one: one["AttributeName"])
    if plain["ProvisionedThroughput"].get("WriteCapacityUnits") == 0:
        for index in plain.get("GlobalSecondaryIndexes", []):
            index.pop("ProvisionedThroughput", None)  # Local leaves it out of on-demand indexes
    return plain


@pytest.mark.parametrize("request_", [table(), table(**FULL), table(**_global(_index()))])
async def test_described_as_by_local(request_: Json, embedded: Calls, local: Calls) -> None:
    """CreateTable, DescribeTable and DeleteTable describe a table as DynamoDB Local does."""
    described = []
    for engine in (embedded, local):
        made = await engine.ok("CreateTable", request_)
        seen = await engine.ok("DescribeTable", {"TableName": "items"})
        assert _plain(made["TableDescription"]) == _plain(seen["Table"])
        assert isinstance(seen["Table"]["CreationDateTime"], float)
        described.append(_by_name(seen["Table"]))
        deleted = await engine.ok("DeleteTable", {"TableName": "items"})
        assert deleted["TableDescription"]["TableStatus"] in {"DELETING", "ACTIVE"}
        assert await engine.ok("ListTables", {}) == {"TableNames": []}
    assert described[0] == described[1]


async def test_counts_and_sizes(embedded: Calls, local: Calls) -> None:
    """
    A description counts items and bytes of the table and of each index as they are now.

    DynamoDB Local counts more bytes for an index than the index shows.
    """
    counted = []
    for engine in (embedded, local):
        await engine.ok("CreateTable", table(**FULL))
        values: list[Json] = [
            {"l": {"S": "1"}, "a": {"S": "x" * 50}, "b": {"S": "y" * 70}},
            {"l": {"S": "22"}, "b": {"S": "y" * 71}},
            {"a": {"S": "only in the table"}},
        ]
        puts = [put(pk={"S": "p"}, sk={"S": str(n)}, **item) for n, item in enumerate(values)]
        await engine.batch("items", *puts)
        await engine.batch("items", put(pk={"S": "p"}, sk={"S": "1"}))
        seen = (await engine.ok("DescribeTable", {"TableName": "items"}))["Table"]
        indexes = seen["LocalSecondaryIndexes"] + seen["GlobalSecondaryIndexes"]
        items = [index["ItemCount"] for index in indexes]
        counted.append((seen["ItemCount"], seen["TableSizeBytes"], items))
        if engine.embedded:
            assert [index["IndexSizeBytes"] for index in indexes] == [8, 59]
    assert counted[0] == counted[1]


@pytest.mark.parametrize(
    ("operation", "more", "text"),
    [
        ("DescribeTable", {}, "Requested resource not found: Table: absent not found"),
        ("DeleteTable", {}, "Requested resource not found: Table: absent not found"),
        ("DescribeTimeToLive", {}, "Requested resource not found"),
        (
            "UpdateTimeToLive",
            {"TimeToLiveSpecification": {"Enabled": True, "AttributeName": "ttl"}},
            "Requested resource not found: Table: absent not found",
        ),
        (
            "UpdateTable",
            {"ProvisionedThroughput": UNITS},
            "Requested resource not found: Table: absent not found",
        ),
        ("Scan", {}, "Requested resource not found"),
    ],
)
async def test_a_table_that_is_not_there(
    operation: str, more: Json, text: str, engine: Calls
) -> None:
    """Every call on an absent table says so."""
    answer = await engine(operation, {"TableName": "absent", **more})
    assert (answer.status, answer.error) == (400, "ResourceNotFoundException")
    assert answer.message == (
        text if engine.embedded else "Cannot do operations on a non-existent table"
    )


async def test_a_table_that_is_there(engine: Calls) -> None:
    """A second table of one name is refused, and the first is as it was."""
    await engine.ok("CreateTable", table())
    await engine.batch("items", put(pk={"S": "a"}))
    answer = await engine("CreateTable", table())
    assert (answer.status, answer.error) == (400, "ResourceInUseException")
    assert answer.message == (
        "Table already exists: items" if engine.embedded else "Cannot create preexisting table"
    )
    assert await engine.scan("items") == [{"pk": {"S": "a"}}]


async def test_a_deleted_table_leaves_nothing(engine: Calls) -> None:
    """A table made anew under the name of a deleted one is empty, also in its indexes."""
    for _ in range(2):
        await engine.ok("CreateTable", table(**FULL))
        assert await engine.scan("items") == []
        await engine.batch("items", put(pk={"S": "a"}, sk={"S": "b"}, l={"S": "c"}))
        for index in ("local", "by-l"):
            found = await engine.ok("Scan", {"TableName": "items", "IndexName": index})
            assert found["Count"] == 1
        await engine.ok("DeleteTable", {"TableName": "items"})


async def test_list_by_pages(engine: Calls) -> None:
    """Tables are listed sorted, and a page says where the next begins."""
    names = [f"table-{letter}" for letter in "dacb"]
    for name in names:
        await engine.ok("CreateTable", table(name))
    assert await engine.ok("ListTables", {}) == {"TableNames": sorted(names)}
    page = await engine.ok("ListTables", {"Limit": 3})
    assert page == {"TableNames": sorted(names)[:3], "LastEvaluatedTableName": "table-c"}
    rest = await engine.ok("ListTables", {"Limit": 3, "ExclusiveStartTableName": "table-c"})
    assert rest == {"TableNames": ["table-d"]}
    for limit in (0, 101):
        assert (await engine("ListTables", {"Limit": limit})).error == VALIDATION


async def test_time_to_live(engine: Calls) -> None:
    """Time to live is off, then on for one attribute, then off, and is not switched twice."""
    await engine.ok("CreateTable", table())
    off = {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
    assert await engine.ok("DescribeTimeToLive", {"TableName": "items"}) == off
    for enabled, state in ((True, "enabled"), (False, "disabled")):
        wanted = {"Enabled": enabled, "AttributeName": "expires"}
        request = {"TableName": "items", "TimeToLiveSpecification": wanted}
        assert await engine.ok("UpdateTimeToLive", request) == {"TimeToLiveSpecification": wanted}
        again = await engine("UpdateTimeToLive", request)
        assert (again.error, again.message) == (VALIDATION, f"TimeToLive is already {state}")
        seen = await engine.ok("DescribeTimeToLive", {"TableName": "items"})
        text = {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
        assert seen == ({"TimeToLiveDescription": text} if enabled else off)
    nameless = {"Enabled": True, "AttributeName": ""}
    answer = await engine(
        "UpdateTimeToLive", {"TableName": "items", "TimeToLiveSpecification": nameless}
    )
    assert answer.error == VALIDATION


async def test_billing_and_throughput_change(engine: Calls) -> None:
    """A table changes its throughput, to on-demand and back; no change is refused."""
    await engine.ok("CreateTable", table(BillingMode=None, ProvisionedThroughput=UNITS))

    async def update(**changes: Any) -> Json:
        body = await engine.ok("UpdateTable", {"TableName": "items", **changes})
        description: Json = body["TableDescription"]
        return description

    more = {**UNITS, "WriteCapacityUnits": 9}
    described = await update(ProvisionedThroughput=more)
    assert described["ProvisionedThroughput"]["WriteCapacityUnits"] == 9
    described = await update(BillingMode="PAY_PER_REQUEST")
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert described["ProvisionedThroughput"]["WriteCapacityUnits"] == 0
    described = await update(BillingMode="PROVISIONED", ProvisionedThroughput=UNITS)
    assert described["BillingModeSummary"]["BillingMode"] == "PROVISIONED"
    assert described["ProvisionedThroughput"]["WriteCapacityUnits"] == 7
    for nothing in ({"ProvisionedThroughput": UNITS}, {}):
        answer = await engine("UpdateTable", {"TableName": "items", **nothing})
        assert answer.error == VALIDATION


async def test_other_operations_are_unknown(engine: Calls) -> None:
    """An operation that an engine does not have is not taken for another."""
    answer = await engine("DropTable", {"TableName": "items"})
    assert (answer.status, answer.error) == (400, "UnknownOperationException")


async def test_a_request_needs_a_signature(engine: Calls) -> None:
    """A request without Authorization is refused; Local shortens the error's name."""
    answer = await engine("ListTables", {}, Authorization=None)
    assert answer.status == 400
    assert answer.error.startswith("MissingAuthenticationToken")
