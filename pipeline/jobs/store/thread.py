"""The thread that the database lives in, and the event loop's way to it."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pipeline.jobs.errors import ClosingError, StoreError
from pipeline.jobs.store.database import Database
from pipeline.jobs.threads import settled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

__all__ = ["Store", "open_store"]

T = TypeVar("T")


class Store:
    """
    The database, asked from the event loop; answers come in the order of the questions.

    *on_failure* hears of each error of the disk or of SQLite, whose text may hold a path.
    """

    def __init__(
        self,
        database: Database,
        thread: ThreadPoolExecutor,
        on_failure: Callable[[Exception], None],
    ) -> None:
        self.database = database
        self.closed = False
        self._thread = thread
        self._on_failure = on_failure

    async def ask(
        self, work: Callable[..., T], *arguments: object, then: Callable[[T], None] | None = None
    ) -> T:
        """
        Do *work* in the database's thread and return its result.

        It is done to its end even if the caller is cancelled, who waits for that; *then* is called
        with the result before the caller hears of it, or instead. Raise `StoreError`, or what the
        work raises on purpose.
        """
        if self.closed:
            raise ClosingError("the service is closed")
        try:
            return await settled(partial(work, *arguments), then, executor=self._thread)
        except (sqlite3.Error, OSError, ValueError) as error:
            self._on_failure(error)
            raise StoreError("the jobs cannot be read or written now; try again") from error


@asynccontextmanager
async def open_store(
    path: Path, spool: Path, on_failure: Callable[[Exception], None]
) -> AsyncIterator[Store]:
    """Open the jobs in *path* while the body runs. Raise `PreflightError`."""
    database = Database(path, spool)
    with ThreadPoolExecutor(1, thread_name_prefix="jobs") as thread:
        loop, store = asyncio.get_running_loop(), Store(database, thread, on_failure)
        try:
            await loop.run_in_executor(thread, database.open)
            yield store
        finally:
            store.closed = True
            await loop.run_in_executor(thread, database.close)
