"""The route that starts a job: by a word, by overrides, or by the records themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, Request, Response

from pipeline.api.bodies import form_of, is_small, read_overrides, require_room
from pipeline.api.context import Here  # noqa: TC001 - FastAPI reads annotations when it runs
from pipeline.api.problems import Problem
from pipeline.api.schema.answers import answer, job_json
from pipeline.api.schema.documented import REQUEST_BODY, accepted, refusals
from pipeline.api.schema.parameters import (
    Asked,
    Key,
    PipelineName,
    known_query,
)
from pipeline.jobs.errors import BadDefinitionError, UnknownPipelineError
from pipeline.jobs.model import Overrides
from pipeline.values import dataclass

if TYPE_CHECKING:
    from pipeline.api.context import Context
    from pipeline.api.schema.models import Migrate
    from pipeline.jobs.model import Compression, Format, Job, Upload

__all__ = ["router"]

router = APIRouter(tags=["jobs"], dependencies=[Depends(known_query)])


@router.post(
    "/api/{pipeline}/migrate",
    status_code=202,
    operation_id="migrate",
    response_class=Response,
    responses=accepted(replayed=True) | refusals(404, 409, 413, 415, 422, 429),
    openapi_extra={"requestBody": REQUEST_BODY},
    summary="Start a job",
)
async def migrate(
    request: Request,
    here: Here,
    pipeline: PipelineName,
    asked: Asked,
    idempotency_key: Key = None,
) -> Response:
    """
    Start a load of the pipeline and answer at once; it runs in the background.

    The records are those of the definition's source, or those in the body, which then are kept
    until the job has ended. Jobs of one pipeline run one after the other. Overrides stand in a JSON
    body or in the query, which wins where both name one.
    """
    form = form_of(request)
    given = await read_overrides(request) if form.overrides else None
    wanted = Wanted(pipeline, merged(given, asked), idempotency_key)
    if form.records is None:
        job, created = await _submit(here, wanted)
    else:
        job, created = await _submit_records(request, here, wanted, form.records, form.compression)
    headers = {"Location": f"/api/jobs/{job.id}"}
    if not created:
        headers["Idempotency-Replayed"] = "true"
    return answer(job_json(job), 202, headers)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The job that a request asks for, but for its records."""

    pipeline: str
    overrides: Overrides
    key: str | None


async def _submit(here: Context, wanted: Wanted, upload: Upload | None = None) -> tuple[Job, bool]:
    return await here.service.submit(
        wanted.pipeline, wanted.overrides, upload=upload, idempotency_key=wanted.key
    )


async def _submit_records(
    request: Request, here: Context, wanted: Wanted, form: Format, compression: Compression
) -> tuple[Job, bool]:
    """Submit a job once its records stand in the spool; a server that closes waits for none."""
    require_room(request, here.max_body)
    if not is_small(request):
        _require_known(here, wanted.pipeline)
        if wanted.key is None:  # else it may be there already
            here.service.require_place(wanted.pipeline)
    async with here.stop.interrupts(), here.service.spool(form, compression) as spool:
        async for piece in request.stream():
            await spool.write(piece)
        return await _submit(here, wanted, await spool.finish())
    raise Problem("closing", "the server is closing; send the records again when it is back")


def _require_known(here: Context, name: str) -> None:
    """Refuse a large upload that no pipeline takes before it has come, by what is listed."""
    listed = {one.name: one.problem for one in here.service.pipelines()}
    if name not in listed:
        raise UnknownPipelineError(name)
    if (problem := listed[name]) is not None:
        raise BadDefinitionError(problem)


def merged(body: Migrate | None, asked: dict[str, Any]) -> Overrides:
    """Return the overrides of the body, and of the query, which wins where both name one."""
    given = {} if body is None else {name: getattr(body, name) for name in body.model_fields_set}
    return Overrides(**{**given, **asked})
