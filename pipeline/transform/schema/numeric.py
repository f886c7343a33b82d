"""
The five keywords that compare numbers, exactly.

jsonschema-rs 0.60 compares a decimal of more than 15 digits with a limit by their floats, so that
100000000000000000000.5 is at most 100000000000000000000; these take its place in it.
"""

from __future__ import annotations

import operator
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from pipeline.transform.numbers import canonical

if TYPE_CHECKING:
    from collections.abc import Callable

    from jsonschema_rs import KeywordValidator

__all__ = ["EXACT_KEYWORDS", "is_multiple", "number_text"]


def number_text(number: int | Decimal) -> str:
    """Return a number of the schema as a message shows it."""
    return canonical(number) or str(number)


def is_multiple(number: int | Decimal, unit: int | Decimal) -> bool:
    """Say whether *number* is an integer times *unit*, exactly and whatever their exponents."""
    if isinstance(number, int) and isinstance(unit, int):
        return number % unit == 0
    digits, exponent = _scaled(number)
    unit_digits, unit_exponent = _scaled(unit)
    shift = exponent - unit_exponent
    if shift >= 0:  # digits · 10^shift mod unit_digits, without writing the power out
        remainder: int = digits * pow(10, shift, unit_digits) % unit_digits
        return remainder == 0
    if -shift > digits.bit_length():  # the unit alone is larger; don't write it out
        return not digits
    step: int = unit_digits * 10**-shift
    return digits % step == 0


def _scaled(number: int | Decimal) -> tuple[int, int]:
    if isinstance(number, int):
        return abs(number), 0
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)  # noqa: S101 - NaN and the infinities are no JSON
    return int(Decimal((0, digits, 0))), exponent


class _Exact:
    """A keyword as jsonschema-rs takes one: made with its limit, it raises for what breaks it."""

    wording = ""
    holds: Callable[[Any, Any], bool]

    def __init__(self, _parent: dict[str, Any], limit: Any, _path: list[str | int]) -> None:
        self.limit = Decimal(repr(limit)) if isinstance(limit, float) else limit

    def validate(self, instance: Any) -> None:
        if isinstance(instance, bool) or not isinstance(instance, int | Decimal):
            return
        if not self.holds(instance, self.limit):
            raise ValueError(f"must be {self.wording} {number_text(self.limit)}")


def _keyword(wording: str, holds: Callable[[Any, Any], bool]) -> type[_Exact]:
    return type("Exact", (_Exact,), {"wording": wording, "holds": staticmethod(holds)})


EXACT_KEYWORDS: Final[dict[str, type[KeywordValidator]]] = {
    "minimum": _keyword("at least", operator.ge),
    "maximum": _keyword("at most", operator.le),
    "exclusiveMinimum": _keyword("greater than", operator.gt),
    "exclusiveMaximum": _keyword("less than", operator.lt),
    "multipleOf": _keyword("a multiple of", is_multiple),
}
