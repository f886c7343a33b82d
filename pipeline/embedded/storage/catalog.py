"""The tables that exist, each with its rules; the file is the truth, this is read from it once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pipeline.embedded import answers
from pipeline.embedded.schema import Table
from pipeline.values import dataclass

if TYPE_CHECKING:
    from pipeline.embedded.storage.database import Database
    from pipeline.table.rules import ItemRules

__all__ = ["Catalog", "Known"]


@dataclass(frozen=True, slots=True)
class Known:
    """A table and its rules, compiled."""

    table: Table
    rules: ItemRules


class Catalog:
    """All tables by name; every change goes to the database first."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, Known] = {}
        self.asked: set[str] = set()
        """Names that were looked up since somebody emptied it."""

    def load(self) -> None:
        """Read all definitions from the database."""
        for definition in self._database.definitions():
            self._remember(msgspec.json.decode(definition, type=Table))

    def snapshot(self) -> dict[str, Known]:
        """Give the present state, for `restore`; cheap beside a request."""
        return self._known.copy()

    def restore(self, known: dict[str, Known]) -> None:
        """Go back to an earlier state, because the database did."""
        self._known = known

    @property
    def names(self) -> list[str]:
        """The names of all tables, sorted."""
        return sorted(self._known)

    def find(self, name: str) -> Known | None:
        """Give a table if it is there."""
        self.asked.add(name)
        return self._known.get(name)

    def get(self, name: str) -> Known:
        """
        Give a table for reading or writing its items.

        :raises ServiceError: there is none of this name.
        """
        known = self.find(name)
        if known is None:
            raise answers.no_such_table()
        return known

    def add(self, table: Table) -> Table:
        """Make a table: its relations and its definition."""
        numbered = table.with_relations(lambda index: self._database.create_relation(index=index))
        return self.change(numbered)

    def change(self, table: Table) -> Table:
        """Save a table's definition anew."""
        self._database.save_definition(table.name, msgspec.json.encode(table))
        self._remember(table)
        return table

    def remove(self, table: Table) -> None:
        """Delete a table with all its items."""
        for relation in (table.relation, *(index.relation for index in table.indexes)):
            self._database.drop_relation(relation)
        self._database.delete_definition(table.name)
        del self._known[table.name]

    def _remember(self, table: Table) -> None:
        self._known[table.name] = Known(table, table.item_rules())
