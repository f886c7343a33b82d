"""What is wrong with a schema is told before a run, all at once, and nothing is fetched."""

from __future__ import annotations

import socket
from decimal import Decimal
from typing import Any

import pytest

from pipeline.transform.schema import compile_schema, problems


@pytest.mark.parametrize(
    ("schema", "path", "message"),
    [
        ({"requried": ["a"]}, ("requried",), "did you mean 'required'?"),
        ({"properties": {"a": {"minLenght": 1}}}, ("properties", "a", "minLenght"), "'minLength'"),
        ({"Properties": {}}, ("Properties",), "did you mean 'properties'?"),
        ({"properties": {"a": {"nullable": True}}}, ("properties", "a", "nullable"), "OpenAPI"),
        ({"additionalItems": False}, ("additionalItems",), "prefixItems"),
        ({"type": "strin"}, ("type",), "did you mean 'string'?"),
        ({"properties": {"a": {"type": ["string"] * 2}}}, ("properties", "a", "type"), "twice"),
        ({"type": "array"}, ("type",), "a record is always an object"),
        ({"type": ["string", "null"]}, ("type",), "a record is always an object"),
        ({"properties": {"a": 5}}, ("properties", "a"), "must be boolean or object"),
        ({"minLength": -1}, ("minLength",), "must be at least 0"),
        ({"multipleOf": 0}, ("multipleOf",), "must be greater than 0"),
        ({"required": ["a", "a"]}, ("required",), "the same element twice"),
        ({"enum": 1}, ("enum",), "must be array, is an integer"),
        ({"items": [{}]}, ("items",), "must be boolean or object, is a list of 1"),
        ({"properties": {"a": {"format": "emial"}}}, ("properties", "a", "format"), "'email'"),
        ({"properties": {"a": {"pattern": "("}}}, ("properties", "a", "pattern"), "never closed"),
        ({"pattern": "(?i)a"}, ("pattern",), "write '(?i:...)'"),
        ({"pattern": "(?P<n>a)"}, ("pattern",), "(?<name>...)"),
        ({"pattern": r"\Aa"}, ("pattern",), "'^' and '$'"),
        ({"pattern": "a{2,1}"}, ("pattern",), "'{2,1}'"),
        ({"pattern": "[z-a]"}, ("pattern",), "runs backwards"),
        ({"patternProperties": {"[": {}}}, ("patternProperties", "["), "never closed"),
        ({"$ref": "user.json"}, ("$ref",), "nothing is ever fetched"),
        ({"$ref": "https://example.com/a.json#/b"}, ("$ref",), "nothing is ever fetched"),
        ({"$ref": "file:///etc/passwd"}, ("$ref",), "nothing is ever fetched"),
        ({"allOf": [{"$ref": "#/$defs/x"}]}, ("allOf", 0, "$ref"), "leads nowhere"),
        ({"$ref": "#x"}, ("$ref",), "leads nowhere"),
        ({"$dynamicRef": "other#x"}, ("$dynamicRef",), "nothing is ever fetched"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, ("$schema",), "2020-12"),
        ({"properties": {1: {}}}, ("properties",), "quote it"),
        ({"const": {1, 2}}, ("const",), "the type set"),
        ({"minimum": float("nan")}, ("minimum",), "no number"),
    ],
)
def test_a_wrong_schema_is_told(schema: Any, path: tuple[str | int, ...], message: str) -> None:
    """Each mistake is reported once, with its path and what to do."""
    found = problems(schema)
    assert [place for place, _ in found] == [path]
    assert message in found[0][1]


def test_every_problem_comes_at_once() -> None:
    """A schema with several mistakes shows them all."""
    schema = {
        "requird": [],
        "properties": {"a": {"type": "int"}, "b": {"$ref": "b.json"}, "c": {"format": "x"}},
    }
    assert {path for path, _ in problems(schema)} == {
        ("requird",),
        ("properties", "a", "type"),
        ("properties", "b", "$ref"),
        ("properties", "c", "format"),
    }


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object", "title": "a", "description": "b", "x-owner": "c", "examples": [1]},
        {"$schema": "https://json-schema.org/draft/2020-12/schema"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}},
        {"$ref": "#/$defs/a~1b%25", "$defs": {"a/b%": {"type": "object"}}},
        {"$id": "https://e.x/root", "$ref": "part", "$defs": {"p": {"$id": "part"}}},
        {"$ref": "#here", "$defs": {"p": {"$anchor": "here"}}},
        {"properties": {"next": {"$ref": "#"}}},
        {"$ref": "https://json-schema.org/draft/2020-12/schema"},
        {"properties": {"a": {"enum": [{"requried": 1}], "default": {"foo": 1}}}},
        {"properties": {"requried": {"type": "string"}}},
        {"minimum": 0.5, "maximum": Decimal("1E+30")},
        {"type": ["object", "null"]},
    ],
)
def test_a_good_schema_has_no_problems_and_compiles(schema: dict[str, Any]) -> None:
    """What the standard allows is no problem; names of properties and values are no keywords."""
    assert problems(schema) == []
    compile_schema(schema)


def test_a_reference_never_opens_a_connection() -> None:
    """A remote reference is refused without a look at the network, also by the compiler."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        target = f"http://127.0.0.1:{server.getsockname()[1]}/user.json"
        assert problems({"$ref": target})
        with pytest.raises(ValueError, match=r"user\.json"):
            compile_schema({"$ref": target})
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {
            "$ref": "#/$defs/a",
            "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
        },
    ],
)
def test_a_reference_that_leads_back_to_itself_is_a_problem_like_any_other(
    schema: dict[str, object],
) -> None:
    """No end of references is told, not run into."""
    assert problems(schema)


def test_a_recursive_schema_that_descends_is_fine() -> None:
    """A tree refers to itself, one level further down each time."""
    tree = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}}

    assert problems(tree) == []
