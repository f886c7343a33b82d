"""Items as they travel, back to values."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipeline.model import TypedSet
from pipeline.table import numbers
from pipeline.table.rules.values import decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.model import Value
    from pipeline.table.size import WireItem

__all__ = ["decode_item"]


def decode_item(wire: WireItem) -> dict[str, Value]:
    """
    Read an item as it travels back into values.

    An N becomes an int where its canonical form is plain digits, else a Decimal.

    :raises KeyError, TypeError, ValueError: it is no item.
    """
    return {name: _value(value) for name, value in wire.items()}


def _value(value: Mapping[str, Any]) -> Value:
    ((kind, content),) = value.items()
    return _NATIVE[kind](content)


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    raise TypeError


def _number(text: str) -> int | Decimal:
    text = numbers.canonical(text)
    return int(text) if text.lstrip("-").isdigit() else Decimal(text)


_NATIVE: dict[str, Callable[[Any], Value]] = {
    "S": _text,
    "N": _number,
    "B": decoded,
    "BOOL": bool,
    "NULL": lambda _: None,
    "L": lambda members: [_value(member) for member in members],
    "M": lambda members: {name: _value(member) for name, member in members.items()},
    "SS": lambda members: TypedSet("SS", tuple(members)),
    "NS": lambda members: TypedSet("NS", tuple(map(_number, members))),
    "BS": lambda members: TypedSet("BS", tuple(map(decoded, members))),
}
