"""Search all that the service shows, and all that it writes down, for what it must not."""

from __future__ import annotations

import json
import re
import stat
from typing import TYPE_CHECKING, Any, Final

from bench.reliability.attacks.verdict import leaks
from bench.reliability.attacks.wire import Told, answers_in, converse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from bench.reliability.attacks.verdict import Place

__all__ = ["crawl", "log_faults", "loose"]

_ACTING: Final = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c]"
)
"""Control characters but for a line feed, what ends a line, what turns the direction."""

_LINES: Final = {"errors": "errors", "log": "lines", "samples": "samples"}
"""The parts of a job that are lists, and under which name."""

_PAGES: Final = 200


def _jobs(place: Place) -> Iterator[tuple[str, Told]]:
    before = ""
    for _ in range(_PAGES):
        target = f"/api/jobs?limit=50{before}"
        told = place.ask("GET", target)
        yield target, told
        document = told.document or {}
        if document.get("next") is None:
            return
        before = f"&before={document['next']}"


def _pages(place: Place, job: str, part: str) -> Iterator[tuple[str, Told]]:
    """Read one part of a job from its beginning to its end, three lines at a time and then more."""
    after, limit = "", 3
    for _ in range(_PAGES):
        target = f"/api/jobs/{job}/{part}?limit={limit}{after}"
        told = place.ask("GET", target)
        yield target, told
        document = told.document if told.status == 200 else None
        if not isinstance(document, dict) or document.get("next") is None:
            return
        if not document[_LINES[part]]:
            return
        after, limit = f"&after={document['next']}", min(limit * 3, 200)


def _all(place: Place) -> Iterator[tuple[str, Told]]:
    for target in ("/", "/api/pipelines", "/metrics", "/openapi.json", "/healthz", "/readyz"):
        yield target, place.ask("GET", target)
    ids = []
    for target, told in _jobs(place):
        yield target, told
        document: Any = told.document
        ids += [job["id"] for job in document["jobs"]] if isinstance(document, dict) else []
    for job in ids:
        yield f"/api/jobs/{job}", place.ask("GET", f"/api/jobs/{job}")
        for part in _LINES:
            yield from _pages(place, job, part)
        target = f"/api/jobs/{job}/events"
        sent = place.asks("GET", target)
        yield target, converse(place.address, [sent], patience=3)


def crawl(place: Place) -> tuple[int, list[str]]:
    """Read all that there is to read; give how many answers, and what they must not show."""
    count, wrong = 0, []
    for target, told in _all(place):
        count += 1
        shown = [*leaks(place, b"", told), *_acting(told)]
        if told.status != 200 and "/events" not in target:
            shown.append(f"answered {told.status}")
        wrong += [f"{target}: {one}" for one in shown]
    return count, wrong


def _acting(told: Told) -> list[str]:
    text = b"".join(one.body for one in answers_in(told.raw)).decode(errors="surrogateescape")
    found = _ACTING.search(text)
    return [f"{found[0]!r}: {text[max(0, found.start() - 80) : found.end()]!r}"] if found else []


def log_faults(err: Path, needles: Mapping[str, str]) -> list[str]:
    """Tell what is wrong with the service's own log: no event, a secret, a fault of the server."""
    wrong = []
    text = err.read_bytes().decode(errors="surrogateescape")
    if found := _ACTING.search(text):
        wrong.append(f"{found[0]!r} in {text[max(0, found.start() - 80) : found.end()]!r}")
    lower = text.lower()
    for name, needle in needles.items():
        if needle.lower() in lower:
            at = lower.index(needle.lower())
            wrong.append(f"{name} in {text[max(0, at - 200) : at + len(needle) + 20]!r}")
    lines = [line for line in text.splitlines() if line]
    failed = [line for line in lines if '"event":"http.failed"' in line]
    wrong += [f"{len(failed)} requests made the server fail: {failed[0][:600]}"] if failed else []
    return wrong + [f"no event: {line[:160]!r}" for line in lines[1:] if not _is_event(line)][:5]


def _is_event(line: str) -> bool:
    try:
        document = json.loads(line)
    except ValueError:
        return False
    return isinstance(document, dict) and "event" in document


def loose(runs: Path) -> list[str]:
    """Name what is in the runs folder and may be seen by others than its owner."""
    return [
        f"{path.relative_to(runs)} has mode {mode:o}"
        for path in sorted(runs.rglob("*"))
        if not path.is_symlink()
        and (mode := stat.S_IMODE(path.lstat().st_mode)) & 0o077
        # The folder of a pipeline's name is as open as its user's umask says; what is in it is not.
        and not (path.is_dir() and path.parent == runs)
    ]
