"""Items to the bytes of a BatchWriteItem request, and keys back."""

from __future__ import annotations

import binascii
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from pipeline.errors import Refused
from pipeline.model import TypedSet, Violation
from pipeline.table import numbers, size
from pipeline.table.representable import unrepresentable
from pipeline.table.rules import ItemRules
from pipeline.table.rules.values import decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.model import Key, Value, WriteMode
    from pipeline.table.description import TableDescription
    from pipeline.table.size import WireItem

__all__ = ["Encoded", "Encoder", "decode_item"]


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

    def encode(self, item: Mapping[str, Value]) -> Encoded:
        """
        Check and encode one item; for a delete only its key attributes are looked at.

        :raises Refused: DynamoDB would not take it, or it cannot be represented exactly.
        """
        if self._deletes:
            item = {name: item[name] for name in self.key_names if name in item}
        try:
            wire = {
                _text(name): {"S": value} if type(value) is str else _wire_value(value)
                for name, value in item.items()
            }
        except _TooManyError:
            raise Refused(_too_many()) from None
        except (TypeError, ValueError, RecursionError):
            raise Refused(*unrepresentable(item)) from None
        weight = self._rules.sound_size(wire)
        if weight is None:
            if _values(item) > size.MAX_ITEM_BYTES:
                raise Refused(_too_many())
            violations = self._rules.examine(wire)
            if violations:
                raise Refused(*violations)
            weight = size.item_size(wire)
        request = (
            {"DeleteRequest": {"Key": wire}} if self._deletes else {"PutRequest": {"Item": wire}}
        )
        return Encoded(self.decode_key(wire), orjson.dumps(request), weight)

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
            name: part if isinstance(part, str) else _base64(part)
            for name, part in zip(self.key_names, key, strict=True)
        }


class _TooManyError(Exception):
    """A list has more members than an item has bytes."""


def _values(item: Mapping[str, Value]) -> int:
    """Count the values in an item; each of them has a byte at least."""
    count, layer = 0, list[Any](item.values())
    while layer:
        count += len(layer)
        inner = [holder for holder in layer if type(holder) is list or type(holder) is dict]
        layer = [
            value
            for holder in inner
            for value in (holder.values() if type(holder) is dict else holder)
        ]
    return count


def _too_many() -> Violation:
    """Refuse by a count what would take half a minute to be measured."""
    limit = f"{size.MAX_ITEM_BYTES:,}"
    text = f"the item has more than {limit} values, so more than DynamoDB's limit of {limit} bytes"
    return Violation("rule", "item_size", text)


def decode_item(wire: WireItem) -> dict[str, Value]:
    """
    Read an item as it travels back into values.

    An N becomes an int where its canonical form is plain digits, else a Decimal.

    :raises KeyError, TypeError, ValueError: it is no item.
    """
    return {name: _native_value(value) for name, value in wire.items()}


def _wire_value(value: Any) -> dict[str, Any]:  # noqa: PLR0911 - a table by type
    """
    Give a value its type.

    :raises TypeError, ValueError: it has none, or DynamoDB's number is too small for it.
    """
    kind = type(value)
    if kind is str:
        return {"S": value}
    if kind is int or kind is Decimal:
        return {"N": numbers.canonical(value)}
    if kind is bool:
        return {"BOOL": value}
    if value is None:
        return {"NULL": True}
    if kind is list:
        if len(value) > size.MAX_ITEM_BYTES:
            raise _TooManyError
        return {"L": [_wire_value(member) for member in value]}
    if kind is dict:
        return {"M": {_text(name): _wire_value(member) for name, member in value.items()}}
    if kind is bytes:
        return {"B": _base64(value)}
    if kind is TypedSet:
        return {value.type: [_MEMBERS[value.type](member) for member in value.members]}
    raise TypeError


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    raise TypeError


def _number(member: Any) -> str:
    if type(member) in (int, Decimal, str):
        return numbers.canonical(member)
    raise TypeError


def _base64(member: Any) -> str:
    return binascii.b2a_base64(member, newline=False).decode()


_MEMBERS: dict[str, Callable[[Any], str]] = {"SS": _text, "NS": _number, "BS": _base64}


def _native_value(value: Mapping[str, Any]) -> Value:
    ((kind, content),) = value.items()
    return _NATIVE[kind](content)


def _native_number(text: str) -> int | Decimal:
    text = numbers.canonical(text)
    return int(text) if text.lstrip("-").isdigit() else Decimal(text)


_NATIVE: dict[str, Callable[[Any], Value]] = {
    "S": _text,
    "N": _native_number,
    "B": decoded,
    "BOOL": bool,
    "NULL": lambda _: None,
    "L": lambda members: [_native_value(member) for member in members],
    "M": lambda members: {name: _native_value(member) for name, member in members.items()},
    "SS": lambda members: TypedSet("SS", tuple(members)),
    "NS": lambda members: TypedSet("NS", tuple(map(_native_number, members))),
    "BS": lambda members: TypedSet("BS", tuple(map(decoded, members))),
}
