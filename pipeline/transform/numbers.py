"""Numbers as text, exactly: the one spelling that a number has in a template, a key or a set."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Final

__all__ = ["MAX_PLAIN_DIGITS", "canonical", "parse_integer", "parse_number"]

MAX_PLAIN_DIGITS: Final = 4096
"""
The longest number that is written out.

A DynamoDB key has at most 2,048 bytes and a number at most 38 digits within 1E±130, so nothing
longer could be stored as either; ``1E+999999999`` would fill the memory instead.
"""

_SHORT: Final = 10**18
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


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


def parse_integer(text: str) -> int | Decimal | None:
    """
    Return the integer that a text is (``-?(0|[1-9][0-9]*)``), exactly, or None.

    Beyond `MAX_PLAIN_DIGITS` digits it is a Decimal of the same value: turning so many into an int
    takes time that grows with their square.
    """
    if not _INTEGER.fullmatch(text):
        return None
    return int(text) if len(text) <= MAX_PLAIN_DIGITS else Decimal(text)


def parse_number(text: str) -> int | Decimal | None:
    """Return the number that a text is by JSON's grammar, exactly, or None; an integer as int."""
    number = parse_integer(text)
    if number is not None or not _NUMBER.fullmatch(text):
        return number
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent that even Decimal cannot hold
        return None
