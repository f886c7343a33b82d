"""Refusals: which problem an error is; of one that is not known here, nothing goes out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from pipeline.api.problems import KINDS, Problem
from pipeline.api.schema.validation import told
from pipeline.jobs import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EXPECTED", "problem_of"]

_OURS: Final = Problem(
    "internal", "this is a fault of the server; its log tells more, under the id in `instance`"
)

_SERVICE: Final[Mapping[type[Exception], tuple[str, str]]] = {
    errors.UnknownPipelineError: (
        "unknown-pipeline",
        "no definition in the folder has this name; GET /api/pipelines lists those there are",
    ),
    errors.UnknownJobError: (
        "unknown-job",
        "no job has this id; GET /api/jobs lists those there are",
    ),
    errors.KeyReusedError: (
        "key-reused",
        "this Idempotency-Key came with another request before; take a new key for a new job",
    ),
    errors.SpoolFullError: (
        "spool-full",
        "uploads of jobs that have not ended take all the room there is; try again later",
    ),
    errors.StoreError: ("storage", "nothing was changed; the server's log tells more"),
    errors.BadCursorError: ("unknown-page", "begin without a cursor, then follow each `next`"),
    errors.ClosingError: ("closing", "the server is closing; try again when it is back"),
}
"""Errors of the job service that always say the same."""

EXPECTED: Final = (
    Problem,
    HTTPException,
    RequestValidationError,
    ClientDisconnect,
    errors.JobsError,
)
"""What is raised on purpose; everything else is a fault of ours."""


def problem_of(error: Exception) -> Problem:
    """Return *error* as whoever asked may see it."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        found = told(error.errors())
        detail = "; ".join(f"{where} {message}" for where, message in found)
        return Problem("invalid-request", detail, found)
    if isinstance(error, ClientDisconnect):  # nobody hears it; it is no fault of ours in the log
        return Problem("bad-request", "the connection ended before the body did")
    if isinstance(error, HTTPException):
        return _of_framework(error)
    for kind, (name, detail) in _SERVICE.items():
        if isinstance(error, kind):
            wait = {"Retry-After": "30"} if KINDS[name].status == 503 else {}  # noqa: PLR2004
            return Problem(name, detail, headers=wait)
    return _of_service(error) or _OURS


def _of_service(error: Exception) -> Problem | None:
    """Return the problem of an error of the job service that says something of its own."""
    if isinstance(error, errors.QueueFullError):
        after = str(max(1, math.ceil(error.retry_after_s)))
        detail = f"as many jobs wait as may; try again in {after} s"
        return Problem("queue-full", detail, headers={"Retry-After": after})
    if isinstance(error, errors.BadDefinitionError):
        return Problem("broken-definition", error.problem)
    if isinstance(error, errors.WrongStateError):
        return Problem("wrong-state", str(error))
    if isinstance(error, errors.TooLargeError):
        return Problem("too-large", str(error))
    if isinstance(error, errors.BadUploadError):
        return Problem("bad-upload", str(error))
    return None


def _of_framework(error: HTTPException) -> Problem:
    if error.status_code == 405:  # noqa: PLR2004 - a status
        allowed = (error.headers or {}).get("Allow", "")
        return Problem("method-not-allowed", f"allowed is {allowed}", (), {"Allow": allowed})
    if error.status_code == 404:  # noqa: PLR2004 - a status
        return Problem("not-found", "GET /openapi.json lists the addresses there are")
    return Problem("bad-request", "the request cannot be read")
