"""
Logs: JSON lines with constant dotted event names and keyword facts.

Every line goes to the run's ``log.jsonl``, and to stderr when that is no terminal (on a terminal
the progress bar has it). Facts are counts, names, keys and sizes, never an item's values; of an
error that is not ours only its type and its places are logged.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from pipeline.core.text import escape_json, exact
from pipeline.errors import PreflightError
from pipeline.observe.lines import LineWriter
from pipeline.observe.tracebacks import LibraryReports, safe_traceback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["Log", "RunLog", "open_log", "open_stderr_log"]

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
        """Note what ends the run; *exc_info* is an error whose places are noted."""


class RunLog:
    """The log of a run; see `Log`."""

    def __init__(self, logger: Log, file: LineWriter, path: Path) -> None:
        self.debug = logger.debug
        self.info = logger.info
        self.warning = logger.warning
        self.error = logger.error
        self._file = file
        self._path = path

    def failure(self) -> str | None:
        """Say why ``log.jsonl`` cannot be written, if so; stderr is nobody's duty."""
        error = self._file.failure
        if error is None:
            return None
        return (
            f"the log cannot be written to {str(self._path)!r}: {error.strerror}. Make room there, "
            "and run again to go on"
        )


@contextmanager
def open_log(folder: Path, level: str, *, stderr: bool) -> Iterator[RunLog]:
    """
    Open ``log.jsonl`` in a run's *folder*, with mode 0600; with *stderr*, copy it there.

    Lines below *level* are not made at all. While it is open, what libraries log goes there too,
    without its text. Raise `PreflightError` if the file cannot be opened.
    """
    path = folder / "log.jsonl"
    descriptor = _opened(path)
    fan = _Fan()
    logger = _Logger(fan, _LEVELS[level], folder.name)
    file = LineWriter(descriptor, owned=True, on_room=_teller(logger, "log.jsonl"))
    fan.writers.append(file)
    copy = None
    if stderr and sys.stderr is not None:
        copy = LineWriter(sys.stderr.fileno(), on_room=_teller(logger, "stderr"))
        fan.writers.append(copy)
    for writer in fan.writers:
        writer.start()
    try:
        with _libraries(logger):
            yield RunLog(logger, file, path)
    finally:
        if copy is not None:
            copy.close()
            if copy.lost:
                _teller(logger, "stderr")(copy.lost)
        if file.close():
            os.close(descriptor)


@contextmanager
def open_stderr_log(level: str) -> Iterator[Log]:
    """
    Write log lines to stderr alone: what a server says that has no run of its own.

    Where there is no stderr nobody reads them. Libraries are treated as `open_log` does.
    """
    fan = _Fan()
    logger = _Logger(fan, _LEVELS[level], None)
    writer = None
    if sys.stderr is not None:
        writer = LineWriter(sys.stderr.fileno(), on_room=_teller(logger, "stderr"))
        fan.writers.append(writer)
        writer.start()
    try:
        with _libraries(logger):
            yield logger
    finally:
        if writer is not None:
            writer.close()


def _opened(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o600)
        os.fchmod(descriptor, 0o600)
    except OSError as error:
        raise PreflightError(
            f"the log {str(path)!r} cannot be written: {error.strerror}; make it writable, or "
            "choose another place with --runs-dir"
        ) from error
    return descriptor


class _Logger:
    """Render events as JSON lines; what is below *least* is not made at all."""

    def __init__(self, fan: _Fan, least: int, run: str | None) -> None:
        self._fan = fan
        self._run = {} if run is None else {"run": run}
        for level, severity in _LEVELS.items():
            if severity < least:
                setattr(self, level, _nothing)

    def debug(self, event: str, /, **facts: Any) -> None:
        self._write("debug", event, facts)

    def info(self, event: str, /, **facts: Any) -> None:
        self._write("info", event, facts)

    def warning(self, event: str, /, **facts: Any) -> None:
        self._write("warning", event, facts)

    def error(self, event: str, /, **facts: Any) -> None:
        self._write("error", event, facts)

    def _write(self, level: str, event: str, facts: dict[str, Any]) -> None:
        # First what a reader looks for first: when, how bad, what, and of which run.
        line = {"timestamp": _now(), "level": level, "event": event, **self._run, **facts}
        self._fan.write(_serialize(_with_places(line)))


def _nothing(event: str, /, **facts: Any) -> None:
    """Stand for a level that is not logged."""


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _teller(logger: Log, stream: str) -> Callable[[int], None]:
    """Return what tells, wherever it can be read, that *stream* has not all lines."""

    def tell(lines: int) -> None:
        logger.warning("log.dropped", stream=stream, lines=lines)

    return tell


class _Fan:
    """Hand each rendered line to every writer."""

    def __init__(self) -> None:
        self.writers: list[LineWriter] = []

    def write(self, line: bytes) -> None:
        for writer in self.writers:
            writer.write(line)


@contextmanager
def _libraries(logger: Log) -> Iterator[None]:
    """Take what libraries log while the body runs: on stderr it would break the JSON lines."""
    root = logging.getLogger()
    reports = LibraryReports(lambda facts: logger.warning("library.reported", **facts))
    root.addHandler(reports)
    try:
        yield
    finally:
        root.removeHandler(reports)


def _with_places(event: dict[str, Any]) -> dict[str, Any]:
    """Turn the error under ``exc_info`` into text that holds nothing of what it says."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exception()
    if isinstance(error, BaseException):
        event["exception"] = safe_traceback(error)
    return event


def _serialize(event: dict[str, Any]) -> bytes:
    import orjson  # noqa: PLC0415 - `--help` logs nothing

    try:
        line = exact(orjson.dumps(event, default=_plain))
    except TypeError:
        # Names of files that are no UTF-8 hold lone surrogates, which orjson refuses.
        import json  # noqa: PLC0415 - hardly ever needed

        line = json.dumps(event, default=_plain).encode()
    return escape_json(line)


def _plain(value: object) -> str:
    """Return a path as text, and of any other stranger only what it is."""
    return str(value) if isinstance(value, os.PathLike) else f"<{type(value).__name__}>"
