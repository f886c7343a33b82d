"""
Jobs in SQLite, each change on the disk when it returns; used by one thread only.

In WAL mode with ``synchronous=FULL`` a commit is synced: it survives a power cut.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import PreflightError
from pipeline.jobs.errors import BadCursorError, KeyReusedError, QueueFullError
from pipeline.jobs.store.layout import LAYOUT, advice, require_room, settle
from pipeline.jobs.store.rows import (
    COLUMNS,
    Stored,
    changed_columns,
    new_columns,
    read_row,
    upload_name,
)
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pipeline.jobs.model import Job, State
    from pipeline.jobs.store.rows import NewJob

__all__ = ["Database", "Known"]

_PATIENCE: Final = 5.0
"""Seconds for somebody else who looks into the file to let go of it."""

_LARGEST: Final = 2**63 - 1

_ACTIVE: Final = "('queued', 'running', 'stopping')"


@dataclass(frozen=True, slots=True)
class Known:
    """
    What a service starts from.

    *active* are the jobs that are not over, in the order of their places; *newest* is the newest of
    each pipeline; *uploads* are the names of the files in the spool that jobs have a use for.
    """

    active: list[Stored]
    counts: dict[State, int]
    newest: list[Job]
    uploads: set[str]


class Database:
    """One open file; a job's upload stands in *spool*."""

    def __init__(self, path: Path, spool: Path) -> None:
        self._path = path
        self._spool = spool
        self._connection: sqlite3.Connection | None = None

    def open(self) -> None:
        """
        Open the file, or create it, for its owner alone.

        :raises PreflightError: it is something else, damaged, locked, or of a newer version.
        """
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            os.close(os.open(self._path, flags, 0o600))
            connection = sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None)
            self._connection = connection
            settle(connection, str(self._path))
        except (sqlite3.Error, OSError) as error:
            self.close()
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise PreflightError(
                f"the jobs in {str(self._path)!r} cannot be used: {reason}. {advice(reason)}"
            ) from error
        except PreflightError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file and fold its write-ahead log into it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """
        Make all that happens inside one step: all of it is kept, or on an error nothing.

        Inside another it is a part of that.
        """
        if self._connection is not None and self._connection.in_transaction:
            yield
            return
        self._run("BEGIN IMMEDIATE")
        try:
            yield
            self._run("COMMIT")
        except BaseException:
            if self._connection is not None and self._connection.in_transaction:
                self._run("ROLLBACK")
            raise

    def known(self) -> Known:
        """Read what a service starts from."""
        rows = self._run(f"SELECT {COLUMNS} FROM jobs WHERE state IN {_ACTIVE} ORDER BY place")  # noqa: S608 - constants
        active = [read_row(row, self._spool) for row in rows.fetchall()]
        counts = dict(self._run("SELECT state, count(*) FROM jobs GROUP BY state").fetchall())
        newest = self._run(
            f"SELECT {COLUMNS} FROM jobs WHERE number IN "  # noqa: S608 - constants
            "(SELECT max(number) FROM jobs GROUP BY pipeline)"
        )
        uploads = self._run(
            "SELECT upload FROM jobs WHERE upload IS NOT NULL "  # noqa: S608 - constants
            f"AND (resumable OR state IN {_ACTIVE})"
        )
        names = {upload_name(row[0]) for row in uploads.fetchall()}
        return Known(active, counts, [read_row(row, self._spool).job for row in newest], names)

    def add(self, new: NewJob, most_queued: int) -> tuple[Stored, bool]:
        """
        Keep a new job, or return the one that its key stands for already.

        :raises KeyReusedError: the key stands for another request.
        :raises QueueFullError: *most_queued* wait already.
        """
        with self.transaction():
            known = None if new.key is None else self.replayed(new.key, new.request)
            if known is not None:
                return known, False
            queued = self._one("SELECT count(*) FROM jobs WHERE state = 'queued'")[0]
            if queued >= most_queued:
                raise QueueFullError(f"{queued} jobs wait already", 0)
            columns = new_columns(new)
            names = ", ".join(columns)
            marks = ", ".join(f":{name}" for name in columns)
            cursor = self._run(
                f"INSERT INTO jobs (place, {names}) "  # noqa: S608 - names of ours
                f"VALUES ((SELECT coalesce(max(place), 0) + 1 FROM jobs), {marks}) "
                "RETURNING number, place",
                columns,
            )
            number, place = cursor.fetchone()
        return Stored(number, place, new.job), True

    def replayed(self, key: str, request: str) -> Stored | None:
        """
        Return the job that *key* stands for, if any.

        :raises KeyReusedError: it came with another *request*.
        """
        row = self._one(f"SELECT {COLUMNS}, request FROM jobs WHERE key = ?", key)  # noqa: S608
        if row is None:
            return None
        if row[-1] != request:
            raise KeyReusedError("the idempotency key stands for another request")
        return read_row(row[:-1], self._spool)

    def save(self, job: Job, place: int) -> bool:
        """Keep what has become of a job; tell whether it was not forgotten before."""
        columns = changed_columns(job, place)
        changes = ", ".join(f"{name} = :{name}" for name in columns if name != "id")
        done = self._run(f"UPDATE jobs SET {changes} WHERE id = :id", columns)  # noqa: S608 - names of ours
        return done.rowcount > 0

    def touch(self) -> None:
        """Write something that changes nothing, to see whether it is taken, and more would be."""
        require_room(self._path)
        self._run(f"PRAGMA user_version = {LAYOUT}")

    def find(self, identity: str) -> Stored | None:
        """Return a job by its id."""
        row = self._one(f"SELECT {COLUMNS} FROM jobs WHERE id = ?", identity)  # noqa: S608 - constants
        return None if row is None else read_row(row, self._spool)

    def page(
        self, pipeline: str | None, state: State | None, limit: int, before: str | None
    ) -> list[Stored]:
        """
        Return up to *limit* jobs, newest first, that are older than number *before*.

        :raises BadCursorError: *before* is no number that a page ended with.
        """
        wanted: dict[str, Any] = {"limit": limit, "before": _LARGEST}
        if before is not None:
            if not (before.isascii() and before.isdigit() and len(before) < 19):  # noqa: PLR2004 - digits of 2**63
                raise BadCursorError("`before` is no cursor of a page of jobs")
            wanted["before"] = int(before)
        where = ["number < :before"]
        for name, value in (("pipeline", pipeline), ("state", state)):
            if value is not None:
                where.append(f"{name} = :{name}")
                wanted[name] = value
        rows = self._run(
            f"SELECT {COLUMNS} FROM jobs WHERE {' AND '.join(where)} "  # noqa: S608 - names of ours
            "ORDER BY number DESC LIMIT :limit",
            wanted,
        )
        return [read_row(row, self._spool) for row in rows.fetchall()]

    def prune(self, keep: int, keys_before: float) -> list[Stored]:
        """
        Forget the oldest jobs that are over, but for the newest *keep*; return them.

        One with an idempotency key stays if it came after *keys_before*; so does one that was
        interrupted after that, for it may be gone on with by itself.
        """
        with self.transaction():
            over = f"state NOT IN {_ACTIVE}"
            rows = self._run(
                f"DELETE FROM jobs WHERE {over} AND (key IS NULL OR created_at < :keys) AND "  # noqa: S608
                "(state != 'interrupted' OR ended_at < :keys) AND "
                f"number <= (SELECT number FROM jobs WHERE {over} "
                f"ORDER BY number DESC LIMIT 1 OFFSET :keep) RETURNING {COLUMNS}",
                {"keys": keys_before, "keep": keep},
            )
            return [read_row(row, self._spool) for row in rows.fetchall()]

    def abandoned(self, before: float) -> list[Job]:
        """Return jobs that were stopped or failed before a moment, and whose uploads still wait."""
        rows = self._run(
            f"SELECT {COLUMNS} FROM jobs WHERE state IN ('stopped', 'failed') AND resumable "  # noqa: S608
            "AND upload IS NOT NULL AND ended_at < ?",
            (before,),
        )
        return [read_row(row, self._spool).job for row in rows.fetchall()]

    def _one(self, statement: str, *values: object) -> Any:
        return self._run(statement, values).fetchone()

    def _run(
        self, statement: str, values: tuple[object, ...] | Mapping[str, Any] = ()
    ) -> sqlite3.Cursor:
        if self._connection is None:
            raise sqlite3.ProgrammingError("the jobs are closed")
        return self._connection.execute(statement, values)
