"""GetItem, PutItem and DeleteItem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from pipeline.embedded import answers
from pipeline.embedded.capacity import Cost, out_of_capacity, read_units, throttled
from pipeline.embedded.items import check_key
from pipeline.embedded.parameters import Parameters, write_parameters
from pipeline.embedded.storage.changes import (
    apply,
    item_key,
    plan_delete,
    plan_put,
    read_old,
)

if TYPE_CHECKING:
    from pipeline.embedded.service import Service
    from pipeline.embedded.storage.catalog import Known
    from pipeline.embedded.storage.changes import Change

__all__ = ["delete_item", "get_item", "put_item"]

_OLD_VALUES = ("ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW")


def get_item(service: Service, request: bytes) -> dict[str, Any]:
    """Read one item; the answer has no Item where there is none."""
    known_names = {"TableName", "Key", "ConsistentRead", "ReturnConsumedCapacity"}
    parameters = Parameters(orjson.loads(request), "GetItem", known_names)
    name = parameters.table_name()
    mode = parameters.capacity_mode()
    wanted = _required(parameters, "Key")
    known = service.catalog.get(name)
    check_key(wanted, known.table, known.rules)
    key = item_key(known.table, wanted)
    row = service.database.fetch(known.table.relation, [key]).get(key)
    answer: dict[str, Any] = {}
    if row is not None:
        answer["Item"] = orjson.Fragment(row.body)
    if mode != "NONE":
        consistent = parameters.flag("ConsistentRead")
        cost = Cost(read_units(row.size if row else 0, consistent=consistent))
        answer["ConsumedCapacity"] = cost.shown(name, mode)
    return answer


def put_item(service: Service, request: bytes) -> dict[str, Any]:
    """Put one item in place of any with its key."""
    parameters = write_parameters(
        orjson.loads(request), "PutItem", {"TableName", "Item", "ReturnValues"}
    )
    name = parameters.table_name()
    returned = _return_values(parameters)
    item = _required(parameters, "Item")
    known = service.catalog.get(name)
    change = plan_put(known, item, batch=False)
    return _write_one(service, known, change, parameters.capacity_mode(), returned=returned)


def delete_item(service: Service, request: bytes) -> dict[str, Any]:
    """Delete one item, if it is there."""
    parameters = write_parameters(
        orjson.loads(request), "DeleteItem", {"TableName", "Key", "ReturnValues"}
    )
    name = parameters.table_name()
    returned = _return_values(parameters)
    key = _required(parameters, "Key")
    known = service.catalog.get(name)
    change = plan_delete(known, key)
    return _write_one(service, known, change, parameters.capacity_mode(), returned=returned)


def _required(parameters: Parameters, name: str) -> dict[str, Any]:
    """Read the map *name*, which has to be there."""
    value: dict[str, Any] | None = parameters.get(name, dict)
    if value is None:
        raise answers.validation(
            f"1 validation error detected: Value null at {name.lower()!r} failed to satisfy "
            "constraint: Member must not be null"
        )
    return value


def _return_values(parameters: Parameters) -> bool:
    value = parameters.enum("ReturnValues", _OLD_VALUES, "NONE")
    if value not in {"ALL_OLD", "NONE"}:
        raise answers.validation("Return values set to invalid value")
    return value == "ALL_OLD"


def _write_one(
    service: Service, known: Known, change: Change, mode: str, *, returned: bool
) -> dict[str, Any]:
    behaviour = service.behaviours.of(known.table.name)
    if behaviour.mishaps.refuses_request():
        raise throttled(known.table)
    read_old(service.database, known.table, [change], bodies=returned)
    now = service.monotonic()
    shortage = behaviour.capacity.admit(known.table, change.cost, change.spread, now)
    if shortage is not None:
        raise out_of_capacity([(known.table, shortage)])
    consumption = apply(service.database, known.table, [change])
    answer: dict[str, Any] = {}
    if returned and change.old is not None:
        answer["Attributes"] = orjson.Fragment(change.old.body)
    if mode != "NONE":
        answer["ConsumedCapacity"] = consumption.shown(known.table.name, mode)
    return answer
