"""The attributes that are keys, of the table and of its indexes: their types and lengths."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pipeline.compose.fused.shape import Node, UnfitError
from pipeline.table.encoding.request import WIDEST_CHARACTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.table.rules import KeyAttribute
    from pipeline.transform.keys import KeyType

__all__ = ["index_tests", "is_key_kind", "key_part"]

_KINDS: Final = {"S": ("str",), "N": ("int", "number"), "B": ()}
_CONSTANTS: Final = {"S": '{"S":', "N": '{"N":'}


def is_key_kind(node: Node | None, kind: KeyType) -> bool:
    """Say whether a value is of the type of a key, without a change."""
    return node is not None and node.kind in _KINDS[kind]


def key_part(
    part: KeyAttribute,
    attributes: dict[str, Node],
    lines: list[str],
    figure: Callable[[Node], None],
) -> str:
    """
    Write the tests of an attribute of the table's key; return the source of its value.

    After them it is neither absent nor null. *figure* has a number's text made.

    :raises UnfitError: it is no key of any record.
    """
    node = attributes.get(part.name)
    if node is not None and node.kind == "const":
        return repr(_constant(part, node))
    if node is None or not is_key_kind(node, part.type):
        raise UnfitError
    if part.type == "N":
        if not node.sure:
            raise UnfitError
        figure(node)
        return f"t{node.var}"
    if missing := node.missing():
        lines.append(f"if {missing}: return None")
        attributes[part.name] = replace(node, null=False, may_miss=False, loose=False)
    lines.append(f"if {_is_no_length(part, node)}: return None")
    return node.var


def index_tests(part: KeyAttribute, node: Node) -> list[str]:
    """
    Return the tests of an attribute of an index's key, which may be absent.

    :raises UnfitError: it is no key of any record.
    """
    if node.kind == "const":
        _constant(part, node)
        return []
    if not is_key_kind(node, part.type):
        raise UnfitError
    lines = []
    if node.null and not node.skips_null:
        lines.append(f"if {node.var} is None: return None")
    if part.type == "S":
        present = node.present()
        test = _is_no_length(part, node)
        lines.append(f"if {f'{present} and ' if present else ''}{test}: return None")
    return lines


def _is_no_length(part: KeyAttribute, node: Node) -> str:
    return f"not 0 < len({node.var}) <= {_longest(part)}"


def _longest(part: KeyAttribute) -> int:
    """Return how many characters are never too many."""
    return part.limit // WIDEST_CHARACTER


def _constant(part: KeyAttribute, node: Node) -> str:
    """Return the value that a constant has in a key."""
    start = _CONSTANTS.get(part.type)
    good = start is not None and node.text.startswith(start)
    if not good or (part.type == "S" and not 0 < len(node.value) <= _longest(part)):
        raise UnfitError
    return str(node.value)
