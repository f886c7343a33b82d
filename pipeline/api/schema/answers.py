"""Answers: what the job service returns, as JSON of the shapes that `models` describes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from pipeline.api.problems import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.jobs.model import Job, Pipeline

__all__ = ["answer", "job_json", "pipeline_json"]

_STOPPABLE = frozenset({"queued", "running"})


def answer(
    content: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return *content* as JSON."""
    return Response(text_of(content), status, dict(headers or {}), "application/json")


def job_json(job: Job) -> dict[str, Any]:
    """Return *job* as `models.JobBody` has it."""
    home, upload = f"/api/jobs/{job.id}", job.upload
    return {
        "id": job.id,
        "pipeline": job.pipeline,
        "state": job.state,
        "created_at": _moment(job.created_at),
        "started_at": _moment(job.started_at),
        "ended_at": _moment(job.ended_at),
        "overrides": {
            "limit": job.overrides.limit,
            "rate": job.overrides.rate,
            "dry_run": job.overrides.dry_run,
        },
        "upload": None
        if upload is None
        else {
            "format": upload.format,
            "compression": upload.compression,
            "bytes": upload.bytes,
        },
        "run": job.run,
        "attempts": job.attempts,
        "exit_code": job.exit_code,
        "message": job.message,
        "resumable": job.resumable,
        "queue_position": job.queue_position,
        "links": {
            "self": home,
            "events": f"{home}/events",
            "samples": f"{home}/samples",
            "errors": f"{home}/errors",
            "log": f"{home}/log",
            "stop": f"{home}/stop" if job.state in _STOPPABLE else None,
            "resume": f"{home}/resume" if job.resumable else None,
        },
    }


def pipeline_json(one: Pipeline) -> dict[str, Any]:
    """Return a pipeline as `models.PipelineBody` has it."""
    return {
        "name": one.name,
        "source": one.source,
        "table": one.table,
        "endpoint": one.endpoint,
        "valid": one.valid,
        "problem": one.problem,
        "active_jobs": list(one.active_jobs),
        "last_job": None if one.last_job is None else job_json(one.last_job),
    }


def _moment(seconds: float | None) -> str | None:
    """Return a moment as RFC 3339 has it, in UTC and milliseconds."""
    if seconds is None:
        return None
    moment = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return moment.replace("+00:00", "Z")
