"""The routes that tell of pipelines and jobs, and those that stop and resume one."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from pipeline.api.bodies import read_small
from pipeline.api.context import Here  # noqa: TC001 - FastAPI reads annotations when it runs
from pipeline.api.schema import models
from pipeline.api.schema.answers import answer, job_json, pipeline_json
from pipeline.api.schema.documented import TO_JOB, TO_MIGRATE, accepted, found, refusals
from pipeline.api.schema.models import State  # noqa: TC001 - as above
from pipeline.api.schema.parameters import (
    After,
    AfterSample,
    Before,
    JobId,
    Most,
    MostSamples,
    PipelineFilter,
    known_query,
)

__all__ = ["router"]

router = APIRouter(tags=["jobs"], dependencies=[Depends(known_query)])


@router.get(
    "/api/pipelines",
    tags=["pipelines"],
    operation_id="pipelines",
    response_class=Response,
    responses=found(models.PipelineList, TO_MIGRATE) | refusals(422),
    summary="List the pipelines",
)
async def pipelines(here: Here) -> Response:
    """List the definitions of the folder, those that are broken with their problem."""
    listed = [pipeline_json(one) for one in here.service.pipelines()]
    return answer({"pipelines": listed})


@router.get(
    "/api/jobs",
    operation_id="jobs",
    response_class=Response,
    responses=found(models.JobList, TO_JOB) | refusals(404, 422),
    summary="List jobs",
)
async def jobs(
    here: Here,
    *,
    pipeline: PipelineFilter = None,
    state: State | None = None,
    limit: Most = 50,
    before: Before = None,
) -> Response:
    """List jobs, newest first."""
    page, cursor = await here.service.jobs(
        pipeline=pipeline, state=state, limit=limit, before=before
    )
    return answer({"jobs": [job_json(job) for job in page], "next": cursor})


@router.get(
    "/api/jobs/{id}",
    operation_id="job",
    response_class=Response,
    responses=found(models.JobDetail) | refusals(404, 422),
    summary="See a job",
)
async def job(here: Here, id: JobId) -> Response:  # noqa: A002 - the name in the address
    """Tell a job's state, its newest sample and, once it has ended, its report."""
    one = await here.service.job(id)
    live, report = await here.service.live(id), await here.service.report(id)
    return answer({**job_json(one), "live": live, "report": report})


@router.get(
    "/api/jobs/{id}/samples",
    operation_id="samples",
    response_class=Response,
    responses=found(models.Samples) | refusals(404, 422),
    summary="Read a job's timeline",
)
async def samples(
    here: Here,
    id: JobId,  # noqa: A002 - as above
    after: AfterSample = -1,
    limit: MostSamples = 1000,
) -> Response:
    """Return lines of the timeline; what follows them is after `next`."""
    lines = await here.service.samples(id, after, limit)
    return answer({"samples": lines, "next": lines[-1]["n"] if lines else after})


@router.get(
    "/api/jobs/{id}/errors",
    operation_id="errors",
    response_class=Response,
    responses=found(models.Errors) | refusals(404, 422),
    summary="Read what was not written",
)
async def errors(
    here: Here,
    id: JobId,  # noqa: A002 - as above
    after: After = 0,
    limit: Most = 50,
) -> Response:
    """Page through the dead letters: where each record stands and why it was refused."""
    letters, cursor = await here.service.errors(id, after=after, limit=limit)
    return answer({"errors": letters, "next": cursor})


@router.get(
    "/api/jobs/{id}/log",
    operation_id="log",
    response_class=Response,
    responses=found(models.LogLines) | refusals(404, 422),
    summary="Read a job's log",
)
async def log(
    here: Here,
    id: JobId,  # noqa: A002 - as above
    after: After = 0,
    limit: Most = 50,
) -> Response:
    """Page through the run's log."""
    lines, cursor = await here.service.log(id, after=after, limit=limit)
    return answer({"lines": lines, "next": cursor})


@router.post(
    "/api/jobs/{id}/stop",
    status_code=202,
    operation_id="stop",
    response_class=Response,
    responses=accepted() | refusals(404, 409, 413, 422),
    summary="Stop a job",
)
async def stop(request: Request, here: Here, id: JobId) -> Response:  # noqa: A002 - as above
    """Stop a job softly: what is in flight is finished, and it can be resumed."""
    await read_small(request)
    one = await here.service.stop(id)
    return answer(job_json(one), 202, {"Location": f"/api/jobs/{one.id}"})


@router.post(
    "/api/jobs/{id}/resume",
    status_code=202,
    operation_id="resume",
    response_class=Response,
    responses=accepted() | refusals(404, 409, 413, 422, 429),
    summary="Resume a job",
)
async def resume(request: Request, here: Here, id: JobId) -> Response:  # noqa: A002 - as above
    """Go on with a job that was stopped, interrupted or failed, where it stands."""
    await read_small(request)
    one = await here.service.resume(id)
    return answer(job_json(one), 202, {"Location": f"/api/jobs/{one.id}"})
