"""Unfinished runs: which there are, and how a run is closed or given up."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.errors import PreflightError, StorageError
from pipeline.state.checkpoint import CheckpointError, CheckpointFiles
from pipeline.state.durable import read_all, sync_folder
from pipeline.state.rundir import remove_reports
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "RunFinishedError",
    "Unfinished",
    "abandon_run",
    "begun_run",
    "close_run",
    "is_marked",
    "mark_unfinished",
    "require_run_id",
    "unfinished_runs",
]

_MARKER = "unfinished"

_RUN_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}")

_FINISHED = {"succeeded", "completed_with_errors"}


class RunFinishedError(PreflightError):
    """A run is asked for by its id, and is over; *status* is what it reported, None if nothing."""

    def __init__(self, message: str, status: str | None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Unfinished:
    """
    A run that was begun and not closed.

    *document* is its newest sound checkpoint (*fell_back*: the one before its newest), None if it
    has none, and then *problem* says why and what to do.
    """

    run: str
    folder: Path
    document: Mapping[str, Any] | None
    fell_back: bool
    problem: str | None


def unfinished_runs(root: Path, name: str) -> list[Unfinished]:
    """
    Return the unfinished runs of job *name*, newest first.

    What is not named as a run is not looked at: a copy of a run's folder is nobody's run. Raise
    `PreflightError` if the runs cannot be listed.
    """
    folder = root / name
    try:
        with os.scandir(folder) as entries:
            runs = [
                entry.name
                for entry in entries
                if _RUN_ID.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
            ]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PreflightError(
            f"the earlier runs in {str(folder)!r} cannot be listed: {error.strerror}; make that "
            "folder readable, or choose another place with --runs-dir"
        ) from error
    found = (_judge(run, folder / run) for run in sorted(runs, reverse=True))
    return [one for one in found if one is not None]


def require_run_id(run: str) -> None:
    """Raise `PreflightError` if *run* is no run's id: it becomes the name of a folder."""
    if _RUN_ID.fullmatch(run) is None:
        raise PreflightError(f"{run!r} is no run's id; one looks like 20261122T130501Z-9f3a1c")


def begun_run(root: Path, name: str, run: str) -> Unfinished | None:
    """
    Return run *run* of job *name* if it has written something; None if it is to be begun.

    It is to be begun if it is not there, or if it ended before its first write: then nothing of it
    counts. Raise `RunFinishedError` if it is finished, and `PreflightError` if what stands of it
    cannot be read.
    """
    folder = root / name / run
    found = _judge(run, folder)
    if found is not None:
        return found
    loaded = CheckpointFiles(folder).load()
    status = _reported(folder)
    # Without one it keeps none, or was ended before it had one.
    over = status in _FINISHED if loaded is None else loaded.document.get("finished") is True
    if not over:
        return None
    raise RunFinishedError(
        f"run {run} of {name!r} is finished, and is not run twice; {str(folder)!r} has its report. "
        "Begin another run to load again",
        status,
    )


def _reported(folder: Path) -> str | None:
    """Return the status that the run in *folder* reported at its end, if it came to one."""
    try:
        status = orjson.loads(read_all(folder / "report.json"))["status"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PreflightError(
            f"the report in {str(folder)!r} cannot be read ({type(error).__name__}), so that it is "
            "not known whether that run is finished; make it readable, or begin another run"
        ) from error
    return status if isinstance(status, str) else None


def _judge(run: str, folder: Path) -> Unfinished | None:
    """
    Return *run* if it is unfinished: it has the marker, and its checkpoint does not say otherwise.

    Without the marker nothing was written yet, or all of it was; so old runs cost no reading.
    """
    if not is_marked(folder):
        return None
    problem = (
        f"run {run} is unfinished, and its checkpoint is missing from {str(folder)!r}. Put that "
        "back, or start over with --fresh, which writes every item again"
    )
    try:
        loaded = CheckpointFiles(folder).load()
    except CheckpointError as error:
        loaded, problem = None, f"run {run} is unfinished: {error}"
    if loaded is not None and loaded.document.get("finished") is True:
        return None
    if loaded is not None and loaded.document.get("run") != run:
        loaded, problem = (
            None,
            f"run {run} is unfinished, and has another run's checkpoint: {problem}",
        )
    if loaded is None:
        return Unfinished(run, folder, None, fell_back=False, problem=problem)
    return Unfinished(run, folder, loaded.document, loaded.fell_back, problem=None)


def is_marked(folder: Path) -> bool:
    """Tell whether the run in *folder* may have written, and was not closed since."""
    return (folder / _MARKER).exists()


def mark_unfinished(folder: Path) -> None:
    """
    Mark the run in *folder* as unfinished, durably, and let what an attempt before it reported go.

    Left there it would be taken for the report of the attempt that begins. Raise `StorageError`.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW
    try:
        os.close(os.open(folder / _MARKER, flags, 0o600))
        remove_reports(folder)
        sync_folder(folder)
    except OSError as error:
        raise StorageError(
            f"the run in {str(folder)!r} cannot be marked as unfinished: {error.strerror}; make "
            "room there, and run again"
        ) from error


def close_run(folder: Path, document: Mapping[str, Any]) -> None:
    """Save *document* as that of a finished run, which is not resumed. Raise `StorageError`."""
    CheckpointFiles(folder).save({**document, "finished": True})
    # The checkpoint says it already; a marker that cannot be removed misleads nobody.
    with contextlib.suppress(OSError):
        (folder / _MARKER).unlink(missing_ok=True)
        sync_folder(folder)


def abandon_run(folder: Path, by: str) -> None:
    """Close the run in *folder* unfinished, for good, since run *by* starts over."""
    close_run(folder, {"abandoned_for": by})
