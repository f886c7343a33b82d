"""Which Python values have an exact counterpart in DynamoDB; asked once encoding has failed."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipeline.model import TypedSet
from pipeline.table import numbers
from pipeline.table.rules.values import MAX_NESTING, shown, violation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.model import Violation

__all__ = ["unrepresentable"]

_MEMBERS: dict[str, tuple[type, ...]] = {"SS": (str,), "NS": (int, Decimal, str), "BS": (bytes,)}


def unrepresentable(item: Mapping[str, Any]) -> list[Violation]:
    """Name what in an item cannot be encoded; never empty for an item that was not."""
    return [fault for name, value in item.items() for fault in _named_faults(name, value, "", 0)]


def _named_faults(name: Any, value: Any, parent: str, depth: int) -> Iterator[Violation]:
    if not isinstance(name, str):
        text = f"has an attribute name of type {type(name).__name__}; a name is text"
        yield violation("type_unsupported", parent or "item", text)
        return
    path = f"{parent}.{shown(name)}" if parent else shown(name)
    yield from _faults(value, path, depth)


def _faults(value: Any, path: str, depth: int) -> Iterator[Violation]:
    kind = type(value)
    if kind in {list, dict} and depth >= MAX_NESTING:
        text = f"stands inside {depth} lists and maps; a scalar may, a list or map may not"
        yield violation("nesting", path, text)
    elif kind is list:
        for index, member in enumerate(value):
            yield from _faults(member, f"{path}[{index}]", depth + 1)
    elif kind is dict:
        for name, member in value.items():
            yield from _named_faults(name, member, path, depth + 1)
    elif kind in {int, Decimal}:
        yield from _number_faults(value, path)
    elif kind is TypedSet:
        yield from _set_faults(value, path)
    elif kind not in {str, bool, bytes, type(None)}:
        yield _unsupported(value, path)


def _set_faults(value: TypedSet, path: str) -> Iterator[Violation]:
    for index, member in enumerate(value.members):
        inner = f"{path}[{index}]"
        if type(member) not in _MEMBERS[value.type]:
            yield _unsupported(member, inner)
        elif value.type == "NS":
            yield from _number_faults(member, inner)


def _number_faults(value: Any, path: str) -> Iterator[Violation]:
    try:
        numbers.canonical(value)
    except numbers.NumberRefusedError as refused:
        yield violation(refused.rule, path, str(refused))


def _unsupported(value: object, path: str) -> Violation:
    name = type(value).__name__
    hint = "; a float is not exact, a Decimal is" if isinstance(value, float) else ""
    text = f"is of the Python type {name}, which has no exact counterpart in DynamoDB{hint}"
    return violation("type_unsupported", path, text)
