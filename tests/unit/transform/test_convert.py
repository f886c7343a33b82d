"""Attribute types that JSON cannot say: exact, or refused."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import Refused
from pipeline.model import TypedSet
from pipeline.transform.convert import to_epoch, to_type

if TYPE_CHECKING:
    from pipeline.model import AttributeType, Value


@pytest.mark.parametrize(
    ("target", "value", "expected"),
    [
        ("S", "x", "x"),
        ("S", 5, "5"),
        ("S", Decimal("1.50"), "1.5"),
        ("S", True, "true"),
        ("N", 5, 5),
        ("N", Decimal("1.50"), Decimal("1.50")),
        ("N", "1.50", Decimal("1.50")),
        ("N", "-12", -12),
        ("B", "aGk=", b"hi"),
        ("B", "", b""),
        ("B", b"hi", b"hi"),
        ("BOOL", False, False),
        ("BOOL", "true", True),
        ("SS", ["a", 1, True], TypedSet("SS", ("a", "1", "true"))),
        ("SS", ["a", "a"], TypedSet("SS", ("a", "a"))),
        ("NS", [1, "2.5"], TypedSet("NS", (1, Decimal("2.5")))),
        ("BS", ["aGk="], TypedSet("BS", (b"hi",))),
        ("SS", TypedSet("SS", ("a",)), TypedSet("SS", ("a",))),
        ("L", [1], [1]),
        ("M", {"a": 1}, {"a": 1}),
    ],
)
def test_converts_exactly(target: AttributeType, value: Value, expected: Value) -> None:
    """What has an exact value of the type becomes that."""
    converted = to_type(target)(value, "f")
    assert converted == expected
    assert type(converted) is type(expected)


@pytest.mark.parametrize(
    ("target", "value", "rule"),
    [
        ("S", ["hush"], "conversion"),
        ("S", b"hush", "conversion"),
        ("S", Decimal("1E+99999"), "conversion"),
        ("N", "hush", "conversion"),
        ("N", "007", "conversion"),
        ("N", " 7", "conversion"),
        ("N", True, "conversion"),
        ("B", "hush!", "conversion"),
        ("B", "aGk", "conversion"),
        ("B", "aGl=", "conversion"),
        ("B", 5, "conversion"),
        ("BOOL", "hush", "conversion"),
        ("BOOL", 1, "conversion"),
        ("SS", "hush", "conversion"),
        ("SS", [["hush"]], "conversion"),
        ("SS", [None], "conversion"),
        ("SS", [], "set_empty"),
        ("NS", ["hush"], "conversion"),
        ("BS", ["hush!"], "conversion"),
        ("NS", TypedSet("SS", ("hush",)), "conversion"),
        ("L", {"hush": 1}, "conversion"),
        ("M", ["hush"], "conversion"),
    ],
)
def test_what_is_not_exact_is_refused(target: AttributeType, value: Value, rule: str) -> None:
    """A value that the type cannot hold exactly is refused by class, without the value."""
    with pytest.raises(Refused) as caught:
        to_type(target)(value, "roles")
    (violation,) = caught.value.violations
    assert (violation.kind, violation.rule, violation.field) == ("mapping", rule, "roles")
    assert target[-1] in violation.message
    assert "hush" not in violation.message


def test_there_is_no_conversion_to_null() -> None:
    """NULL is no type to convert to."""
    with pytest.raises(ValueError, match="NULL"):
        to_type("NULL")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2024-05-01T12:00:00Z", 1_714_564_800),
        ("2024-05-01t12:00:00z", 1_714_564_800),
        ("2024-05-01 14:00:00+02:00", 1_714_564_800),
        ("2024-05-01T06:30:00-0530", 1_714_564_800),
        ("2024-05-01T12:00Z", 1_714_564_800),
        ("2024-05-01T12:00:00.999999999Z", 1_714_564_800),
        ("1969-12-31T23:59:59.5Z", -1),
        ("2024-05-01", 1_714_521_600),
        ("0001-01-01T00:00:00Z", -62_135_596_800),
        ("9999-12-31T23:59:59Z", 253_402_300_799),
        (1_714_564_800, 1_714_564_800),
        (Decimal("1714564800.0"), 1_714_564_800),
        (Decimal("1.7145648E+9"), 1_714_564_800),
        ("1714564800", 1_714_564_800),
    ],
)
def test_a_point_in_time_becomes_whole_seconds(value: Value, seconds: int) -> None:
    """Date-times, dates (midnight in UTC) and seconds become whole seconds since 1970."""
    assert to_epoch(value, "f") == seconds
    assert type(to_epoch(value, "f")) is int


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("2024-05-01T12:00:00", "no time zone"),
        ("2024-05-01 12:00", "no time zone"),
        ("2024-02-30", "no such day"),
        ("2024-05-01T25:00:00Z", "no such day or time"),
        ("0000-01-01", "no such day"),
        ("2024-W18-3", "must be a date-time"),
        ("20240501T120000Z", "must be a date-time"),
        ("tomorrow", "must be a date-time"),
        ("", "must be a date-time"),
        ("٢٠٢٤-05-01", "must be a date-time"),
        (1_714_564_800_000, "not milliseconds"),
        ("1714564800000", "not milliseconds"),
        (Decimal("1E+999999999"), "not milliseconds"),
        (Decimal("1.5"), "must be a date-time"),
        (True, "must be a date-time"),
        ([], "must be a date-time"),
    ],
)
def test_what_is_no_point_in_time_is_refused(value: Value, message: str) -> None:
    """A date-time without a zone, a day that is none, or milliseconds are refused with advice."""
    with pytest.raises(Refused, match=message) as caught:
        to_epoch(value, "f")
    assert caught.value.violations[0].rule == "epoch"
