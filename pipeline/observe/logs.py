"""
Logs: JSON lines with constant dotted event names and keyword facts.

Every line goes to the run's ``log.jsonl``, and to stderr when that is no terminal (on a terminal
the progress bar has it). Facts are counts, names, keys and sizes, never an item's values.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from pipeline.observe.lines import LineWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping
    from pathlib import Path

__all__ = ["Log", "open_log"]

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class Log(Protocol):
    """A place for events: ``log.info("batch.split", items=25)``."""

    def debug(self, event: str, /, **facts: Any) -> Any:
        """Note what only a search for a fault needs."""

    def info(self, event: str, /, **facts: Any) -> Any:
        """Note what the operator of a load wants to see."""

    def warning(self, event: str, /, **facts: Any) -> Any:
        """Note what went wrong and was dealt with."""

    def error(self, event: str, /, **facts: Any) -> Any:
        """Note what ends the run."""


@contextmanager
def open_log(folder: Path, level: str, *, stderr: bool) -> Iterator[Log]:
    """
    Open ``log.jsonl`` in a run's *folder*, with mode 0600; with *stderr*, copy it there.

    Lines below *level* are not made at all.
    """
    import structlog  # noqa: PLC0415 - 0.25 s that `--help` need not pay

    descriptor = os.open(folder / "log.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    writers = [LineWriter(descriptor)]
    if stderr and sys.stderr is not None:
        writers.append(LineWriter(sys.stderr.fileno()))
    for writer in writers:
        writer.start()
    try:
        yield structlog.wrap_logger(
            _Fan(writers),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                _event_first,
                structlog.processors.JSONRenderer(serializer=_serialize),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
            context_class=dict,
            run=folder.name,
        )
    finally:
        for writer in writers:
            writer.close()
        os.close(descriptor)


class _Fan:
    """Hand each rendered line to every writer; structlog calls it by the level's name."""

    def __init__(self, writers: list[LineWriter]) -> None:
        self._writers = writers

    def msg(self, line: bytes) -> None:
        for writer in self._writers:
            writer.write(line)

    debug = info = warning = error = critical = msg


def _event_first(_: object, __: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """Put what a reader looks for first: when, how bad, what."""
    head = {name: event.pop(name) for name in ("timestamp", "level", "event")}
    return {**head, **event}


def _serialize(event: dict[str, Any], **_: Any) -> bytes:
    import orjson  # noqa: PLC0415 - as structlog

    return orjson.dumps(event, default=str)
