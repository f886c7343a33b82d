"""
Tracebacks that tell where, and of whom what: no text of a foreign error is in them.

``KeyError('4111…')`` and ``invalid literal for int(): '…'`` carry what a record held. So an error
that is not ours is shown as its type and its places in the code; ours, whose texts hold no values,
are shown in full. Nothing here is a source line either.
"""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

__all__ = ["LibraryReports", "install_hooks", "safe_traceback"]

_STAGE: Final = "stage: "
"""Begins the notes that are ours (`core.flow`); a foreign note is foreign text."""

_FRAMES: Final = 30
_ERRORS: Final = 20


def safe_traceback(error: BaseException | None) -> str:
    """Return the types and places of *error* and of what led to it, one a line, newest first."""
    return "\n".join(_lines(error))


def _lines(error: BaseException | None) -> Iterator[str]:
    waiting = [("", error)]
    seen: set[int] = set()
    while waiting:
        relation, one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        if len(seen) == _ERRORS:
            yield "... and more errors"
            return
        seen.add(id(one))
        yield f"{relation}{_headline(one)}"
        yield from _places(one.__traceback__)
        if isinstance(one, BaseExceptionGroup):
            waiting += [("in that group: ", inner) for inner in one.exceptions]
        if one.__cause__ is not None:
            waiting.append(("caused by: ", one.__cause__))
        elif not one.__suppress_context__:
            waiting.append(("while dealing with: ", one.__context__))


def _headline(error: BaseException) -> str:
    kind = type(error)
    home = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    text = f": {error}" if isinstance(error, PipelineError) else ""
    notes: list[object] = getattr(error, "__notes__", [])
    ours = [note for note in notes if isinstance(note, str) and note.startswith(_STAGE)]
    return f"{home}{kind.__qualname__}{text}" + "".join(f" ({note})" for note in ours)


def _places(trace: TracebackType | None) -> list[str]:
    """Return where the error passed, innermost last; of a deep recursion both ends."""
    places = []
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"  {code.co_filename}:{trace.tb_lineno} in {code.co_qualname}")
        trace = trace.tb_next
    if len(places) > _FRAMES:
        left_out = len(places) - _FRAMES
        half = _FRAMES // 2
        places[half:-half] = [f"  ... {left_out:,} more"]
    return places


class LibraryReports(logging.Handler):
    """
    Give *tell* what a library warns of: who, where and which error, but not its text.

    asyncio reports an error that nobody awaited with its own text in the message, and a client may
    report whole requests. The facts are ``library``, ``place``, ``severity`` and, if there is an
    error, ``exc_info``.
    """

    def __init__(self, tell: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Take one report."""
        facts: dict[str, Any] = {
            "library": record.name,
            "place": f"{record.pathname}:{record.lineno} in {record.funcName}",
            "severity": record.levelname.lower(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            facts["exc_info"] = record.exc_info[1]
        self._tell(facts)


def install_hooks(say: Callable[[str], None]) -> None:
    """
    Let whatever Python itself would print of an error in this process go through *say*, safe.

    That is what nobody caught, in the main thread, in another, or where nothing can be raised (a
    finalizer), and what libraries report while no log is open.
    """

    def uncaught(_: type[BaseException], error: BaseException, __: TracebackType | None) -> None:
        say(safe_traceback(error))

    def in_thread(details: threading.ExceptHookArgs) -> None:
        name = details.thread.name if details.thread is not None else "?"
        say(f"in thread {name}: {safe_traceback(details.exc_value)}")

    def unraisable(details: sys.UnraisableHookArgs) -> None:
        say(f"ignored: {safe_traceback(details.exc_value)}")

    def reported(facts: Mapping[str, Any]) -> None:
        trace = safe_traceback(facts.get("exc_info"))
        say(f"{facts['library']} ({facts['severity']}): {facts['place']}\n{trace}".rstrip())

    sys.excepthook = uncaught
    threading.excepthook = in_thread
    sys.unraisablehook = unraisable
    logging.lastResort = LibraryReports(reported)
