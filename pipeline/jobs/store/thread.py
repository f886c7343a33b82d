"""The thread that the database lives in, and the event loop's way to it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.core.threads import outlasted
from pipeline.jobs.errors import ClosingError, JobsError, StoreError
from pipeline.jobs.store.database import Database
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

__all__ = ["Store", "open_store"]

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Question:
    """Something to do with the database, and what came of it."""

    work: Callable[[], Any]
    answer: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None

    def try_out(self) -> None:
        """Do it. Raise what SQLite and the disk raise; anything else is its answer."""
        self.result = self.error = None
        try:
            self.result = self.work()
        except JobsError as error:
            self.error = error

    def settle(self) -> None:
        """Give the answer."""
        if self.error is None:
            self.answer.set_result(self.result)
        else:
            self.answer.set_exception(self.error)


class Store:
    """
    The database, asked from the event loop; answers come in the order of the questions.

    Questions that come while others are answered are answered together, with one sync of the disk.
    *on_failure* hears of errors of the disk or of SQLite, whose text may hold a path; of one that
    stays it hears once. From then on it is *failing*, until `try_again` finds that a change is
    taken; that is told with None.
    """

    def __init__(
        self,
        database: Database,
        thread: ThreadPoolExecutor,
        on_failure: Callable[[Exception | None], None],
    ) -> None:
        self.database = database
        self.closed = False
        self.failing = False
        self._failure = ""
        self._thread = thread
        self._on_failure = on_failure
        self._waiting: list[_Question] = []
        self._working = False

    async def ask(
        self, work: Callable[..., T], *arguments: object, then: Callable[[T], None] | None = None
    ) -> T:
        """
        Do *work* in the database's thread and return its result.

        It changes one row at most, or is a transaction, and raises a `JobsError` before it does. It
        is done to its end even if the caller is cancelled, who waits for that; *then* is called
        with the result before the caller hears of it, or instead. Raise `StoreError`, or what the
        work raises on purpose.
        """
        if self.closed:
            raise ClosingError("the service is closed")
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Question(partial(work, *arguments), answer))
        self._go_on()
        try:
            return await outlasted(answer, then)
        except (sqlite3.Error, OSError, ValueError) as error:
            if not self.failing or str(error) != self._failure:  # told once
                self._on_failure(error)
            self.failing, self._failure = True, str(error)
            raise StoreError("the jobs cannot be read or written now; try again") from error

    async def try_again(self) -> None:
        """Where it is failing, find out whether it still is. Raise `StoreError` if so."""
        if self.failing:
            await self.ask(self.database.touch)
            self.failing = False
            self._on_failure(None)

    def _go_on(self) -> None:
        if self._working or not self._waiting:
            return
        self._working, questions, self._waiting = True, self._waiting, []
        loop = asyncio.get_running_loop()
        done = loop.run_in_executor(self._thread, self._answer, questions)
        done.add_done_callback(partial(self._tell, questions))

    def _tell(self, questions: list[_Question], _: object) -> None:
        self._working = False
        for question in questions:
            question.settle()
        self._go_on()

    def _answer(self, questions: list[_Question]) -> None:
        """Answer all in one transaction; if that fails, each by itself: none costs the others."""
        if len(questions) > 1 and self._answered_together(questions):
            return
        for question in questions:
            try:
                question.try_out()
            except Exception as error:  # noqa: BLE001 - whoever asked is told
                question.error = error

    def _answered_together(self, questions: list[_Question]) -> bool:
        with contextlib.suppress(Exception), self.database.transaction():  # whose it is shows alone
            for question in questions:
                question.try_out()
            return True
        return False


@asynccontextmanager
async def open_store(
    path: Path, spool: Path, on_failure: Callable[[Exception | None], None]
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
