"""Creating, describing, listing, changing and deleting tables; time to live is only remembered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import orjson

from pipeline.embedded import answers
from pipeline.embedded.operations.creation import new_table
from pipeline.embedded.operations.indexes import throughput
from pipeline.embedded.parameters import Parameters, check_name
from pipeline.embedded.schema import Index, Throughput

if TYPE_CHECKING:
    from pipeline.embedded.schema import Billing, Table
    from pipeline.embedded.service import Service

__all__ = [
    "create_table",
    "delete_table",
    "describe_table",
    "describe_time_to_live",
    "list_tables",
    "update_table",
    "update_time_to_live",
]

_MOST_LISTED = 100
_LONGEST_TTL_NAME = 255


def create_table(service: Service, request: bytes) -> dict[str, Any]:
    """Make a table, which is ACTIVE at once."""
    table = new_table(orjson.loads(request), service.wall())
    if service.catalog.find(table.name) is not None:
        raise answers.table_exists(table.name)
    return {"TableDescription": _described(service, service.catalog.add(table))}


def describe_table(service: Service, request: bytes) -> dict[str, Any]:
    """Describe a table; its counts are exact and of this moment, not six hours old."""
    return {"Table": _described(service, _named(service, request, "DescribeTable", set())[1])}


def delete_table(service: Service, request: bytes) -> dict[str, Any]:
    """Delete a table with all that is in it, at once."""
    table = _named(service, request, "DeleteTable", set())[1]
    described = _described(service, table)
    service.catalog.remove(table)
    service.behaviours.of(table.name).capacity.forget(table.name)
    return {"TableDescription": {**described, "TableStatus": "DELETING"}}


def list_tables(service: Service, request: bytes) -> dict[str, Any]:
    """List table names, sorted, a page at a time."""
    parameters = Parameters(
        orjson.loads(request), "ListTables", {"ExclusiveStartTableName", "Limit"}
    )
    most = parameters.limit("Limit", _MOST_LISTED) or _MOST_LISTED
    start = parameters.get("ExclusiveStartTableName", str)
    if start is not None:
        check_name(start, "exclusiveStartTableName")
    names = [name for name in service.catalog.names if start is None or name > start]
    answer: dict[str, Any] = {"TableNames": names[:most]}
    if len(names) > most:
        answer["LastEvaluatedTableName"] = names[most - 1]
    return answer


def update_table(service: Service, request: bytes) -> dict[str, Any]:
    """Change a table's billing or throughput, and that of its global indexes; nothing else."""
    changing = {"BillingMode", "ProvisionedThroughput", "GlobalSecondaryIndexUpdates"}
    parameters, table = _named(service, request, "UpdateTable", changing)
    if not any(name in parameters for name in changing):
        raise answers.validation(
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, "
            "GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required"
        )
    modes = ("PROVISIONED", "PAY_PER_REQUEST")
    billing = cast("Billing", parameters.enum("BillingMode", modes, table.billing))
    own = table.throughput
    if "ProvisionedThroughput" in parameters or billing != table.billing:
        own = throughput(parameters, billing)
    indexes = tuple(_updated_indexes(parameters, table, billing))
    changed = replace(table, billing=billing, throughput=own, indexes=indexes)
    if changed == table and "ProvisionedThroughput" in parameters:
        raise answers.validation(
            f"The provisioned throughput for the table will not change. The requested value equals "
            f"the current value. Current ReadCapacityUnits provisioned for the table: "
            f"{own.read}. Requested ReadCapacityUnits: {own.read}. Current WriteCapacityUnits "
            f"provisioned for the table: {own.write}. Requested WriteCapacityUnits: {own.write}."
        )
    if billing == "PAY_PER_REQUEST" and table.billing != billing:
        changed = replace(changed, on_demand_since=service.wall())
    return {"TableDescription": _described(service, service.catalog.change(changed))}


def update_time_to_live(service: Service, request: bytes) -> dict[str, Any]:
    """Switch time to live on or off; the engine never deletes an item for it."""
    parameters, table = _named(service, request, "UpdateTimeToLive", {"TimeToLiveSpecification"})
    given = parameters.get("TimeToLiveSpecification", dict) or {}
    wanted = Parameters(given, "TimeToLiveSpecification", {"Enabled", "AttributeName"})
    name = wanted.get("AttributeName", str) or ""
    enabled = wanted.flag("Enabled")
    if not 1 <= len(name) <= _LONGEST_TTL_NAME:
        raise answers.validation(
            "1 validation error detected: Value at 'timeToLiveSpecification.attributeName' failed "
            "to satisfy constraint: Member must have length between 1 and 255"
        )
    if enabled == (table.ttl is not None):
        state = "enabled" if enabled else "disabled"
        raise answers.validation(f"TimeToLive is already {state}")
    if not enabled and name != table.ttl:
        raise answers.validation("TimeToLive is active on a different AttributeName")
    service.catalog.change(replace(table, ttl=name if enabled else None))
    return {"TimeToLiveSpecification": {"Enabled": enabled, "AttributeName": name}}


def describe_time_to_live(service: Service, request: bytes) -> dict[str, Any]:
    """Tell whether time to live is on, and on which attribute."""
    table = _named(service, request, "DescribeTimeToLive", set(), says_which=False)[1]
    text = {"TimeToLiveStatus": "DISABLED"}
    if table.ttl is not None:
        text = {"TimeToLiveStatus": "ENABLED", "AttributeName": table.ttl}
    return {"TimeToLiveDescription": text}


def _named(
    service: Service, request: bytes, operation: str, own: set[str], *, says_which: bool = True
) -> tuple[Parameters, Table]:
    """Find the table that a request names."""
    parameters = Parameters(orjson.loads(request), operation, {"TableName", *own})
    name = parameters.table_name()
    known = service.catalog.find(name)
    if known is None:
        raise answers.no_such_table(described=name if says_which else None)
    return parameters, known.table


def _described(service: Service, table: Table) -> dict[str, Any]:
    return table.described(service.database.counts)


def _updated_indexes(parameters: Parameters, table: Table, billing: Billing) -> list[Index]:
    """Give the table's indexes with their new throughput."""
    units: dict[str, Throughput] = {}
    for one in parameters.get("GlobalSecondaryIndexUpdates", list) or ():
        update = Parameters(one, "GlobalSecondaryIndexUpdates", {"Update"}).get("Update", dict)
        given = Parameters(update or {}, "Update", {"IndexName", "ProvisionedThroughput"})
        name = given.get("IndexName", str) or ""
        index = table.index(name)
        if index is None or index.kind != "gsi":
            raise answers.validation(f"The table does not have the specified index: {name}")
        units[name] = throughput(given, billing)
    if billing == "PAY_PER_REQUEST":
        return [replace(index, throughput=Throughput()) for index in table.indexes]
    for index in table.indexes:
        if index.kind == "gsi" and index.name not in units and not index.throughput.write:
            raise answers.validation(
                "One or more parameter values were invalid: ProvisionedThroughput is not specified "
                f"for index: {index.name}"
            )
    return [
        replace(index, throughput=units.get(index.name, index.throughput))
        for index in table.indexes
    ]
