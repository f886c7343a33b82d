"""The engine without its HTTP: a request's operation and body in, status and body out."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from pipeline.embedded import answers
from pipeline.embedded.operations import batch_get, batch_write, pages, single, tables
from pipeline.embedded.service import Service
from pipeline.embedded.storage.catalog import Catalog
from pipeline.embedded.storage.database import Database
from pipeline.embedded.storage.lock import FileLock
from pipeline.embedded.tuning.behaviours import Behaviours
from pipeline.embedded.tuning.private import CONFIGURE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.embedded.settings import EngineSettings

__all__ = ["TARGET", "Engine", "Reply", "encoded"]

TARGET = "DynamoDB_20120810."
"""What X-Amz-Target has before the operation's name."""

_LOG = logging.getLogger("pipeline.embedded")
_READS: dict[str, Callable[[Service, bytes], dict[str, Any]]] = {
    "BatchGetItem": batch_get.batch_get_item,
    "DescribeTable": tables.describe_table,
    "DescribeTimeToLive": tables.describe_time_to_live,
    "GetItem": single.get_item,
    "ListTables": tables.list_tables,
    "Query": pages.query,
    "Scan": pages.scan,
}
_WRITES: dict[str, Callable[[Service, bytes], dict[str, Any]]] = {
    "BatchWriteItem": batch_write.batch_write_item,
    "CreateTable": tables.create_table,
    "DeleteItem": single.delete_item,
    "DeleteTable": tables.delete_table,
    "PutItem": single.put_item,
    "UpdateTable": tables.update_table,
    "UpdateTimeToLive": tables.update_time_to_live,
}


class Reply(NamedTuple):
    """
    An HTTP status and a JSON body.

    *settings* say how long it is held back; None: those that the engine was started with.
    """

    status: int
    body: bytes
    settings: EngineSettings | None = None


def encoded(error: answers.ServiceError) -> Reply:
    """Give an error as it travels."""
    return Reply(error.status, orjson.dumps(error.body))


class Engine:
    """
    The tables of one file (*path* None: of memory), for one thread: that which opens it.

    With *kept* a table's own settings stand in the file beside it. *monotonic* is the clock, in
    seconds, by which capacity comes back.
    """

    def __init__(
        self,
        path: Path | None,
        settings: EngineSettings,
        *,
        kept: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lock = FileLock(path) if path is not None else None
        self._database = Database(path)
        self._catalog = Catalog(self._database)
        self._behaviours = Behaviours(settings, self._database, kept=kept)
        self._service = Service(self._database, self._catalog, self._behaviours, monotonic)

    def open(self) -> None:
        """
        Lock the file, open it and read what tables there are.

        :raises EngineBusyError: another engine has it.
        :raises PreflightError: it is not the engine's, or cannot be written.
        """
        if self._lock is not None:
            self._lock.acquire()
        try:
            self._database.open()
            self._catalog.load()
            self._behaviours.load()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file and give up its lock; harmless if it is not open."""
        self._database.close()
        if self._lock is not None:
            self._lock.release()

    def reply(self, target: str | None, request: bytes) -> Reply:
        """Carry out one request; every fault is an answer."""
        asked = self._catalog.asked
        asked.clear()
        status, body, _ = self._answer(target or "", request)
        return Reply(status, body, self._behaviours.slowest(asked))

    def _answer(self, target: str, request: bytes) -> Reply:
        try:
            return Reply(200, orjson.dumps(self._carry_out(target, request)))
        except answers.ServiceError as error:
            refusal = error
        except orjson.JSONDecodeError:
            refusal = answers.serialization("The body is not JSON in UTF-8")
        except Exception:  # noqa: BLE001 - the last resort: a bug is an answer too
            _LOG.exception("embedded.failed: %s", target)
            refusal = answers.internal_failure()
        return encoded(refusal)

    def _carry_out(self, target: str, request: bytes) -> dict[str, Any]:
        if target == CONFIGURE:
            with self._database.transaction():
                return self._behaviours.configure(request)
        operation = target.removeprefix(TARGET)
        if operation in _READS:
            return _READS[operation](self._service, request)
        if operation not in _WRITES:
            raise answers.unknown_operation(operation)
        known = self._catalog.snapshot()
        try:
            with self._database.transaction():
                return _WRITES[operation](self._service, request)
        except BaseException:
            self._catalog.restore(known)  # as the database does
            raise
