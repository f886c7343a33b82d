"""
Text into the types that the schema states: CSV cells always, JSON strings where asked.

A text becomes the first of the stated types, in their order, that it is exactly: integer text is
``-?(0|[1-9][0-9]*)``, a number what JSON calls one, a boolean ``true`` or ``false``, an array or
object its JSON. Anything else stays text, and the schema then refuses it. Nothing is stripped, and
no text is ever a null. Types are also those of the values in `enum` and `const`, and what `$ref`,
`allOf`, `anyOf`, `oneOf`, `then`, `else` and `dependentSchemas` say of the same value counts too.
"""

from __future__ import annotations

import json
from dataclasses import field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pipeline.transform.numbers import parse_integer, parse_number
from pipeline.transform.schema.dialect import plain
from pipeline.transform.schema.references import resolve_pointer
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pipeline.model import Value

__all__ = ["PARSES", "Node", "compile_coercion", "compile_node"]

_Parse: TypeAlias = "Callable[[str], Value]"

_BOOLEANS: Final = {"true": True, "false": False}


def compile_coercion(
    schema: Mapping[str, Any],
) -> Callable[[dict[str, Value]], dict[str, Value]] | None:
    """
    Return what coerces a record's fields, as a new dict; None if the schema asks for no coercion.

    The schema has no problems (`pipeline.transform.schema.problems`).
    """
    node = compile_node(schema)
    return None if node is None else node.coerce_object


def compile_node(schema: Mapping[str, Any]) -> Node | None:
    """Return what the schema says about a record, or None if it asks for no coercion."""
    whole = plain(schema)
    node = _Compiler(whole).node((whole,))
    return node if _matters(node, set()) else None


@dataclass(slots=True)
class Node:
    """
    What the schema says about one place; make one with `compile_node`.

    *parses* are the types to try, in order, up to the first that leaves text as it is; *options*
    are the values of `enum` and `const`, which decide where a text could be several things.
    """

    parses: tuple[_Parse, ...] = ()
    options: tuple[Any, ...] = ()
    fields: dict[str, Node] = field(default_factory=dict)
    others: Node | None = None
    elements: Node | None = None

    def coerce(self, value: Value) -> Value:
        """Return *value*, and what is in it, in the types that the schema states."""
        if isinstance(value, str):
            return self._coerce_text(value) if self.parses else value
        if isinstance(value, dict):
            return self.coerce_object(value)
        if isinstance(value, list) and self.elements is not None:
            return [self.elements.coerce(element) for element in value]
        return value

    def coerce_object(self, value: dict[str, Value]) -> dict[str, Value]:
        """Return a new object whose members have the types that the schema states."""
        typed = value.copy()
        for name, inside in value.items():
            node = self.fields.get(name, self.others)
            if node is not None:
                typed[name] = node.coerce(inside)
        return typed

    def _coerce_text(self, text: str) -> Value:
        first: Value = None
        for parse in self.parses:
            value = parse(text)
            if value is None:
                continue
            if not self.options or _is_one_of(value, self.options):
                return value
            if first is None:
                first = value
        return text if first is None else first


class _Compiler:
    """Makes each node once, so that a schema that refers to itself ends."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self._nodes: dict[frozenset[int], Node] = {}

    def node(self, schemas: Sequence[Any]) -> Node:
        """Return the node of the place that all these schemas describe."""
        parts = list(self._parts(schemas, set()))
        identity = frozenset(map(id, parts))
        if identity in self._nodes:
            return self._nodes[identity]
        node = self._nodes[identity] = Node()
        types = dict.fromkeys(name for part in parts for name in _types(part))
        node.parses = tuple(PARSES[name] for name in types if name in PARSES)
        node.options = tuple(value for part in parts for value in _values(part))
        inside: dict[str, list[Any]] = {}
        for part in parts:
            for name, schema in part.get("properties", {}).items():
                inside.setdefault(name, []).append(schema)
        node.fields = {name: self.node(found) for name, found in inside.items()}
        node.others = self._rest(parts, "additionalProperties", "patternProperties")
        node.elements = self._rest(parts, "items", "prefixItems")
        return node

    def _rest(self, parts: Sequence[Any], keyword: str, rival: str) -> Node | None:
        """Return the node of what *keyword* describes, unless *rival* describes some of it."""
        found = [part[keyword] for part in parts if keyword in part]
        return self.node(found) if found and not any(rival in part for part in parts) else None

    def _parts(self, schemas: Sequence[Any], seen: set[int]) -> Iterator[dict[str, Any]]:
        """Yield every subschema that judges the same value."""
        for schema in schemas:
            if not isinstance(schema, dict) or id(schema) in seen:
                continue
            seen.add(id(schema))
            yield schema
            target = schema.get("$ref")
            if isinstance(target, str) and (target == "#" or target.startswith("#/")):
                yield from self._parts([resolve_pointer(self._schema, target[1:])], seen)
            for keyword in ("allOf", "anyOf", "oneOf"):
                yield from self._parts(schema.get(keyword, ()), seen)
            branches = [schema[keyword] for keyword in ("then", "else") if keyword in schema]
            yield from self._parts([*branches, *schema.get("dependentSchemas", {}).values()], seen)


def _types(part: dict[str, Any]) -> list[str]:
    if "type" in part:
        types = part["type"]
        return types if isinstance(types, list) else [types]
    return [_type_of(value) for value in _values(part)]


def _values(part: dict[str, Any]) -> list[Any]:
    return [*part.get("enum", ()), *([part["const"]] if "const" in part else [])]


def _type_of(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "null" if value is None else "boolean"
    names = {str: "string", int: "integer", Decimal: "number", list: "array", dict: "object"}
    return names[type(value)]


def _is_one_of(value: Value, options: tuple[Any, ...]) -> bool:
    return any(
        isinstance(value, bool) == isinstance(option, bool) and value == option
        for option in options
    )


def _matters(node: Node, seen: set[int]) -> bool:
    """Say whether a text could become anything else anywhere below."""
    if id(node) in seen:
        return False
    seen.add(id(node))
    below = [*node.fields.values(), node.others, node.elements]
    return any(parse is not str for parse in node.parses) or any(
        _matters(inside, seen) for inside in below if inside is not None
    )


def _json_as(kind: type[list[Any] | dict[str, Any]]) -> _Parse:
    def parse(text: str) -> Value:
        try:
            value: Value = json.loads(
                text,
                parse_float=Decimal,
                parse_int=parse_integer,
                parse_constant=_refuse,
                object_pairs_hook=_unique,
            )
            if "\\u" in text:
                json.dumps(value, ensure_ascii=False, default=str).encode()
        except (ValueError, ArithmeticError, RecursionError):
            return None
        return value if isinstance(value, kind) else None

    return parse


def _refuse(_constant: str) -> None:
    raise ValueError("NaN and the infinities are no JSON")


def _unique(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a name stands twice")
    return fields


PARSES: Final[dict[str, _Parse]] = {
    "string": str,
    "integer": parse_integer,
    "number": parse_number,
    "boolean": _BOOLEANS.get,
    "array": _json_as(list),
    "object": _json_as(dict),
}
"""What a text is by each type of JSON Schema; None: it is none."""
