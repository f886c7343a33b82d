"""Numbers to canonical text and their size in one look, in the spellings that loads are made of."""

from __future__ import annotations

from decimal import Decimal

from pipeline.table import numbers
from pipeline.table.numbers import MAX_DIGITS

__all__ = ["COUNTED", "measured"]

_CAP = 21
_UNCAPPED = 36  # characters: so many are never too many pairs, with a sign and a point or without

COUNTED: dict[type, str] = {
    int: f"""\
t{{0}} = str({{0}})
if t{{0}}.isdigit() and t{{0}}[-1] != "0" and len(t{{0}}) <= {MAX_DIGITS}:
    s{{0}} = 1 + (len(t{{0}}) + 1) // 2
""",
    Decimal: f"""\
t{{0}} = str({{0}})
whole, _, part = t{{0}}.partition(".")
if part.isdigit() and whole.isdigit() and part[-1] != "0" != whole and len(t{{0}}) <= {MAX_DIGITS}:
    s{{0}} = 1 + (len(whole) + 1) // 2 + (len(part) + 1) // 2
""",
}
"""The first looks of `measured` as code to be filled in with a variable, where calls are saved."""


def measured(value: int | Decimal) -> tuple[str, int]:
    """
    Give `numbers.canonical` of a number and `numbers.size` of that.

    Digits with at most one point, 38 characters of them, are counted here: in pairs from the point,
    outer zeros left out. Everything else goes there.

    :raises ValueError: the table cannot hold it exactly.
    """
    text = str(value)
    if text.isdigit():
        if text[-1] != "0" and len(text) <= MAX_DIGITS:
            return text, 1 + (len(text) + 1) // 2
    elif len(text) <= _UNCAPPED:
        whole, _, fraction = text.partition(".")
        sign = 0
        if whole[0] == "-":
            whole = whole[1:]
            sign = 1
        if whole.isdigit():
            if fraction.isdigit() and fraction[-1] != "0" != whole:
                return text, 1 + sign + (len(whole) + 1) // 2 + (len(fraction) + 1) // 2
            if not fraction and text[-1] != "0":
                return text, 1 + sign + (len(whole) + 1) // 2
    return _signed(text)


def _signed(text: str) -> tuple[str, int]:
    if text[0] != "-":
        return _unsigned(text) or _any(text)
    found = _unsigned(text[1:])
    if found is None:
        return _any(text)
    text, size = found
    if text == "0":
        return found
    return f"-{text}", size + 1 if size < _CAP else _CAP


def _unsigned(text: str) -> tuple[str, int] | None:  # noqa: PLR0911 - the hot path, unrolled
    length = len(text)
    if length > MAX_DIGITS:
        return None
    if text.isdigit():
        if text[-1] != "0":
            return text, 1 + (length + 1) // 2
        digits = len(text.rstrip("0"))
        return text, 1 + (digits + length % 2 + 1) // 2 if digits else 1
    whole, _, fraction = text.partition(".")
    if not (fraction.isdigit() and whole.isdigit()):
        return None
    if fraction[-1] == "0":
        fraction = fraction.rstrip("0")
        if not fraction:
            return _unsigned(whole)
        text = f"{whole}.{fraction}"
    if whole != "0":
        return text, 1 + (len(whole) + 1) // 2 + (len(fraction) + 1) // 2
    digits = len(fraction.lstrip("0"))
    return text, 1 + (digits + (len(fraction) - digits) % 2 + 1) // 2


def _any(text: str) -> tuple[str, int]:
    canonical = numbers.canonical(text)
    return canonical, numbers.size(canonical)
