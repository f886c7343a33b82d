"""The application: routes, guards around them, and an answer for every error."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI
from starlette.responses import Response

from pipeline.api.guard.access import Guard
from pipeline.api.guard.envelope import Envelope
from pipeline.api.problems import MEDIA_TYPE, body, text_of
from pipeline.api.refusals import EXPECTED, problem_of
from pipeline.api.routes import events, jobs, migrate, pages, service
from pipeline.api.schema.openapi import openapi_of, with_examples

if TYPE_CHECKING:
    from starlette.requests import Request

    from pipeline.api.context import Context
    from pipeline.api.guard.access import Access
    from pipeline.api.limits import Limits
    from pipeline.observe.logs import Log

__all__ = ["make_app"]

_SILENT: Final[dict[str, Any]] = {
    # Its own reports would carry what errors say to wherever the environment points.
    "telemetry": {
        "tracing": False,
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "auto_configure": False,
    }
}


def make_app(context: Context, access: Access, limits: Limits, log: Log) -> Envelope:
    """Put the application together; nothing of it is started here."""
    app = FastAPI(
        openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, **_SILENT
    )
    app.state.context = context
    for routes in (service, jobs, events, migrate, pages):
        app.include_router(routes.router)

    @cache
    def document() -> dict[str, Any]:
        return openapi_of(app, secured=access.token is not None)

    @lru_cache(maxsize=1)  # one text for all who wait for it, however slowly they fetch it
    def told(names: tuple[str, ...]) -> bytes:
        return text_of(with_examples(document(), names))

    async def openapi(_: Request) -> Response:
        names = [one.name for one in context.service.pipelines() if one.valid]
        return Response(told(tuple(names)), media_type="application/json")

    app.router.add_route("/openapi.json", openapi, methods=["GET"])
    for kind in (*EXPECTED, Exception):
        app.add_exception_handler(kind, _refuse)
    return Envelope(Guard(app, access, limits), log, context.traffic)


async def _refuse(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    state = request.scope["state"]
    state["problem"] = problem.name
    text = body(problem, state["request"])
    return Response(text, problem.kind.status, dict(problem.headers), MEDIA_TYPE)
