"""Standard streams: a process may be started without them, and they may break while it runs."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO

    from pipeline.observe.report import Report

__all__ = ["is_terminal", "open_missing", "say", "say_event", "show_report"]

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


def say(text: str) -> None:
    """
    Tell a person something on stderr, if there is one and it takes something.

    Line ends in *text* are ours; of what a stranger wrote into it nothing acts on a terminal. A
    stderr that nobody reads is not waited for, nor is one that is closed a failure.
    """
    from pipeline.core.text import printable  # noqa: PLC0415 - --help says nothing here
    from pipeline.observe.lines import LineWriter  # noqa: PLC0415 - as above

    if sys.stderr is None:
        return
    text = printable(text, lines=True)
    try:
        descriptor = sys.stderr.fileno()
    except (OSError, ValueError):  # it stands for a stream in memory
        sys.stderr.write(f"{text}\n")
        return
    writer = LineWriter(descriptor)
    writer.start()
    writer.write(text.encode(sys.stderr.encoding, "backslashreplace"))
    writer.close()


def say_event(level: str, event: str, text: str) -> None:
    """Tell a person *text*; where log lines go to stderr, tell it as one of them."""
    if is_terminal(sys.stderr):
        say(text)
        return
    import json  # noqa: PLC0415 - as in run
    from datetime import UTC, datetime  # noqa: PLC0415 - as in run

    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    line = {"timestamp": now, "level": level, "event": event, "message": text}
    say(json.dumps(line, separators=(",", ":")))


def show_report(report: Report, runs: Path, *, as_json: bool) -> None:
    """
    Print *report* on stdout: a table for a person, else JSON in UTF-8.

    If that fails, say on stderr where it stands: the work is done and its exit code with it; a
    reader that is gone does not make it a failure.
    """
    file = runs / report.name / report.run / "report.json"
    if not file.exists():
        say(f"{file} could not be written; this is the report:")
    try:
        _print(report, as_json=as_json)
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        # What is left in the buffer would fail again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        say(f"stdout cannot be written ({error.strerror}); the report is in {file}")


def _print(report: Report, *, as_json: bool) -> None:
    if sys.stdout is None:
        return
    if as_json or not is_terminal(sys.stdout):
        _print_json(report)
        return
    from pipeline.observe.screen import render_report  # noqa: PLC0415 - 0.1 s

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8
    render_report(report)


def _print_json(report: Report) -> None:
    import json  # noqa: PLC0415 - as in run

    from pipeline.core.text import escape_json  # noqa: PLC0415 - as in say

    text = json.dumps(report.as_json(), indent=2, ensure_ascii=False)
    document = escape_json(text.encode("utf-8", "surrogatepass")) + b"\n"
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.buffer.write(document)
    else:
        sys.stdout.write(document.decode())
