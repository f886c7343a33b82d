"""
Which shapes items have, learnt from the items themselves, and the code for those that recur.

Names come from strangers: how many shapes are known, and of how many names and characters, is
bounded, and so is the work: code is made for a shape once it has been seen often enough to pay, and
again, for what has been seen that it does not fit, after twice as many each time.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from pipeline.table.encoding.compiled import ANY, compiled
from pipeline.values import dataclass

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
_SCALARS = frozenset({str, bool, bytes, int, Decimal})
_NUMBERS = (int, Decimal)
_ENOUGH = 64
_EAGER = 1024
_ONE_IN = 17  # a prime, so that it keeps no step with records that take turns
_MOST_INNER_NAMES = 16
_DEEPEST = 4


@dataclass(slots=True)
class _Shape:
    """Items of the same names: the *kinds* that fit those seen; code is *due* after so many."""

    kinds: dict[str, Kind]
    due: int
    seen: int = 0


class Shapes:
    """
    The shapes of one table's items.

    *codes* has the code for those that have any, by their names in order. *enough* looks at items
    of a shape are reason to make it.
    """

    def __init__(self, frame: Frame, enough: int = _ENOUGH) -> None:
        self.codes: dict[Names, Encode] = {}
        self._frame = frame
        self._sent = {part.name for part in frame.key} if frame.key_alone else None
        self._enough = enough
        self._known: dict[Names, _Shape] = {}
        self._missed = 0

    def missed(self, item: Mapping[str, Any]) -> None:
        """Learn from a sound item that no code has encoded; in the long run only from some."""
        self._missed += 1
        if self._missed > _EAGER and self._missed % _ONE_IN:
            return
        names = tuple(item)
        shape = self._known.get(names)
        if shape is None:
            if not self._welcome(names):
                return
            shape = self._known[names] = _Shape(self._kinds(names, item), self._enough)
        for name, kind in shape.kinds.items():
            if kind is not ANY:
                shape.kinds[name] = merged(kind, kind_of(item[name]))
        shape.seen += 1
        if shape.seen >= shape.due:
            shape.seen, shape.due = 0, shape.due * 2
            code = compiled(shape.kinds, self._frame)
            if code is not None:
                self.codes[names] = code

    def _kinds(self, names: Names, item: Mapping[str, Any]) -> dict[str, Kind]:
        sent = names if self._sent is None else self._sent
        return {name: kind_of(item[name]) if name in sent else ANY for name in names}

    def _welcome(self, names: Names) -> bool:
        """Make room for a shape, unless it is too large or too many have code already."""
        if (
            len(names) > _MOST_NAMES
            or not all(type(name) is str for name in names)
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
    if found in _SCALARS:
        return found
    if found is list and all(type(member) is str for member in value):
        return list
    if (
        found is dict
        and depth < _DEEPEST
        and 0 < len(value) <= _MOST_INNER_NAMES
        and all(type(name) is str for name in value)
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
    if one is other:
        return one
    return Decimal if one in _NUMBERS and other in _NUMBERS else ANY
