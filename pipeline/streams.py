"""Standard streams: a process may be started without them, and they may break while it runs."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO

    from pipeline.observe.report import Report

__all__ = ["is_terminal", "open_missing", "show_report"]

_STDERR = 2


def open_missing() -> None:
    """
    Give descriptors 0, 1 and 2 to the null device where they are closed.

    Else the next socket or file that is opened would get such a number, and whatever prints would
    write into it (libuv aborts the process instead). `sys.stdin` and its like stay None: they tell
    that there was nothing.
    """
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= _STDERR:
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether *stream* is there and a person looks at it."""
    return stream is not None and stream.isatty()


def show_report(report: Report, runs: Path, *, as_json: bool) -> None:
    """
    Print *report* on stdout: a table for a person, else JSON.

    If that fails, say on stderr where it stands: the work is done and its exit code with it; a
    reader that is gone does not make it a failure.
    """
    file = runs / report.name / report.run / "report.json"
    if not file.exists():
        _say(f"{file} could not be written; this is the report:")
    try:
        _print(report, as_json=as_json)
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        # What is left in the buffer would fail again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        _say(f"stdout cannot be written ({error.strerror}); the report is in {file}")


def _print(report: Report, *, as_json: bool) -> None:
    if as_json or not is_terminal(sys.stdout):
        import json  # noqa: PLC0415 - as in run

        print(json.dumps(report.as_json(), indent=2, ensure_ascii=False))  # noqa: T201 - the result
        return
    from pipeline.observe.screen import render_report  # noqa: PLC0415 - 0.1 s

    render_report(report)


def _say(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"{text}\n")
