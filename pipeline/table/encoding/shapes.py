"""
Which shapes items have, learnt from the items themselves, and the code for those that recur.

Names come from strangers: how many shapes are known, and of how many names and characters, is
bounded, and so is the work of compiling. Code is made for a shape once it has been missed often
enough to pay, and again, for what the misses have shown, after twice as many each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from pipeline.table.encoding.compiled import ANY, compiled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.table.encoding.compiled import Encode, Kind
    from pipeline.table.encoding.request import Frame

__all__ = ["Shapes", "kind_of", "merged"]

Names: TypeAlias = tuple[str, ...]

_MOST_KNOWN = 256
_MOST_COMPILED = 64
_MOST_NAMES = 64
_MOST_CHARACTERS = 2048
_FIRST_MISSES = 128
_LOOKED_AT = 8
_MOST_INNER_NAMES = 16
_DEEPEST = 4


@dataclass(slots=True)
class _Shape:
    """
    Items of the same names: the *kinds* that fit those looked at.

    Of those *missed* one in *every* is looked at, and when they are *due* there is code anew.
    """

    kinds: dict[str, Kind]
    missed: int = 0
    every: int = 1
    due: int = _FIRST_MISSES


class Shapes:
    """
    The shapes of one table's items.

    *codes* has the code for those that have any, by their names in order.
    """

    def __init__(self, frame: Frame) -> None:
        self.codes: dict[Names, Encode] = {}
        self._frame = frame
        self._known: dict[Names, _Shape] = {}

    def missed(self, item: Mapping[str, Any]) -> None:
        """Learn from an item that is sound and that no code has encoded."""
        names = tuple(item)
        shape = self._known.get(names)
        if shape is None:
            if self._welcome(names):
                self._known[names] = _Shape({name: kind_of(item[name]) for name in names})
            return
        shape.missed += 1
        if shape.missed % shape.every:
            return
        for name, kind in shape.kinds.items():
            if kind is not ANY:
                shape.kinds[name] = merged(kind, kind_of(item[name]))
        if shape.missed >= shape.due:
            shape.missed, shape.every, shape.due = 0, _LOOKED_AT, shape.due * 2
            code = compiled(shape.kinds, self._frame)
            if code is not None:
                self.codes[names] = code

    def _welcome(self, names: Names) -> bool:
        """Make room for a shape, unless it is too large or too many have code already."""
        if (
            len(names) > _MOST_NAMES
            or sum(map(len, names)) > _MOST_CHARACTERS
            or len(self.codes) >= _MOST_COMPILED
        ):
            return False
        if len(self._known) >= _MOST_KNOWN:
            self._known = {names: self._known[names] for names in self.codes}
        return True


def kind_of(value: Any, depth: int = 0) -> Kind:
    """Tell a value's kind; *depth* is how many maps stand around it."""
    found = type(value)
    if found is str or found is bool or found is bytes or found is Decimal:
        return found
    if found is int:
        return Decimal
    if found is list and all(type(member) is str for member in value):
        return list
    if (
        found is dict
        and depth < _DEEPEST
        and 0 < len(value) <= _MOST_INNER_NAMES
        and sum(map(len, value)) <= _MOST_CHARACTERS
    ):
        return {name: kind_of(member, depth + 1) for name, member in value.items()}
    return ANY


def merged(one: Kind, other: Kind) -> Kind:
    """Give the kind that fits the values of both."""
    if isinstance(one, dict) and isinstance(other, dict):
        if [*one] != [*other]:
            return ANY
        return {name: merged(kind, other[name]) for name, kind in one.items()}
    return one if one is other else ANY
