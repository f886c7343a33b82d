"""The values of the job service: a job, what it was asked for, and what the server may take."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from pipeline.values import dataclass

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "ACTIVE",
    "STATES",
    "Compression",
    "Format",
    "Job",
    "Overrides",
    "Pipeline",
    "Settings",
    "State",
    "Upload",
]

State: TypeAlias = Literal[
    "queued",
    "running",
    "stopping",
    "succeeded",
    "completed_with_errors",
    "failed",
    "stopped",
    "interrupted",
]
"""
Where a job is.

It waits (queued), loads (running), was asked to end (stopping). Then it is over: everything was
written (succeeded), some records were not (completed_with_errors), it could not go on (failed), it
was asked to end (stopped), or its server or its process ended under it (interrupted).
"""

STATES: Final[tuple[State, ...]] = get_args(State)
ACTIVE: Final[frozenset[State]] = frozenset({"queued", "running", "stopping"})
"""States that a job leaves by itself; in the others it is over."""

Format: TypeAlias = Literal["jsonl", "csv"]
Compression: TypeAlias = Literal["none", "gzip"]

_GIB: Final = 1024**3


@dataclass(frozen=True, slots=True)
class Overrides:
    """
    What a request may change of a definition, and nothing else.

    *limit* is how many records are read at most, *rate* how many write units a second are used at
    most; with *dry_run* nothing is written.
    """

    limit: int | None = None
    rate: float | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Upload:
    """
    Records that came with the request, in a file of the spool that only its owner may read.

    *bytes* and *sha256* (hexadecimal) are those of the file, compressed as it came.
    """

    path: Path
    format: Format
    compression: Compression
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Job:
    """
    One load: from the request to its end, over as many attempts as it takes.

    Moments are Unix seconds by the machine's clock: for people, never for an order. *started_at* is
    when it first began to run, *ended_at* when its newest attempt was over. *run* names the folder
    ``<runs>/<pipeline>/<run>``, None until it first begins. *exit_code* is as of `pipeline run`,
    negative for the signal that ended the process, None while it runs. *message* says for a person
    why it ended or what it waits for. *resumable*: `resume` goes on with it. *queue_position*
    counts from 1, None unless it is queued.
    """

    id: str
    pipeline: str
    state: State
    created_at: float
    started_at: float | None = None
    ended_at: float | None = None
    overrides: Overrides = Overrides()
    upload: Upload | None = None
    run: str | None = None
    attempts: int = 0
    exit_code: int | None = None
    message: str | None = None
    resumable: bool = False
    queue_position: int | None = None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """
    A definition of the folder.

    *source* is its type (``file``, ``generate``, ...), *endpoint* its kind: ``aws``, ``embedded``
    or ``url``. One that is not *valid* has a *problem* and none of those. *active_jobs* are the ids
    of those that run or wait, in that order; *last_job* is the newest.
    """

    name: str
    source: str | None
    table: str | None
    endpoint: str | None
    valid: bool
    problem: str | None
    active_jobs: tuple[str, ...] = ()
    last_job: Job | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """
    What is served, from where, and how much of it at once.

    *folder* holds the definitions, *runs* everything that is kept. *most_running* jobs load at
    once, *most_queued* may wait beside them. An upload has *max_body* bytes at most, *max_inflated*
    when it is unpacked; all that stand in the spool have *max_spool* together. Of the jobs that are
    over the newest *keep_ended* are remembered; the upload of one that was stopped, or has failed,
    is kept for *keep_uploads* seconds for somebody to resume it. A process that is asked to end is
    killed after *grace* seconds. *child* and *engine* are how a job's process and the embedded
    engine are started.
    """

    folder: Path
    runs: Path
    most_running: int = 2
    most_queued: int = 100
    auto_resume: bool = False
    max_body: int = _GIB
    max_inflated: int = 8 * _GIB
    max_spool: int = 16 * _GIB
    keep_ended: int = 10_000
    keep_uploads: float = 7 * 86_400.0
    grace: float = 7.0
    child: tuple[str, ...] = (sys.executable, "-m", "pipeline.jobs.child")
    engine: tuple[str, ...] = (sys.executable, "-m", "pipeline.jobs.engine")
