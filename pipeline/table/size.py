"""
What an item weighs by DynamoDB's arithmetic, in its wire form (``{"name": {"S": "…"}}``).

Every function trusts its argument to be sound: types known, base64 decodable, numbers readable,
nesting within bounds. `pipeline.table.rules` looks at that first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from pipeline.table import numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

__all__ = [
    "MAX_ITEM_BYTES",
    "WireItem",
    "WireValue",
    "attribute_sizes",
    "binary_size",
    "entry",
    "item_size",
    "size_bounds",
    "text_size",
    "value_size",
]

MAX_ITEM_BYTES = 409_600
"""The largest item the table takes, names included; exactly this many bytes are accepted."""

WireValue: TypeAlias = "Mapping[str, Any]"
"""One attribute as it travels, ``{"S": "text"}``; B is base64 text, N is text."""

WireItem: TypeAlias = "Mapping[str, WireValue]"
"""Attribute names to values, as in BatchWriteItem's Item and Key."""


def item_size(item: WireItem) -> int:
    """
    Count an item's bytes exactly as DynamoDB Local 3.3.1 does: names and values.

    S is its UTF-8, B its decoded bytes, BOOL and NULL 1, N see `numbers.size`; a set is the sum of
    its members; L is 3 + every element + 1 each; M is 3 + every name and value + 1 each.
    """
    return sum(text_size(name) + value_size(value) for name, value in item.items())


def value_size(value: WireValue) -> int:
    """Count one attribute's value, without its name, as in `item_size`."""
    return _value_size(value, numbers.size)


def attribute_sizes(item: WireItem) -> dict[str, int]:
    """Count every top-level attribute, its name included; the sum is `item_size`."""
    return {name: text_size(name) + value_size(value) for name, value in item.items()}


def entry(item: WireItem, names: Collection[str] | None) -> WireItem:
    """Cut out what a secondary index keeps of an item; *names* None: every attribute."""
    if names is None:
        return item
    return {name: item[name] for name in names if name in item}


def size_bounds(item: WireItem) -> tuple[int, int]:
    """
    Count an item by every published formula and give the lowest and the highest result.

    The formulas differ only in numbers, by up to two bytes each; `numbers.size_bounds` names them.
    What is over the limit even by the lowest is refused offline, the rest the service judges.
    """
    low = high = 0
    for name, value in item.items():
        size = text_size(name)
        low += size + _value_size(value, _lowest)
        high += size + _value_size(value, _highest)
    return low, high


def text_size(text: str) -> int:
    """Count UTF-8 bytes; a lone surrogate counts one, as in Local, though it has no UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def binary_size(text: str) -> int:
    """Count the bytes that padded base64 text decodes to."""
    padding = 2 if text.endswith("==") else text.endswith("=")
    return len(text) // 4 * 3 - padding


def _lowest(text: str) -> int:
    return numbers.size_bounds(text)[0]


def _highest(text: str) -> int:
    return numbers.size_bounds(text)[1]


def _value_size(value: WireValue, number_size: Callable[[str], int]) -> int:  # noqa: PLR0911 - a table by type
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return text_size(content)
        case "N":
            return number_size(content)
        case "BOOL" | "NULL":
            return 1
        case "B":
            return binary_size(content)
        case "M":
            return 3 + sum(
                1 + text_size(name) + _value_size(member, number_size)
                for name, member in content.items()
            )
        case "L":
            return 3 + sum(1 + _value_size(member, number_size) for member in content)
        case "SS":
            return sum(map(text_size, content))
        case "NS":
            return sum(map(number_size, content))
        case "BS":
            return sum(map(binary_size, content))
        case _:
            raise ValueError(f"no DynamoDB type is called {kind!r}")
