"""Run folders: ``runs/<name>/<run id>/``, and ``latest`` beside them."""

from __future__ import annotations

import contextlib
import json
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.core.text import escape_json
from pipeline.errors import PreflightError
from pipeline.state.durable import make_folder, sync_folder, write_new

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "make_run_folder",
    "new_run_id",
    "remove_reports",
    "reopen_run_folder",
    "write_report",
    "write_report_page",
]


def new_run_id(now: datetime | None = None) -> str:
    """Return a run id that sorts by its start: ``20261122T130501Z-9f3a1c``."""
    moment = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    return f"{moment}-{secrets.token_hex(3)}"


def make_run_folder(root: Path, name: str, run_id: str, *, again: bool = False) -> Path:
    """
    Make the folder of run *run_id* and point ``latest`` to it; only the owner may enter.

    *again* takes one that is there already: of a run that got nowhere and begins once more.
    """
    folder = root / name / run_id
    try:
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=again)
        sync_folder(folder.parent)
        _point(root / name / "latest", run_id)
    except OSError as error:
        raise PreflightError(
            f"the run's folder {str(folder)!r} cannot be made: {error.strerror}; "
            "choose another place with --runs-dir"
        ) from error
    return folder


def reopen_run_folder(root: Path, name: str, run_id: str) -> Path:
    """Return the folder of run *run_id*, which is gone on with, and point ``latest`` to it."""
    folder = root / name / run_id
    try:
        folder.stat()
    except OSError as error:
        raise PreflightError(
            f"the run's folder {str(folder)!r} cannot be reopened: {error.strerror}; put it back "
            "and make it writable, or start over with --fresh, which writes every item again"
        ) from error
    with contextlib.suppress(OSError):  # a pointer for people, that stops no load
        _point(root / name / "latest", run_id)
    return folder


def write_report(folder: Path, document: Mapping[str, Any]) -> None:
    """
    Write ``report.json`` for its owner alone, on the disk at return, whole or not at all.

    Raise OSError if the disk does not take it.
    """
    fresh = folder / ".report.json"
    # Not orjson, which refuses names of files that are no Unicode.
    text = json.dumps(document, indent=2, ensure_ascii=False)
    write_new(fresh, escape_json(text.encode("utf-8", "surrogatepass")) + b"\n")
    fresh.replace(folder / "report.json")
    sync_folder(folder)


def write_report_page(folder: Path, page: bytes) -> None:
    """Write ``report.html`` for its owner alone, whole or not at all; raise OSError."""
    fresh = folder / ".report.html"
    write_new(fresh, page)
    fresh.replace(folder / "report.html")


def remove_reports(folder: Path) -> None:
    """Remove what `write_report` and `write_report_page` wrote, if they did; raise OSError."""
    for name in ("report.json", "report.html"):
        (folder / name).unlink(missing_ok=True)


def _point(link: Path, target: str) -> None:
    """Make *link* a symbolic link to *target*, atomically: a reader never finds it missing."""
    fresh = link.with_name(f".latest-{target}")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    fresh.symlink_to(target)
    fresh.replace(link)
