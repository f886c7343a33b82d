"""The routes that tell of the server itself: whether it lives, is ready, and how it fares."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Response

from pipeline.api.context import Here  # noqa: TC001 - FastAPI reads annotations when it runs
from pipeline.api.problems import Problem
from pipeline.api.routes.metrics import CONTENT_TYPE, metrics_text
from pipeline.api.schema import models
from pipeline.api.schema.answers import answer
from pipeline.api.schema.documented import METRICS, found, refusals
from pipeline.api.schema.parameters import known_query

__all__ = ["router"]

router = APIRouter(tags=["service"], dependencies=[Depends(known_query)])


@router.get(
    "/healthz",
    operation_id="healthz",
    response_class=Response,
    responses=found(models.Health) | refusals(422),
    summary="Whether the server answers",
)
async def healthz() -> Response:
    """Answer, which is all there is to it; no token is needed."""
    return answer({"status": "ok"})


@router.get(
    "/readyz",
    operation_id="readyz",
    response_class=Response,
    responses=found(models.Health) | refusals(422),
    summary="Whether jobs are taken",
)
async def readyz(here: Here) -> Response:
    """Tell whether jobs are taken: 503 while it closes or cannot keep them; no token is needed."""
    if here.stop.requested or not here.service.ready:
        raise Problem("not-ready", "no jobs are taken now", headers={"Retry-After": "5"})
    return answer({"status": "ok"})


@router.get(
    "/metrics",
    operation_id="metrics",
    response_class=Response,
    responses=METRICS | refusals(422),
    summary="Metrics for Prometheus",
)
async def metrics(here: Here) -> Response:
    """Return the metrics of every active run, of the queue and of the requests."""
    return Response(await metrics_text(here.service, here.traffic), media_type=CONTENT_TYPE)
