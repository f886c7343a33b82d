"""One contract for both engines: Query, Scan, BatchGetItem, their pages and their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.engine_calls import attributes, key, put, table

if TYPE_CHECKING:
    from tests.contract.engine_calls import Calls, Json

VALIDATION = "ValidationException"
NUMBERS = ["-1E125", "-20", "-1.5", "-1.25", "-1", "-1E-130", "0", "1E-130", "0.5", "1", "1.25"]
NUMBERS += ["2", "10", "99", "100", "12345678901234567890123456789012345678", "1E125"]
TEXTS = ["\0", "\0\0", "\1", "A", "Z", "a", "a\0", "a\0b", "a\1", "aa", "ab", "b", "é", "一", "😀"]
BYTES = ["AA==", "AAA=", "AAE=", "AQ==", "YQ==", "YQA=", "/w==", "/wA=", "//8="]


def _s(text: str) -> Json:
    return {"S": text}


async def _sorted_table(engine: Calls, kind: str, values: list[str]) -> None:
    """Make a table with a sort key of *kind* and put *values* into two partitions of it."""
    request = table(
        AttributeDefinitions=attributes("pk:S", f"sk:{kind}"), KeySchema=key("pk", "sk")
    )
    await engine.ok("CreateTable", request)
    for partition in ("one", "other"):
        for value in reversed(values):
            item = {"pk": _s(partition), "sk": {kind: value}}
            await engine.ok("PutItem", {"TableName": "items", "Item": item})


async def _query(engine: Calls, condition: str, values: Json, **more: Any) -> list[str]:
    """Give the sort keys of a query's only page."""
    placeholders = {f":{name}": value for name, value in values.items()}
    request = {
        "TableName": "items",
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": placeholders,
        **more,
    }
    body = await engine.ok("Query", request)
    assert body["Count"] == body["ScannedCount"] == len(body["Items"])
    return [next(iter(item["sk"].values())) for item in body["Items"]]


def _plain(text: str) -> str:
    """Write a number of NUMBERS as the engines do."""
    plain = {"1E125": "1" + "0" * 125, "1E-130": "0." + "0" * 129 + "1"}
    return text.replace(text.lstrip("-"), plain.get(text.lstrip("-"), text.lstrip("-")))


@pytest.mark.parametrize(("kind", "values"), [("N", NUMBERS), ("S", TEXTS), ("B", BYTES)])
async def test_order_of_the_sort_key(kind: str, values: list[str], engine: Calls) -> None:
    """Items come by number or by bytes, forwards and backwards, and every comparison agrees."""
    await _sorted_table(engine, kind, values)
    shown = [_plain(value) if kind == "N" else value for value in values]
    assert await _query(engine, "pk = :p", {"p": _s("one")}) == shown
    backwards = await _query(engine, "pk = :p", {"p": _s("one")}, ScanIndexForward=False)
    assert backwards == shown[::-1]
    for place in range(0, len(values), 3):
        operand = {"p": _s("one"), "v": {kind: values[place]}}
        for operator, expected in (
            ("=", shown[place : place + 1]),
            ("<", shown[:place]),
            ("<=", shown[: place + 1]),
            (">", shown[place + 1 :]),
            (">=", shown[place:]),
        ):
            assert await _query(engine, f"pk = :p AND sk {operator} :v", operand) == expected
        bounds = {**operand, "w": {kind: values[min(place + 2, len(values) - 1)]}}
        between = await _query(engine, "pk = :p AND sk BETWEEN :v AND :w", bounds)
        assert between == shown[place : place + 3]


@pytest.mark.parametrize(
    ("kind", "values", "prefix", "expected"),
    [
        ("S", TEXTS, "a", ["a", "a\0", "a\0b", "a\1", "aa", "ab"]),
        ("S", TEXTS, "a\0", ["a\0", "a\0b"]),
        ("S", TEXTS, "😀", ["😀"]),
        ("B", BYTES, "AA==", ["AA==", "AAA=", "AAE="]),
        ("B", BYTES, "/w==", ["/w==", "/wA=", "//8="]),
    ],
)
async def test_begins_with(
    kind: str, values: list[str], prefix: str, expected: list[str], engine: Calls
) -> None:
    """begins_with goes by bytes, also where they are zero or 255."""
    await _sorted_table(engine, kind, values)
    operands = {"p": _s("one"), "v": {kind: prefix}}
    assert await _query(engine, "pk = :p AND begins_with(sk, :v)", operands) == expected


@pytest.mark.parametrize(
    "condition",
    [
        ":p = pk",
        "(pk = :p)",
        "(pk = :p) AND (sk >= :v)",
        "((pk = :p) AND sk >= :v)",
        "sk >= :v and pk = :p",
        ":v <= sk AND pk=:p",
        "#n = :p",
        "begins_with ( sk , :v ) AND pk = :p",
    ],
)
async def test_spellings_of_a_condition(condition: str, engine: Calls) -> None:
    """Conditions stand in any order, either way round, in brackets or not."""
    await _sorted_table(engine, "S", ["a", "ab"])
    values = {"p": _s("one"), **({"v": _s("a")} if ":v" in condition else {})}
    names = {"ExpressionAttributeNames": {"#n": "pk"}} if "#n" in condition else {}
    assert await _query(engine, condition, values, **names) == ["a", "ab"]


MISSED = "Query condition missed key schema element"
INVALID = "Invalid KeyConditionExpression: "
# name: (condition, its values, other parameters, text; Local's is a beginning of it, or second)
QUERIES: dict[str, tuple[str | None, Json, Json, str, str]] = {
    "no condition": (
        None,
        {},
        {},
        (
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the "
            "request."
        ),
        "",
    ),
    "empty": ("", {}, {}, f"{INVALID}The expression can not be empty;", ""),
    "no partition key": ("sk = :v", {"v": _s("a")}, {}, f"{MISSED}: pk", MISSED),
    "another attribute": (
        "pk = :p AND elsewhere = :v",
        {"p": _s("a"), "v": _s("a")},
        {},
        f"{MISSED}: sk",
        MISSED,
    ),
    "range of partitions": ("pk > :p", {"p": _s("a")}, {}, "Query key condition not supported", ""),
    "key of another type": (
        "pk = :p",
        {"p": {"N": "1"}},
        {},
        (
            "One or more parameter values were invalid: Condition parameter type does not "
            "match schema "
            "type"
        ),
        "",
    ),
    "empty key": (
        "pk = :p",
        {"p": _s("")},
        {},
        (
            "One or more parameter values are not valid. The AttributeValue for a key "
            "attribute cannot "
            "contain an empty string value. Key: pk"
        ),
        "",
    ),
    "value that is not given": (
        "pk = :p AND sk = :v",
        {"p": _s("a")},
        {},
        (
            f"{INVALID}An expression attribute value used in expression is not defined; attribute "
            "value: :v"
        ),
        "",
    ),
    "value that is not used": (
        "pk = :p",
        {"p": _s("a"), "u": _s("a")},
        {},
        "Value provided in ExpressionAttributeValues unused in expressions: keys: {:u}",
        "",
    ),
    "value that is none": (
        "pk = :p",
        {"p": {}},
        {},
        (
            "ExpressionAttributeValues contains invalid value: Supplied AttributeValue is "
            "empty, must "
            "contain exactly one of the supported datatypes for key :p"
        ),
        "",
    ),
    "number that is none": (
        "pk = :p",
        {"p": {"N": "one"}},
        {},
        (
            "ExpressionAttributeValues contains invalid value: A value provided cannot be "
            "converted "
            "into a number for key :p"
        ),
        "",
    ),
    "name that is not given": (
        "#p = :p",
        {"p": _s("a")},
        {},
        (
            f"{INVALID}An expression attribute name used in the document path is not defined; "
            "attribute"
            " name: #p"
        ),
        "",
    ),
    "name that is not used": (
        "pk = :p",
        {"p": _s("a")},
        {"ExpressionAttributeNames": {"#u": "pk"}},
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#u}",
        "",
    ),
    "no names": (
        "pk = :p",
        {"p": _s("a")},
        {"ExpressionAttributeNames": {}},
        "ExpressionAttributeNames must not be empty",
        "",
    ),
    "a condition twice": (
        "pk = :p AND sk > :v AND sk < :v",
        {"p": _s("a"), "v": _s("a")},
        {},
        "KeyConditionExpressions must only contain one condition per key",
        "",
    ),
    "OR": (
        "pk = :p OR sk = :p",
        {"p": _s("a")},
        {},
        "Invalid operator used in KeyConditionExpression: OR",
        "",
    ),
    "NOT": (
        "pk = :p AND NOT sk = :p",
        {"p": _s("a")},
        {},
        "Invalid operator used in KeyConditionExpression: NOT",
        "",
    ),
    "IN": (
        "pk = :p AND sk IN (:p)",
        {"p": _s("a")},
        {},
        "Invalid operator used in KeyConditionExpression: IN",
        "",
    ),
    "unequal": (
        "pk = :p AND sk <> :p",
        {"p": _s("a")},
        {},
        "Invalid operator used in KeyConditionExpression: <>",
        "",
    ),
    "contains": (
        "pk = :p AND contains(sk, :p)",
        {"p": _s("a")},
        {},
        "Invalid operator used in KeyConditionExpression: contains",
        "",
    ),
    "a function in capitals": (
        "pk = :p AND BEGINS_WITH(sk, :p)",
        {"p": _s("a")},
        {},
        f"{INVALID}Invalid function name; function: BEGINS_WITH",
        "",
    ),
    "too many brackets": (
        "((pk = :p))",
        {"p": _s("a")},
        {},
        f"{INVALID}The expression has redundant parentheses;",
        "",
    ),
    "a word too many": (
        "pk = :p foo",
        {"p": _s("a")},
        {},
        f'{INVALID}Syntax error; token: "foo", near: ":p foo"',
        "",
    ),
    "cut off": ("pk =", {"p": _s("a")}, {}, f'{INVALID}Syntax error; token: "<EOF>"', ""),
    "a path": (
        "pk.a = :p",
        {"p": _s("a")},
        {},
        (
            "Key attributes must be scalars; list random access '[]' and map lookup '.' are not "
            "allowed: Key: pk"
        ),
        "",
    ),
    "bounds the wrong way": (
        "pk = :p AND sk BETWEEN :b AND :a",
        {"p": _s("a"), "a": _s("a"), "b": _s("b")},
        {},
        (
            f"{INVALID}The BETWEEN operator requires upper bound to be greater than or equal "
            "to lower "
            "bound"
        ),
        "",
    ),
    "no such index": (
        "pk = :p",
        {"p": _s("a")},
        {"IndexName": "absent"},
        "The table does not have the specified index: absent",
        "",
    ),
    "start in another partition": (
        "pk = :p",
        {"p": _s("a")},
        {"ExclusiveStartKey": {"pk": _s("b"), "sk": _s("a")}},
        "The provided starting key does not match the range key predicate",
        "",
    ),
    "start outside the range": (
        "pk = :p AND sk > :v",
        {"p": _s("a"), "v": _s("m")},
        {"ExclusiveStartKey": {"pk": _s("a"), "sk": _s("a")}},
        "The provided starting key does not match the range key predicate",
        "",
    ),
    "start without sort key": (
        "pk = :p",
        {"p": _s("a")},
        {"ExclusiveStartKey": {"pk": _s("a")}},
        "The provided starting key is invalid: The provided key element does not match the schema",
        "Exclusive Start Key must have same size as table's key schema",
    ),
    "no items wanted": (
        "pk = :p",
        {"p": _s("a")},
        {"Limit": 0},
        (
            "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: "
            "Member "
            "must have value greater than or equal to 1"
        ),
        "Limit must be greater than or equal to 1",
    ),
    "all of an index without one": (
        "pk = :p",
        {"p": _s("a")},
        {"Select": "ALL_PROJECTED_ATTRIBUTES"},
        "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName",
        "",
    ),
}


@pytest.mark.parametrize("name", QUERIES)
async def test_query_refused(name: str, engine: Calls) -> None:
    """A query that cannot be is refused in the service's words."""
    condition, values, more, text, local = QUERIES[name]
    await _sorted_table(engine, "S", [])
    request: Json = {"TableName": "items", **more}
    if condition is not None:
        request["KeyConditionExpression"] = condition
    if values:
        given = {f":{name}": value for name, value in values.items()}
        request["ExpressionAttributeValues"] = given
    answer = await engine("Query", request)
    assert (answer.status, answer.error) == (400, VALIDATION)
    assert answer.message.startswith(text if engine.embedded or not local else local)


SCANS: dict[str, tuple[Json, str, str]] = {
    "segment alone": (
        {"Segment": 1},
        (
            "The TotalSegments parameter is required but was not present in the request when "
            "Segment "
            "parameter is present"
        ),
        "If segment is specified, total segment must also be specified",
    ),
    "number of segments alone": (
        {"TotalSegments": 2},
        (
            "The Segment parameter is required but was not present in the request when parameter "
            "TotalSegments is present"
        ),
        "If total segments is specified, a particular segment must also be specified",
    ),
    "segment behind the last": (
        {"Segment": 2, "TotalSegments": 2},
        (
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            "Segment: 2 is not less than TotalSegments: 2"
        ),
        "1 validation error detected: Value '2' at 'segment' failed to satisfy constraint",
    ),
    "segment before the first": (
        {"Segment": -1, "TotalSegments": 2},
        "1 validation error detected: Value '-1' at 'segment' failed to satisfy constraint",
        "",
    ),
    "too many segments": (
        {"Segment": 0, "TotalSegments": 1_000_001},
        (
            "1 validation error detected: Value '1000001' at 'totalSegments' failed to satisfy "
            "constraint: Member must have value less than or equal to 1000000"
        ),
        "",
    ),
    "start without sort key": (
        {"ExclusiveStartKey": {"pk": _s("a")}},
        "The provided starting key is invalid: The provided key element does not match the schema",
        "Exclusive Start Key must have same size as table's key schema",
    ),
    "no such index": (
        {"IndexName": "absent"},
        "The table does not have the specified index: absent",
        "",
    ),
}


@pytest.mark.parametrize("name", SCANS)
async def test_scan_refused(name: str, engine: Calls) -> None:
    """A scan that cannot be is refused in the service's words."""
    more, text, local = SCANS[name]
    await _sorted_table(engine, "S", [])
    answer = await engine("Scan", {"TableName": "items", **more})
    assert (answer.status, answer.error) == (400, VALIDATION)
    assert answer.message.startswith(text if engine.embedded or not local else local)


async def _pages(engine: Calls, operation: str, request: Json) -> list[list[Json]]:
    """Read all pages."""
    pages: list[list[Json]] = []
    while True:
        body = await engine.ok(operation, request)
        pages.append(body["Items"])
        assert body["Count"] == len(body["Items"])
        if "LastEvaluatedKey" not in body:
            return pages
        request = {**request, "ExclusiveStartKey": body["LastEvaluatedKey"]}


async def _fill(engine: Calls, count: int) -> None:
    """Make a table with two indexes and put *count* items into it, two to a partition."""
    await engine.ok(
        "CreateTable",
        table(
            AttributeDefinitions=attributes("pk:S", "sk:N", "g:S", "l:N"),
            KeySchema=key("pk", "sk"),
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by-g",
                    "KeySchema": key("g", "sk"),
                    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["a"]},
                }
            ],
            LocalSecondaryIndexes=[
                {
                    "IndexName": "by-l",
                    "KeySchema": key("pk", "l"),
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
        ),
    )
    items = [
        put(
            pk=_s(f"p{n // 2}"), sk={"N": str(n)}, g=_s("g"), l={"N": str(-n)}, a=_s("a"), b=_s("b")
        )
        for n in range(count)
    ]
    for start in range(0, count, 25):
        await engine.batch("items", *items[start : start + 25])


def _numbers(pages: list[list[Json]]) -> list[int]:
    return [int(item["sk"]["N"]) for page in pages for item in page]


@pytest.mark.parametrize("index", [{}, {"IndexName": "by-g"}, {"IndexName": "by-l"}])
async def test_scan_by_pages(index: Json, engine: Calls) -> None:
    """Pages of a scan hold every item once, in the same order each time, whatever their size."""
    await _fill(engine, 53)
    whole = _numbers(await _pages(engine, "Scan", {"TableName": "items", **index}))
    assert sorted(whole) == list(range(53))
    for limit in (1, 10, 53, 54):
        request = {"TableName": "items", "Limit": limit, **index}
        pages = await _pages(engine, "Scan", request)
        assert _numbers(pages) == whole
        assert {len(page) for page in pages[:-1]} <= {limit}


async def test_segments_are_the_whole(engine: Calls) -> None:
    """The segments of a parallel scan hold every item once, and a partition is in one of them."""
    await _fill(engine, 200)
    found: list[int] = []
    for segment in range(3):
        request = {"TableName": "items", "Segment": segment, "TotalSegments": 3, "Limit": 7}
        part = _numbers(await _pages(engine, "Scan", request))
        assert {number ^ 1 for number in part} == set(part)
        found += part
    assert sorted(found) == list(range(200))


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("index", [{}, {"IndexName": "by-g"}, {"IndexName": "by-l"}])
async def test_query_by_pages(index: Json, forward: bool, engine: Calls) -> None:  # noqa: FBT001 - a parameter of pytest
    """Pages of a query go through a partition in the order of the sort key."""
    await _fill(engine, 11)
    name, value = ("g", "g") if index.get("IndexName") == "by-g" else ("pk", "p2")
    request: Json = {
        "TableName": "items",
        "KeyConditionExpression": f"{name} = :v",
        "ExpressionAttributeValues": {":v": _s(value)},
        "ScanIndexForward": forward,
        "Limit": 2 if name == "g" else 1,
        **index,
    }
    expected = list(range(11)) if name == "g" else [4, 5]
    turned = not forward if index.get("IndexName") == "by-l" else forward
    assert _numbers(await _pages(engine, "Query", request)) == expected[:: 1 if turned else -1]


async def test_an_index_shows_what_it_projects(engine: Calls) -> None:
    """An index shows its projection; a local one can be asked for more."""
    await _fill(engine, 1)

    async def names(**more: Any) -> list[str]:
        body = await engine.ok("Scan", {"TableName": "items", **more})
        return sorted(body["Items"][0])

    assert await names() == ["a", "b", "g", "l", "pk", "sk"]
    assert await names(IndexName="by-g") == ["a", "g", "pk", "sk"]
    assert await names(IndexName="by-l") == ["l", "pk", "sk"]
    assert await names(IndexName="by-l", Select="ALL_ATTRIBUTES") == [
        "a",
        "b",
        "g",
        "l",
        "pk",
        "sk",
    ]
    asking = {"TableName": "items", "IndexName": "by-g"}
    whole = await engine("Scan", {**asking, "Select": "ALL_ATTRIBUTES"})
    assert (whole.error, whole.message) == (
        VALIDATION,
        (
            "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not "
            "supported "
            "for global secondary index by-g because its projection type is not ALL"
        ),
    )
    consistent = await engine("Scan", {**asking, "ConsistentRead": True})
    assert (consistent.error, consistent.message) == (
        VALIDATION,
        "Consistent reads are not supported on global secondary indexes",
    )


async def test_an_index_follows_its_table(engine: Calls) -> None:
    """Entries come, move and go with their items; an item without the keys is in no index."""
    await _fill(engine, 3)
    moved = put(pk=_s("p0"), sk={"N": "0"}, g=_s("h"))
    gone = put(pk=_s("p0"), sk={"N": "1"})
    deleted = {"DeleteRequest": {"Key": {"pk": _s("p1"), "sk": {"N": "2"}}}}
    await engine.batch("items", moved, gone, deleted)

    async def by_g(value: str) -> list[int]:
        request = {
            "TableName": "items",
            "IndexName": "by-g",
            "KeyConditionExpression": "g = :g",
            "ExpressionAttributeValues": {":g": _s(value)},
        }
        return _numbers(await _pages(engine, "Query", request))

    assert (await by_g("g"), await by_g("h")) == ([], [0])
    assert (await engine.ok("Scan", {"TableName": "items", "IndexName": "by-l"}))["Count"] == 0
    assert len(await engine.scan("items")) == 2


async def test_a_page_is_a_megabyte(engine: Calls) -> None:
    """A page ends with the item that reaches a megabyte, for Scan and Query alike."""
    await _sorted_table(engine, "S", [])
    for number in range(22):
        item = {"pk": _s("p"), "sk": _s(f"{number:02}"), "v": _s("x" * (100 * 1024 - 8))}
        await engine.ok("PutItem", {"TableName": "items", "Item": item})
    query = {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": _s("p")}}
    for operation, more in (("Scan", {}), ("Query", query)):
        pages = await _pages(engine, operation, {"TableName": "items", **more})
        assert [len(page) for page in pages] == [11, 11]
    counted = await engine.ok("Scan", {"TableName": "items", "Select": "COUNT"})
    assert (counted["Count"], counted.get("Items")) == (11, None)
    assert counted["LastEvaluatedKey"] == {"pk": _s("p"), "sk": _s("10")}


async def test_batch_get(engine: Calls) -> None:
    """BatchGetItem gives what is there of up to 100 keys of any tables."""
    await engine.ok("CreateTable", table())
    await engine.ok("CreateTable", table("others"))
    await engine.batch("items", *(put(pk=_s(f"p{n}")) for n in range(20)))
    keys = [{"pk": _s(f"p{n}")} for n in range(10, 60)]
    both = {"items": {"Keys": keys}, "others": {"Keys": keys, "ConsistentRead": True}}
    body = await engine.ok("BatchGetItem", {"RequestItems": both})
    assert body["UnprocessedKeys"] == {}
    assert body["Responses"]["others"] == []
    found = {item["pk"]["S"] for item in body["Responses"]["items"]}
    assert found == {f"p{n}" for n in range(10, 20)}


@pytest.mark.parametrize(
    ("requests", "error", "text", "words"),
    [
        (
            {},
            VALIDATION,
            "The requestItems parameter is required for BatchGetItem",
            "BatchGetItem must have some requests set",
        ),
        (
            {"items": {"Keys": []}},
            VALIDATION,
            "The list of keys in RequestItems for BatchGetItem is required: items has empty list",
            "",
        ),
        (
            {"items": {"Keys": [{"pk": _s(str(n))} for n in range(101)]}},
            VALIDATION,
            "Too many items requested for the BatchGetItem call",
            "",
        ),
        (
            {"items": {"Keys": [{"pk": _s("a")}, {"pk": _s("a")}]}},
            VALIDATION,
            "Provided list of item keys contains duplicates",
            "",
        ),
        (
            {"absent": {"Keys": [{"pk": _s("a")}]}},
            "ResourceNotFoundException",
            "Requested resource not found",
            "Cannot do operations on a non-existent table",
        ),
    ],
    ids=["no tables", "no keys", "101 keys", "a key twice", "no such table"],
)
async def test_batch_get_refused(
    requests: Json, error: str, text: str, words: str, engine: Calls
) -> None:
    """BatchGetItem refuses in the service's words."""
    await engine.ok("CreateTable", table())
    answer = await engine("BatchGetItem", {"RequestItems": requests})
    assert (answer.status, answer.error) == (400, error)
    assert answer.message == (text if engine.embedded or not words else words)
