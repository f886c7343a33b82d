"""
DynamoDB's number: 38 significant decimal digits, 1E-130 to 9.99…E+125 and the same below zero.

Arithmetic is on digits as text: ``decimal`` rounds to its context (28 digits by default), and an
exponent like 1E+99999999999 would make an ``int`` of it fill the memory. Everything here was
measured on DynamoDB Local 3.3.1; docs/dynamodb-rules.md has the list.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal, NamedTuple, TypeAlias

__all__ = [
    "MAX_DIGITS",
    "Number",
    "NumberFault",
    "NumberRefusedError",
    "canonical",
    "parse",
    "size",
    "size_bounds",
]

NumberFault: TypeAlias = Literal[
    "number_syntax", "number_precision", "number_overflow", "number_underflow"
]

MAX_DIGITS = 38
_MAX_MAGNITUDE = 125
_MIN_MAGNITUDE = -130
_PLAIN_WIDTH = 40
_LOCAL_CAP = 21
_SCALE_LIMIT = 2**31
_EXPONENT_DIGITS = 10
_BMP_END = "\uffff"
_TOO_LONG_INT = 10 ** (_MAX_MAGNITUDE + 1)

# \d on purpose: the service reads the decimal digits of every script in Unicode's first plane.
_SPELLING = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?)(\d+))?")
# The everyday spellings that are canonical as they stand, and those whose pairs can be counted.
_CANONICAL = re.compile(r"-?(?:[1-9][0-9]{0,37}|(?:0|[1-9][0-9]{0,17})\.[0-9]{0,17}[1-9])")
_FRACTION = re.compile(r"(-?)([1-9][0-9]{0,17})\.([0-9]{0,17}[1-9])")


class NumberRefusedError(ValueError):
    """DynamoDB would refuse this number for *rule*; the text is a predicate, without its value."""

    def __init__(self, rule: NumberFault, message: str) -> None:
        super().__init__(message)
        self.rule: NumberFault = rule


class Number(NamedTuple):
    """
    A number in lowest terms: ± 0.d₁d₂…dₙ x 10^point, no zero at either end of *digits*.

    Zero is (False, "", 0), so that -0 is 0. Two numbers are equal exactly when DynamoDB holds them
    to be equal.
    """

    negative: bool
    digits: str
    point: int


_ZERO = Number(negative=False, digits="", point=0)


def parse(text: str) -> Number:
    """
    Read N text as the service does.

    Accepted beside the usual forms: a leading ``+``, ``.5``, ``5.``, ``1e2``, zeros at either end,
    decimal digits of other scripts. Not accepted: blanks, ``_``, ``,``, NaN, Infinity, hexadecimal,
    an exponent that with the fraction's length leaves 32 bits (also of a zero).

    :raises NumberRefusedError: it is no number, or not one that the table can hold.
    """
    match = _SPELLING.fullmatch(text)
    if match is None:
        raise _refused("number_syntax")
    sign, whole, fraction, exponent_sign, exponent_digits = match.groups(default="")
    if not (whole or fraction):
        raise _refused("number_syntax")
    if not text.isascii():
        whole, fraction, exponent_digits = map(_ascii_digits, (whole, fraction, exponent_digits))
    exponent = 0
    if exponent_digits:
        exponent_digits = exponent_digits.lstrip("0") or "0"
        if len(exponent_digits) > _EXPONENT_DIGITS:
            raise _refused("number_syntax")
        exponent = int(exponent_sign + exponent_digits)
    scale = len(fraction) - exponent
    if not -_SCALE_LIMIT <= scale < _SCALE_LIMIT or abs(exponent) >= _SCALE_LIMIT:
        raise _refused("number_syntax")
    return _reduced(sign == "-", whole + fraction, len(whole) + exponent)


def canonical(value: str | int | Decimal) -> str:
    """
    Render a number as the one text that all its spellings share: 1, 1.0 and 1e0 are ``1``.

    Plain digits (``-12.5``) where these take at most 40 characters, else scientific notation with
    one digit before the point (``1.5E125``, ``1E-130``). DynamoDB itself renders plainly at any
    length; it reads both.

    :raises NumberRefusedError: the table cannot hold it exactly.
    """
    if isinstance(value, int):
        if not -_TOO_LONG_INT < value < _TOO_LONG_INT:
            raise _refused("number_overflow")  # before str(): that is quadratic, and limited
        text = str(int(value))
        if len(text) <= MAX_DIGITS:
            return text
        return _rendered(parse(text))
    text = str(value)
    if _CANONICAL.fullmatch(text):
        return text
    return _rendered(_from_decimal(value) if isinstance(value, Decimal) else parse(text))


def size(text: str) -> int:
    """
    Count the bytes of an N by DynamoDB Local's arithmetic, exact against 3.3.1.

    Digits are stored in pairs that are aligned on the decimal point: one byte for sign and
    exponent, one a pair, one more below zero, 21 at most; zero is 1.

    :raises NumberRefusedError: it is no number that a table can hold.
    """
    match = _FRACTION.fullmatch(text)
    if match is not None:
        sign, whole, fraction = match.groups()
        return 1 + len(sign) + (len(whole) + 1) // 2 + (len(fraction) + 1) // 2
    return _local_size(parse(text))


def size_bounds(text: str) -> tuple[int, int]:
    """
    Give the lowest and highest size of an N over the published formulas, which differ.

    - DynamoDB Local: as `size`.
    - AWS's developer guide, "approximately": 1 + a byte for every two significant digits.
    - dynalite (architect/dynalite, db/index.js): as Local, with no cap of 21.
    - dynoxide (nubo-db/dynoxide 9366d253, src/types.rs, bisected against eu-west-2): the digits
      before and after the point are paired apart, leading and trailing zeros left out.

    :raises NumberRefusedError: it is no number that a table can hold.
    """
    number = parse(text)
    local = _local_size(number)
    count = len(number.digits)
    if not count:
        return 1, local
    whole = min(max(number.point, 0), count)
    documented = 1 + (count + 1) // 2
    dynoxide = 1 + (whole + 1) // 2 + (count - whole + 1) // 2 + number.negative
    dynalite = 1 + _pairs(number) + number.negative
    sizes = (local, documented, dynalite, dynoxide)
    return min(sizes), max(sizes)


def _pairs(number: Number) -> int:
    """Count base-100 digits; a number whose first digit stands alone in its pair has an offset."""
    return (len(number.digits) + number.point % 2 + 1) // 2


def _local_size(number: Number) -> int:
    return min(_LOCAL_CAP, 1 + _pairs(number) + number.negative) if number.digits else 1


def _from_decimal(value: Decimal) -> Number:
    if not value.is_finite():
        raise _refused("number_syntax")
    sign, digits, exponent = value.as_tuple()
    if not value:
        return _ZERO
    return _reduced(bool(sign), "".join(map(str, digits)), len(digits) + int(exponent))


def _reduced(negative: bool, digits: str, point: int) -> Number:  # noqa: FBT001 - a sign, not a mode
    """Strip zeros at both ends and hold the rest against the limits; *point* may be huge."""
    significant = digits.lstrip("0")
    if not significant:
        return _ZERO
    point -= len(digits) - len(significant)
    significant = significant.rstrip("0")
    # The service looks at the digits first: 39 digits out of range are refused for their number.
    if len(significant) > MAX_DIGITS:
        raise _refused("number_precision")
    if point - 1 > _MAX_MAGNITUDE:
        raise _refused("number_overflow")
    if point - 1 < _MIN_MAGNITUDE:
        raise _refused("number_underflow")
    return Number(negative, significant, point)


def _rendered(number: Number) -> str:
    negative, digits, point = number
    sign = "-" if negative else ""
    count = len(digits)
    if not count:
        return "0"
    if 0 < point < count:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if count <= point <= _PLAIN_WIDTH - len(sign):
        return f"{sign}{digits}{'0' * (point - count)}"
    if point <= 0 and len(sign) + 2 - point + count <= _PLAIN_WIDTH:
        return f"{sign}0.{'0' * -point}{digits}"
    tail = f".{digits[1:]}" if count > 1 else ""
    return f"{sign}{digits[0]}{tail}E{point - 1}"


def _ascii_digits(text: str) -> str:
    if any(character > _BMP_END for character in text):
        raise _refused("number_syntax")
    return "".join(str(int(character)) for character in text)


def _refused(rule: NumberFault) -> NumberRefusedError:
    return NumberRefusedError(rule, _MESSAGES[rule])


_MESSAGES: dict[NumberFault, str] = {
    "number_syntax": "is not a decimal number that DynamoDB can read",
    "number_precision": f"has more than {MAX_DIGITS} significant digits",
    "number_overflow": "is beyond ±9.99…E+125, DynamoDB's largest number",
    "number_underflow": "is closer to zero than 1E-130, DynamoDB's smallest number",
}
