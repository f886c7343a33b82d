"""What the OpenAPI document says of answers: every status that can come, with its headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.api.problems import KINDS, MEDIA_TYPE, Problem, document
from pipeline.api.schema import examples
from pipeline.api.schema.models import JobBody, Migrate

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = [
    "EVENTS",
    "EVERYWHERE",
    "METRICS",
    "REQUEST_BODY",
    "TO_JOB",
    "TO_MIGRATE",
    "accepted",
    "found",
    "refusals",
]

Responses = dict[int | str, dict[str, Any]]

_TEXT: Final = {"type": "string"}
_REQUEST_ID: Final = {
    "X-Request-Id": {
        "description": "The id of this request; the log has it too.",
        "schema": {"type": "string", "format": "uuid"},
    }
}
_RETRY: Final = {
    "Retry-After": {
        "description": "Seconds after which it may be tried again.",
        "schema": {"type": "integer", "minimum": 1},
    }
}
_LOCATION: Final = {
    "Location": {"description": "Where the job is.", "required": True, "schema": _TEXT}
}
_REPLAYED: Final = {
    "Idempotency-Replayed": {
        "description": "`true` where the key was used before: this is that job.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}
_EXTRA: Final[dict[int, dict[str, Any]]] = {
    401: {
        "WWW-Authenticate": {"description": "`Bearer`.", "required": True, "schema": _TEXT},
    },
    415: {
        "Accept-Post": {"description": "The types that are taken.", "schema": _TEXT},
        "Accept-Encoding": {"description": "The codings that are taken.", "schema": _TEXT},
    },
    429: _RETRY,
    503: _RETRY,
}
_DETAILS: Final[dict[str, str]] = {
    "unknown-pipeline": "no definition in the folder has this name; GET /api/pipelines lists them",
    "unknown-job": "no job has this id; GET /api/jobs lists them",
    "queue-full": "100 jobs wait already",
}

EVERYWHERE: Final = (400, 403, 408, 414, 421, 431, 500, 501, 503, 505)
"""What can come of any request whatever; 401 too, where there is a token."""


def _example(name: str) -> dict[str, Any]:
    request = "0f8fad5b-d9cb-469f-a165-70867728950e"
    fields = (("limit", "must be a whole number"),) if name == "invalid-request" else ()
    return document(Problem(name, _DETAILS.get(name, KINDS[name].title), fields), request)


def refusals(*statuses: int) -> Responses:
    """Return the documentation of problems with *statuses*, and of those that come everywhere."""
    documented: Responses = {}
    for status in sorted({*statuses, *EVERYWHERE}):
        names = [name for name, kind in KINDS.items() if kind.status == status]
        documented[status] = {
            "description": "; ".join(KINDS[name].title for name in names) + ".",
            "headers": {**_REQUEST_ID, **_EXTRA.get(status, {})},
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/ProblemBody"},
                    "examples": {name: {"value": _example(name)} for name in names},
                }
            },
        }
    return documented


def found(model: type[BaseModel], links: dict[str, Any] | None = None) -> Responses:
    """Return the documentation of a 200 with *model*, and of where it leads."""
    answer = {"description": "As asked.", "model": model, "headers": _REQUEST_ID}
    return {200: answer | ({"links": links} if links else {})}


def _leads(operation: str, **parameters: str) -> dict[str, Any]:
    chosen = {name: f"$response.body#/{place}" for name, place in parameters.items()}
    return {operation: {"operationId": operation, "parameters": chosen}}


def accepted(*, replayed: bool = False) -> Responses:
    """Return the documentation of a 202 with a job."""
    headers = {**_REQUEST_ID, **_LOCATION, **(_REPLAYED if replayed else {})}
    links: dict[str, Any] = {}
    for name in ("job", "events", "samples", "errors", "log", "stop", "resume"):
        links |= _leads(name, id="id")
    content = {"description": "Taken on.", "model": JobBody, "headers": headers, "links": links}
    return {202: content}


def _streamed(description: str, media_type: str, content: dict[str, Any]) -> Responses:
    return {
        200: {
            "description": description,
            "headers": _REQUEST_ID,
            "content": {media_type: content},
        }
    }


_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "description": "One event of the stream.",
    "required": ["event", "data"],
    "properties": {
        "event": {"type": "string", "enum": ["job", "sample", "end"]},
        "id": {"type": "string", "description": "Of a `sample`: its number."},
        "retry": {"type": "integer"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "description": "A job, a line of the timeline, or the state at the end.",
        },
    },
}


TO_MIGRATE: Final = _leads("migrate", pipeline="pipelines/0/name")
TO_JOB: Final = _leads("job", id="jobs/0/id")
"""Links from a list to what can be done with its first entry."""

EVENTS: Final = _streamed(
    "The events, until the job is over: `job`, `sample` (with an id), `end`.",
    "text/event-stream",
    {
        "schema": _EVENT,
        "examples": {
            "sample": {
                "value": {"event": "sample", "id": "12", "data": '{"n":12,"settled":60000}'}
            },
            "end": {"value": {"event": "end", "data": '{"state":"succeeded"}'}},
        },
    },
)
METRICS: Final = _streamed(
    "Metrics in Prometheus' text format.",
    "text/plain",
    {"schema": _TEXT, "example": 'dynamodb_pipeline_jobs{state="running"} 1\n'},
)

REQUEST_BODY: Final[dict[str, Any]] = {
    "description": "Nothing, overrides, or the records themselves (`Content-Encoding: gzip` too).",
    "required": False,
    "content": {
        "application/json": {
            "schema": Migrate.model_json_schema(),
            "example": examples.OVERRIDES,
        },
        "application/x-ndjson": {
            "schema": {
                "description": 'A JSON object a line: `{"user_id": "u1"}`, and so on.',
                "contentMediaType": "application/x-ndjson",
            },
        },
        "text/csv": {
            "schema": {"contentMediaType": "text/csv"},
            "example": "user_id,email\nu1,u1@example.org\n",
        },
    },
}
