"""
Keys as bytes that sort as the service sorts.

A row's key is ``hash ‖ partition ‖ sort``: four bytes of hash, so that a scan's order has nothing
to do with the keys' and a segment is a range; then each component escaped and ended, so that none
runs into the next and a prefix of a component is a prefix of the bytes. An index entry's key has
the table's own key behind it, which makes it unique.
"""

from __future__ import annotations

import zlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "HASH_SPACE",
    "after",
    "component",
    "hash_of",
    "partition_key",
    "segment_bounds",
    "sort_key",
]

HASH_SPACE = 2**32

_END = b"\x00\x01"
_ESCAPED_ZERO = b"\x00\xff"
_NEGATIVE, _ZERO, _POSITIVE = b"\x01", b"\x02", b"\x03"
_BIAS = 512
_COMPLEMENT = bytes.maketrans(b"0123456789", b"9876543210")
_ABOVE_DIGITS = b"~"


def component(value: Mapping[str, Any]) -> bytes:
    """Give one key attribute's value (``{"S": "…"}``, sound) as bytes in the service's order."""
    ((kind, content),) = value.items()
    if kind == "S":
        return content.encode()  # type: ignore[no-any-return]  # S is text, the rules say
    if kind == "N":
        return _number(content)
    import binascii  # noqa: PLC0415 - keys of type B are rare

    return binascii.a2b_base64(content)


def partition_key(value: Mapping[str, Any]) -> bytes:
    """Give ``hash ‖ partition``: what every row of this partition key begins with."""
    ended = sort_key(component(value))
    return zlib.crc32(ended).to_bytes(4, "big") + ended


def sort_key(raw: bytes, *, ended: bool = True) -> bytes:
    """Escape a component; not *ended* it is what all components with this prefix begin with."""
    escaped = raw.replace(b"\x00", _ESCAPED_ZERO)
    return escaped + _END if ended else escaped


def after(prefix: bytes) -> bytes | None:
    """Give the first bytes behind all that begin with *prefix*; None: there are none."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else None


def hash_of(key: bytes) -> int:
    """Give a row key's hash, from 0 up to `HASH_SPACE`."""
    return int.from_bytes(key[:4], "big")


def segment_bounds(segment: int, total: int) -> tuple[bytes, bytes | None]:
    """Give the first row key of a parallel scan's segment and the first behind it."""
    low, high = (HASH_SPACE * edge // total for edge in (segment, segment + 1))
    return low.to_bytes(4, "big"), high.to_bytes(4, "big") if high < HASH_SPACE else None


def _number(text: str) -> bytes:
    """
    Order numbers by sign, then magnitude, then digits.

    A negative number's magnitude and digits are complemented, and its digits end with a byte above
    all digits, because of two with the same beginning the longer is the lesser.
    """
    sign, digits, exponent = Decimal(text).as_tuple()
    significant = "".join(map(str, digits)).lstrip("0")
    if not significant:
        return _ZERO
    magnitude = _BIAS + len(significant) + int(exponent)
    written = significant.rstrip("0").encode()
    if not sign:
        return _POSITIVE + magnitude.to_bytes(2, "big") + written
    below = (2 * _BIAS - magnitude).to_bytes(2, "big")
    return _NEGATIVE + below + written.translate(_COMPLEMENT) + _ABOVE_DIGITS
