"""Rows: a job as the columns of its table, and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pipeline.jobs.model import Job, Overrides, Upload
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = [
    "COLUMNS",
    "NewJob",
    "Stored",
    "changed_columns",
    "new_columns",
    "read_row",
    "upload_name",
]

COLUMNS: Final = (
    "number, place, id, pipeline, state, created_at, started_at, ended_at, overrides, upload, run,"
    " attempts, exit_code, message, resumable"
)
"""What `read_row` takes, in its order."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job that is asked for; *request* is the digest of all that was asked under *key*."""

    job: Job
    key: str | None
    request: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A job as it stands: *number* grows with each new one, *place* is its turn in the queue."""

    number: int
    place: int
    job: Job


def new_columns(new: NewJob) -> dict[str, Any]:
    """Return the columns of a job that is new; its place comes from the table."""
    job = new.job
    return {
        "id": job.id,
        "pipeline": job.pipeline,
        "created_at": job.created_at,
        "overrides": json.dumps(
            [job.overrides.limit, job.overrides.rate, job.overrides.dry_run], allow_nan=False
        ),
        "key": new.key,
        "request": new.request,
        **_state_columns(job),
    }


def changed_columns(job: Job, place: int) -> dict[str, Any]:
    """Return the columns that change in a job's life, and its id."""
    return {"id": job.id, "place": place, **_state_columns(job)}


def _state_columns(job: Job) -> dict[str, Any]:
    return {
        "state": job.state,
        "started_at": job.started_at,
        "ended_at": job.ended_at,
        "upload": None if job.upload is None else _upload_text(job.upload),
        "run": job.run,
        "attempts": job.attempts,
        "exit_code": job.exit_code,
        "message": job.message,
        "resumable": int(job.resumable),
    }


def _upload_text(upload: Upload) -> str:
    # The name alone: the runs folder may be moved as a whole.
    name = upload.path.name
    return json.dumps([name, upload.format, upload.compression, upload.bytes, upload.sha256])


def upload_name(text: str) -> str:
    """Return the name that a column `upload` holds of its file."""
    name: str = json.loads(text)[0]
    return name


def read_row(row: Sequence[Any], spool: Path) -> Stored:
    """Return the job that stands in *row*, uploads being in *spool*. Raise `ValueError`."""
    number, place, identity, pipeline, state, created, started, ended, overrides, *rest = row
    upload, run, attempts, exit_code, message, resumable = rest
    limit, rate, dry_run = json.loads(overrides)
    job = Job(
        id=identity,
        pipeline=pipeline,
        state=state,
        created_at=created,
        started_at=started,
        ended_at=ended,
        overrides=Overrides(limit, rate, dry_run),
        upload=None if upload is None else _upload(json.loads(upload), spool),
        run=run,
        attempts=attempts,
        exit_code=exit_code,
        message=message,
        resumable=bool(resumable),
    )
    return Stored(number, place, job)


def _upload(columns: Sequence[Any], spool: Path) -> Upload:
    name, form, compression, size, digest = columns
    return Upload(spool / name, form, compression, size, digest)
