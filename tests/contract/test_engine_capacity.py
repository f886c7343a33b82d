"""One contract for both engines: what writes and reads say they consumed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.engine_calls import attributes, key, put, table

if TYPE_CHECKING:
    from tests.contract.engine_calls import Calls, Json

PLAIN = table(AttributeDefinitions=attributes("pk:S", "sk:N"), KeySchema=key("pk", "sk"))
INDEXED = table(
    AttributeDefinitions=attributes("pk:S", "sk:N", "g:S", "l:S"),
    KeySchema=key("pk", "sk"),
    GlobalSecondaryIndexes=[
        {
            "IndexName": "by-g",
            "KeySchema": key("g"),
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["a"]},
        },
        {
            "IndexName": "by-g-and-l",
            "KeySchema": key("g", "l"),
            "Projection": {"ProjectionType": "ALL"},
        },
    ],
    LocalSecondaryIndexes=[
        {
            "IndexName": "by-l",
            "KeySchema": key("pk", "l"),
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ],
)


def _item(**values: str) -> Json:
    return {"pk": {"S": "p"}, "sk": {"N": "1"}, **{name: {"S": v} for name, v in values.items()}}


# What lies under the key is replaced from step to step; None deletes.
STEPS: dict[str, list[Json | None]] = {
    "one kilobyte and a byte more": [_item(a="x" * 1016), _item(a="x" * 1017)],
    "larger, smaller, gone": [_item(a="x" * 3000), _item(), None],
    "into an index and out of it": [_item(), _item(g="1"), _item(), _item(g="1", l="1"), None],
    "the same again": [_item(g="1", l="1", a="x" * 2000)] * 2,
    "another key": [_item(g="1", l="1", a="x" * 2000), _item(g="2", l="2", a="x" * 4000)],
    "what an index shows": [_item(g="1", a="x" * 2000), _item(g="1", a="y"), _item(g="1", a="z")],
    "what no index shows": [_item(g="1", b="x" * 2000), _item(g="1", b="y" * 3000)],
    "a number in another spelling": [
        {**_item(g="1", l="1"), "a": {"N": "1"}},
        {**_item(g="1", l="1"), "a": {"N": "1.0"}},
    ],
    "half of an index's key": [_item(l="1"), _item(g="1", l="1"), _item(g="1"), _item()],
    "grown from nothing": [_item(g="1"), _item(g="1", l="1", a="x" * 5000)],
}


@pytest.mark.parametrize("mode", ["INDEXES", "TOTAL"])
@pytest.mark.parametrize("request_", [PLAIN, INDEXED], ids=["plain", "indexed"])
@pytest.mark.parametrize("name", STEPS)
async def test_writes(name: str, request_: Json, mode: str, embedded: Calls, local: Calls) -> None:
    """Every put, replacement and deletion consumes what it does in DynamoDB Local."""
    consumed: list[list[Json]] = []
    for engine in (embedded, local):
        await engine.ok("CreateTable", request_)
        said = []
        for item in STEPS[name]:
            more: Json = {"TableName": "items", "ReturnConsumedCapacity": mode}
            if item is None:
                own = {"Key": {"pk": {"S": "p"}, "sk": {"N": "1"}}}
                said.append(await engine.ok("DeleteItem", {**own, **more}))
            else:
                said.append(await engine.ok("PutItem", {"Item": item, **more}))
        consumed.append(said)
    assert consumed[0] == consumed[1]


async def test_batches_sum_up(embedded: Calls, local: Calls) -> None:
    """A batch consumes the sum of its writes, table by table, rounded up one by one."""
    consumed: list[Any] = []
    for engine in (embedded, local):
        await engine.ok("CreateTable", INDEXED)
        await engine.ok("CreateTable", table("others"))
        items = [
            put(pk={"S": "p"}, sk={"N": str(n)}, g={"S": str(n)}, a={"S": "x" * n * 100})
            for n in range(15)
        ]
        others = [put(pk={"S": f"p{n}"}, a={"S": "x" * n * 300}) for n in range(10)]
        request = {"RequestItems": {"items": items, "others": others}}
        answers = []
        for mode in ("INDEXES", "TOTAL", "NONE"):
            body = await engine.ok("BatchWriteItem", {**request, "ReturnConsumedCapacity": mode})
            shown = body.get("ConsumedCapacity", [])
            answers.append(sorted(shown, key=lambda one: str(one["TableName"])))
        consumed.append(answers)
    assert consumed[0] == consumed[1]
    assert consumed[0][2] == []


async def test_where_local_counts_in_its_own_way(engine: Calls) -> None:
    """An index costs what it shows, and only if it has an entry; finding nothing costs 0.5."""
    await engine.ok("CreateTable", INDEXED)

    async def units(operation: str, **request: Any) -> float:
        more = {"TableName": "items", "ReturnConsumedCapacity": "TOTAL"}
        body = await engine.ok(operation, {**more, **request})
        return float(body["ConsumedCapacity"]["CapacityUnits"])

    nothing = {
        "KeyConditionExpression": "pk = :p",
        "ExpressionAttributeValues": {":p": {"S": "p"}},
    }
    assert await units("Query", **nothing) == (0.5 if engine.embedded else 0.0)
    await units("PutItem", Item=_item(l="1", a="x" * 9000))
    assert await units("Scan", IndexName="by-l") == (0.5 if engine.embedded else 1.5)
    from_one_half_to_the_other = await units("PutItem", Item=_item(g="1"))
    assert from_one_half_to_the_other == 9 + 1 + 1 + (0 if engine.embedded else 9)


async def test_deleting_what_is_not_there(engine: Calls) -> None:
    """It costs a unit, as AWS documents; in a batch DynamoDB Local counts two."""
    await engine.ok("CreateTable", table())
    delete = {"DeleteRequest": {"Key": {"pk": {"S": "a"}}}}
    answer = await engine.batch("items", delete, ReturnConsumedCapacity="TOTAL")
    (consumed,) = answer.body["ConsumedCapacity"]
    assert consumed["CapacityUnits"] == (1.0 if engine.embedded else 2.0)


READS: dict[str, tuple[str, Json]] = {
    "get": ("GetItem", {"Key": {"pk": {"S": "p"}, "sk": {"N": "1"}}}),
    "get a large one": ("GetItem", {"Key": {"pk": {"S": "p"}, "sk": {"N": "9"}}}),
    "get nothing": ("GetItem", {"Key": {"pk": {"S": "p"}, "sk": {"N": "99"}}}),
    "scan": ("Scan", {}),
    "scan some": ("Scan", {"Limit": 3}),
    "count": ("Scan", {"Select": "COUNT"}),
    "scan a global index": ("Scan", {"IndexName": "by-g"}),
    "query": (
        "Query",
        {
            "KeyConditionExpression": "pk = :p",
            "ExpressionAttributeValues": {":p": {"S": "p"}},
        },
    ),
    "query a local index for all": (
        "Query",
        {
            "KeyConditionExpression": "pk = :p",
            "ExpressionAttributeValues": {":p": {"S": "p"}},
            "IndexName": "by-l",
            "Select": "ALL_ATTRIBUTES",
        },
    ),
}


@pytest.mark.parametrize("name", READS)
async def test_reads(name: str, embedded: Calls, local: Calls) -> None:
    """Every read consumes what it does in DynamoDB Local, consistent or not."""
    operation, request = READS[name]
    consumed = []
    for engine in (embedded, local):
        await engine.ok("CreateTable", INDEXED)
        for n in range(12):
            item = {**_item(g="g", l=str(n), a="x" * n * 1000), "sk": {"N": str(n)}}
            await engine.ok("PutItem", {"TableName": "items", "Item": item})
        modes: list[Json] = [
            {"ReturnConsumedCapacity": mode} for mode in ("INDEXES", "TOTAL", "NONE")
        ]
        if request.get("IndexName") != "by-g":
            modes.append({"ReturnConsumedCapacity": "INDEXES", "ConsistentRead": True})
        answers = [
            await engine.ok(operation, {"TableName": "items", **request, **mode}) for mode in modes
        ]
        consumed.append([answer.get("ConsumedCapacity") for answer in answers])
    assert consumed[0] == consumed[1]
