"""
The cells of a CSV row as straight Python code: named, nulls left out, in their columns' types.

What a column's one type is, is read here by the JSON decoder, which takes a fifth of the time of an
expression and a constructor. A cell that it does not read as just that leaves the row to the plain
way; so it is slower for a column of several types, and never another.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import msgspec

from pipeline.transform.coerce import PARSES, Node, compile_node
from pipeline.transform.numbers import MAX_PLAIN_DIGITS
from pipeline.transform.straight.code import Code, TooLongError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline.model import Value

__all__ = [
    "MAX_BRACKETS",
    "Header",
    "ReadRow",
    "is_no_null",
    "name_cells",
    "plain_rows",
    "read_as",
    "straight_rows",
    "write_cell",
]

Header: TypeAlias = tuple[str, ...]
ReadRow: TypeAlias = "Callable[[list[str]], dict[str, Value]]"
"""The cells of one row → its fields, in the types of the schema."""

_FEW: Final = 4
"""Null values that are compared one by one."""

MAX_BRACKETS: Final = 64
"""Lists in a cell that are no matter of depth."""

_decode = msgspec.json.Decoder(float_hook=Decimal).decode


class _DoubtError(ValueError):
    """A cell is for the plain way."""


def name_cells(header: Header, cells: Sequence[str], nulls: frozenset[str]) -> dict[str, Value]:
    """Name *cells* by *header*; a cell that reads like a null value is left out."""
    return {name: cell for name, cell in zip(header, cells, strict=True) if cell not in nulls}


def plain_rows(
    schema: Mapping[str, Any] | None, nulls: frozenset[str]
) -> Callable[[Header], ReadRow]:
    """Return what makes, of a header, the plain way of its rows: named, then coerced."""
    node = None if schema is None else compile_node(schema)

    def rows_of(header: Header) -> ReadRow:
        def read(cells: list[str]) -> dict[str, Value]:
            fields = name_cells(header, cells, nulls)
            return fields if node is None else node.coerce_object(fields)

        return read

    return rows_of


def straight_rows(
    schema: Mapping[str, Any] | None, nulls: frozenset[str]
) -> Callable[[Header], ReadRow]:
    """
    Return what makes, of a header, the reader of its rows.

    It gives what `plain_rows` gives, in the same order. The newest header's is kept.
    """
    plain = plain_rows(schema, nulls)
    node = None if schema is None else compile_node(schema)
    newest: tuple[Header, ReadRow] | None = None

    def rows_of(header: Header) -> ReadRow:
        nonlocal newest
        if newest is None or newest[0] != header:
            newest = header, _reader(header, node, nulls, plain(header))
        return newest[1]

    return rows_of


def _reader(header: Header, node: Node | None, nulls: frozenset[str], plain: ReadRow) -> ReadRow:
    code = Code("cells")
    try:
        _write(code, header, node, nulls)
    except TooLongError:
        return plain
    straight = code.compiled("row")

    def read(cells: list[str]) -> dict[str, Value]:
        try:
            fields: dict[str, Value] = straight(cells)
        except (ValueError, InvalidOperation, RecursionError):
            return plain(cells)
        return fields

    return read


def _write(code: Code, header: Header, node: Node | None, nulls: frozenset[str]) -> None:
    cells = [code.variable() for _ in header]
    code.line(0, f"{', '.join(cells)}, = cells")
    code.line(0, "fields = {}")
    for name, cell in zip(header, cells, strict=True):
        wanted = is_no_null(code, cell, nulls)
        if wanted:
            code.line(0, f"if {wanted}:")
        depth = 1 if wanted else 0
        inside = None if node is None else node.fields.get(name, node.others)
        code.line(depth, f"fields[{name!r}] = {write_cell(code, cell, inside, depth)}")
    code.line(0, "return fields")


class _Writer(Protocol):
    """Source code under construction; see `Code`."""

    def line(self, depth: int, text: str) -> None:
        """Add a line, *depth* blocks inside of the function."""

    def constant(self, value: Any) -> str:
        """Return the source of a constant."""

    def variable(self) -> str:
        """Return a name that nothing else has."""


def is_no_null(code: _Writer, cell: str, nulls: frozenset[str]) -> str:
    """Return the source of what says that a cell is not null; empty if none is."""
    if len(nulls) > _FEW:
        return f"{cell} not in {code.constant(nulls)}"
    texts = sorted(nulls)
    tests = [f"{cell} != {code.constant(text)}" if text else cell for text in texts]
    return " and ".join(tests)


def read_as(node: Node | None) -> str | None:
    """Return the one type that a cell is read as; None where its text decides which."""
    if node is None or not node.parses or (node.parses[0] is str and not node.options):
        return "string"
    kind = next((name for name, parse in PARSES.items() if parse is node.parses[0]), None)
    return None if kind == "string" or len(node.parses) > 1 or node.options else kind


def write_cell(code: _Writer, cell: str, node: Node | None, depth: int) -> str:
    """Write what reads *cell*, or raises ValueError in doubt; return the source of its value."""
    kind = read_as(node)
    if node is None or kind == "string":
        return cell
    if kind is None:
        return f"{code.constant(node.coerce)}({cell})"
    if kind == "boolean":
        return f"True if {cell} == 'true' else False if {cell} == 'false' else {cell}"
    if kind in {"array", "object"}:
        read = code.constant(_as_list if kind == "array" else _as_object)
        return f"{read}({cell})"
    value, doubt = code.variable(), code.constant(_DoubtError)
    # JSON may have white space around it; strip gives the very same text where there is none.
    bad = f"len({cell}) > {MAX_PLAIN_DIGITS} or {cell}.strip() is not {cell}"
    code.line(depth, f"if {bad}: raise {doubt}")
    code.line(depth, f"{value} = {code.constant(_decode)}({cell})")
    other = f"{value}.__class__ is not int"
    if kind == "number":
        other += f" and {value}.__class__ is not {code.constant(Decimal)}"
    code.line(depth, f"if {other}: raise {doubt}")
    return value


def _as_list(text: str) -> Value:
    """Read a cell as an array in which no key can stand twice; raises `_DoubtError`."""
    if len(text) > MAX_PLAIN_DIGITS or "{" in text or text.count("[") > MAX_BRACKETS:
        raise _DoubtError
    value: Value = _decode(text)
    if type(value) is not list:
        raise _DoubtError
    return value


def _as_object(text: str) -> Value:
    """Read a cell as an object in which no key stands twice; raises `_DoubtError`."""
    if len(text) > MAX_PLAIN_DIGITS or text.count("[") + text.count("{") > MAX_BRACKETS:
        raise _DoubtError
    value: Value = _decode(text)
    # As many colons as members that were decoded: none was lost. More: one may stand in a text.
    if type(value) is not dict or text.count(":") != len(value):
        raise _DoubtError
    return value
