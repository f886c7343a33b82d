"""Problems: what went wrong with a request, as RFC 9457 wants it told, and never more than that."""

from __future__ import annotations

import json
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

from pipeline.core.text import escape_json, printable
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["KINDS", "MEDIA_TYPE", "Kind", "Problem", "body", "document", "dumps", "text_of"]

MEDIA_TYPE: Final = "application/problem+json"
_LONGEST_DETAIL: Final = 2_000


@dataclass(frozen=True, slots=True)
class Kind:
    """A class of problems; *title* is the same for each of them."""

    status: int
    title: str


KINDS: Final[Mapping[str, Kind]] = {
    "bad-request": Kind(400, "The request is not HTTP as it should be"),
    "unauthorized": Kind(401, "A token is needed"),
    "foreign-site": Kind(403, "Pages of another site may not ask here"),
    "not-found": Kind(404, "There is nothing at this address"),
    "unknown-pipeline": Kind(404, "There is no such pipeline"),
    "unknown-job": Kind(404, "There is no such job"),
    "unknown-page": Kind(404, "No page begins there"),
    "method-not-allowed": Kind(405, "This address does not take this method"),
    "too-slow": Kind(408, "The request came too slowly"),
    "broken-definition": Kind(409, "The definition of this pipeline is broken"),
    "wrong-state": Kind(409, "The job is not in a state for this"),
    "too-large": Kind(413, "The body is too large"),
    "target-too-long": Kind(414, "The address is too long"),
    "unsupported-media-type": Kind(415, "The body is of a kind that is not taken here"),
    "wrong-host": Kind(421, "This server does not go by this name"),
    "invalid-request": Kind(422, "The request does not say what it should"),
    "bad-upload": Kind(422, "The records are not what they are said to be"),
    "key-reused": Kind(409, "The Idempotency-Key was used for another request"),
    "queue-full": Kind(429, "The queue is full"),
    "headers-too-large": Kind(431, "The headers are too large"),
    "internal": Kind(500, "The server failed"),
    "not-implemented": Kind(501, "The server does not know how to do this"),
    "unknown-version": Kind(505, "This version of HTTP is not spoken here"),
    "busy": Kind(503, "The server has no room for this now"),
    "spool-full": Kind(503, "There is no room for the upload"),
    "storage": Kind(503, "The server's disk does not take or give what is known of the jobs"),
    "closing": Kind(503, "The server is closing"),
    "not-ready": Kind(503, "The server is not ready"),
}
"""Every problem there is, by the last part of its type."""


@dataclass(slots=True, eq=False)
class Problem(Exception):  # noqa: N818 - RFC 9457's word; a verdict about a request
    """
    A request that is refused.

    *name* is one of `KINDS`. *detail* is for the reader: no item's values, no paths of this
    machine, no library's text. *errors* are (field, message) of a 422; *headers* go with it.
    """

    name: str
    detail: str
    errors: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """What this is a case of."""
        return KINDS[self.name]


def document(problem: Problem, request: str) -> dict[str, Any]:
    """Return *problem* as the members of RFC 9457; *request* is the id that the log has too."""
    members: dict[str, Any] = {
        "type": f"urn:dynamodb-pipeline:problem:{problem.name}",
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": printable(problem.detail[:_LONGEST_DETAIL], lines=True),
        "instance": f"urn:uuid:{request}",
    }
    if problem.errors:
        members["errors"] = [
            {"field": printable(where[:200]), "message": printable(message[:500])}
            for where, message in problem.errors
        ]
    return members


def body(problem: Problem, request: str) -> bytes:
    """Return *problem* as it goes over the wire."""
    return text_of(document(problem, request))


def text_of(value: object) -> bytes:
    """Return *value* as the text of an answer: its JSON, and the end of the line."""
    return dumps(value) + b"\n"


def dumps(value: object) -> bytes:
    """Return *value* as JSON in UTF-8, in which nothing acts on whoever looks at it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return escape_json(text.encode("utf-8", "surrogatepass"))
