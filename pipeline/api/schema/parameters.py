"""Parameters of the routes: what a query or a header may say, judged as strictly as a JSON body."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Depends, Header, Path, Query, Request
from pydantic import BeforeValidator

from pipeline.api.limits import LARGEST_NUMBER, LONGEST_KEY
from pipeline.api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi.dependencies.models import Dependant

__all__ = [
    "After",
    "AfterSample",
    "Asked",
    "Before",
    "JobId",
    "Key",
    "LastEvent",
    "Most",
    "MostSamples",
    "PipelineFilter",
    "PipelineName",
    "known_query",
]

_WHOLE: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?(?:[eE][+-]?[0-9]{1,3})?")


def _whole(value: object) -> object:
    if isinstance(value, str) and _WHOLE.fullmatch(value) is None:
        raise ValueError("must be a whole number")
    return value


def _number(value: object) -> object:
    if isinstance(value, str) and _NUMBER.fullmatch(value) is None:
        raise ValueError("must be a number")
    return value


def _truth(value: object) -> object:
    if isinstance(value, str) and value not in {"true", "false"}:
        raise ValueError("must be true or false")
    return value


_Whole = BeforeValidator(_whole)
"""Stands last in an annotation: constraints behind it would not reach the OpenAPI document."""

PipelineName = Annotated[
    str, Path(description="The name of a pipeline, as GET /api/pipelines lists it.")
]
JobId = Annotated[str, Path(description="The id of a job.")]

Limit = Annotated[
    int | None,
    Query(ge=0, le=LARGEST_NUMBER, description="Stop after this many records of the source."),
    _Whole,
]
Rate = Annotated[
    float | None,
    Query(
        ge=1, le=LARGEST_NUMBER, allow_inf_nan=False, description="Write units a second, at most."
    ),
    BeforeValidator(_number),
]
DryRun = Annotated[
    bool | None, Query(description="Do everything but the writes."), BeforeValidator(_truth)
]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=LONGEST_KEY,
        pattern=r"^[!-~]+$",
        description="Visible ASCII of your choice, new for every job that is wanted. The same "
        "request under the same key answers with the same job, and starts nothing.",
    ),
]
LastEvent = Annotated[
    int | None,
    Header(
        alias="Last-Event-ID",
        ge=-1,
        le=LARGEST_NUMBER,
        description="The id of the last sample that arrived; the stream goes on after it.",
    ),
    _Whole,
]
After = Annotated[
    int, Query(ge=0, le=LARGEST_NUMBER, description="The `next` of the page before."), _Whole
]
AfterSample = Annotated[
    int,
    Query(ge=-1, le=LARGEST_NUMBER, description="The `n` of the last sample that is known."),
    _Whole,
]
Before = Annotated[
    str | None, Query(min_length=1, max_length=200, description="The `next` of the page before.")
]
Most = Annotated[int, Query(ge=1, le=200, description="How many at most."), _Whole]
MostSamples = Annotated[int, Query(ge=1, le=1000, description="How many at most."), _Whole]
PipelineFilter = Annotated[
    str | None, Query(min_length=1, max_length=200, description="Only the jobs of this pipeline.")
]


async def asked(limit: Limit = None, rate: Rate = None, dry_run: DryRun = None) -> dict[str, Any]:
    """Return the overrides that stand in the query."""
    given = {"limit": limit, "rate": rate, "dry_run": dry_run}
    return {name: it for name, it in given.items() if it is not None}


if TYPE_CHECKING:
    Asked = dict[str, Any]
else:
    Asked = Annotated[dict, Depends(asked)]


def _names(dependant: Dependant) -> Iterator[str]:
    """Return the query parameters of a route, those of what it depends on too."""
    yield from (one.alias for one in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _names(inner)


async def known_query(request: Request) -> None:
    """
    Refuse a parameter that the route does not know, or one that is there twice.

    A misspelt ``dry_run`` that is passed over would write to a table.
    """
    known = set(_names(request.scope["route"].dependant))
    names = [name for name, _ in request.query_params.multi_items()]
    errors = [(name, "is no parameter here") for name in dict.fromkeys(names) if name not in known]
    errors += [(name, "is there twice") for name in known if names.count(name) > 1]
    if errors:
        shown = ", ".join(sorted(known)) or "none"
        told = "; ".join(f"{name[:100]!r} {what}" for name, what in errors[:5])
        raise Problem("invalid-request", f"{told}; known query parameters: {shown}", errors)
