"""CreateTable's request, held against the service's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pipeline.embedded import answers
from pipeline.embedded.operations.indexes import (
    check_indexes,
    global_indexes,
    key_schema,
    local_indexes,
    throughput,
)
from pipeline.embedded.parameters import Parameters, check_enum, check_name
from pipeline.embedded.schema import KeyAttribute, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.embedded.schema import Billing, Index

__all__ = ["new_table"]

_INVALID = "One or more parameter values were invalid: "
_PARAMETERS = frozenset(
    {
        "TableName",
        "AttributeDefinitions",
        "KeySchema",
        "BillingMode",
        "ProvisionedThroughput",
        "GlobalSecondaryIndexes",
        "LocalSecondaryIndexes",
    }
)
_LONGEST_KEY_NAME = 255


def new_table(body: Any, now: float) -> Table:
    """
    Read a CreateTable request; the table's relations have no numbers yet.

    :raises ServiceError: the service would refuse it, or it asks for what this engine cannot do.
    """
    request = Parameters(body, "CreateTable", _PARAMETERS)
    name = request.get("TableName", str)
    if name is None:
        raise answers.validation(
            "The parameter 'TableName' is required but was not present in the request"
        )
    check_name(name, "tableName")
    types = _attribute_types(request)
    partition, sort = key_schema(request, types)
    billing = cast(
        "Billing", request.enum("BillingMode", ("PROVISIONED", "PAY_PER_REQUEST"), "PROVISIONED")
    )
    own = throughput(request, billing)
    indexes = (
        *local_indexes(request, types, partition, sort),
        *global_indexes(request, types, billing),
    )
    check_indexes(indexes)
    _check_all_used(types, partition, sort, indexes)
    return Table(
        name=name,
        attributes=tuple(types.values()),
        partition=partition,
        sort=sort,
        indexes=indexes,
        billing=billing,
        throughput=own,
        created=now,
        on_demand_since=now if billing == "PAY_PER_REQUEST" else None,
    )


def _attribute_types(request: Parameters) -> dict[str, KeyAttribute]:
    types: dict[str, KeyAttribute] = {}
    for number, given in enumerate(request.get("AttributeDefinitions", list) or (), 1):
        place = f"attributeDefinitions.{number}.member."
        one = Parameters(given, "AttributeDefinitions", {"AttributeName", "AttributeType"})
        name, kind = one.get("AttributeName", str), one.get("AttributeType", str)
        check_enum(kind, f"{place}attributeType", ("B", "N", "S"))
        if not name or len(name) > _LONGEST_KEY_NAME:
            raise answers.validation(
                "Names of key attributes and attributes projected into an index must be between "
                "1 and 255 characters, inclusive"
            )
        if name in types:
            raise answers.validation("Cannot have two attributes with the same name")
        types[name] = KeyAttribute(name, cast("Any", kind))
    if not types:
        raise answers.validation("No Attribute Schema Defined")
    return types


def _check_all_used(
    types: Mapping[str, KeyAttribute],
    partition: KeyAttribute,
    sort: KeyAttribute | None,
    indexes: Iterable[Index],
) -> None:
    keys = [partition, sort, *(part for index in indexes for part in (index.partition, index.sort))]
    used = {part.name for part in keys if part is not None}
    if len(used) == len(types):
        return
    raise answers.validation(
        f"{_INVALID}Some AttributeDefinitions are not used. AttributeDefinitions: "
        f"[{', '.join(types)}], keys used: [{', '.join(sorted(used))}]"
    )
