"""
The write rules that the stub holds a request to, written anew from the service's documentation.

The program's own rules are not used: what they get wrong must be refused here.
"""

from __future__ import annotations

import base64
import binascii
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

__all__ = ["MAX_BODY", "Refused", "check_writes", "size_of"]

MAX_BODY: Final = 16 * 1024 * 1024
_MAX_ITEM: Final = 400 * 1024
_MAX_WRITES: Final = 25
_LONGEST_KEY: Final = {"HASH": 2048, "RANGE": 1024}
_MAX_PRECISION: Final = 38


class Refused(Exception):  # noqa: N818 - an answer, not a fault of the stub
    """The request breaks a rule of the service."""


def check_writes(
    writes: Sequence[Mapping[str, Any]], key_types: Mapping[str, tuple[str, str]]
) -> list[tuple[Hashable, Any]]:
    """
    Return each write's key and its item, None for a delete.

    *key_types* has (type, HASH or RANGE) by attribute name. Raise `Refused` for what the service
    would refuse: the count, a key that is missing, empty, too long, of another type or there twice,
    a value of no type, an item over 400 KB.
    """
    if not 1 <= len(writes) <= _MAX_WRITES:
        raise Refused(f"{len(writes)} writes")
    checked = [_check_write(write, key_types) for write in writes]
    if len({key for key, _ in checked}) != len(checked):
        raise Refused("Provided list of item keys contains duplicates")
    return checked


def _check_write(
    write: Mapping[str, Any], key_types: Mapping[str, tuple[str, str]]
) -> tuple[Hashable, Any]:
    match write:
        case {"PutRequest": {"Item": dict(item)}}:
            size = sum(_text(name) + size_of(value) for name, value in item.items())
            if size > _MAX_ITEM:
                raise Refused(f"Item size has exceeded the maximum allowed size: {size}")
            return _key_of(item, key_types), item
        case {"DeleteRequest": {"Key": dict(key)}} if len(key) == len(key_types):
            return _key_of(key, key_types), None
    raise Refused("neither a PutRequest with an item nor a DeleteRequest with a bare key")


def _key_of(item: Mapping[str, Any], key_types: Mapping[str, tuple[str, str]]) -> Hashable:
    parts: list[Hashable] = []
    for name, (kind, role) in key_types.items():
        value = item.get(name)
        if value is None or [*value] != [kind]:
            raise Refused(f"the key attribute {name} is missing or of another type")
        content = value[kind]
        if not 0 < size_of(value) <= _LONGEST_KEY[role]:
            raise Refused(f"the key attribute {name} is empty or too long")
        parts.append(Decimal(content) if kind == "N" else content)
    return tuple(parts)


def size_of(value: Mapping[str, Any]) -> int:  # noqa: PLR0911 - a table by type
    """Return how many bytes the service counts for a typed value; raise `Refused` if it is none."""
    if len(value) != 1:
        raise Refused("a value has not exactly one type")
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return _text(content)
        case "N":
            return _number(content)
        case "BOOL":
            return 1
        case "NULL" if content is True:
            return 1
        case "B":
            return _binary(content)
        case "L":
            return 3 + sum(1 + size_of(member) for member in content)
        case "M":
            return 3 + sum(1 + _text(name) + size_of(one) for name, one in content.items())
        case "SS" | "NS" | "BS" if content and len(set(content)) == len(content):
            return sum(size_of({kind[0]: member}) for member in content)
    raise Refused(f"there is no such value of type {kind}")


def _text(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _binary(text: str) -> int:
    try:
        return len(base64.b64decode(text, validate=True))
    except binascii.Error:
        raise Refused("bad base64") from None


def _number(text: str) -> int:
    """Count a byte for each two significant digits and one more, and one for a minus sign."""
    try:
        sign, digits, exponent = Decimal(text).as_tuple()
    except InvalidOperation:
        raise Refused("no number") from None
    if not isinstance(exponent, int):
        raise Refused("no finite number")
    told = "".join(map(str, digits)).lstrip("0")
    kept = told.rstrip("0")
    if not kept:
        return 1
    if len(kept) > _MAX_PRECISION:
        raise Refused("more than 38 digits")
    exponent += len(told) - len(kept)
    aligned = len(kept) + exponent % 2
    return min(21, 1 + (aligned + 1) // 2 + sign)
