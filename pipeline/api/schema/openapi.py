"""The OpenAPI document, as FastAPI makes it of the routes, with what holds for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline import __version__
from pipeline.api.schema import models
from pipeline.api.schema.documented import refusals
from pipeline.api.schema.models import ProblemBody

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastapi import FastAPI

__all__ = ["openapi_of", "with_examples"]

_ABOUT: Final = (
    "Start loads of the pipelines in a folder, and watch them. A job is taken on with 202 and runs "
    "in the background; its state survives a restart. Every error is `application/problem+json`."
)
_OPEN: Final = frozenset({"/", "/assets/{file}", "/healthz", "/readyz"})
_REFERENCE: Final = "#/components/schemas/{model}"


def openapi_of(app: FastAPI, *, secured: bool) -> dict[str, Any]:
    """Return the document; *secured* says that a token is asked for."""
    app.title, app.version, app.description = "DynamoDB pipeline jobs", __version__, _ABOUT
    document = app.openapi()
    schemas = document["components"]["schemas"]
    problem = ProblemBody.model_json_schema(ref_template=_REFERENCE)
    schemas.update(problem.pop("$defs"), ProblemBody=problem)
    for name, schema in schemas.items():
        if "examples" in schema:
            # FastAPI leaves out every null, also where an example is about it.
            whole = getattr(models, name).model_json_schema()
            schema["examples"] = whole["examples"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    shared = document["components"]["responses"] = {}
    for path, operation in _operations(document):
        if secured and path not in _OPEN:
            operation["security"] = [{"token": []}]
            operation["responses"]["401"] = refusals(401)[401]
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = _without_null(parameter["schema"])
        for status, answer in operation["responses"].items():
            if status.startswith(("4", "5")):
                # The same for every operation; else the document is four times as long.
                shared[f"Problem{status}"] = answer
                operation["responses"][status] = {"$ref": f"#/components/responses/Problem{status}"}
    if secured:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return document


def with_examples(document: dict[str, Any], pipelines: Sequence[str]) -> dict[str, Any]:
    """Return *document* with names of *pipelines* that there are as examples of one."""
    if not pipelines:
        return document
    path = "/api/{pipeline}/migrate"
    operation = document["paths"][path]["post"]
    examples = {name: {"value": name} for name in pipelines[:3]}
    parameters = [
        {**one, "examples": examples} if one["name"] == "pipeline" and one["in"] == "path" else one
        for one in operation["parameters"]
    ]
    changed = {path: {"post": {**operation, "parameters": parameters}}}
    return {**document, "paths": {**document["paths"], **changed}}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter that may be left out, which is not to be null."""
    choices = schema.pop("anyOf", None)
    if choices is None:
        return schema
    (given,) = (one for one in choices if one != {"type": "null"})
    return {**given, **schema}


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation
