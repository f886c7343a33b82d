"""BatchGetItem; every read is consistent, and the cost is that of what was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from pipeline.embedded import answers
from pipeline.embedded.capacity import Cost, read_units
from pipeline.embedded.items import check_key
from pipeline.embedded.parameters import Parameters, check_name
from pipeline.embedded.storage.changes import item_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.embedded.service import Service
    from pipeline.embedded.storage.catalog import Known

__all__ = ["batch_get_item"]

_MOST_KEYS = 100
_MOST_BYTES = 16 * 1024 * 1024
"""How many bytes of items BatchGetItem returns before it hands back the other keys."""


def batch_get_item(service: Service, request: bytes) -> dict[str, Any]:
    """Read up to 100 items over any number of tables; in any order, as with the service."""
    parameters = Parameters(
        orjson.loads(request), "BatchGetItem", {"RequestItems", "ReturnConsumedCapacity"}
    )
    mode = parameters.capacity_mode()
    wanted = parameters.get("RequestItems", dict)
    if not wanted:
        raise answers.validation("The requestItems parameter is required for BatchGetItem")
    plans = _plans(service, wanted)
    answer: dict[str, Any] = {"Responses": {}, "UnprocessedKeys": {}}
    consumed: list[dict[str, Any]] = []
    room = _MOST_BYTES
    for known, asked, found in plans:
        rows = service.database.fetch(known.table.relation, list(found))
        cost = Cost()
        bodies, rest = [], []
        for key, given in found.items():
            row = rows.get(key)
            weight = row.size if row else 0
            if weight > room:
                rest.append(given)
                continue
            room -= weight
            if row is not None:
                bodies.append(orjson.Fragment(row.body))
                cost.table += read_units(weight, consistent=asked.flag("ConsistentRead"))
            else:
                cost.table += read_units(0, consistent=asked.flag("ConsistentRead"))
        name = known.table.name
        answer["Responses"][name] = bodies
        if rest:
            answer["UnprocessedKeys"][name] = {**wanted[name], "Keys": rest}
        if mode != "NONE":
            consumed.append(cost.shown(name, mode))
    if consumed:
        answer["ConsumedCapacity"] = consumed
    return answer


def _plans(
    service: Service, wanted: Mapping[str, Any]
) -> list[tuple[Known, Parameters, dict[bytes, Any]]]:
    """Judge every table's keys before any is read."""
    asked: dict[str, tuple[Parameters, list[Any]]] = {}
    for name, one in wanted.items():
        check_name(name, "requestItems", shortest=1)
        parameters = Parameters(one, "BatchGetItem", {"Keys", "ConsistentRead"})
        keys = parameters.get("Keys", list)
        if not keys:
            raise answers.validation(
                f"The list of keys in RequestItems for BatchGetItem is required: {name} has empty "
                "list"
            )
        asked[name] = (parameters, keys)
    if sum(len(keys) for _, keys in asked.values()) > _MOST_KEYS:
        raise answers.validation("Too many items requested for the BatchGetItem call")
    plans = []
    for name, (parameters, keys) in asked.items():
        known = service.catalog.get(name)
        for key in keys:
            check_key(key, known.table, known.rules)
        found = {item_key(known.table, key): key for key in keys}
        if len(found) < len(keys):
            raise answers.validation("Provided list of item keys contains duplicates")
        plans.append((known, parameters, found))
    return plans
