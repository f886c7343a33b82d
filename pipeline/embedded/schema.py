"""A table as the engine knows it: keys, indexes, billing; saved as JSON, described as AWS does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pipeline.table import rules
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.embedded.storage.database import Counts

__all__ = ["ARN", "Billing", "Index", "KeyAttribute", "Projection", "Table", "Throughput"]

Billing: TypeAlias = Literal["PROVISIONED", "PAY_PER_REQUEST"]
Projection: TypeAlias = Literal["ALL", "KEYS_ONLY", "INCLUDE"]

ARN = "arn:aws:dynamodb:embedded:000000000000:table/"


@dataclass(frozen=True, slots=True)
class Throughput:
    """Provisioned read and write units a second; both 0 for an on-demand table."""

    read: int = 0
    write: int = 0


@dataclass(frozen=True, slots=True)
class KeyAttribute:
    """An attribute of a key and its type."""

    name: str
    type: Literal["S", "N", "B"]


@dataclass(frozen=True, slots=True)
class Index:
    """A secondary index; *relation* is where its entries are."""

    name: str
    kind: Literal["gsi", "lsi"]
    partition: KeyAttribute
    sort: KeyAttribute | None
    projection: Projection
    include: tuple[str, ...] = ()
    throughput: Throughput = Throughput()
    relation: int = 0

    def rule(self) -> rules.Index:
        """Give the index as the write rules see it."""
        return rules.Index(
            self.name,
            self.kind,
            _key_rule(self.partition, self.sort),
            self.projection,
            self.include,
        )


@dataclass(frozen=True, slots=True)
class Table:
    """
    A table's definition; *relation* is where its items are.

    *attributes* are the declared ones, in the order of the request. *created* and *on_demand_since*
    (of a table that once was on-demand) are Unix seconds. *ttl* is the attribute while it is on.
    """

    name: str
    attributes: tuple[KeyAttribute, ...]
    partition: KeyAttribute
    sort: KeyAttribute | None
    indexes: tuple[Index, ...]
    billing: Billing
    throughput: Throughput
    created: float
    on_demand_since: float | None = None
    ttl: str | None = None
    relation: int = 0

    @property
    def arn(self) -> str:
        """The table's ARN; the account and region are made up."""
        return ARN + self.name

    @property
    def key_names(self) -> tuple[str, ...]:
        """The names of the primary key's attributes."""
        return _names(self.partition, self.sort)

    def index(self, name: str) -> Index | None:
        """Find an index by name."""
        return next((index for index in self.indexes if index.name == name), None)

    def projected(self, index: Index) -> frozenset[str] | None:
        """Name what an entry of *index* shows; None: everything."""
        if index.projection == "ALL":
            return None
        own = _names(index.partition, index.sort)
        return frozenset({*own, *self.key_names, *index.include})

    def item_rules(self) -> rules.ItemRules:
        """Give the rules that this table's items must keep."""
        return rules.ItemRules(
            _key_rule(self.partition, self.sort), tuple(index.rule() for index in self.indexes)
        )

    def with_relations(self, create: Callable[[bool], int]) -> Table:
        """Give every relation a number by *create*, which is told if it is an index's."""
        indexes = tuple(replace(index, relation=create(True)) for index in self.indexes)  # noqa: FBT003 - one question
        return replace(self, indexes=indexes, relation=create(False))  # noqa: FBT003 - as above

    def described(self, counts: Callable[[int], Counts]) -> dict[str, Any]:
        """Give the TableDescription; *counts* tells them by relation."""
        own = counts(self.relation)
        text: dict[str, Any] = {
            "AttributeDefinitions": [
                {"AttributeName": part.name, "AttributeType": part.type} for part in self.attributes
            ],
            "TableName": self.name,
            "KeySchema": _key_schema(self.partition, self.sort),
            "TableStatus": "ACTIVE",
            "CreationDateTime": self.created,
            "ProvisionedThroughput": _throughput(self.throughput, changes=True),
            "TableSizeBytes": own.bytes,
            "ItemCount": own.items,
            "TableArn": self.arn,
            "DeletionProtectionEnabled": False,
        }
        if self.on_demand_since is not None:
            text["BillingModeSummary"] = {
                "BillingMode": self.billing,
                "LastUpdateToPayPerRequestDateTime": self.on_demand_since,
            }
        for title, kind in (("LocalSecondaryIndexes", "lsi"), ("GlobalSecondaryIndexes", "gsi")):
            shown = [
                self._described_index(index, counts(index.relation))
                for index in self.indexes
                if index.kind == kind
            ]
            if shown:
                text[title] = shown
        return text

    def _described_index(self, index: Index, counts: Counts) -> dict[str, Any]:
        projection: dict[str, Any] = {"ProjectionType": index.projection}
        if index.include:
            projection["NonKeyAttributes"] = list(index.include)
        text: dict[str, Any] = {
            "IndexName": index.name,
            "KeySchema": _key_schema(index.partition, index.sort),
            "Projection": projection,
            "IndexSizeBytes": counts.bytes,
            "ItemCount": counts.items,
            "IndexArn": f"{self.arn}/index/{index.name}",
        }
        if index.kind == "gsi":
            text["IndexStatus"] = "ACTIVE"
            text["ProvisionedThroughput"] = _throughput(index.throughput, changes=False)
        return text


def _names(partition: KeyAttribute, sort: KeyAttribute | None) -> tuple[str, ...]:
    return (partition.name,) if sort is None else (partition.name, sort.name)


def _key_rule(partition: KeyAttribute, sort: KeyAttribute | None) -> tuple[rules.KeyAttribute, ...]:
    first = rules.KeyAttribute(partition.name, partition.type, "partition")
    if sort is None:
        return (first,)
    return (first, rules.KeyAttribute(sort.name, sort.type, "sort"))


def _key_schema(partition: KeyAttribute, sort: KeyAttribute | None) -> list[dict[str, str]]:
    roles = zip(_names(partition, sort), ("HASH", "RANGE"), strict=False)
    return [{"AttributeName": name, "KeyType": role} for name, role in roles]


def _throughput(throughput: Throughput, *, changes: bool) -> dict[str, Any]:
    text: dict[str, Any] = {"NumberOfDecreasesToday": 0} if changes else {}
    text["ReadCapacityUnits"] = throughput.read
    text["WriteCapacityUnits"] = throughput.write
    return text
