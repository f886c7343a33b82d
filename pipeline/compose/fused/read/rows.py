"""The cells of a CSV row, each in the variable of its column, in the type that its shape has."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from pipeline.compose.fused.read.checks import members_of, write_unpacking
from pipeline.compose.fused.shape import Node, UnfitError, struct_of, structs_in
from pipeline.transform.numbers import MAX_PLAIN_DIGITS
from pipeline.transform.straight.cells import MAX_BRACKETS, is_no_null, read_as, write_cell
from pipeline.values import dataclass

if TYPE_CHECKING:
    from pipeline.transform.coerce import Node as Column
    from pipeline.transform.schema.predicate import SchemaCode

__all__ = ["Header", "RowSource", "write_row"]

Header: TypeAlias = tuple[str, ...]

_BODY: Final = 2
"""Blocks that stand around the body of the function."""

_CLASSES: Final = {"str": "str", "bool": "bool", "list": "list"}

_texts = msgspec.json.Decoder(list[str]).decode


@dataclass(frozen=True, slots=True)
class RowSource:
    """How the cells of rows are read: what the schema says of *columns*, and which are *nulls*."""

    columns: Column | None
    nulls: frozenset[str]


def write_row(root: Node, header: Header, source: RowSource, code: SchemaCode) -> None:
    """
    Write what reads *cells* into the variables of the record *root*, and of all objects in it.

    A row that is not of this shape is given up, or raises ValueError.

    :raises UnfitError: no row under *header* is.
    """
    if any(not child.may_miss for name, child in root.fields.items() if name not in header):
        raise UnfitError
    if len(set(header)) < len(header):  # a letter that was written by hand has such
        raise UnfitError
    columns = [_Column(name, root, source, code) for name in header]
    code.line(_BODY, f"{', '.join(column.cell for column in columns)}, = cells")
    for name, node in root.fields.items():
        if name not in header:
            code.line(_BODY, " = ".join([node.var, *(one.var for one in node.inner()), "UNSET"]))
    structs: dict[str, str] = {}
    for column in columns:
        structs |= column.write()
    write_unpacking(root, structs, code)
    for column in columns:
        column.write_members()


class _Column:
    """One column of the rows; *cell* is the variable of its text."""

    def __init__(self, name: str, root: Node, source: RowSource, code: SchemaCode) -> None:
        node, columns = root.fields.get(name), source.columns
        self._node = node
        self._column = None if columns is None else columns.fields.get(name, columns.others)
        self._kind = read_as(self._column)
        self._code = code
        self._as_it_is = node is not None and (node.kind, self._kind) == ("str", "string")
        bare = node is not None and self._as_it_is and not node.may_miss
        self.cell = node.var if node is not None and bare else code.variable()
        self._given = is_no_null(code, self.cell, source.nulls)

    def write(self) -> dict[str, str]:
        """Write what reads the cell; return the structs of the objects in it, by variable."""
        node, code, given, depth = self._node, self._code, self._given, _BODY
        if node is None:
            code.line(depth, f"if {given or 'True'}: return None")
            return {}
        if given and node.may_miss:
            code.line(depth, f"{node.var} = UNSET")
            code.line(depth, f"if {given}:")
            depth += 1
        elif given:
            code.line(depth, f"if not ({given}): return None")
        if self.cell == node.var:
            return {}
        if node.kind == "map":
            return self._write_object(node, depth)
        if (node.kind, self._kind) == ("list", "array"):
            value = f"{code.constant(_texts)}({self.cell})"
        else:
            value = write_cell(code, self.cell, self._column, depth)
        code.line(depth, f"{node.var} = {value}")
        if not self._as_it_is and node.kind in _CLASSES:
            self._write_class(node, depth)
        return {}

    def _write_object(self, node: Node, depth: int) -> dict[str, str]:
        if self._kind != "object":
            raise UnfitError
        struct, code = struct_of(node), self._code
        decode = msgspec.json.Decoder(struct, float_hook=Decimal).decode
        code.line(depth, f"{node.var} = {code.constant(decode)}({self.cell})")
        return {one.var: code.constant(made) for one, made in structs_in(node, struct)}

    def _write_class(self, node: Node, depth: int) -> None:
        test = f"{node.var}.__class__ is not {_CLASSES[node.kind]}"
        if node.kind == "list":
            test += f" or not all(type(one) is str for one in {node.var})"
        if node.null:
            test = f"{node.var} is not None and ({test})"
        self._code.line(depth, f"if {test}: return None")

    def write_members(self) -> None:
        """Write, for an object, what gives up on one that has a name twice, or may be too deep."""
        node, cell, code = self._node, self.cell, self._code
        if node is None or node.kind != "map":
            return
        code.line(_BODY, f"if {cell}.count(':') != {members_of(node)}: return None")
        tests = [f"len({cell}) > {MAX_PLAIN_DIGITS}"]
        if any(one.kind == "any" for one in node.inner()):
            tests.append(f"{cell}.count('[') + {cell}.count('{{') > {MAX_BRACKETS}")
        code.line(_BODY, f"if {' or '.join(tests)}: return None")
