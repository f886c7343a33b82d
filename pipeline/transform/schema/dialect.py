"""The keywords of JSON Schema 2020-12: which there are, and which of them hold schemas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

__all__ = [
    "ANNOTATIONS",
    "DIALECT",
    "FORMATS",
    "KEYWORDS",
    "NUMERIC",
    "TYPES",
    "Path",
    "Schema",
    "plain",
    "walk",
]

Path: TypeAlias = tuple[str | int, ...]
Schema: TypeAlias = dict[str, Any]
"""A subschema that is an object; of the booleans true and false there is nothing to know."""

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

TYPES: Final = ("string", "integer", "number", "boolean", "object", "array", "null")

NUMERIC: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")

FORMATS: Final = frozenset(
    [
        "date-time",
        "date",
        "time",
        "duration",
        "email",
        "idn-email",
        "hostname",
        "idn-hostname",
        "ipv4",
        "ipv6",
        "uri",
        "uri-reference",
        "iri",
        "iri-reference",
        "uuid",
        "uri-template",
        "json-pointer",
        "relative-json-pointer",
        "regex",
    ]
)

_ONE: Final = frozenset(
    [
        "additionalProperties",
        "items",
        "contains",
        "not",
        "if",
        "then",
        "else",
        "propertyNames",
        "unevaluatedItems",
        "unevaluatedProperties",
        "contentSchema",
    ]
)
_LIST: Final = frozenset(["allOf", "anyOf", "oneOf", "prefixItems"])
_MAP: Final = frozenset(
    ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"]
)

ANNOTATIONS: Final = frozenset(
    [
        "$schema",
        "$comment",
        "$vocabulary",
        "title",
        "description",
        "default",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "contentEncoding",
        "contentMediaType",
    ]
)
"""What says something about a value without judging it. The standard makes ``content*`` such."""

KEYWORDS: Final = (
    _ONE
    | _LIST
    | _MAP
    | ANNOTATIONS
    | frozenset(NUMERIC)
    | frozenset(
        [
            "$id",
            "$ref",
            "$anchor",
            "$dynamicRef",
            "$dynamicAnchor",
            "type",
            "enum",
            "const",
            "minLength",
            "maxLength",
            "pattern",
            "format",
            "minItems",
            "maxItems",
            "uniqueItems",
            "minContains",
            "maxContains",
            "required",
            "minProperties",
            "maxProperties",
            "dependentRequired",
        ]
    )
)


def walk(schema: Any, path: Path = ()) -> Iterator[tuple[Path, Schema]]:
    """Yield every subschema that is an object, parents first, each with its path."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for keyword, inside in schema.items():
        here = (*path, keyword)
        if keyword in _ONE:
            yield from walk(inside, here)
        elif keyword in _LIST and isinstance(inside, list):
            for index, part in enumerate(inside):
                yield from walk(part, (*here, index))
        elif keyword in _MAP and isinstance(inside, dict):
            for name, part in inside.items():
                yield from walk(part, (*here, name))


def plain(value: Any, path: Path = ()) -> Any:
    """
    Copy JSON into dicts, lists and exact numbers, whatever mappings and sequences it came in.

    :raises ValueError: something in it is no JSON; the second argument is its path.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError("is no number that JSON can write", path)
        return value
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                raise ValueError(  # noqa: TRY004 - one type for all that is no JSON
                    f"has the name {name!r}, which is no text; quote it", path
                )
        return {name: plain(part, (*path, name)) for name, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [plain(part, (*path, index)) for index, part in enumerate(value)]
    raise ValueError(f"is of the type {type(value).__name__}, which JSON does not have", path)
