"""A table as a definition wants it: how to create it, and how an existing one differs."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Literal

from pipeline.table.creation_rules import problems
from pipeline.table.description import Billing, Units
from pipeline.table.rules import Index, KeyAttribute, KeyType
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.table.description import TableDescription

__all__ = ["Difference", "IndexSpec", "TableSpec", "differences"]

_KEY_TYPES = {"partition": "HASH", "sort": "RANGE"}
_PROJECTIONS: dict[str, Literal["ALL", "KEYS_ONLY"]] = {"all": "ALL", "keys_only": "KEYS_ONLY"}
_KINDS = {"gsi": "global", "lsi": "local"}
_MODES = {"on-demand": "PAY_PER_REQUEST", "provisioned": "PROVISIONED"}


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """
    A secondary index that the definition wants.

    *key* maps attribute to type, the partition key first. *projection* is ``all``, ``keys_only``
    or the attributes that are copied beside the keys. *wcu* and *rcu* are a global index's own;
    None: the table's.
    """

    name: str
    kind: Literal["gsi", "lsi"]
    key: Mapping[str, KeyType]
    projection: Literal["all", "keys_only"] | tuple[str, ...] = "all"
    wcu: int | None = None
    rcu: int | None = None

    def index(self) -> Index:
        """Give the index in the form in which the service describes it."""
        if isinstance(self.projection, str):
            return Index(self.name, self.kind, _key(self.key), _PROJECTIONS[self.projection])
        return Index(self.name, self.kind, _key(self.key), "INCLUDE", self.projection)


@dataclass(frozen=True, slots=True)
class TableSpec:
    """
    A table that the definition wants; *key* maps attribute to type, the partition key first.

    Made as given; `problems` says what is wrong with it.
    """

    name: str
    key: Mapping[str, KeyType]
    billing: Billing = "on-demand"
    wcu: int | None = None
    rcu: int | None = None
    indexes: tuple[IndexSpec, ...] = field(default=())
    ttl: str | None = None

    def problems(self) -> list[str]:
        """Say, a sentence each, why DynamoDB would not create this table; empty if it would."""
        return list(problems(self))

    def request(self) -> dict[str, Any]:
        """Give the parameters of CreateTable; TTL is set by a call of its own afterwards."""
        types = dict(self.key)
        for index in self.indexes:
            types.update(index.key)
        request: dict[str, Any] = {
            "TableName": self.name,
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": kind} for name, kind in types.items()
            ],
            "KeySchema": _schema(_key(self.key)),
            "BillingMode": _MODES[self.billing],
        }
        if self.billing == "provisioned":
            request["ProvisionedThroughput"] = _throughput(self.units())
        for kind, parameter in (
            ("gsi", "GlobalSecondaryIndexes"),
            ("lsi", "LocalSecondaryIndexes"),
        ):
            wanted = [self._index_request(one) for one in self.indexes if one.kind == kind]
            if wanted:
                request[parameter] = wanted
        return request

    def units(self, index: IndexSpec | None = None) -> Units | None:
        """Give the capacity of the table, or of a global index: its own, else the table's."""
        own = (None, None) if index is None else (index.wcu, index.rcu)
        wcu = self.wcu if own[0] is None else own[0]
        rcu = self.rcu if own[1] is None else own[1]
        return None if wcu is None or rcu is None else Units(wcu, rcu)

    def _index_request(self, spec: IndexSpec) -> dict[str, Any]:
        index = spec.index()
        projection: dict[str, Any] = {"ProjectionType": index.projection}
        if index.projected:
            projection["NonKeyAttributes"] = list(index.projected)
        request: dict[str, Any] = {
            "IndexName": index.name,
            "KeySchema": _schema(index.key),
            "Projection": projection,
        }
        if self.billing == "provisioned" and index.kind == "gsi":
            request["ProvisionedThroughput"] = _throughput(self.units(spec))
        return request


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which an existing table is not the one that the definition wants."""

    what: str
    wanted: str
    found: str

    def __str__(self) -> str:
        """Render as a line of a diff."""
        return f"{self.what}: {self.wanted} in the definition, {self.found} in the table"


def differences(spec: TableSpec, table: TableDescription) -> list[Difference]:
    """
    Say how *table* differs from *spec*; empty if it is what the definition wants.

    What the service does not report, or the definition leaves open, is no difference: billing of
    an engine that names none, TTL where it is not known, capacity that the definition leaves out.
    An order of attributes inside a projection is none either.
    """
    found = list(_table_differences(spec, table))
    wanted = {one.name: one for one in spec.indexes}
    existing = {one.name: one for one in table.indexes}
    for name, one in wanted.items():
        if name not in existing:
            found.append(Difference(f"index {name}", _show_index(one.index()), "absent"))
            continue
        found.extend(_index_differences(one.index(), existing[name]))
        if one.kind == "gsi" and spec.billing == "provisioned":
            units = table.index_units.get(name)
            found.extend(_unit_differences(f"index {name}, ", spec.units(one), units))
    found.extend(
        Difference(f"index {name}", "absent", _show_index(one))
        for name, one in sorted(existing.items())
        if name not in wanted
    )
    return found


def _table_differences(spec: TableSpec, table: TableDescription) -> Iterator[Difference]:
    wanted = _key(spec.key)
    if wanted != table.key:
        yield Difference("key", _show_key(wanted), _show_key(table.key))
    if table.billing is not None and table.billing != spec.billing:
        yield Difference("billing", spec.billing, table.billing)
    elif spec.billing == "provisioned":
        yield from _unit_differences("", spec.units(), table.units)
    if table.ttl is not None and table.ttl != (spec.ttl or ""):
        yield Difference("ttl", spec.ttl or "none", table.ttl or "none")


def _index_differences(wanted: Index, found: Index) -> Iterator[Difference]:
    name = f"index {wanted.name}"
    if wanted.kind != found.kind:
        yield Difference(name, _KINDS[wanted.kind], _KINDS[found.kind])
    if wanted.key != found.key:
        yield Difference(f"{name}, key", _show_key(wanted.key), _show_key(found.key))
    if (wanted.projection, set(wanted.projected)) != (found.projection, set(found.projected)):
        yield Difference(f"{name}, projection", _show_projection(wanted), _show_projection(found))


def _unit_differences(
    where: str, wanted: Units | None, found: Units | None
) -> Iterator[Difference]:
    if wanted is None or found is None:
        return
    if wanted.wcu != found.wcu:
        yield Difference(f"{where}wcu", str(wanted.wcu), str(found.wcu))
    if wanted.rcu != found.rcu:
        yield Difference(f"{where}rcu", str(wanted.rcu), str(found.rcu))


def _key(key: Mapping[str, KeyType]) -> tuple[KeyAttribute, ...]:
    return tuple(
        KeyAttribute(name, kind, "sort" if position else "partition")
        for position, (name, kind) in enumerate(key.items())
    )


def _schema(key: tuple[KeyAttribute, ...]) -> list[dict[str, str]]:
    return [{"AttributeName": one.name, "KeyType": _KEY_TYPES[one.role]} for one in key]


def _throughput(units: Units | None) -> dict[str, int]:
    if units is None:
        raise ValueError("provisioned billing needs wcu and rcu; see TableSpec.problems")
    return {"WriteCapacityUnits": units.wcu, "ReadCapacityUnits": units.rcu}


def _show_key(key: tuple[KeyAttribute, ...]) -> str:
    return "{" + ", ".join(f"{one.name}: {one.type}" for one in key) + "}"


def _show_projection(index: Index) -> str:
    return f"[{', '.join(index.projected)}]" if index.projected else index.projection.lower()


def _show_index(index: Index) -> str:
    return f"{_KINDS[index.kind]} {_show_key(index.key)}, projection {_show_projection(index)}"
