"""What the service says of a table, as far as loading it needs."""

from __future__ import annotations

from dataclasses import field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pipeline.table.rules import Index, ItemRules, KeyAttribute, KeyType
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Billing", "TableDescription", "Units"]

Billing: TypeAlias = Literal["on-demand", "provisioned"]

_BILLING: dict[str, Billing] = {"PAY_PER_REQUEST": "on-demand", "PROVISIONED": "provisioned"}
_ROLES: dict[str, Literal["partition", "sort"]] = {"HASH": "partition", "RANGE": "sort"}
_TTL_SET = frozenset({"ENABLED", "ENABLING"})
_TTL_NOT_SET = frozenset({"DISABLED", "DISABLING"})


@dataclass(frozen=True, slots=True)
class Units:
    """Provisioned capacity, units a second."""

    wcu: int
    rcu: int


@dataclass(frozen=True, slots=True)
class TableDescription:
    """
    A table as DescribeTable and DescribeTimeToLive report it.

    What a service does not report is None, so that it is never taken for a difference: *billing*
    where an engine names none, *units* where nothing is provisioned, *max_wcu* where an on-demand
    table has no maximum of its own, *ttl* where nobody asked or the engine cannot say. *ttl* is the
    attribute's name, "" for none. *index_units* holds those global indexes that report their own.
    """

    name: str
    status: str
    key: tuple[KeyAttribute, ...]
    arn: str | None = None
    id: str | None = None
    created: datetime | None = None
    billing: Billing | None = None
    attribute_types: Mapping[str, KeyType] = field(default_factory=dict)
    indexes: tuple[Index, ...] = ()
    units: Units | None = None
    max_wcu: int | None = None
    index_units: Mapping[str, Units] = field(default_factory=dict)
    ttl: str | None = None

    @classmethod
    def from_response(
        cls, table: Mapping[str, Any], ttl_response: Mapping[str, Any] | None = None
    ) -> TableDescription:
        """
        Read DescribeTable's ``Table`` and, if it was asked for, DescribeTimeToLive's answer.

        :raises KeyError: it is no description of a table.
        """
        types: dict[str, KeyType] = {
            one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]
        }
        globals_ = table.get("GlobalSecondaryIndexes") or ()
        locals_ = table.get("LocalSecondaryIndexes") or ()
        units = {one["IndexName"]: _units(one) for one in globals_}
        return cls(
            name=table["TableName"],
            status=table["TableStatus"],
            key=_key(table["KeySchema"], types),
            arn=table.get("TableArn"),
            id=table.get("TableId"),
            created=_moment(table.get("CreationDateTime")),
            billing=_billing(table),
            attribute_types=types,
            indexes=(
                *(_index(one, "gsi", types) for one in globals_),
                *(_index(one, "lsi", types) for one in locals_),
            ),
            units=_units(table),
            max_wcu=_max_wcu(table),
            index_units={name: one for name, one in units.items() if one is not None},
            ttl=_ttl(ttl_response),
        )

    @property
    def write_capacity(self) -> int | None:
        """Write units a second that the table has, or may take; None if nobody set a number."""
        if self.units is not None and self.billing != "on-demand":
            return self.units.wcu
        return self.max_wcu

    @property
    def has_global_indexes(self) -> bool:
        """Whether a write can cost units of indexes, which have a capacity of their own."""
        return any(index.kind == "gsi" for index in self.indexes)

    def rules(self) -> ItemRules:
        """Compile the rules that this table's items must keep."""
        return ItemRules(self.key, self.indexes)


def _key(schema: list[Mapping[str, str]], types: Mapping[str, KeyType]) -> tuple[KeyAttribute, ...]:
    """Read a key schema, the partition key first, in whatever order it is reported."""
    parts = [
        KeyAttribute(one["AttributeName"], types[one["AttributeName"]], _ROLES[one["KeyType"]])
        for one in schema
    ]
    return tuple(sorted(parts, key=lambda part: part.role))


def _index(
    index: Mapping[str, Any], kind: Literal["gsi", "lsi"], types: Mapping[str, KeyType]
) -> Index:
    projection = index["Projection"]
    return Index(
        name=index["IndexName"],
        kind=kind,
        key=_key(index["KeySchema"], types),
        projection=projection["ProjectionType"],
        projected=tuple(projection.get("NonKeyAttributes") or ()),
    )


def _units(described: Mapping[str, Any]) -> Units | None:
    """Read provisioned capacity; an on-demand table reports zeros, or nothing."""
    reported = described.get("ProvisionedThroughput") or {}
    wcu = int(reported.get("WriteCapacityUnits") or 0)
    rcu = int(reported.get("ReadCapacityUnits") or 0)
    return Units(wcu, rcu) if wcu or rcu else None


def _max_wcu(described: Mapping[str, Any]) -> int | None:
    """Read an on-demand table's own maximum; -1 stands for none."""
    units = int((described.get("OnDemandThroughput") or {}).get("MaxWriteRequestUnits") or 0)
    return units if units > 0 else None


def _billing(table: Mapping[str, Any]) -> Billing | None:
    """Read the billing mode; a table that never was on-demand has none, but has capacity."""
    mode = (table.get("BillingModeSummary") or {}).get("BillingMode")
    if mode is None:
        return "provisioned" if _units(table) else None
    return _BILLING.get(mode)


def _moment(created: object) -> datetime | None:
    """Read a time: botocore gives a datetime in local time, the bare protocol seconds."""
    if isinstance(created, datetime):
        return created.astimezone(UTC)
    if isinstance(created, int | float):
        return datetime.fromtimestamp(created, UTC)
    return None


def _ttl(response: Mapping[str, Any] | None) -> str | None:
    described = (response or {}).get("TimeToLiveDescription") or {}
    status = described.get("TimeToLiveStatus")
    if status in _TTL_SET:
        return str(described.get("AttributeName", ""))
    return "" if status in _TTL_NOT_SET else None
