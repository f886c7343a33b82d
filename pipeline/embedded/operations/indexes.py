"""The secondary indexes of CreateTable's request, and what they share with it: a key schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pipeline.embedded import answers
from pipeline.embedded.parameters import Parameters, check_enum, check_name
from pipeline.embedded.schema import Index, KeyAttribute, Throughput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pipeline.embedded.schema import Billing, Projection

__all__ = ["check_indexes", "global_indexes", "key_schema", "local_indexes", "throughput"]

_INVALID = "One or more parameter values were invalid: "
_INDEX_PARAMETERS = frozenset({"IndexName", "KeySchema", "Projection", "ProvisionedThroughput"})
_MOST_LOCAL = 5
_MOST_GLOBAL = 20
_MOST_PROJECTED = 100
_LONGEST_KEY = 2


def key_schema(
    request: Parameters, types: Mapping[str, KeyAttribute]
) -> tuple[KeyAttribute, KeyAttribute | None]:
    """
    Read a KeySchema: the partition key, and the sort key if there is one.

    :raises ServiceError: it is no key schema, or an attribute of it has no type.
    """
    given = request.get("KeySchema", list)
    if not given:
        raise answers.validation(
            "No defined key schema.  A key schema containing at least a hash key must be defined "
            "for all tables"
        )
    parts = [Parameters(part, "KeySchema", {"AttributeName", "KeyType"}) for part in given]
    for number, part in enumerate(parts, 1):
        check_enum(
            part.get("KeyType", str), f"keySchema.{number}.member.keyType", ("HASH", "RANGE")
        )
    if len(parts) > _LONGEST_KEY:
        raise answers.validation(
            f"1 validation error detected: Value '[{len(parts)} elements]' at 'keySchema' failed "
            "to satisfy constraint: Member must have length less than or equal to 2"
        )
    names = [part.get("AttributeName", str) or "" for part in parts]
    roles = [part.get("KeyType", str) for part in parts]
    if roles[0] != "HASH":
        raise answers.validation(
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"
        )
    if roles[1:] == ["HASH"]:
        raise answers.validation(
            "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type"
        )
    if len(set(names)) < len(names):
        raise answers.validation("Invalid KeySchema: Some index key attribute have no definition")
    absent = [name for name in names if name not in types]
    if absent:
        raise answers.validation(
            f"{_INVALID}Some index key attributes are not defined in AttributeDefinitions. Keys: "
            f"[{', '.join(absent)}], AttributeDefinitions: [{', '.join(types)}]"
        )
    return types[names[0]], types[names[1]] if len(names) == _LONGEST_KEY else None


def throughput(request: Parameters, billing: Billing) -> Throughput:
    """
    Read a table's or an index's ProvisionedThroughput.

    :raises ServiceError: it is missing, out of range, or there for an on-demand table.
    """
    given = request.get("ProvisionedThroughput", dict)
    if billing == "PAY_PER_REQUEST":
        if given is None:
            return Throughput()
        raise answers.validation(
            f"{_INVALID}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when "
            "BillingMode is PAY_PER_REQUEST"
        )
    if given is None:
        raise answers.validation(
            f"{_INVALID}ReadCapacityUnits and WriteCapacityUnits must both be specified when "
            "BillingMode is PROVISIONED"
        )
    names = ("ReadCapacityUnits", "WriteCapacityUnits")
    units = Parameters(given, "ProvisionedThroughput", frozenset(names))
    for name in names:
        if name not in units:
            place = f"provisionedThroughput.{name[0].lower()}{name[1:]}"
            check_enum(None, place, ())
    read, write = (units.limit(name) for name in names)
    return Throughput(read or 0, write or 0)


def local_indexes(
    request: Parameters,
    types: Mapping[str, KeyAttribute],
    partition: KeyAttribute,
    sort: KeyAttribute | None,
) -> Iterator[Index]:
    """
    Read the local indexes, which share the table's *partition* key.

    :raises ServiceError: the service would refuse one.
    """
    given = request.get("LocalSecondaryIndexes", list) or []
    if given and sort is None:
        raise answers.validation(
            f"{_INVALID}Table KeySchema does not have a range key, which is required when "
            "specifying a LocalSecondaryIndex"
        )
    if len(given) > _MOST_LOCAL:
        raise answers.validation(
            f"{_INVALID}Number of LocalSecondaryIndexes exceeds per-table limit of {_MOST_LOCAL}"
        )
    for one in given:
        index = _index(Parameters(one, "LocalSecondaryIndexes", _INDEX_PARAMETERS), "lsi", types)
        if index.sort is None:
            raise answers.validation(
                f"{_INVALID}Index KeySchema does not have a range key for index: {index.name}"
            )
        if index.partition != partition:
            raise answers.validation(
                f"{_INVALID}Index KeySchema does not have the same leading hash key as table "
                f"KeySchema for index: {index.name}. index hash key: {index.partition.name}, "
                f"table hash key: {partition.name}"
            )
        yield index


def global_indexes(
    request: Parameters, types: Mapping[str, KeyAttribute], billing: Billing
) -> Iterator[Index]:
    """
    Read the global indexes, each with a throughput of its own if the table has one.

    :raises ServiceError: the service would refuse one.
    """
    given = request.get("GlobalSecondaryIndexes", list)
    if given == []:
        raise answers.validation(f"{_INVALID}List of GlobalSecondaryIndexes is empty")
    if given and len(given) > _MOST_GLOBAL:
        raise answers.validation(
            f"{_INVALID}GlobalSecondaryIndex count exceeds the per-table limit of {_MOST_GLOBAL}"
        )
    for one in given or ():
        index = Parameters(one, "GlobalSecondaryIndexes", _INDEX_PARAMETERS)
        yield _index(index, "gsi", types, throughput(index, billing))


def _index(
    request: Parameters,
    kind: Any,
    types: Mapping[str, KeyAttribute],
    units: Throughput | None = None,
) -> Index:
    name = request.get("IndexName", str)
    check_name(name, "indexName")
    partition, sort = key_schema(request, types)
    given = request.get("Projection", dict) or {}
    projection = Parameters(given, "Projection", {"ProjectionType", "NonKeyAttributes"})
    which = projection.get("ProjectionType", str)
    include = projection.get("NonKeyAttributes", list)
    if which is None:
        raise answers.validation(f"{_INVALID}Unknown ProjectionType: null")
    check_enum(which, "projection.projectionType", ("ALL", "INCLUDE", "KEYS_ONLY"))
    if which == "INCLUDE" and not include:
        raise answers.validation(
            f"{_INVALID}ProjectionType is INCLUDE, but NonKeyAttributes is not specified"
        )
    if which != "INCLUDE" and include is not None:
        raise answers.validation(
            f"{_INVALID}ProjectionType is {which}, but NonKeyAttributes is specified"
        )
    names = tuple(str(one) for one in include or ())
    if len(set(names)) < len(names):
        raise answers.validation("Cannot have two attributes with the same name")
    return Index(
        name or "", kind, partition, sort, cast("Projection", which), names, units or Throughput()
    )


def check_indexes(indexes: Iterable[Index]) -> None:
    """
    Hold all indexes together against the service's limits.

    :raises ServiceError: two have one name, or they project too much.
    """
    seen: set[str] = set()
    projected = 0
    for index in indexes:
        if index.name in seen:
            raise answers.validation(f"{_INVALID}Duplicate index name: {index.name}")
        seen.add(index.name)
        projected += len(index.include)
    if projected > _MOST_PROJECTED:
        raise answers.validation(
            f"{_INVALID}No more than {_MOST_PROJECTED} attributes per table can be projected into "
            "its indexes"
        )
