"""Scan and Query: pages of at most a megabyte over a table or one of its indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from pipeline.embedded import answers
from pipeline.embedded.capacity import Cost, read_units
from pipeline.embedded.operations.wanted import wanted_range
from pipeline.embedded.parameters import Parameters, check_name
from pipeline.embedded.storage import keys
from pipeline.embedded.storage.changes import index_key, item_key, projection
from pipeline.embedded.storage.database import Range
from pipeline.table import size
from pipeline.table.rules import ItemRules
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.embedded.schema import Index
    from pipeline.embedded.service import Service
    from pipeline.embedded.storage.catalog import Known

__all__ = ["query", "scan"]

_PAGE_BYTES = 1024 * 1024
_MOST_SEGMENTS = 1_000_000
_SELECTIONS = ("SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES")
_BOTH = frozenset(
    {
        "TableName",
        "IndexName",
        "Select",
        "Limit",
        "ExclusiveStartKey",
        "ConsistentRead",
        "ReturnConsumedCapacity",
    }
)
_SCAN = _BOTH | {"Segment", "TotalSegments"}
_QUERY = _BOTH | {
    "KeyConditionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "ScanIndexForward",
}


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a request reads: a table, or (*index*) one of its indexes, and what it shows."""

    known: Known
    index: Index | None
    parameters: Parameters
    counted: bool
    whole: bool


def scan(service: Service, request: bytes) -> dict[str, Any]:
    """Read everything, in the order of the partition keys' hashes; segments divide these."""
    reading = _reading(service, Parameters(orjson.loads(request), "Scan", _SCAN), "Scanning")
    wanted = _segment(reading.parameters)
    start = _start_key(reading)
    if start is not None:
        if not wanted.low <= start or (wanted.high is not None and start >= wanted.high):
            raise answers.validation(
                "The provided Exclusive start key does not map to the provided Segment and "
                "TotalSegments values."
            )
        wanted = wanted._replace(after=start)
    return _page(service, reading, wanted)


def query(service: Service, request: bytes) -> dict[str, Any]:
    """Read one partition key's items in the order of their sort key, or a part of them."""
    reading = _reading(service, Parameters(orjson.loads(request), "Query", _QUERY), "Querying")
    parameters, table, index = reading.parameters, reading.known.table, reading.index
    key = (table.partition, table.sort) if index is None else (index.partition, index.sort)
    wanted = wanted_range(parameters, *key)
    start = _start_key(reading)
    if start is not None and not wanted.low <= start < (wanted.high or start + b"\x00"):
        raise answers.validation("The provided starting key does not match the range key predicate")
    backwards = parameters.get("ScanIndexForward", bool) is False
    return _page(service, reading, wanted._replace(after=start, backwards=backwards))


def _reading(service: Service, parameters: Parameters, doing: str) -> _Reading:
    name = parameters.table_name()
    parameters.capacity_mode()
    parameters.limit("Limit")
    select = parameters.enum("Select", _SELECTIONS, "")
    known = service.catalog.get(name)
    index = None
    index_name = parameters.get("IndexName", str)
    if index_name is not None:
        check_name(index_name, "indexName")
        index = known.table.index(index_name)
        if index is None:
            raise answers.validation(f"The table does not have the specified index: {index_name}")
        if index.kind == "gsi" and parameters.flag("ConsistentRead"):
            raise answers.validation(
                "Consistent reads are not supported on global secondary indexes"
            )
    elif select == "ALL_PROJECTED_ATTRIBUTES":
        raise answers.validation(
            f"ALL_PROJECTED_ATTRIBUTES can be used only when {doing} using an IndexName"
        )
    if select == "SPECIFIC_ATTRIBUTES":
        raise answers.validation(
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get "
            "SPECIFIC_ATTRIBUTES"
        )
    whole = select == "ALL_ATTRIBUTES"
    if whole and index is not None and index.kind == "gsi" and index.projection != "ALL":
        raise answers.validation(
            "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not "
            f"supported for global secondary index {index.name} because its projection type is not "
            "ALL"
        )
    return _Reading(known, index, parameters, select == "COUNT", whole)


def _segment(parameters: Parameters) -> Range:
    segment = parameters.get("Segment", int)
    total = parameters.limit("TotalSegments", _MOST_SEGMENTS)
    if segment is None and total is None:
        return Range()
    if total is None:
        raise answers.validation(
            "The TotalSegments parameter is required but was not present in the request when "
            "Segment parameter is present"
        )
    if segment is None:
        raise answers.validation(
            "The Segment parameter is required but was not present in the request when parameter "
            "TotalSegments is present"
        )
    if segment < 0:
        raise answers.validation(
            f"1 validation error detected: Value '{segment}' at 'segment' failed to satisfy "
            "constraint: Member must have value greater than or equal to 0"
        )
    if segment >= total:
        raise answers.validation(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            f"Segment: {segment} is not less than TotalSegments: {total}"
        )
    return Range(*keys.segment_bounds(segment, total))


def _start_key(reading: _Reading) -> bytes | None:
    """Give the row key of ExclusiveStartKey, which need not exist."""
    given = reading.parameters.get("ExclusiveStartKey", dict)
    if given is None:
        return None
    table, index = reading.known.table, reading.index
    key = list(table.item_rules().key)
    if index is not None:
        key += [part for part in index.rule().key if part.name not in table.key_names]
    if ItemRules(tuple(key)).check_key(given):
        raise answers.validation(
            "The provided starting key is invalid: The provided key element does not match the "
            "schema"
        )
    return item_key(table, given) if index is None else index_key(table, index, given)


def _page(service: Service, reading: _Reading, wanted: Range) -> dict[str, Any]:
    table, index = reading.known.table, reading.index
    limit = reading.parameters.limit("Limit")
    rows = (
        service.database.items(table.relation, wanted)
        if index is None
        else service.database.entries(index.relation, table.relation, wanted)
    )
    bodies: list[bytes] = []
    weight = 0
    more = False
    for row in rows:
        more = weight >= _PAGE_BYTES
        if more:
            break
        bodies.append(row.body)
        weight += row.size
        if len(bodies) == limit:  # a page that is full for its bytes knows whether it is the last
            more = True
            break
    answer: dict[str, Any] = {"Count": len(bodies), "ScannedCount": len(bodies)}
    if not reading.counted:
        answer["Items"] = [_shown(reading, body) for body in bodies]
    if more:
        answer["LastEvaluatedKey"] = _last_key(reading, orjson.loads(bodies[-1]))
    mode = reading.parameters.capacity_mode()
    if mode != "NONE":
        answer["ConsumedCapacity"] = _cost(reading, bodies, weight).shown(table.name, mode)
    return answer


def _shown(reading: _Reading, body: bytes) -> Any:
    if reading.index is None or reading.whole or reading.index.projection == "ALL":
        return orjson.Fragment(body)
    return projection(reading.known.table, reading.index, orjson.loads(body))


def _last_key(reading: _Reading, item: Mapping[str, Any]) -> dict[str, Any]:
    names = [*reading.known.table.key_names]
    if reading.index is not None:
        names += [part.name for part in reading.index.rule().key if part.name not in names]
    return {name: item[name] for name in names}


def _cost(reading: _Reading, bodies: list[bytes], weight: int) -> Cost:
    """Count read units; a local index that is asked for more than it shows reads the table too."""
    consistent = reading.parameters.flag("ConsistentRead")
    units = read_units(weight, consistent=consistent)
    index = reading.index
    if index is None:
        return Cost(units)
    if index.kind == "gsi":
        return Cost(indexes={index.name: units})
    cost = Cost(local={index.name: units})
    if reading.whole and index.projection != "ALL":
        sizes = [size.item_size(orjson.loads(body)) for body in bodies]
        cost.table = sum(read_units(one, consistent=consistent) for one in sizes)
    return cost
