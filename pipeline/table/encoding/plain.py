"""Items to their typed form, the plain way: one step after the other, every fault named."""

from __future__ import annotations

import binascii
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipeline.errors import Refused
from pipeline.model import TypedSet, Violation
from pipeline.table import numbers, size
from pipeline.table.encoding.representable import unrepresentable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.model import Value
    from pipeline.table.rules import ItemRules
    from pipeline.table.size import WireItem

__all__ = ["base64_text", "typed_item"]


def typed_item(item: Mapping[str, Value], rules: ItemRules) -> tuple[WireItem, int]:
    """
    Give an item its typed form and its size, once it is known to keep every rule.

    :raises Refused: DynamoDB would not take it, or it cannot be represented exactly.
    """
    try:
        wire = {_name(name): _wire_value(value) for name, value in item.items()}
    except _TooManyError:
        raise Refused(_too_many()) from None
    except (TypeError, ValueError, RecursionError):
        raise Refused(*unrepresentable(item)) from None
    weight = rules.sound_size(wire)
    if weight is None:
        if _values(item) > size.MAX_ITEM_BYTES:
            raise Refused(_too_many())
        violations = rules.examine(wire)
        if violations:
            raise Refused(*violations)
        weight = size.item_size(wire)
    return wire, weight


def base64_text(value: bytes) -> str:
    """Encode bytes as a B travels."""
    return binascii.b2a_base64(value, newline=False).decode()


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
        return {"M": {_name(name): _wire_value(member) for name, member in value.items()}}
    if kind is bytes:
        return {"B": base64_text(value)}
    if kind is TypedSet:
        return {value.type: [_MEMBERS[value.type](member) for member in value.members]}
    raise TypeError


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    raise TypeError


def _name(name: Any) -> str:
    """Take a name as the text that it is, as a mapping does: equal names are one attribute."""
    return str.__str__(name)


def _number(member: Any) -> str:
    if type(member) in (int, Decimal, str):
        return numbers.canonical(member)
    raise TypeError


_MEMBERS: dict[str, Callable[[Any], str]] = {"SS": _text, "NS": _number, "BS": base64_text}
