"""What turns a table's items into writes, fast where nothing is doubtful."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from pipeline.core.text import exact
from pipeline.table import numbers, size
from pipeline.table.encoding.fused import DOUBTS, LARGEST, typed_items
from pipeline.table.encoding.plain import base64_text, typed_item
from pipeline.table.encoding.request import WIDEST_CHARACTER, Encoded, Frame
from pipeline.table.encoding.shapes import Shapes
from pipeline.table.rules import MAX_PARTITION_BYTES, MAX_SORT_BYTES, ItemRules
from pipeline.table.rules.values import decoded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.model import Key, Value, WriteMode
    from pipeline.table.description import TableDescription
    from pipeline.table.size import WireItem, WireValue

__all__ = ["Encoded", "Encoder"]

_ENTRY = len('"":{"S":""},')
_SHORT = min(MAX_PARTITION_BYTES, MAX_SORT_BYTES) // WIDEST_CHARACTER
_new = tuple.__new__


class Encoder:
    """
    Turn items into writes to one table.

    What it encodes keeps every rule that `pipeline.table.rules` knows, and decodes to the same
    values: nothing is rounded, coerced or dropped. Numbers are sent in their canonical form.
    """

    def __init__(self, description: TableDescription, mode: WriteMode = "put") -> None:
        self.key_names = tuple(part.name for part in description.key)
        self._parts = tuple((part.name, part.type) for part in description.key)
        self._deletes = mode == "delete"
        indexes = () if self._deletes else description.indexes
        self._rules = ItemRules(description.key, indexes)
        verb, noun = ("DeleteRequest", "Key") if self._deletes else ("PutRequest", "Item")
        self.frame = Frame(
            verb,
            noun,
            description.key,
            tuple({part: None for index in indexes for part in index.key}),
            min(LARGEST, self._rules.budget),
            key_alone=self._deletes,
        )
        self._required = [(part.name, part.type, part.limit) for part in self.frame.key]
        self._optional = [(part.name, part.type, part.limit) for part in self.frame.optional]
        self._around = len(self.frame.head + self.frame.tail) - 1
        self._shapes = Shapes(self.frame)
        self._codes = self._shapes.codes

    def encode(self, item: Mapping[str, Value]) -> Encoded:
        """
        Check and encode one item; for a delete only its key attributes are looked at.

        :raises Refused: DynamoDB would not take it, or it cannot be represented exactly.
        """
        code = self._codes.get(tuple(item))
        try:
            if code is not None:
                encoded = code(item)
                if encoded is not None:
                    return encoded
            encoded = self.encode_fused(item)
        except DOUBTS:
            return self.encode_plain(item)
        self._shapes.missed(item)
        return encoded

    def encode_plain(self, item: Mapping[str, Value]) -> Encoded:
        """Do what `encode` does, in the plain way alone: the reference, and the words."""
        if self._deletes:
            item = {name: item[name] for name in self.key_names if name in item}
        wire, weight = typed_item(item, self._rules)
        return Encoded(self.decode_key(wire), self._request(wire), weight)

    def decode_key(self, attributes: WireItem) -> Key:
        """
        Read the key out of an item, or a bare key, as it travels; see `model.Key`.

        :raises KeyError, TypeError, ValueError: it has no such key.
        """
        key: list[str | bytes] = []
        for name, kind in self._parts:
            content = attributes[name][kind]
            if kind == "N":
                content = numbers.canonical(content)
            elif kind == "B":
                content = decoded(content)
            key.append(content)
        return tuple(key)

    def show_key(self, key: Key) -> dict[str, str]:
        """Return a key by attribute name, for reports; B as base64 text."""
        return {
            name: part if isinstance(part, str) else base64_text(part)
            for name, part in zip(self.key_names, key, strict=True)
        }

    def encode_fused(self, item: Mapping[str, Value]) -> Encoded:
        """Encode an item that surely breaks no rule; raise one of `fused.DOUBTS` of any other."""
        if self._deletes:
            item = {name: item[name] for name in self.key_names}
        wire, excess = typed_items(item)
        line = self._request(wire)
        if b"\\" in line:
            weight = size.item_size(wire)  # escapes make the bytes more than the text is
        else:
            weight = len(line) + excess - self._around - _ENTRY * len(wire)
        if weight > self.frame.budget:
            raise ValueError
        for name, kind, limit in self._optional:
            if name in item:
                _key_part(item[name], wire[name], kind, limit)
        key: list[str | bytes] = []
        for name, kind, limit in self._required:
            content = item[name]
            if type(content) is str and kind == "S" and 0 < len(content) <= _SHORT:
                key.append(content)
            else:
                key.append(_key_part(content, wire[name], kind, limit))
        return _new(Encoded, (tuple(key), line, weight))

    def _request(self, wire: WireItem) -> bytes:
        return exact(orjson.dumps({self.frame.verb: {self.frame.noun: wire}}))


def _key_part(content: Value, wire: WireValue, kind: str, limit: int) -> str | bytes:
    """Give one attribute of a key; raise one of `fused.DOUBTS` where it may be no good one."""
    if kind == "N":
        return str(wire["N"])
    if kind == "S" and type(content) is str and 0 < len(content.encode()) <= limit:
        return content
    if kind == "B" and type(content) is bytes and 0 < len(content) <= limit:
        return content
    raise ValueError
