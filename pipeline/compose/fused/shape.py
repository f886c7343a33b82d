"""The shape of records as code is written for it, and the types that msgspec decodes it into."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from pipeline.transform.schema.predicate import JUDGING, SchemaCode, UnknownError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.compose.fused.seen import Seen

__all__ = ["Kind", "Node", "UnfitError", "own_schemas", "shape_of", "struct_of", "structs_in"]

Kind: TypeAlias = Literal["str", "bool", "int", "number", "list", "set", "map", "any", "const"]
"""
What is known of a value: *list* holds texts alone, as does *set*, which is one of DynamoDB's;
*const* is the definition's and the same in every item.
"""

_TYPES: Final[dict[str, Any]] = {"str": str, "bool": bool, "list": list[str]}
_CLASSES: Final = {
    "str": ("str",),
    "bool": ("bool",),
    "int": ("int",),
    "Decimal": ("Decimal", "integral"),
    "list": ("list",),
    "map": ("dict",),
    "null": ("NoneType",),
    "any": ("str", "bool", "int", "Decimal", "integral", "list", "dict", "NoneType"),
}


class UnfitError(Exception):
    """Such records, or such a definition, are for the general way."""


@dataclass(slots=True)
class Node:
    """
    One value of a record or an item, in the variable *var* of the code.

    It may be *null*, it may itself be absent (*may_miss*, then it is UNSET), or what it stands in
    may be (*loose*, then too). As an attribute one that *skips_null* is left out where it is null.
    A *const* is its typed JSON *text* of size *size*, and in a key its *value*.
    """

    kind: Kind
    var: str
    null: bool = False
    may_miss: bool = False
    loose: bool = False
    skips_null: bool = False
    fields: dict[str, Node] = field(default_factory=dict)
    schemas: list[Any] = field(default_factory=list)
    text: str = ""
    size: int = 0
    value: Any = None

    @property
    def sure(self) -> bool:
        """Say whether there is always a value that is not null."""
        return not (self.null or self.may_miss or self.loose)

    def missing(self) -> str:
        """Return the expression that is true where there is no value, or null; empty: never."""
        return " or ".join(f"{self.var} is {what}" for what in self._nothings())

    def present(self) -> str:
        """Return the opposite of `missing`."""
        return " and ".join(f"{self.var} is not {what}" for what in self._nothings())

    def inner(self) -> Iterator[Node]:
        """Give all nodes inside of it, parents first."""
        for child in self.fields.values():
            yield child
            yield from child.inner()

    def _nothings(self) -> list[str]:
        return ["UNSET"] * (self.may_miss or self.loose) + ["None"] * self.null


def shape_of(seen: Seen, schema: Any, code: SchemaCode) -> Node:
    """
    Make the shape that fits what was *seen* as far as *schema* allows it.

    :raises UnfitError: there is none.
    """
    root = _node(seen, [schema], code)
    if root.kind != "map" or root.null or not root.fields:
        raise UnfitError
    return root


def own_schemas(schemas: Sequence[Any], code: SchemaCode) -> list[dict[str, Any]]:
    """
    Return all schemas that a value must keep for its keywords, without those that only refer.

    :raises UnfitError: one of them allows nothing.
    """
    found: list[dict[str, Any]] = []
    for schema in schemas:
        if schema is True:
            continue
        if not isinstance(schema, dict):
            raise UnfitError
        if schema.keys() & JUDGING:
            found.append(schema)
        found += own_schemas(code.others(schema), code)
    return found


def _node(seen: Seen, schemas: list[Any], code: SchemaCode) -> Node:
    schemas = [schema for schema in schemas if schema is not True]
    owns = own_schemas(schemas, code)
    kinds = {kind for kind in seen.usual() if _allowed(kind, owns)}
    null = "null" in kinds
    kinds.discard("null")
    if kinds and kinds <= {"int", "Decimal"}:
        kinds = {"int" if kinds == {"int"} else "number"}
    node = Node("any", code.variable(), null, schemas=schemas)
    if len(kinds) == 1:
        (kind,) = kinds
        node.kind = kind  # type: ignore[assignment]  # a kind by now
    if node.kind == "map":
        _fill(node, seen, owns, code)
    return node


def _fill(node: Node, seen: Seen, owns: Sequence[dict[str, Any]], code: SchemaCode) -> None:
    """Give an object its members; one that has none, or odd names, is any value."""
    total = seen.kinds["map"]
    for name, inside in seen.fields.items():
        if any(
            own.get("additionalProperties") is False and name not in own.get("properties", ())
            for own in owns
        ):
            continue
        if not _is_plain(name):
            node.fields.clear()
            break
        inner = [own["properties"][name] for own in owns if name in own.get("properties", ())]
        child = _node(inside, inner, code)
        child.may_miss = inside.count < total
        node.fields[name] = child
    if not node.fields:
        node.kind = "any"
    for child in node.inner():
        child.loose = child.loose or node.null
    for child in node.fields.values():
        if child.may_miss:
            for one in child.inner():
                one.loose = True


def _allowed(kind: str, owns: Sequence[dict[str, Any]]) -> bool:
    """Say whether the schemas allow values of a kind."""
    for own in owns:
        try:
            kinds = {branch.kind for branch in SchemaCode(own).branches(own, "value")}
        except UnknownError:
            raise UnfitError from None
        if kinds.isdisjoint(_CLASSES[kind]):
            return False
    return True


def _is_plain(name: str) -> bool:
    """Say whether a name can be a field of a struct, and an attribute of an item."""
    return bool(name) and name.isprintable() and '"' not in name and "\\" not in name


def struct_of(node: Node) -> type[msgspec.Struct]:
    """Make the struct of an object: exactly its names, in their order."""
    fields: list[Any] = []
    rename: dict[str, str] = {}
    for index, (name, child) in enumerate(node.fields.items()):
        rename[f"f{index}"] = name
        kind = struct_of(child) if child.kind == "map" else _TYPES.get(child.kind, Any)
        if kind is not Any:
            kind = kind | None if child.null else kind
            kind = kind | UnsetType if child.may_miss else kind
        fields.append((f"f{index}", kind, UNSET) if child.may_miss else (f"f{index}", kind))
    return msgspec.defstruct(
        "Shape", fields, rename=rename, forbid_unknown_fields=True, gc=False, kw_only=True
    )


def structs_in(node: Node, struct: Any) -> list[tuple[Node, Any]]:
    """Pair an object, and all objects inside of it, with their structs."""
    found = [(node, struct)]
    for child, kind in zip(node.fields.values(), msgspec.structs.fields(struct), strict=True):
        if child.kind == "map":
            options = getattr(kind.type, "__args__", (kind.type,))
            inner = next(
                one for one in options if isinstance(one, type) and issubclass(one, msgspec.Struct)
            )
            found += structs_in(child, inner)
    return found
