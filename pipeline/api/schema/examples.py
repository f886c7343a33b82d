"""Examples of every body, as they stand in the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

__all__ = [
    "ERRORS",
    "JOB",
    "JOBS",
    "JOB_DETAIL",
    "LOG",
    "OVERRIDES",
    "PIPELINES",
    "PROBLEM",
    "SAMPLES",
]

_ID: Final = "hV3kq0y6yX0mS7Yw2uYl3w"
_HOME: Final = f"/api/jobs/{_ID}"

OVERRIDES: Final[dict[str, Any]] = {"limit": 1000, "rate": 500, "dry_run": False}

JOB: Final[dict[str, Any]] = {
    "id": _ID,
    "pipeline": "users",
    "state": "running",
    "created_at": "2026-03-01T02:03:04.512Z",
    "started_at": "2026-03-01T02:03:04.530Z",
    "ended_at": None,
    "overrides": {"limit": 1000, "rate": 500.0, "dry_run": False},
    "upload": None,
    "run": "20260301T020304-1f2e3d",
    "attempts": 1,
    "exit_code": None,
    "message": None,
    "resumable": False,
    "queue_position": None,
    "links": {
        "self": _HOME,
        "events": f"{_HOME}/events",
        "samples": f"{_HOME}/samples",
        "errors": f"{_HOME}/errors",
        "log": f"{_HOME}/log",
        "stop": f"{_HOME}/stop",
        "resume": None,
    },
}

_SAMPLE: Final[dict[str, Any]] = {
    "n": 12,
    "at": 1772330596.5,
    "attempt": 1,
    "elapsed_s": 12.0,
    "read": 61250,
    "settled": 60000,
    "succeeded": 59990,
    "superseded": 4,
    "rejected": 6,
    "failed": 0,
    "requests": 2400,
    "retries": 3,
    "throttled": 1,
    "consumed_wcu": 59990.0,
    "source_bytes": 14160000,
    "source_bytes_total": 47200000,
    "records_total": None,
    "records_settled": 59998,
    "items_per_s": 5012.4,
    "throttled_per_s": 0.0,
    "p50_ms": 4.1,
    "p99_ms": 11.9,
    "pace": 500.0,
    "in_flight": 5,
    "activity": None,
    "eta_s": 28.0,
}

SAMPLES: Final[dict[str, Any]] = {"samples": [_SAMPLE], "next": 12}
JOB_DETAIL: Final[dict[str, Any]] = {**JOB, "live": _SAMPLE, "report": None}
JOBS: Final[dict[str, Any]] = {"jobs": [JOB], "next": None}

PIPELINES: Final[dict[str, Any]] = {
    "pipelines": [
        {
            "name": "users",
            "source": "file",
            "table": "Users",
            "endpoint": "aws",
            "valid": True,
            "problem": None,
            "active_jobs": [_ID],
            "last_job": JOB,
        }
    ]
}

ERRORS: Final[dict[str, Any]] = {
    "errors": [
        {
            "part": "users.jsonl",
            "line": 42,
            "record": 41,
            "item": None,
            "kind": "schema",
            "rule": "pattern",
            "field": "email",
            "message": "a string of 9 characters does not match the pattern",
            "key": None,
        }
    ],
    "next": None,
}

LOG: Final[dict[str, Any]] = {
    "lines": [{"timestamp": "2026-03-01T02:03:04.600Z", "level": "info", "event": "run.started"}],
    "next": 96,
}

PROBLEM: Final[dict[str, Any]] = {
    "type": "urn:dynamodb-pipeline:problem:unknown-job",
    "title": "There is no such job",
    "status": 404,
    "detail": "no job has this id; GET /api/jobs lists them",
    "instance": "urn:uuid:0f8fad5b-d9cb-469f-a165-70867728950e",
}
