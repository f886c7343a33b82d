"""What turns a table's items into writes, fast where nothing is doubtful."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from pipeline.table import numbers
from pipeline.table.encoding.fused import DOUBTS, LARGEST, typed_items
from pipeline.table.encoding.plain import base64_text, typed_item
from pipeline.table.rules import ItemRules
from pipeline.table.rules.values import decoded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.model import Key, Value, WriteMode
    from pipeline.table.description import TableDescription
    from pipeline.table.rules import KeyAttribute
    from pipeline.table.size import WireItem

__all__ = ["Encoded", "Encoder"]

_HEADS = {"put": b'{"PutRequest":{"Item":{}}}', "delete": b'{"DeleteRequest":{"Key":{}}}'}
_ENTRY = len('"":{"S":""},')
_WIDEST_CHARACTER = 4

# orjson escapes single characters, none of which has more than one byte.
_ESCAPE = re.compile(rb"\\(?:u[0-9a-f]{4}|.)")


class Encoded(NamedTuple):
    """
    One write, ready to be sent.

    *wire* is the UTF-8 JSON of one WriteRequest. *size* is the item's size in bytes by DynamoDB's
    arithmetic, or of a delete its key's.
    """

    key: Key
    wire: bytes
    size: int


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
        self._frame = len(_HEADS["delete" if self._deletes else "put"]) - 1
        self._budget = min(LARGEST, self._rules.budget)
        self._index_keys = {part: None for index in indexes for part in index.key}

    def encode(self, item: Mapping[str, Value]) -> Encoded:
        """
        Check and encode one item; for a delete only its key attributes are looked at.

        :raises Refused: DynamoDB would not take it, or it cannot be represented exactly.
        """
        try:
            return self._fused(item)
        except DOUBTS:
            return self.encode_plain(item)

    def encode_plain(self, item: Mapping[str, Value]) -> Encoded:
        """Do what `encode` does, in the plain way alone: the reference, and the words."""
        if self._deletes:
            item = {name: item[name] for name in self.key_names if name in item}
        wire, weight = typed_item(item, self._rules)
        return Encoded(self.decode_key(wire), orjson.dumps(self._request(wire)), weight)

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

    def _request(self, wire: WireItem) -> dict[str, Any]:
        if self._deletes:
            return {"DeleteRequest": {"Key": wire}}
        return {"PutRequest": {"Item": wire}}

    def _fused(self, item: Mapping[str, Value]) -> Encoded:
        """Encode an item that surely breaks no rule; raise one of `DOUBTS` of any other."""
        if self._deletes:
            item = {name: item[name] for name in self.key_names}
        wire, excess = typed_items(item)
        line = orjson.dumps(self._request(wire))
        length = len(line) if b"\\" not in line else len(_ESCAPE.sub(b".", line))
        weight = length + excess - self._frame - _ENTRY * len(wire)
        if weight > self._budget:
            raise ValueError
        for part in self._index_keys:
            if part.name in item:
                _key_part(item, wire, part)
        key = tuple([_key_part(item, wire, part) for part in self._rules.key])
        return tuple.__new__(Encoded, (key, line, weight))


def _key_part(item: Mapping[str, Any], wire: WireItem, part: KeyAttribute) -> str | bytes:
    """Read one attribute of a key; raise one of `DOUBTS` where it may be no good one."""
    if part.type == "N":
        return str(wire[part.name]["N"])
    content = item[part.name]
    if part.type == "S" and type(content) is str:
        length = len(content)
        if length * _WIDEST_CHARACTER > part.limit:
            length = len(content.encode())
        if 0 < length <= part.limit:
            return content
    elif part.type == "B" and type(content) is bytes and 0 < len(content) <= part.limit:
        return content
    raise ValueError
