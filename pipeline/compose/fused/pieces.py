"""
The JSON of attributes as source code, and by how much it is longer than they weigh.

A request is made as one text, and its length in bytes is its texts' size and all that is written
around them. So no text is measured by itself: of every other part is known by how many bytes its
size differs from its JSON, its *excess* (mostly below zero).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from pipeline.table.encoding.figures import COUNTED
from pipeline.table.size import text_size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.compose.fused.shape import Node

__all__ = ["SMALL", "Piece", "Pieces", "json_text"]

SMALL = 256
"""Whole numbers from 0 up to this, ages and counts, whose text and size are looked up."""

_NULL = '{"NULL":true}'
_COUNTED = {
    "int": COUNTED[int],
    "number": COUNTED[next(kind for kind in COUNTED if kind is not int)],
}
_FALSE = len("false")


def json_text(text: str) -> str:
    """Write a text as it stands between the quotes of JSON."""
    return orjson.dumps(text)[1:-1].decode()


@dataclass(slots=True)
class Piece:
    """A part of a request: sources of texts side by side, and the excess of all of it."""

    texts: list[str] = field(default_factory=list)
    excess: int = 0
    excesses: list[str] = field(default_factory=list)

    def say(self, text: str, size: int = 0) -> None:
        """Add a text that is always the same and counts for *size* bytes."""
        doubled = text.replace("{", "{{").replace("}", "}}")
        self.texts.append(f"f{doubled!r}")
        self.excess += size - len(text.encode())

    def show(self, expression: str) -> None:
        """Add the text that an expression gives; it weighs what it is long."""
        self.texts.append(f"f'{{{expression}}}'")

    @property
    def source(self) -> str:
        """The expression of the whole text."""
        return f"({' '.join(self.texts) or repr('')})"

    @property
    def total(self) -> str:
        """The expression of the whole excess."""
        return " + ".join([str(self.excess), *self.excesses])


class Pieces:
    """
    Writes the pieces of one function.

    *figures* are lines that must run before any of the pieces, *lines* those that make what is not
    in every item.
    """

    def __init__(self, variable: Callable[[], str]) -> None:
        self.figures: list[str] = []
        self.lines: list[str] = []
        self._variable = variable
        self._figured: set[str] = set()
        self._prepared: set[tuple[str, int]] = set()
        self._maybes: dict[tuple[object, ...], tuple[str, str]] = {}

    def item(self, piece: Piece, attributes: Mapping[str, Node]) -> None:
        """Add an item's attributes, of which at least one is sure."""
        self._entries(piece, attributes, 0, self.lines, inside=False)

    def figure(self, node: Node) -> None:
        """Have a sure number's text and size made."""
        if node.var not in self._figured:
            self._figured.add(node.var)
            self.figures += _figure(node)

    def _entries(
        self,
        piece: Piece,
        nodes: Mapping[str, Node],
        depth: int,
        lines: list[str],
        *,
        inside: bool,
    ) -> None:
        """
        Add the members of a map: those that are sure, then those that may be absent or null.

        *inside*: the code stands where the map is there. *lines* takes what must run before.
        """
        sure = {name: node for name, node in nodes.items() if _is_settled(node, inside)}
        for index, (name, node) in enumerate(sure.items()):
            piece.say("," * (index > 0) + f'"{json_text(name)}":', text_size(name) + (depth > 0))
            self._value(piece, node, depth, lines, inside=inside)
        others = [
            self._maybe(name, node, depth, lines, inside=inside)
            for name, node in nodes.items()
            if name not in sure
        ]
        piece.excesses += [excess for _, excess in others]
        texts = [text for text, _ in others]
        if sure:
            for text in texts:
                piece.show(text)
        elif texts:
            joined = self._variable()  # each has a comma in front of it
            lines.append(f"{joined} = ({' + '.join(texts)})[1:]")
            piece.show(joined)
            piece.excesses.append(f"({joined} != '')")

    def _maybe(
        self, name: str, node: Node, depth: int, lines: list[str], *, inside: bool
    ) -> tuple[str, str]:
        """Make an attribute's text, with a comma before it, and its excess, where it is there."""
        place = (name, node.var, node.kind, node.skips_null, depth, inside)
        if place in self._maybes and lines is self.lines:
            return self._maybes[place]
        text, excess = self._variable(), self._variable()
        quoted = f',"{json_text(name)}":'
        piece, null, before = Piece(), Piece(), list[str]()
        for one in (piece, null):
            one.say(quoted, text_size(name) + (depth > 0))
        self._value(piece, node, depth, before, inside=True)
        null.say(_NULL, 1)
        absent = ["UNSET"] * (node.may_miss or (node.loose and not inside))
        absent += ["None"] * (node.null and node.skips_null)
        word = "if"
        if absent:
            test = " or ".join(f"{node.var} is {what}" for what in absent)
            lines.append(f"if {test}: {text} = ''; {excess} = 0")
            word = "elif"
        if node.null and not node.skips_null:
            lines.append(
                f"{word} {node.var} is None: {text} = {null.source}; {excess} = {null.total}"
            )
        lines.append("else:")
        lines += [f"    {line}" for line in before]
        lines += [f"    {text} = {piece.source}", f"    {excess} = {piece.total}"]
        if lines is self.lines:
            self._maybes[place] = text, excess
        return text, excess

    def _value(
        self, piece: Piece, node: Node, depth: int, lines: list[str], *, inside: bool
    ) -> None:
        """Add one typed value."""
        variable = node.var
        if node.kind == "str":
            piece.say('{"S":"')
            piece.show(variable)
            piece.say('"}')
        elif node.kind in _COUNTED:
            if node.sure:
                self.figure(node)
            else:
                lines += _figure(node)
            piece.say('{"N":"')
            piece.show(f"t{variable}")
            piece.say('"}')
            piece.excesses.append(f"s{variable} - len(t{variable})")
        elif node.kind == "bool":
            piece.say('{"BOOL":', 1 - _FALSE)
            piece.show(f"TRUE if {variable} else FALSE")
            piece.say("}")
            piece.excesses.append(variable)  # true is a byte shorter
        elif node.kind == "const":
            piece.say(node.text, node.size)
        elif node.kind == "map":
            piece.say('{"M":{', 3)
            self._entries(piece, node.fields, depth + 1, lines, inside=inside or not node.sure)
            piece.say("}}")
        else:
            self._prepare(node, depth, lines)
            before, after = _AROUND[node.kind]
            piece.say(before)
            piece.show(f"t{variable}_{depth}")
            piece.say(after)
            piece.excesses.append(f"s{variable}_{depth}")

    def _prepare(self, node: Node, depth: int, lines: list[str]) -> None:
        """Make the text of a value that is no scalar, and its excess."""
        if lines is self.lines:
            if (node.var, depth) in self._prepared:
                return
            self._prepared.add((node.var, depth))
        lines += [line.format(node.var, depth) for line in _MADE[node.kind]]


def _is_settled(node: Node, inside: bool) -> bool:  # noqa: FBT001 - said of a place, by its name
    return not (node.may_miss or node.null or (node.loose and not inside))


def _figure(node: Node) -> list[str]:
    """Return the lines that make a number's text ``t…`` and its size ``s…``."""
    var = node.var
    lines = _COUNTED[node.kind].format(var).splitlines()
    lines += ["else:", f"    t{var}, s{var} = measured({var})"]
    if node.kind != "int":
        return lines
    known = f"if 0 <= {var} < {SMALL}: t{var}, s{var} = FIGURES[{var}]"
    return [known, "else:", *(f"    {line}" for line in lines)]


_AROUND = {"list": ('{"L":', "}"), "set": ('{"SS":', "}"), "any": ("", "")}
_MADE = {
    # Of n texts there are 9n + 1 bytes around them, and 3 + n count.
    "list": (
        """t{0}_{1} = '[{{"S":"' + BETWEEN.join({0}) + '"}}]' if {0} else '[]'""",
        "s{0}_{1} = 2 - 8 * len({0}) if {0} else 1",
    ),
    # No set is empty or has a member twice; of its texts alone there is a size.
    "set": (
        "if not {0} or len(set({0})) != len({0}): return None",
        """t{0}_{1} = '["' + COMMA.join({0}) + '"]'""",
        "s{0}_{1} = -1 - 3 * len({0})",
    ),
    "any": ("t{0}_{1}, s{0}_{1} = anything({0}, {1})",),
}
