"""Numbers as text, exactly: the one spelling that a number has in a template, a key or a set."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

__all__ = ["MAX_PLAIN_DIGITS", "canonical"]

MAX_PLAIN_DIGITS: Final = 4096
"""
The longest number that is written out.

A DynamoDB key has at most 2,048 bytes and a number at most 38 digits within 1E±130, so nothing
longer could be stored as either; ``1E+999999999`` would fill the memory instead.
"""

_SHORT: Final = 10**18


def canonical(number: int | Decimal) -> str | None:
    """
    Return *number* in plain digits without exponent or needless zeros, or None if it has no such.

    1, 1.0 and 1e0 are all ``1``; -0.0 is ``0``. None stands for NaN, the infinities, and numbers
    of more than `MAX_PLAIN_DIGITS` digits before or after the point.
    """
    if isinstance(number, int):
        if -_SHORT < number < _SHORT:
            return str(int(number))
        number = Decimal(number)
    if not number.is_finite():
        return None
    if not number:
        return "0"
    if not -MAX_PLAIN_DIGITS <= number.as_tuple().exponent <= number.adjusted() < MAX_PLAIN_DIGITS:  # type: ignore[operator]  # the exponent of a finite number is an int
        return None
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
