"""DynamoDB's numbers, digit by digit."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

import pytest

from pipeline.table import numbers

if TYPE_CHECKING:
    from pipeline.table.numbers import NumberFault

ONES = "1" * 38


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        ("1", "1"),
        ("1.0", "1"),
        ("1e0", "1"),
        ("+1", "1"),
        ("0.1e1", "1"),
        ("100e-2", "1"),
        ("0001", "1"),
        ("-0", "0"),
        ("0.000", "0"),
        ("0E200", "0"),
        (".5", "0.5"),
        ("5.", "5"),
        ("-12.50", "-12.5"),
        ("1e2", "100"),
        ("1.5E2", "150"),
        ("1E-5", "0.00001"),
        ("1E39", "1" + "0" * 39),
        ("1E40", "1E40"),
        ("-1E38", "-1" + "0" * 38),
        ("-1E39", "-1E39"),
        ("1E-38", "0." + "0" * 37 + "1"),
        ("1E-39", "1E-39"),
        ("15E124", "1.5E125"),
        ("-1E-130", "-1E-130"),
        (ONES, ONES),
        (ONES + ".0", ONES),
        ("0." + ONES, "0." + ONES),
        ("-" + ONES[:19] + "." + ONES[19:], "-" + ONES[:19] + "." + ONES[19:]),
        ("\uff11\uff12", "12"),
        ("\u0663.\u0665", "3.5"),
        ("1E\uff12", "100"),
    ],
)
def test_all_spellings_have_one_form(spelling: str, expected: str) -> None:
    """Whatever a number is written like, its canonical form is the same text."""
    assert numbers.canonical(spelling) == expected
    if spelling.isascii():
        assert numbers.canonical(Decimal(spelling)) == expected
    assert numbers.canonical(expected) == expected


@pytest.mark.parametrize("value", [0, 7, -7, 10**37, -(10**38) + 1, 10**38, 10**125, -(10**125)])
def test_an_int_is_the_text_of_its_digits(value: int) -> None:
    """An int has the canonical form of its decimal text."""
    assert numbers.canonical(value) == numbers.canonical(str(value))


def test_no_digit_is_lost_to_the_decimal_context() -> None:
    """38 digits survive whatever precision Python's decimal module works with."""
    with localcontext(prec=5):
        assert numbers.canonical(Decimal(12345678901234567890123456789012345678)) == (
            "12345678901234567890123456789012345678"
        )


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        *(("number_syntax", text) for text in ("", ".", "-", "+", "e5", "1e", "1e+", "1.5.5")),
        *(("number_syntax", text) for text in ("0x10", "1_000", "1,0", " 1", "1 ", "1\n", "\t1")),
        *(("number_syntax", text) for text in ("NaN", "sNaN", "Infinity", "-inf", "1d", "--1")),
        *(("number_syntax", text) for text in ("\u22121", "\U0001d7cf", "1E2147483648")),
        *(("number_syntax", text) for text in ("1E99999999999", "0E99999999999")),
        ("number_precision", ONES + "1"),
        ("number_precision", "0." + ONES + "1"),
        ("number_precision", ONES + "1E200"),
        ("number_overflow", "1E126"),
        ("number_overflow", "-1E126"),
        ("number_overflow", "1E2147483647"),
        ("number_underflow", "1E-131"),
        ("number_underflow", "9.9E-131"),
        ("number_underflow", "-1E-200"),
    ],
)
def test_what_the_service_refuses_is_refused(rule: NumberFault, text: str) -> None:
    """A text that is no number, or none that fits, is refused for the rule that it breaks."""
    with pytest.raises(numbers.NumberRefusedError) as refused:
        numbers.parse(text)
    assert refused.value.rule == rule
    assert text == "" or text not in str(refused.value)


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("number_syntax", Decimal("NaN")),
        ("number_syntax", Decimal("sNaN")),
        ("number_syntax", Decimal("-Infinity")),
        ("number_precision", Decimal(ONES + "1")),
        ("number_precision", int(ONES + "1")),
        ("number_overflow", 10**126),
        ("number_overflow", Decimal("1E+99999999999")),
        ("number_underflow", Decimal("-1E-99999999999")),
    ],
)
def test_values_are_refused_like_texts(rule: NumberFault, value: int | Decimal) -> None:
    """An int or a Decimal that does not fit is refused for the rule that it breaks."""
    with pytest.raises(numbers.NumberRefusedError) as refused:
        numbers.canonical(value)
    assert refused.value.rule == rule


@pytest.mark.parametrize(
    "value",
    [
        Decimal("1E+999999999999999999"),
        Decimal("-1E-999999999999999999"),
        1 << 10_000_000,
        "1E" + "9" * 1_000_000,
        "1E-2147483647",
    ],
    ids=["exponent", "negative exponent", "int", "exponent text", "scale"],
)
@pytest.mark.timeout(5)
def test_a_huge_number_is_refused_at_once(value: str | int | Decimal) -> None:
    """No exponent is multiplied out and no huge int is made text."""
    with pytest.raises(numbers.NumberRefusedError):
        numbers.canonical(value)


@pytest.mark.timeout(5)
def test_a_million_zeros_are_one_zero() -> None:
    """Zeros at either end cost nothing, however many."""
    assert numbers.canonical("0" * 1_000_000 + "1." + "0" * 1_000_000) == "1"
    assert numbers.canonical(Decimal("0E+999999999")) == "0"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        *(("0", 1), ("-0", 1), ("1", 2), ("10", 2), ("12", 2), ("100", 2), ("101", 3), ("120", 3)),
        *(("123", 3), ("1010", 3), ("1.5", 3), ("0.015", 3), ("10.05", 3), ("100.5", 4)),
        *(("3.14159", 5), ("-1", 3), ("-10", 3), ("-42", 3), ("1E125", 2), ("1E-130", 2)),
        *((ONES, 20), (ONES + "0", 21), ("-" + ONES, 21), ("-" + ONES + "0", 21)),
        *(("0." + ONES, 20), ("0.0" + ONES, 21), ("1.0", 2), ("1e2", 2)),
    ],
)
def test_size_is_the_engines(text: str, size: int) -> None:
    """A number's size is what DynamoDB Local 3.3.1 counts, as measured at the item limit."""
    assert numbers.size(text) == size


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("0", (1, 1)),
        ("7", (2, 2)),
        ("-7", (2, 3)),
        ("120", (2, 3)),
        ("0.015", (2, 3)),
        ("1.5", (2, 3)),
        ("-" + ONES + "0", (20, 22)),
    ],
)
def test_bounds_span_the_published_formulas(text: str, bounds: tuple[int, int]) -> None:
    """The lowest and highest published size lie on both sides of the engine's."""
    assert numbers.size_bounds(text) == bounds
    assert bounds[0] <= numbers.size(text) <= bounds[1]
