"""The JSON Schema of a definition, for editors."""

from __future__ import annotations

from typing import Any, Final

from pipeline.config.declare.description import description_of
from pipeline.config.model.definition import Definition

__all__ = ["definition_schema"]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE: Final = {"type": "string", "pattern": r"\$\{"}
_NOTES: Final = ("description", "default", "examples")
_NARROW: Final = ("integer", "number", "boolean")


def definition_schema() -> dict[str, Any]:
    """
    Return the JSON Schema (2020-12) of a definition as it stands in its file.

    Where a value is no free text, a text with ``${VAR}`` in it is accepted as well: an editor sees
    the file before the environment is filled in. It is a first judge, not the last: rules between
    fields, templates and the record schema are checked by loading.
    """
    schema = description_of(Definition)
    return {
        "$schema": _DIALECT,
        "title": "Pipeline definition",
        **{key: _rewritten(value) for key, value in schema.items() if key != "title"},
    }


def _rewritten(node: Any) -> Any:
    if isinstance(node, list):
        return [_rewritten(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    schema = {key: _member(key, value) for key, value in node.items() if key != "title"}
    if schema.get("default", ...) is None:
        del schema["default"]  # the absence of a value, which is no value to write
    return _flat(_with_variables(schema))


def _member(key: str, value: Any) -> Any:
    if key in ("default", "examples", "enum", "const", "required"):
        return value
    if key in ("properties", "$defs"):
        return {name: _rewritten(schema) for name, schema in value.items()}
    return _rewritten(value)


def _with_variables(schema: dict[str, Any]) -> dict[str, Any]:
    narrow = schema.get("type") in _NARROW or "enum" in schema or "pattern" in schema
    if not narrow:
        return schema
    inside = {key: value for key, value in schema.items() if key not in _NOTES}
    outside = {key: value for key, value in schema.items() if key in _NOTES}
    return {**outside, "anyOf": [inside, _VARIABLE]}


def _flat(schema: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" not in schema:
        return schema
    choices: list[Any] = []
    for choice in schema["anyOf"]:
        inner = choice["anyOf"] if choice.keys() == {"anyOf"} else [choice]
        choices += [one for one in inner if one not in choices]
    return {**schema, "anyOf": choices}
