"""The folder of a job's run, as whoever watches it may see it; all of it blocks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import orjson

from pipeline.jobs.errors import BadCursorError
from pipeline.jobs.following.letters import shown_letter
from pipeline.jobs.following.pages import open_lines
from pipeline.observe.timeline.reading import FILE, read_samples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.jobs.model import Job

__all__ = [
    "newest_sample",
    "page_of_errors",
    "page_of_log",
    "read_report",
    "run_folder",
    "samples_of",
]

_TAIL: Final = 64 * 1024
_MOST_REPORT: Final = 16 * 1024 * 1024

Page = tuple[list[dict[str, Any]], int | None]


def run_folder(runs: Path, job: Job) -> Path | None:
    """Return where the job's run keeps its files, None before it has begun."""
    return None if job.run is None else runs / job.pipeline / job.run


def read_report(
    folder: Path | None, cloak: Callable[[bytes], bytes] = bytes
) -> dict[str, Any] | None:
    """Return the report that the run in *folder* left last, None if there is none to be read."""
    if folder is None:
        return None
    try:
        descriptor = os.open(folder / "report.json", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            return _object(cloak(file.read(_MOST_REPORT))) or None
    except OSError:
        return None


def samples_of(folder: Path | None, after: int, most: int) -> list[dict[str, Any]]:
    """Return lines of the timeline; see `read_samples`."""
    if folder is None:
        return []
    try:
        return read_samples(folder, after, most)
    except OSError:
        return []


def newest_sample(folder: Path | None) -> dict[str, Any]:
    """Return the last whole line of the timeline, {} if there is none."""
    if folder is None:
        return {}
    try:
        descriptor = os.open(folder / FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return {}
    with os.fdopen(descriptor, "rb") as file:
        size = os.fstat(descriptor).st_size
        file.seek(max(0, size - _TAIL))
        lines = file.read(_TAIL).split(b"\n")[:-1]
    for line in reversed(lines):
        sample = _object(line)
        if "n" in sample:
            return sample
    return {}


def page_of_errors(
    folder: Path | None, after: int, limit: int, cloak: Callable[[bytes], bytes] = bytes
) -> Page:
    """Return dead letters without their records. Raise `BadCursorError`."""
    path = None if folder is None else folder / "dead-letter.jsonl"
    return _page(path, after, limit, lambda line: shown_letter(cloak(line)))


def page_of_log(
    folder: Path | None, after: int, limit: int, cloak: Callable[[bytes], bytes] = bytes
) -> Page:
    """Return lines of the log. Raise `BadCursorError`."""
    path = None if folder is None else folder / "log.jsonl"
    return _page(path, after, limit, lambda line: _object(cloak(line)))


def _page(
    path: Path | None, after: int, limit: int, read: Callable[[bytes], dict[str, Any]]
) -> Page:
    if path is None:
        return _nothing(after)
    try:
        with open_lines(path) as lines:
            if lines is None:
                return _nothing(after)
            lines.require_start(after)
            found = list(lines.page(after, limit))
            size = lines.size
    except OSError:
        return [], None
    end = found[-1][1] if found else size
    shown = [one for line, _ in found if (one := read(line))]
    return shown, end if end < size else None


def _nothing(after: int) -> Page:
    if after:
        raise BadCursorError("`after` is no cursor of a page")
    return [], None


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
