"""
One contract for both engines: BatchWriteItem, PutItem and DeleteItem as requests.

The rules of one item are in `test_engine_rules`. Where the two engines say different things, the
embedded one has the words of AWS (github:nubo-db/dynamodb-conformance, captured from it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.engine_calls import attributes, key, put, table

if TYPE_CHECKING:
    from tests.contract.engine_calls import Calls, Json

VALIDATION = "ValidationException"
MISSING = "ResourceNotFoundException"
DUPLICATES = "Provided list of item keys contains duplicates"
NO_MATCH = "The provided key element does not match the schema"


def _s(text: str) -> Json:
    return {"S": text}


def _n(text: str) -> Json:
    return {"N": text}


def _delete(**keys: Any) -> Json:
    return {"DeleteRequest": {"Key": keys}}


def _puts(count: int, start: int = 0) -> list[Json]:
    return [put(pk=_s(f"p{number}")) for number in range(start, start + count)]


# name: (requests by table, error, text of the embedded engine, text of Local where it differs)
REFUSED: dict[str, tuple[Any, str, str, str]] = {
    "two puts of a key": (
        {"items": [put(pk=_s("a")), put(pk=_s("a"), v=_n("1"))]},
        VALIDATION,
        DUPLICATES,
        "",
    ),
    "put and delete of a key": (
        {"items": [put(pk=_s("a")), _delete(pk=_s("a"))]},
        VALIDATION,
        DUPLICATES,
        "",
    ),
    "a number key in two spellings": (
        {"numbers": [put(pk=_n("1")), put(pk=_n("1.0"))]},
        VALIDATION,
        DUPLICATES,
        "",
    ),
    "a number key in two exponents": (
        {"numbers": [put(pk=_n("100")), put(pk=_n("1E2"))]},
        VALIDATION,
        DUPLICATES,
        "",
    ),
    "26 requests": (
        {"items": _puts(26)},
        VALIDATION,
        (
            "1 validation error detected: Value '{items=[26 requests]}' at 'requestItems' failed "
            "to satisfy constraint: Map value must satisfy constraint: [Member must have length "
            "less than or equal to 25, Member must have length greater than or equal to 1]"
        ),
        "Too many items requested for the BatchWriteItem call",
    ),
    "26 requests over two tables": (
        {"items": _puts(20), "others": _puts(6)},
        VALIDATION,
        "Too many items requested for the BatchWriteItem call",
        "",
    ),
    "no tables": (
        {},
        VALIDATION,
        "The requestItems parameter is required for BatchWriteItem",
        "BatchWriteItem cannot have a null or no requests set",
    ),
    "nothing": (
        None,
        VALIDATION,
        "The requestItems parameter is required for BatchWriteItem",
        "BatchWriteItem cannot have a null or no requests set",
    ),
    "no requests for a table": (
        {"items": []},
        VALIDATION,
        "The batch write request list for a table cannot be null or empty: items",
        "",
    ),
    "null for a table": (
        {"items": None},
        VALIDATION,
        "The batch write request list for a table cannot be null or empty: items",
        "",
    ),
    "no such table": (
        {"absent": _puts(1)},
        MISSING,
        "Requested resource not found",
        "Cannot do operations on a non-existent table",
    ),
    "one of two tables is not there": (
        {"items": _puts(1), "absent": _puts(1)},
        MISSING,
        "Requested resource not found",
        "Cannot do operations on a non-existent table",
    ),
    "a table name that cannot be": (
        {"no table!": _puts(1)},
        VALIDATION,
        (
            "1 validation error detected: Value 'no table!' at 'requestItems' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
        ),
        (
            "Invalid table/index name.  Table/index names must be between 3 and 255 characters "
            "long, and may contain only the characters a-z, A-Z, 0-9, '_', '-', and '.'"
        ),
    ),
    "put and delete in one request": (
        {"items": [{**put(pk=_s("a")), **_delete(pk=_s("a"))}]},
        VALIDATION,
        (
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of "
            "the supported datatypes"
        ),
        "",
    ),
    "neither put nor delete": (
        {"items": [{}]},
        VALIDATION,
        (
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of "
            "the supported datatypes"
        ),
        "",
    ),
    "a put without an item": (
        {"items": [{"PutRequest": {}}]},
        VALIDATION,
        "The supplied Item contains a null AttributeValue",
        "",
    ),
    "a delete without a key": (
        {"items": [{"DeleteRequest": {}}]},
        VALIDATION,
        "The supplied Item contains a null AttributeValue",
        "",
    ),
    "an empty item": (
        {"items": [put()]},
        VALIDATION,
        NO_MATCH,
        "Item to put in PutItem cannot be null",
    ),
    "a delete by more than the key": (
        {"items": [_delete(pk=_s("a"), v=_s("b"))]},
        VALIDATION,
        NO_MATCH,
        "The number of conditions on the keys is invalid",
    ),
    "a delete by another attribute": (
        {"items": [_delete(v=_s("a"))]},
        VALIDATION,
        NO_MATCH,
        "One of the required keys was not given a value",
    ),
    "a delete by another type": (
        {"items": [_delete(pk=_n("1"))]},
        VALIDATION,
        NO_MATCH,
        "One or more parameter values were invalid: Type mismatch for key",
    ),
    "a delete by an empty key": (
        {"items": [_delete(pk=_s(""))]},
        VALIDATION,
        (
            "One or more parameter values are not valid. The AttributeValue for a key attribute "
            "cannot contain an empty string value. Key: pk"
        ),
        "",
    ),
    "one bad item of 25": (
        {"items": [*_puts(24), put(pk=_s("bad"), v={"SS": []})]},
        VALIDATION,
        "One or more parameter values were invalid: An string set  may not be empty",
        "",
    ),
    "a bad item in the second table": (
        {"items": _puts(3), "others": [put(pk=_s("a"), v={"NULL": False})]},
        VALIDATION,
        (
            "One or more parameter values were invalid: Null attribute value types must have the "
            "value of true"
        ),
        "",
    ),
}


@pytest.fixture
async def tables(engine: Calls) -> Calls:
    """Give an engine with the tables ``items`` and ``others`` (pk:S) and ``numbers`` (pk:N)."""
    await engine.ok("CreateTable", table("items"))
    await engine.ok("CreateTable", table("others"))
    await engine.ok("CreateTable", table("numbers", AttributeDefinitions=attributes("pk:N")))
    return engine


@pytest.mark.parametrize("name", REFUSED)
async def test_refused_whole(name: str, tables: Calls) -> None:
    """A batch that breaks a rule is refused in the service's words, and nothing of it written."""
    requests, error, text, local = REFUSED[name]
    answer = await tables("BatchWriteItem", {"RequestItems": requests})
    assert (answer.status, answer.error) == (400, error)
    assert answer.message == (text if tables.embedded or not local else local)
    for each in ("items", "others", "numbers"):
        assert await tables.scan(each) == []


async def test_25_requests_over_two_tables(tables: Calls) -> None:
    """25 puts and deletes are written together, whatever their tables."""
    await tables.batch("items", *_puts(5))
    requests = [*_puts(10, start=5), *(_delete(pk=_s(f"p{number}")) for number in range(5))]
    answer = await tables(
        "BatchWriteItem", {"RequestItems": {"items": requests, "others": _puts(10)}}
    )
    assert answer.body == {"UnprocessedItems": {}}
    assert {item["pk"]["S"] for item in await tables.scan("items")} == {
        f"p{n}" for n in range(5, 15)
    }
    assert len(await tables.scan("others")) == 10


EVERY_TYPE: Json = {
    "pk": {"S": "every type"},
    "S": {"S": "a\0é😀"},
    "empty": {"S": ""},
    "N": {"N": "12345678901234567890123456789012345678"},
    "small": {"N": "-0.00000000000000000012345678901234567890123456789012345678"},
    "B": {"B": "AP8="},
    "BOOL": {"BOOL": False},
    "NULL": {"NULL": True},
    "SS": {"SS": ["", "a", "b"]},
    "NS": {"NS": ["-1", "1.5"]},
    "BS": {"BS": ["", "YQ=="]},
    "L": {"L": [{"S": ""}, {"L": []}, {"M": {"a": {"N": "1"}}}]},
    "M": {"M": {"a": {"M": {}}, "b": {"BOOL": True}}},
}


def _ordered(item: Json) -> Json:
    """Give an item with its sets sorted: they have no order."""
    return {
        name: {kind: sorted(content) if kind in {"SS", "NS", "BS"} else content}
        for name, value in item.items()
        for kind, content in value.items()
    }


async def test_every_type_comes_back(tables: Calls) -> None:
    """An item comes back by GetItem and by Scan as it was put, by BatchWriteItem and PutItem."""
    await tables.batch("items", {"PutRequest": {"Item": EVERY_TYPE}})
    await tables.ok("PutItem", {"TableName": "others", "Item": EVERY_TYPE})
    for name in ("items", "others"):
        request = {"TableName": name, "Key": {"pk": EVERY_TYPE["pk"]}}
        assert _ordered((await tables.ok("GetItem", request))["Item"]) == _ordered(EVERY_TYPE)
        assert [_ordered(item) for item in await tables.scan(name)] == [_ordered(EVERY_TYPE)]


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("1.0", "1"),
        ("-0", "0"),
        ("0.00E5", "0"),
        ("1.50E2", "150"),
        ("+00012.500", "12.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1E+3", "1000"),
        ("1E-7", "0.0000001"),
        ("1E125", "1" + "0" * 125),
        ("1E-130", "0." + "0" * 129 + "1"),
        (
            "\uff19.9999999999999999999999999999999999999E+2",
            "999.99999999999999999999999999999999999",
        ),
    ],
)
async def test_a_number_is_normalised(text: str, stored: str, tables: Calls) -> None:
    """A number comes back exact, without an exponent or zeros at its ends."""
    await tables.batch("items", put(pk=_s("n"), v=_n(text), members={"NS": [text]}))
    (item,) = await tables.scan("items")
    assert (item["v"], item["members"]) == ({"N": stored}, {"NS": [stored]})


async def test_one_number_is_one_key(tables: Calls) -> None:
    """A number key is found, replaced and deleted by any of its spellings."""
    await tables.ok("PutItem", {"TableName": "numbers", "Item": {"pk": _n("1.0"), "v": _n("1")}})
    await tables.ok("PutItem", {"TableName": "numbers", "Item": {"pk": _n("10E-1"), "v": _n("2")}})
    assert await tables.scan("numbers") == [{"pk": _n("1"), "v": _n("2")}]
    got = await tables.ok("GetItem", {"TableName": "numbers", "Key": {"pk": _n("+1")}})
    assert got["Item"]["v"] == _n("2")
    await tables.ok("DeleteItem", {"TableName": "numbers", "Key": {"pk": _n("01")}})
    assert await tables.scan("numbers") == []


async def test_a_binary_key_is_its_bytes(engine: Calls) -> None:
    """Two texts of base64 for the same bytes are one key."""
    await engine.ok("CreateTable", table("bytes", AttributeDefinitions=attributes("pk:B")))
    answer = await engine.batch("bytes", put(pk={"B": "YQ=="}), put(pk={"B": "YR=="}))
    assert (answer.error, answer.message) == (VALIDATION, DUPLICATES)
    await engine.ok("PutItem", {"TableName": "bytes", "Item": {"pk": {"B": "YR=="}}})
    assert await engine.scan("bytes") == [{"pk": {"B": "YQ=="}}]


async def test_keys_do_not_run_into_each_other(engine: Calls) -> None:
    """Partition and sort key are kept apart, whatever bytes are in them."""
    definitions = attributes("pk:S", "sk:S")
    await engine.ok(
        "CreateTable", table("pairs", AttributeDefinitions=definitions, KeySchema=key("pk", "sk"))
    )
    pairs = [("a", "b\0c"), ("a\0b", "c"), ("a\0", "\0"), ("a", "\0\0"), ("a\1", "b"), ("a", "\1b")]
    await engine.batch("pairs", *(put(pk=_s(pk), sk=_s(sk)) for pk, sk in pairs))
    found = {(item["pk"]["S"], item["sk"]["S"]) for item in await engine.scan("pairs")}
    assert found == set(pairs)


SINGLE: dict[str, tuple[str, Json, str, str, str]] = {
    "no table": (
        "PutItem",
        {"TableName": "absent", "Item": {"pk": _s("a")}},
        MISSING,
        "Requested resource not found",
        "Cannot do operations on a non-existent table",
    ),
    "no table name": (
        "PutItem",
        {"Item": {"pk": _s("a")}},
        VALIDATION,
        (
            "1 validation error detected: Value null at 'tableName' failed to satisfy constraint: "
            "Member must not be null"
        ),
        "Value null at 'tableName' failed to satisfy constraint: Member must not be null",
    ),
    "no item": (
        "PutItem",
        {"TableName": "items"},
        VALIDATION,
        (
            "1 validation error detected: Value null at 'item' failed to satisfy constraint: "
            "Member must not be null"
        ),
        "Item to put in PutItem cannot be null",
    ),
    "no key in the item": (
        "PutItem",
        {"TableName": "items", "Item": {"v": _s("a")}},
        VALIDATION,
        "One or more parameter values were invalid: Missing the key pk in the item",
        "One of the required keys was not given a value",
    ),
    "key of another type": (
        "PutItem",
        {"TableName": "items", "Item": {"pk": _n("1")}},
        VALIDATION,
        "One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N",
        "One or more parameter values were invalid: Type mismatch for key",
    ),
    "ReturnValues of an update": (
        "PutItem",
        {"TableName": "items", "Item": {"pk": _s("a")}, "ReturnValues": "ALL_NEW"},
        VALIDATION,
        "Return values set to invalid value",
        "",
    ),
    "delete without a key": (
        "DeleteItem",
        {"TableName": "items"},
        VALIDATION,
        (
            "1 validation error detected: Value null at 'key' failed to satisfy constraint: Member "
            "must not be null"
        ),
        "Cannot have null key for GetItem, DeleteItem, or UpdateItem",
    ),
    "get by more than the key": (
        "GetItem",
        {"TableName": "items", "Key": {"pk": _s("a"), "v": _s("b")}},
        VALIDATION,
        NO_MATCH,
        "The number of conditions on the keys is invalid",
    ),
    "get by another type": (
        "GetItem",
        {"TableName": "items", "Key": {"pk": _n("1")}},
        VALIDATION,
        NO_MATCH,
        "One or more parameter values were invalid: Type mismatch for key",
    ),
    "get by an empty key": (
        "GetItem",
        {"TableName": "items", "Key": {"pk": _s("")}},
        VALIDATION,
        (
            "One or more parameter values are not valid. The AttributeValue for a key attribute "
            "cannot contain an empty string value. Key: pk"
        ),
        "",
    ),
}


@pytest.mark.parametrize("name", SINGLE)
async def test_single_item_calls_refused(name: str, tables: Calls) -> None:
    """PutItem, DeleteItem and GetItem refuse in the service's words."""
    operation, request, error, text, local = SINGLE[name]
    answer = await tables(operation, request)
    assert (answer.status, answer.error) == (400, error)
    assert answer.message == (text if tables.embedded or not local else local)
    assert await tables.scan("items") == []


async def test_old_values_are_returned(tables: Calls) -> None:
    """ReturnValues ALL_OLD gives what was replaced or deleted, and nothing where nothing was."""
    old = {"TableName": "items", "ReturnValues": "ALL_OLD"}
    assert await tables.ok("PutItem", {**old, "Item": {"pk": _s("a"), "v": _n("1.0")}}) == {}
    replaced = await tables.ok("PutItem", {**old, "Item": {"pk": _s("a")}})
    assert replaced == {"Attributes": {"pk": _s("a"), "v": _n("1")}}
    deleted = await tables.ok("DeleteItem", {**old, "Key": {"pk": _s("a")}})
    assert deleted == {"Attributes": {"pk": _s("a")}}
    assert "Attributes" not in await tables.ok("DeleteItem", {**old, "Key": {"pk": _s("a")}})


@pytest.mark.parametrize("value", [{"B": "YQ"}, {"L": {}}, {"BOOL": "no"}])
async def test_what_local_fails_at(value: Json, tables: Calls) -> None:
    """Malformed values are a SerializationException here; Local fails with a 500."""
    answer = await tables.batch("items", put(pk=_s("a"), v=value))
    if tables.embedded:
        assert (answer.status, answer.error) == (400, "SerializationException")
    else:
        assert (answer.status, answer.error) == (500, "InternalFailure")
    assert await tables.scan("items") == []


async def test_a_body_of_16_mebibytes_is_the_largest(tables: Calls) -> None:
    """16,777,216 bytes of body are read; one more is answered with 413 and no type."""
    request = b'{"RequestItems":{"items":[{"PutRequest":{"Item":{"pk":{"S":"a"}}}}]}}'
    limit = 16 * 1024 * 1024
    assert (await tables("BatchWriteItem", request.ljust(limit))).status == 200
    answer = await tables("BatchWriteItem", request.ljust(limit + 1))
    assert (answer.status, answer.error, answer.message) == (413, "", "")
