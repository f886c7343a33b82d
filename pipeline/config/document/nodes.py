"""The nodes of a definition: what was written, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.config.problems import DocumentPath, Place

__all__ = ["Entry", "ListNode", "MapNode", "Node", "ScalarNode", "find", "place_of"]


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """
    A single value, as text.

    A *plain* one is unquoted: it may turn out to be a number, a boolean or null. *substituted* maps
    the environment variables that went into the text to their values, which no message may show.
    """

    text: str
    plain: bool
    place: Place
    substituted: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ListNode:
    """A YAML sequence."""

    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class MapNode:
    """A YAML mapping; its keys are text."""

    entries: Mapping[str, Entry]
    place: Place


@dataclass(frozen=True, slots=True)
class Entry:
    """The value of a key, and the place of the key."""

    place: Place
    value: Node


Node: TypeAlias = ScalarNode | ListNode | MapNode


def find(root: Node, path: DocumentPath) -> Node | None:
    """Return the node at *path*, None where there is none."""
    node = root
    for part in path:
        if isinstance(node, MapNode) and part in node.entries:
            node = node.entries[str(part)].value
        elif isinstance(node, ListNode) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
        else:
            return None
    return node


def place_of(root: Node, path: DocumentPath, *, key: bool = False) -> Place:
    """
    Return where *path* is written: a scalar's own place, the key of a mapping or list.

    With *key* it is the key in any case. Where the document ends before the path does, it is the
    last part that is there.
    """
    node, place = root, root.place
    for part in path:
        if isinstance(node, MapNode) and part in node.entries:
            place, node = node.entries[str(part)].place, node.entries[str(part)].value
        elif isinstance(node, ListNode) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            place = node.place
        else:
            return place
    return node.place if isinstance(node, ScalarNode) and not key else place
