"""One write, from the request to the rows it changes in the table and in its indexes."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from pipeline.embedded.capacity import Cost, write_units
from pipeline.embedded.items import check_item, check_key, normalise
from pipeline.embedded.storage import keys
from pipeline.embedded.storage.database import Counts, Entry, Row
from pipeline.table import size
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pipeline.embedded.schema import Index, KeyAttribute, Table
    from pipeline.embedded.storage.catalog import Known
    from pipeline.embedded.storage.database import Database

__all__ = [
    "Change",
    "Copy",
    "apply",
    "index_key",
    "item_key",
    "plan_delete",
    "plan_put",
    "projection",
    "read_old",
]


class Copy(NamedTuple):
    """An item's entry in an index, and what the index shows of the item."""

    entry: Entry
    shown: Mapping[str, Any]


@dataclass(slots=True)
class Change:
    """
    One put (*new* is set, and *item* if the table has indexes) or delete.

    Once `read_old` has run it also knows what it replaces, the old and new entry in each of the
    table's indexes (*copies*) and what it costs.
    """

    key: bytes
    new: Row | None = None
    item: Mapping[str, Any] | None = None
    old: Row | None = None
    old_size: int | None = None
    copies: Sequence[tuple[Copy | None, Copy | None]] = ()
    cost: Cost = field(default_factory=Cost)

    @property
    def spread(self) -> float:
        """The partition key's hash as a number from 0 up to 1."""
        return keys.hash_of(self.key) / keys.HASH_SPACE

    def settle(self, table: Table) -> None:
        """
        Work out copies and cost, once the old item is known.

        The table takes units for the larger of old and new, at least one. An index takes them for
        the larger when its entry changes, for both when it moves, and none when what it shows stays
        as it is.
        """
        new_size = self.new.size if self.new else 0
        self.cost = Cost(max(1, write_units(max(new_size, self.old_size or 0))))
        if not table.indexes:
            return
        old_item = orjson.loads(self.old.body) if self.old else None
        self.copies = [
            (_copy(table, index, old_item, self.key), _copy(table, index, self.item, self.key))
            for index in table.indexes
        ]
        for index, (old, new) in zip(table.indexes, self.copies, strict=True):
            units = _entry_units(old, new)
            if units:
                kind = self.cost.indexes if index.kind == "gsi" else self.cost.local
                kind[index.name] = units


def plan_put(known: Known, item: dict[str, Any], *, batch: bool) -> Change:
    """
    Judge and normalise an item to put; *batch* as in `check_item`.

    :raises ServiceError: the service would refuse it.
    """
    weight = check_item(item, known.table, known.rules, batch=batch)
    normalise(item)
    key = item_key(known.table, item)
    # Only an index asks for the item again; without one a large batch need not stay decoded.
    return Change(key, Row(key, weight, orjson.dumps(item)), item if known.table.indexes else None)


def plan_delete(known: Known, key: dict[str, Any]) -> Change:
    """
    Judge a key to delete.

    :raises ServiceError: it is no key of this table.
    """
    check_key(key, known.table, known.rules)
    return Change(item_key(known.table, key))


def read_old(
    database: Database, table: Table, changes: Sequence[Change], *, bodies: bool = False
) -> None:
    """Find what the changes replace; the items themselves only for indexes, or *bodies*."""
    wanted = [change.key for change in changes]
    if table.indexes or bodies:
        rows = database.fetch(table.relation, wanted)
        for change in changes:
            change.old = rows.get(change.key)
            change.old_size = change.old.size if change.old else None
    else:
        sizes = database.sizes(table.relation, wanted)
        for change in changes:
            change.old_size = sizes.get(change.key)
    for change in changes:
        change.settle(table)


def apply(database: Database, table: Table, changes: Sequence[Change]) -> Cost:
    """Write the changes, of different keys, into the table and its indexes; sum up their cost."""
    consumption = Cost()
    for change in changes:
        consumption.add(change.cost)
    puts = [change.new for change in changes if change.new is not None]
    gone = [change.key for change in changes if change.new is None and change.old_size is not None]
    if puts:
        database.put(table.relation, puts)
    if gone:
        database.delete(table.relation, gone)
    old = [change.old_size for change in changes if change.old_size is not None]
    grown = sum(row.size for row in puts) - sum(old)
    database.adjust(table.relation, Counts(len(puts) - len(old), grown))
    for number, index in enumerate(table.indexes):
        _apply_to_index(database, index, [change.copies[number] for change in changes])
    return consumption


def item_key(table: Table, item: Mapping[str, Any]) -> bytes:
    """Give the row key of an item or a bare key."""
    return _key(table.partition, table.sort, item)


def index_key(table: Table, index: Index, item: Mapping[str, Any]) -> bytes:
    """Give the key of an item's entry in an index that it is in."""
    return _key(index.partition, index.sort, item) + item_key(table, item)


def projection(table: Table, index: Index, item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give what an index shows of an item."""
    names = table.projected(index)
    return item if names is None else {name: item[name] for name in item if name in names}


def _key(partition: KeyAttribute, sort: KeyAttribute | None, item: Mapping[str, Any]) -> bytes:
    first = keys.partition_key(item[partition.name])
    if sort is None:
        return first
    return first + keys.sort_key(keys.component(item[sort.name]))


def _copy(table: Table, index: Index, item: Mapping[str, Any] | None, key: bytes) -> Copy | None:
    if item is None or index.partition.name not in item:
        return None
    if index.sort is not None and index.sort.name not in item:
        return None
    shown = projection(table, index, item)
    own = _key(index.partition, index.sort, item)
    return Copy(Entry(own + key, size.item_size(shown), key), shown)


def _entry_units(old: Copy | None, new: Copy | None) -> int:
    before = write_units(old.entry.size) if old else 0
    after = write_units(new.entry.size) if new else 0
    if old is None or new is None or old.entry.key != new.entry.key:
        return before + after
    return 0 if old.shown == new.shown else max(before, after)


def _apply_to_index(
    database: Database, index: Index, pairs: Iterable[tuple[Copy | None, Copy | None]]
) -> None:
    gone: list[bytes] = []
    puts: list[Entry] = []
    items = weight = 0
    for old, new in pairs:
        if old is not None:
            items -= 1
            weight -= old.entry.size
            if new is None or new.entry.key != old.entry.key:
                gone.append(old.entry.key)
        if new is not None:
            items += 1
            weight += new.entry.size
            puts.append(new.entry)
    if gone:
        database.delete(index.relation, gone)
    if puts:
        database.put_entries(index.relation, puts)
    if items or weight:
        database.adjust(index.relation, Counts(items, weight))
