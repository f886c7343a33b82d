"""What the records of a source have been seen to hold: names and kinds, never values."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

__all__ = ["Seen"]

_KINDS: Final[dict[type, str]] = {
    str: "str",
    bool: "bool",
    int: "int",
    Decimal: "Decimal",
    type(None): "null",
}
_MOST_NAMES: Final = (64, 16)
"""Names of a record, and of an object inside of it; names come from strangers."""

_MOST_PLACES: Final = 256
"""Names of a record and of all objects inside of it; for more of them code takes long to write."""

_MOST_CHARACTERS: Final = 2048
_DEEPEST: Final = 4
_RARE: Final = 32
"""A kind of value that is rarer than one in so many is left to the general way."""


@dataclass(slots=True)
class Seen:
    """
    What stood in one place: how often, of which kinds, and of objects what stood in them.

    *spread* says that objects there have more names, or deeper ones, than are worth to be known;
    *room*, which all places of a record share, is how many more may be.
    """

    count: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    fields: dict[str, Seen] = field(default_factory=dict)
    spread: bool = False
    room: list[int] = field(default_factory=lambda: [_MOST_PLACES])

    def observe(self, value: Any, depth: int = 0) -> None:
        """Take note of one value, *depth* objects deep."""
        self.count += 1
        kind = _KINDS.get(type(value)) or _kind_of(value)
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if kind != "map" or self.spread:
            return
        new = [name for name in value if name not in self.fields]
        if new and not self._has_room(new, depth):
            self.spread = True
            self.room[0] += self._places()
            self.fields.clear()
            return
        self.room[0] -= len(new)
        for name in new:
            self.fields[name] = Seen(room=self.room)
        for name, member in value.items():
            self.fields[name].observe(member, depth + 1)

    def usual(self) -> set[str]:
        """Return the kinds that are not rare."""
        return {kind for kind, count in self.kinds.items() if count * _RARE >= self.count}

    def _places(self) -> int:
        return sum(1 + one._places() for one in self.fields.values())  # noqa: SLF001 - of its kind

    def _has_room(self, new: list[str], depth: int) -> bool:
        names = [*self.fields, *new]
        return (
            depth < _DEEPEST
            and len(new) <= self.room[0]
            and len(names) <= _MOST_NAMES[depth > 0]
            and sum(map(len, names)) <= _MOST_CHARACTERS
        )


def _kind_of(value: Any) -> str:
    if type(value) is dict:
        return "map"
    if type(value) is list and all(type(member) is str for member in value):
        return "list"
    return "any"
