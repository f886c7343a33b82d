"""
Rows in SQLite, in a file or in memory; used by one thread only, which SQLite itself enforces.

A *relation* holds rows in the order of their keys: a table's items, or a secondary index's entries,
which point to items. In WAL mode with ``synchronous=NORMAL`` a commit is a write without a sync: it
survives the process (SIGKILL), and a power cut may cost the last commits but no consistency.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from pipeline.errors import PreflightError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

__all__ = ["Counts", "Database", "Entry", "Range", "Row"]

_APPLICATION_ID = 0x44594E50
_LAYOUT = 1
_CACHE_KIB = 65_536
_CHECKPOINT_PAGES = 4_000
# Keys come in no order. Bodies are appended and only a slim index of keys is written all over the
# place: half the processor time of rows in the order of their keys. Entries are slim themselves.
_ITEM_COLUMNS = (
    "(id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, size INT NOT NULL, body BLOB NOT NULL)"
)
_ENTRY_COLUMNS = "(key BLOB PRIMARY KEY, size INT NOT NULL, item BLOB NOT NULL) WITHOUT ROWID"


class Row(NamedTuple):
    """An item: its key, its size by the service's arithmetic, its JSON."""

    key: bytes
    size: int
    body: bytes


class Entry(NamedTuple):
    """An index's entry: its key, the size of what the index projects, the item's key."""

    key: bytes
    size: int
    item: bytes


class Counts(NamedTuple):
    """How many rows a relation has and what they weigh."""

    items: int
    bytes: int


class Range(NamedTuple):
    """Keys from *low* up to, not including, *high* (None: no end), behind *after* where given."""

    low: bytes = b""
    high: bytes | None = None
    after: bytes | None = None
    backwards: bool = False


class Database:
    """One open file (*path* None: memory); everything but `transaction` is for inside one."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def open(self) -> None:
        """
        Open the file, or create it.

        :raises PreflightError: it is something else, or of another version of the engine.
        """
        target = ":memory:" if self._path is None else str(self._path)
        try:
            if self._path is not None:
                # As private as the dead letters: it holds whole items.
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = sqlite3.connect(target, isolation_level=None, cached_statements=512)
            self._connection = connection
            self._settle(connection)
        except sqlite3.Error as error:
            self.close()
            raise PreflightError(
                f"cannot keep the embedded engine's tables in {target!r}: {error}. Choose another "
                "file, or move this one away"
            ) from error

    def close(self) -> None:
        """Close the file and fold its write-ahead log into it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all that happens inside one step: all of it is kept, or on an error nothing."""
        self._run("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._run("ROLLBACK")
            raise
        self._run("COMMIT")

    def definitions(self) -> list[bytes]:
        """Give every table's definition, as it was saved."""
        return [row[0] for row in self._run("SELECT definition FROM tables ORDER BY name")]

    def save_definition(self, name: str, definition: bytes) -> None:
        """Keep a table's definition under its name, in place of an older one."""
        self._run("INSERT OR REPLACE INTO tables VALUES (?, ?)", (name, definition))

    def delete_definition(self, name: str) -> None:
        """Forget a table's definition; its relations are dropped apart."""
        self._run("DELETE FROM tables WHERE name = ?", (name,))

    def saved_settings(self) -> list[tuple[str, bytes]]:
        """Give each table's settings, as they were saved."""
        known = self._run("SELECT 1 FROM sqlite_master WHERE name = 'settings'").fetchone()
        return list(self._run("SELECT name, settings FROM settings")) if known else []

    def save_settings(self, name: str, settings: bytes) -> None:
        """Keep a table's settings in place of older ones; files of before have no place for it."""
        self._run("CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, settings BLOB)")
        self._run("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, settings))

    def create_relation(self, *, index: bool) -> int:
        """Make a new relation, of items or (*index*) of an index's entries, and give its number."""
        cursor = self._run("INSERT INTO relations (items, bytes) VALUES (0, 0)")
        number = cursor.lastrowid
        if number is None:
            raise RuntimeError("SQLite gave no number to a new relation")
        columns = _ENTRY_COLUMNS if index else _ITEM_COLUMNS
        self._run(f"CREATE TABLE r{number:d} {columns}")
        return number

    def drop_relation(self, number: int) -> None:
        """Remove a relation with all its rows."""
        self._run(f"DROP TABLE r{number:d}")
        self._run("DELETE FROM relations WHERE id = ?", (number,))

    def counts(self, relation: int) -> Counts:
        """Give a relation's counts, exact as of the last transaction."""
        cursor = self._run("SELECT items, bytes FROM relations WHERE id = ?", (relation,))
        return Counts(*cursor.fetchone())

    def adjust(self, relation: int, change: Counts) -> None:
        """Add *change* (which may be negative) to a relation's counts."""
        self._run(
            "UPDATE relations SET items = items + ?, bytes = bytes + ? WHERE id = ?",
            (change.items, change.bytes, relation),
        )

    def fetch(self, relation: int, keys: Sequence[bytes]) -> dict[bytes, Row]:
        """Give the items that exist among *keys* (at most a few hundred)."""
        marks = ",".join("?" * len(keys))
        query = f"SELECT key, size, body FROM r{relation:d} WHERE key IN ({marks})"  # noqa: S608 - numbers and marks only
        return {row[0]: Row(*row) for row in self._run(query, keys)}

    def sizes(self, relation: int, keys: Sequence[bytes]) -> dict[bytes, int]:
        """Give the sizes of the items that exist among *keys*, without reading them."""
        marks = ",".join("?" * len(keys))
        query = f"SELECT key, size FROM r{relation:d} WHERE key IN ({marks})"  # noqa: S608 - as in fetch
        return dict(self._run(query, keys))

    def put(self, relation: int, rows: Iterable[Row]) -> None:
        """Write items in place of those with the same keys."""
        query = f"INSERT OR REPLACE INTO r{relation:d} (key, size, body) VALUES (?, ?, ?)"  # noqa: S608 - a number only
        self._many(query, rows)

    def put_entries(self, relation: int, entries: Iterable[Entry]) -> None:
        """Write index entries in place of those with the same keys."""
        self._many(f"INSERT OR REPLACE INTO r{relation:d} VALUES (?, ?, ?)", entries)  # noqa: S608 - a number only

    def delete(self, relation: int, keys: Collection[bytes]) -> None:
        """Remove the rows of these keys, where they exist."""
        self._many(f"DELETE FROM r{relation:d} WHERE key = ?", [(key,) for key in keys])  # noqa: S608 - a number only

    def items(self, relation: int, wanted: Range) -> Iterator[Row]:
        """Give a table's items in the order of their keys, read as they are asked for."""
        where, bounds = _bounds("key", wanted)
        order = "DESC" if wanted.backwards else "ASC"
        query = f"SELECT key, size, body FROM r{relation:d} WHERE {where} ORDER BY key {order}"  # noqa: S608 - own text
        return map(Row._make, self._run(query, bounds))

    def entries(self, relation: int, items: int, wanted: Range) -> Iterator[Row]:
        """Give an index's rows in its order: the index's sizes, the bodies of *items*."""
        where, bounds = _bounds("e.key", wanted)
        order = "DESC" if wanted.backwards else "ASC"
        query = (
            f"SELECT e.key, e.size, i.body FROM r{relation:d} AS e "  # noqa: S608 - own text
            f"CROSS JOIN r{items:d} AS i ON i.key = e.item WHERE {where} ORDER BY e.key {order}"
        )
        return map(Row._make, self._run(query, bounds))

    def _settle(self, connection: sqlite3.Connection) -> None:
        layout = connection.execute("PRAGMA user_version").fetchone()[0]
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
        fresh = not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not fresh and (owner, layout) != (_APPLICATION_ID, _LAYOUT):
            raise sqlite3.DatabaseError("it was not written by this version of the engine")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        if not fresh:
            return
        with self.transaction():
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {_LAYOUT}")
            connection.execute("CREATE TABLE tables (name TEXT PRIMARY KEY, definition BLOB)")
            connection.execute(
                "CREATE TABLE relations "
                "(id INTEGER PRIMARY KEY AUTOINCREMENT, items INT, bytes INT)"
            )

    def _run(self, query: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        return self._open_connection().execute(query, values)

    def _many(self, query: str, rows: Iterable[Sequence[object]]) -> None:
        self._open_connection().executemany(query, rows)

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise RuntimeError("the engine's database is not open")
        return self._connection


def _bounds(column: str, wanted: Range) -> tuple[str, list[bytes]]:
    """Write a range as SQL; *after* lies behind in reading direction."""
    parts, values = [f"{column} >= ?"], [wanted.low]
    if wanted.high is not None:
        parts.append(f"{column} < ?")
        values.append(wanted.high)
    if wanted.after is not None:
        parts.append(f"{column} {'<' if wanted.backwards else '>'} ?")
        values.append(wanted.after)
    return " AND ".join(parts), values
