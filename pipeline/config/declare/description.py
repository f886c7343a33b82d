"""Descriptions: the JSON Schema (2020-12) of what declarations take, for editors."""

from __future__ import annotations

import inspect
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pipeline.config.declare.marks import Bounds, FieldMark, OneOf, Shown, Written
from pipeline.config.declare.section import Declared, Section, declared

__all__ = ["description_of"]

_TYPES = {str: "string", int: "integer", bool: "boolean"}
_NUMBER = {"ge": "minimum", "le": "maximum", "lt": "exclusiveMaximum"}
_AS_WRITTEN = ("default", "examples")
_LENGTHS = {"string": "Length", "array": "Items", "object": "Properties"}


def description_of(section: type[Section]) -> dict[str, Any]:
    """Return the JSON Schema of *section*, with every other one that it needs in ``$defs``."""
    writer = _Writer()
    schema = writer.section(section)
    definitions = dict(sorted(writer.definitions.items()))
    return {"$defs": definitions, **schema}


class _Writer:
    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}

    def section(self, section: type[Section]) -> dict[str, Any]:
        fields = declared(section)
        schema: dict[str, Any] = {
            "additionalProperties": False,
            "description": inspect.getdoc(section) or "",
            "properties": {field.key: self._field(field) for field in fields},
            "required": [field.key for field in fields if _is_required(field.mark)],
            "type": "object",
        }
        if not schema["required"]:
            del schema["required"]
        return schema

    def _schema(self, annotation: Any) -> dict[str, Any]:  # noqa: PLR0911 - one a kind of type
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return self._marked(arguments[0], arguments[1:])
        if origin in (Union, UnionType):
            (inner,) = [one for one in arguments if one is not NoneType]
            return {"anyOf": [self._schema(inner), {"type": "null"}]}
        if origin is Literal:
            only = {"const": arguments[0]} if len(arguments) == 1 else {"enum": list(arguments)}
            return {**only, "type": "string"}
        if origin is tuple:
            return {"items": self._schema(arguments[0]), "type": "array"}
        if origin is dict:
            return self._mapping(*arguments)
        if annotation is Any:
            return {}
        if annotation in _TYPES:
            return {"type": _TYPES[annotation]}
        if annotation.__name__ not in self.definitions:
            self.definitions[annotation.__name__] = self.section(annotation)
        return {"$ref": f"#/$defs/{annotation.__name__}"}

    def _mapping(self, keys: Any, values: Any) -> dict[str, Any]:
        inside = self._schema(values)
        schema: dict[str, Any] = {"additionalProperties": inside or True, "type": "object"}
        names = self._schema(keys)
        del names["type"]  # a key is text in any case
        return {**schema, "propertyNames": names} if names else schema

    def _marked(self, annotation: Any, marks: tuple[Any, ...]) -> dict[str, Any]:
        for mark in marks:
            if isinstance(mark, Written):
                return mark.schema()
            if isinstance(mark, Shown):
                return dict(mark.schema)
            if isinstance(mark, OneOf):
                return {"oneOf": [self._schema(member) for member in mark.members.values()]}
        schema = self._schema(annotation)
        for mark in marks:
            if isinstance(mark, FieldMark):
                schema |= _limits(mark.bounds, schema.get("type", ""))
        return schema

    def _field(self, field: Declared) -> dict[str, Any]:
        schema = self._schema(field.annotation)
        limits = _limits(field.mark.bounds, schema.get("type", ""))
        words = field.mark.words
        if "$ref" in schema and words.get("description") == inspect.getdoc(field.annotation):
            words = {}  # it has them itself
        described: dict[str, Any] = _sorted({**schema, **limits, **words})
        return described


def _limits(bounds: Bounds, kind: str) -> dict[str, Any]:
    given = {name: limit for name, limit in bounds._asdict().items() if limit is not None}
    names = {
        **_NUMBER,
        "min_length": f"min{_LENGTHS.get(kind)}",
        "max_length": f"max{_LENGTHS.get(kind)}",
        "pattern": "pattern",
    }
    return {names[name]: limit for name, limit in given.items()}


def _is_required(mark: FieldMark) -> bool:
    return mark.default is None


def _sorted(schema: Any) -> Any:
    """Sort the keywords, so that the text is the same whatever the order of the marks."""
    if isinstance(schema, list):
        return [_sorted(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: schema[name] if name in _AS_WRITTEN else _sorted(schema[name])
        for name in sorted(schema)
    }
