"""The verdict on one item: its values, its size, its keys."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.model import Violation
from pipeline.table import size
from pipeline.table.rules.sound import DOUBTS, sound_name, sound_value
from pipeline.table.rules.values import Rule, examine, name_faults, shown, violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.table.rules.keys import Index, KeyAttribute
    from pipeline.table.size import WireItem

__all__ = ["ItemRules"]

_MOST_REPORTED = 20
_WIDEST_CHARACTER = 4
_SCALARS = frozenset({"S", "N", "B"})
_CLASSES = {"S": "text", "B": "binary value"}


class _KeyRules(NamedTuple):
    """The rules that a key attribute can break, by their names for a table or an index."""

    not_scalar: Rule
    type: Rule
    empty: Rule
    too_long: Rule


_OF_TABLE = _KeyRules("key_not_scalar", "key_type", "key_empty", "key_too_long")
_OF_INDEX = _KeyRules(
    "index_key_not_scalar", "index_key_type", "index_key_empty", "index_key_too_long"
)


class ItemRules:
    """
    The rules of one table: those of every item, and those that its keys and indexes add.

    An attribute that is a key of an index may be absent (then the item is not in the index), but
    where it is present it must be a good key.
    """

    def __init__(self, key: tuple[KeyAttribute, ...], indexes: tuple[Index, ...] = ()) -> None:
        self.key = key
        self.indexes = indexes
        self._local = tuple(index for index in indexes if index.kind == "lsi")
        self.budget = size.MAX_ITEM_BYTES // (1 + len(self._local))
        self._required = [(part.name, part.type, part.limit) for part in key]
        self._optional = list(
            {
                (part.name, part.type, part.limit): None
                for index in indexes
                for part in index.key
                if (part.name, part.type, part.limit) not in self._required
            }
        )

    def sound_size(self, item: WireItem) -> int | None:
        """
        Give the size of an item that surely breaks no rule; None in doubt, then ask `check`.

        One pass, a few microseconds: this runs for every item of a load.
        """
        total = 0
        try:
            for name, value in item.items():
                ((kind, content),) = value.items()
                total += sound_name(name) + sound_value(kind, content)
            if total > self.budget or not self._sound_keys(item):
                return None
        except DOUBTS:
            return None
        return total

    def check(self, item: WireItem) -> list[Violation]:
        """
        Name what DynamoDB would refuse an item for; empty if nothing.

        Faults of values come first, in the order of the attributes (20 at most), then the size, the
        table's key, the indexes' keys: the order in which the service looks. *item* may be any JSON
        object; of its values nothing is quoted.
        """
        return [] if self.sound_size(item) is not None else self.examine(item)

    def examine(self, item: WireItem) -> list[Violation]:
        """Do what `check` does, in the plain way alone: the reference for `sound_size`."""
        faults = list(islice(_value_faults(item), _MOST_REPORTED))
        if not faults:
            faults.extend(self._size_faults(item))
        faults.extend(self._key_faults(item))
        for index in self.indexes:
            faults.extend(_index_faults(item, index))
        return faults

    def check_key(self, key: WireItem) -> list[Violation]:
        """Name what DynamoDB would refuse a bare key for: the key's attributes and no other."""
        faults = list(islice(_value_faults(key), _MOST_REPORTED))
        names = {part.name for part in self.key}
        for name in key:
            if name not in names:
                text = "is no attribute of the table's key, and a key has no other"
                faults.append(violation("key_extra", shown(name), text))
        faults.extend(self._key_faults(key))
        return faults

    def _sound_keys(self, item: WireItem) -> bool:
        for name, kind, limit in self._required:
            if not _sound_key(item[name][kind], kind, limit):
                return False
        for name, kind, limit in self._optional:
            if name in item and not _sound_key(item[name][kind], kind, limit):
                return False
        return True

    def _key_faults(self, item: WireItem) -> Iterator[Violation]:
        for part in self.key:
            if part.name not in item:
                text = "is absent; it belongs to the table's key and every item needs it"
                yield violation("key_missing", part.name, text)
                continue
            title = f"is the table's {part.role} key"
            yield from _attribute_faults(item[part.name], part, title, _OF_TABLE)

    def _size_faults(self, item: WireItem) -> Iterator[Violation]:
        entries = {index.name: index.entry(item) for index in self._local}
        copies = {name: entry for name, entry in entries.items() if entry is not None}
        low = size.size_bounds(item)[0] + sum(size.size_bounds(c)[0] for c in copies.values())
        if low <= size.MAX_ITEM_BYTES:
            return
        exact = size.item_size(item)
        copied = sum(size.item_size(copy) for copy in copies.values())
        sizes = size.attribute_sizes(item)
        largest = max(sizes, key=lambda name: sizes[name])
        text = f"item is {exact:,} bytes"
        if copied:
            names = ", ".join(repr(name) for name in copies)
            text += f", with its copies in {names} {exact + copied:,}"
        over = exact + copied - size.MAX_ITEM_BYTES
        text += (
            f", {over:,} over DynamoDB's limit of {size.MAX_ITEM_BYTES:,}; "
            f"largest attribute {shown(largest)!r} has {sizes[largest]:,}"
        )
        yield Violation("rule", "item_size", text, shown(largest))


def _value_faults(item: WireItem) -> Iterator[Violation]:
    for name, value in item.items():
        path = shown(name)
        yield from name_faults(name, path)
        yield from examine(value, path)


def _index_faults(item: WireItem, index: Index) -> Iterator[Violation]:
    for part in index.key:
        if part.name in item:
            title = f"is the {part.role} key of index {index.name!r}"
            yield from _attribute_faults(item[part.name], part, title, _OF_INDEX)


def _attribute_faults(
    value: Any, part: KeyAttribute, title: str, rules: _KeyRules
) -> Iterator[Violation]:
    """Name what is wrong with a value as a key, unless it is no value at all."""
    if not isinstance(value, dict) or len(value) != 1 or any(examine(value, part.name)):
        return
    ((kind, content),) = value.items()
    if kind not in _SCALARS:
        text = f"{title} and a {kind}; a key is S, N or B, here {part.type}"
        yield violation(rules.not_scalar, part.name, text)
    elif kind != part.type:
        yield violation(rules.type, part.name, f"{title}, of type {part.type}, but is {kind} here")
    elif kind == "N":
        return
    elif not content:
        yield violation(rules.empty, part.name, f"{title} and an empty {_CLASSES[kind]}")
    elif (length := _key_bytes(kind, content)) > part.limit:
        text = f"{title} and {length:,} bytes long; the limit is {part.limit:,}"
        yield violation(rules.too_long, part.name, text)


def _sound_key(content: str, kind: str, limit: int) -> bool:
    """Judge by the length first: no character has more than four bytes, no byte less than one."""
    if kind == "N":
        return True
    return len(content) > 0 and (
        len(content) * _WIDEST_CHARACTER <= limit or _key_bytes(kind, content) <= limit
    )


def _key_bytes(kind: str, content: str) -> int:
    return size.text_size(content) if kind == "S" else size.binary_size(content)
