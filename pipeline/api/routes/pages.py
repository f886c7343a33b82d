"""The routes of the page: fixed files from memory, with a tag so that they are fetched once."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from pipeline.api.context import Here  # noqa: TC001 - FastAPI reads annotations when it runs
from pipeline.api.problems import Problem
from pipeline.api.schema.parameters import known_query

__all__ = ["router"]

router = APIRouter(include_in_schema=False, dependencies=[Depends(known_query)])


@router.get("/")
async def page(request: Request, here: Here) -> Response:
    """Return the page."""
    return _file(request, here, "index.html")


@router.get("/assets/{file}")
async def asset(request: Request, here: Here, file: str) -> Response:
    """Return a file that the page needs."""
    if file == "index.html":
        raise _missing()
    return _file(request, here, file)


def _file(request: Request, here: Here, name: str) -> Response:
    one = here.assets.get(name)
    if one is None:
        raise _missing()
    headers = {"ETag": one.tag, "Cache-Control": "no-cache"}
    tags = {tag.strip() for tag in request.headers.get("if-none-match", "").split(",")}
    if one.tag in tags:
        return Response(None, 304, headers)
    return Response(one.content, 200, {**headers, "Content-Type": one.media_type})


def _missing() -> Problem:
    return Problem("not-found", "the page has no such file")
