"""
BatchWriteItem, PutItem and DeleteItem.

A request is judged whole before anything of it is written, and written in one transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from pipeline.embedded import answers
from pipeline.embedded.operations.changes import Change, apply, plan_delete, plan_put, read_old
from pipeline.embedded.parameters import Parameters, check_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.embedded.capacity import Shortage
    from pipeline.embedded.schema import Table
    from pipeline.embedded.service import Service
    from pipeline.embedded.storage.catalog import Known

__all__ = ["batch_write_item", "delete_item", "put_item"]

_MOST_WRITES = 25
_RETURNING = frozenset({"ReturnConsumedCapacity", "ReturnItemCollectionMetrics"})
_OLD_VALUES = ("ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW")


def batch_write_item(service: Service, request: bytes) -> dict[str, Any]:
    """Put and delete up to 25 items over any number of tables."""
    parameters = _parameters(request, "BatchWriteItem", {"RequestItems"})
    mode = parameters.capacity_mode()
    wanted = parameters.get("RequestItems", dict)
    if not wanted:
        raise answers.validation("The requestItems parameter is required for BatchWriteItem")
    _check_numbers(wanted)
    plans = [_plan_table(service.catalog.get(name), wanted[name]) for name in wanted]
    if service.mishaps.refuses_request():
        raise _refused(plans[0][0].table)
    unprocessed: dict[str, list[int]] = {}
    consumed: list[dict[str, Any]] = []
    shortages: list[tuple[Table, Shortage | None]] = []
    written = 0
    for known, changes in plans:
        admitted, back = _admit(service, known, changes)
        written += len(admitted)
        shortages.extend((known.table, shortage) for _, shortage in back)
        if back:
            unprocessed[known.table.name] = [number for number, _ in back]
        consumption = apply(service.database, known.table, admitted)
        if mode != "NONE":
            consumed.append(consumption.shown(known.table.name, mode))
    if not written:
        raise _short(shortages)
    answer: dict[str, Any] = {"UnprocessedItems": _again(request, unprocessed)}
    if consumed:
        answer["ConsumedCapacity"] = consumed
    return answer


def put_item(service: Service, request: bytes) -> dict[str, Any]:
    """Put one item in place of any with its key."""
    parameters = _parameters(request, "PutItem", {"TableName", "Item", "ReturnValues"})
    name = parameters.table_name()
    returned = _return_values(parameters)
    item = parameters.get("Item", dict)
    if item is None:
        raise answers.validation(
            "1 validation error detected: Value null at 'item' failed to satisfy constraint: "
            "Member must not be null"
        )
    known = service.catalog.get(name)
    change = plan_put(known, item, batch=False)
    return _write_one(service, known, change, parameters.capacity_mode(), returned=returned)


def delete_item(service: Service, request: bytes) -> dict[str, Any]:
    """Delete one item, if it is there."""
    parameters = _parameters(request, "DeleteItem", {"TableName", "Key", "ReturnValues"})
    name = parameters.table_name()
    returned = _return_values(parameters)
    key = parameters.get("Key", dict)
    if key is None:
        raise answers.validation(
            "1 validation error detected: Value null at 'key' failed to satisfy constraint: "
            "Member must not be null"
        )
    known = service.catalog.get(name)
    change = plan_delete(known, key)
    return _write_one(service, known, change, parameters.capacity_mode(), returned=returned)


def _parameters(request: bytes, operation: str, own: set[str]) -> Parameters:
    parameters = Parameters(orjson.loads(request), operation, own | _RETURNING)
    metrics = parameters.enum("ReturnItemCollectionMetrics", ("SIZE", "NONE"), "NONE")
    if metrics != "NONE":
        raise answers.unsupported(operation, ["ReturnItemCollectionMetrics"])
    return parameters


def _return_values(parameters: Parameters) -> bool:
    value = parameters.enum("ReturnValues", _OLD_VALUES, "NONE")
    if value not in {"ALL_OLD", "NONE"}:
        raise answers.validation("Return values set to invalid value")
    return value == "ALL_OLD"


def _check_numbers(wanted: dict[str, Any]) -> None:
    """Refuse empty lists and more than 25 requests."""
    total = 0
    for name, requests in wanted.items():
        check_name(name, "requestItems", shortest=1)
        if requests is not None and not isinstance(requests, list):
            raise answers.serialization("RequestItems has a list for every table")
        if not requests:
            raise answers.validation(
                f"The batch write request list for a table cannot be null or empty: {name}"
            )
        if len(requests) > _MOST_WRITES:
            raise answers.validation(
                f"1 validation error detected: Value '{{{name}=[{len(requests)} requests]}}' at "
                "'requestItems' failed to satisfy constraint: Map value must satisfy constraint: "
                f"[Member must have length less than or equal to {_MOST_WRITES}, Member must have "
                "length greater than or equal to 1]"
            )
        total += len(requests)
    if total > _MOST_WRITES:
        raise answers.validation("Too many items requested for the BatchWriteItem call")


def _plan_table(known: Known, requests: Sequence[Any]) -> tuple[Known, list[Change]]:
    changes = [_plan(known, request) for request in requests]
    if len({change.key for change in changes}) < len(changes):
        raise answers.validation("Provided list of item keys contains duplicates")
    return known, changes


def _plan(known: Known, request: Any) -> Change:
    kinds = ("PutRequest", "DeleteRequest")
    either = Parameters(request, "a WriteRequest", kinds)
    put, delete = (either.get(kind, dict) for kind in kinds)
    if (put is None) == (delete is None):
        raise answers.validation(
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of "
            "the supported datatypes"
        )
    if put is not None:
        return plan_put(known, _content(put, "PutRequest", "Item"), batch=True)
    return plan_delete(known, _content(delete, "DeleteRequest", "Key"))


def _content(one: Any, kind: str, name: str) -> dict[str, Any]:
    content = Parameters(one, kind, {name}).get(name, dict)
    if content is None:
        raise answers.validation("The supplied Item contains a null AttributeValue")
    return content


def _admit(
    service: Service, known: Known, changes: list[Change]
) -> tuple[list[Change], list[tuple[int, Shortage | None]]]:
    """Divide a table's writes into those to make and those to hand back (number and reason)."""
    read_old(service.database, known.table, changes)
    now = service.monotonic()
    admitted: list[Change] = []
    back: list[tuple[int, Shortage | None]] = []
    for number, change in enumerate(changes):
        if service.mishaps.hands_back():
            back.append((number, None))
            continue
        shortage = service.capacity.admit(known.table, change.cost, change.spread, now)
        if shortage is None:
            admitted.append(change)
        else:
            back.append((number, shortage))
    return admitted, back


def _write_one(
    service: Service, known: Known, change: Change, mode: str, *, returned: bool
) -> dict[str, Any]:
    if service.mishaps.refuses_request():
        raise _refused(known.table)
    read_old(service.database, known.table, [change], bodies=returned)
    now = service.monotonic()
    shortage = service.capacity.admit(known.table, change.cost, change.spread, now)
    if shortage is not None:
        raise _short([(known.table, shortage)])
    consumption = apply(service.database, known.table, [change])
    answer: dict[str, Any] = {}
    if returned and change.old is not None:
        answer["Attributes"] = orjson.Fragment(change.old.body)
    if mode != "NONE":
        answer["ConsumedCapacity"] = consumption.shown(known.table.name, mode)
    return answer


def _again(request: bytes, unprocessed: dict[str, list[int]]) -> dict[str, Any]:
    """Give the requests to hand back just as they came; the decoded ones are normalised by now."""
    if not unprocessed:
        return {}
    given = orjson.loads(request)["RequestItems"]
    return {name: [given[name][n] for n in numbers] for name, numbers in unprocessed.items()}


def _refused(table: Table) -> answers.ServiceError:
    reason = {"reason": "TableWriteProvisionedThroughputExceeded", "resource": table.arn}
    return answers.provisioned_exceeded([reason], index=False)


def _short(shortages: Sequence[tuple[Table, Shortage | None]]) -> answers.ServiceError:
    """Refuse a request of which nothing could be written."""
    table = shortages[0][0]
    reasons: dict[tuple[str, str], None] = {}
    for of, shortage in shortages:
        if shortage is None:
            reasons["TableWriteKeyRangeThroughputExceeded", of.arn] = None
        else:
            reasons[shortage.reason, shortage.resource] = None
    listed = [{"reason": reason, "resource": resource} for reason, resource in reasons]
    if table.billing == "PAY_PER_REQUEST":
        return answers.throttling(listed)
    index = all(shortage is not None and shortage.of_index for _, shortage in shortages)
    return answers.provisioned_exceeded(listed, index=index)
