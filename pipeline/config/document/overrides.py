"""
``--set write.workers=10``: single values changed from the command line.

The path is keys and list indexes joined by dots; maps that are missing on the way are made. The
value is an unquoted YAML scalar, unless it starts like a list, a map or a quoted text.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.config.document.compose import compose
from pipeline.config.document.nodes import Entry, ListNode, MapNode, Node, ScalarNode
from pipeline.config.problems import Place, Problem, Problems

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["override"]


def override(root: Node, settings: Iterable[str], problems: Problems) -> Node:
    """Return *root* with each ``path=value`` of *settings* applied in turn; the last one wins."""
    for setting in settings:
        place = Place(override=setting)
        path, equals, text = setting.partition("=")
        parts = path.split(".")
        if not equals or "" in parts:
            problems.add(Problem(place, (), "write it as --set write.workers=10"))
            continue
        try:
            root = _put(root, parts, _value(text, place), place)
        except ValueError as error:
            problems.add(Problem(place, (), str(error)))
    return root


def _value(text: str, place: Place) -> Node:
    if not text.startswith(("[", "{", '"', "'")):
        return ScalarNode(text, plain=True, place=place)
    found = Problems()
    node = compose(text, found)
    for problem in found:
        raise ValueError(problem.message)
    return _moved(node, place) if node else ScalarNode("", plain=True, place=place)


def _moved(node: Node, place: Place) -> Node:
    if isinstance(node, MapNode):
        entries = {
            key: Entry(place, _moved(entry.value, place)) for key, entry in node.entries.items()
        }
        return MapNode(entries, place)
    if isinstance(node, ListNode):
        return ListNode(tuple(_moved(item, place) for item in node.items), place)
    return replace(node, place=place)


def _put(node: Node | None, parts: list[str], value: Node, place: Place) -> Node:
    if not parts:
        return value
    head, rest = parts[0], parts[1:]
    if isinstance(node, ListNode):
        items = list(node.items)
        if not head.isdecimal() or int(head) >= len(items):
            raise ValueError(
                f"`{head}` is no index of that list: it goes from 0 to {len(items) - 1}"
            )
        items[int(head)] = _put(items[int(head)], rest, value, place)
        return replace(node, items=tuple(items))
    if isinstance(node, ScalarNode) and node.text:
        raise ValueError(f"`{head}` cannot be set inside of a single value")
    entries = dict(node.entries) if isinstance(node, MapNode) else {}
    old = entries.get(head)
    new = _put(old.value if old else None, rest, value, place)
    entries[head] = Entry(old.place if old and rest else place, new)
    return MapNode(entries, node.place if node else place)
