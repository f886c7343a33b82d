"""The keys of a table and of its indexes: what the rules must know of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from pipeline.table import size
from pipeline.values import dataclass

if TYPE_CHECKING:
    from pipeline.table.size import WireItem

__all__ = ["MAX_PARTITION_BYTES", "MAX_SORT_BYTES", "Index", "KeyAttribute", "KeyType"]

KeyType: TypeAlias = Literal["S", "N", "B"]

MAX_PARTITION_BYTES = 2048
MAX_SORT_BYTES = 1024


@dataclass(frozen=True, slots=True)
class KeyAttribute:
    """One attribute of a table's or an index's key, with the type that the table declares."""

    name: str
    type: KeyType
    role: Literal["partition", "sort"]

    @property
    def limit(self) -> int:
        """How many bytes the attribute's value may have."""
        return MAX_PARTITION_BYTES if self.role == "partition" else MAX_SORT_BYTES


@dataclass(frozen=True, slots=True)
class Index:
    """
    One secondary index: global (*gsi*) or local (*lsi*).

    *projected* are the attributes beside the keys that an ``INCLUDE`` projection names.
    """

    name: str
    kind: Literal["gsi", "lsi"]
    key: tuple[KeyAttribute, ...]
    projection: Literal["ALL", "KEYS_ONLY", "INCLUDE"] = "ALL"
    projected: tuple[str, ...] = ()

    def entry(self, item: WireItem) -> WireItem | None:
        """
        Give what of an item counts as its copy in this index; None if the item is not in it.

        DynamoDB Local 3.3.1 counts the index's own keys and the projected attributes, but not the
        table's sort key.
        """
        names = [attribute.name for attribute in self.key]
        if not all(name in item for name in names):
            return None
        return size.entry(item, None if self.projection == "ALL" else {*names, *self.projected})
