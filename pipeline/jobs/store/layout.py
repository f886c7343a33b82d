"""The layout of the file that jobs stand in, and whether a file has it."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from typing import TYPE_CHECKING, Final

from pipeline.errors import PreflightError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LAYOUT", "advice", "require_room", "settle"]

_ROOM: Final = 1024 * 1024
"""Bytes that must be free again on a disk that was full."""

_APPLICATION_ID: Final = 0x44594A53
LAYOUT: Final = 1
_TABLES: Final = (
    """CREATE TABLE jobs (
        number INTEGER PRIMARY KEY AUTOINCREMENT, place INTEGER NOT NULL, id TEXT NOT NULL UNIQUE,
        pipeline TEXT NOT NULL, state TEXT NOT NULL, created_at REAL NOT NULL, started_at REAL,
        ended_at REAL, overrides TEXT NOT NULL, upload TEXT, run TEXT, attempts INTEGER NOT NULL,
        exit_code INTEGER, message TEXT, resumable INTEGER NOT NULL, key TEXT UNIQUE, request TEXT)
    """,
    "CREATE INDEX jobs_by_pipeline ON jobs (pipeline, number)",
    "CREATE INDEX jobs_by_state ON jobs (state, number)",
    "CREATE INDEX jobs_by_both ON jobs (pipeline, state, number)",
    "CREATE INDEX jobs_by_place ON jobs (place)",
)


def settle(connection: sqlite3.Connection, path: str) -> None:
    """
    Make an empty file ours, or see that it is; from then on every commit is synced.

    Raise `PreflightError` or `sqlite3.Error`.
    """
    found = connection.execute("PRAGMA application_id").fetchone()[0]
    empty = not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if found != _APPLICATION_ID and not (empty and found == 0):
        raise sqlite3.DatabaseError("the file is something else's")
    layout = connection.execute("PRAGMA user_version").fetchone()[0]
    if layout > LAYOUT:
        raise PreflightError(
            f"the jobs in {path!r} were written by a newer version of the program; serve them with "
            "that one, or give this one another --runs-dir"
        )
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise sqlite3.DatabaseError("the file is damaged")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if not empty:
        return
    connection.execute("BEGIN IMMEDIATE")
    for statement in _TABLES:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID:d}")
    connection.execute(f"PRAGMA user_version = {LAYOUT:d}")
    connection.execute("COMMIT")


def require_room(path: Path) -> None:
    """Raise OSError if the disk of the file *path* is as good as full."""
    if shutil.disk_usage(path.parent).free < _ROOM:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def advice(reason: str | None) -> str:
    """Return what to do about a file that cannot be used."""
    if reason is not None and "locked" in reason:
        return "Another program has it open: close that, and start again"
    return (
        "Give the server another --runs-dir, or move this file (and those whose names begin like "
        "it) away: then the jobs are forgotten, their runs stay"
    )
