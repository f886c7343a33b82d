"""The JSON Schema of a definition, for editors."""

from __future__ import annotations

from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema

from pipeline.config.model.definition import Definition

__all__ = ["definition_schema"]

_VARIABLE: Final = {"type": "string", "pattern": r"\$\{"}
_NARROW: Final = ("integer", "number", "boolean")


def definition_schema() -> dict[str, Any]:
    """
    Return the JSON Schema (2020-12) of a definition as it stands in its file.

    Where a value is no free text, a text with ``${VAR}`` in it is accepted as well: an editor sees
    the file before the environment is filled in. It is a first judge, not the last: rules between
    fields, templates and the record schema are checked by loading.
    """
    schema = Definition.model_json_schema(by_alias=True, mode="validation")
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "title": "Pipeline definition",
        **{key: _rewritten(value) for key, value in schema.items() if key != "title"},
    }


def _rewritten(node: Any) -> Any:
    if isinstance(node, list):
        return [_rewritten(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    return _with_variables({key: _member(key, value) for key, value in node.items()})


def _member(key: str, value: Any) -> Any:
    if key in ("default", "examples", "enum", "const", "required"):
        return value
    if key in ("properties", "$defs"):
        return {name: _untitled(_rewritten(schema)) for name, schema in value.items()}
    return _rewritten(value)


def _untitled(schema: dict[str, Any]) -> dict[str, Any]:
    schema.pop("title", None)
    return schema


def _with_variables(schema: dict[str, Any]) -> dict[str, Any]:
    narrow = schema.get("type") in _NARROW or "enum" in schema or "pattern" in schema
    if not narrow or schema.get("pattern") == _VARIABLE["pattern"]:
        return schema
    notes = {"title", "description", "default", "examples"}
    outside = {key: value for key, value in schema.items() if key in notes}
    inside = {key: value for key, value in schema.items() if key not in notes}
    return {**outside, "anyOf": [inside, _VARIABLE]}
