"""Templates: the grammar, what is rendered how, what is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import Refused
from pipeline.model import TypedSet
from pipeline.transform.template import parse

if TYPE_CHECKING:
    from pipeline.model import Value


@pytest.mark.parametrize(
    ("text", "fields", "expected"),
    [
        ("PROFILE", {}, "PROFILE"),
        ("", {}, ""),
        ("USER#{user_id}", {"user_id": "u1"}, "USER#u1"),
        ("{a}{b}", {"a": "x", "b": "y"}, "xy"),
        ("{First Name}", {"First Name": "Ann"}, "Ann"),
        ("{ padded}", {" padded": "x"}, "x"),
        ("{dc:title}", {"dc:title": "x"}, "x"),
        ("{a.b}", {"a": {"b": "nested"}}, "nested"),
        ("{a.b}", {"a.b": "exact", "a": {"b": "nested"}}, "exact"),
        ("{a.b.c}", {"a": {"b": {"c": 3}}}, "3"),
        ("{a.}", {"a.": "dot"}, "dot"),
        ("{a:-none}", {}, "none"),
        ("{a:-none}", {"a": None}, "none"),
        ("{a:-none}", {"a": ""}, ""),
        ("{a:-}", {}, ""),
        ("{a.b:-x}", {"a": 5}, "x"),
        ("{{{a}}}", {"a": 1}, "{1}"),
        ("{{a}}", {}, "{a}"),
        ("ü{a}\n", {"a": "ß"}, "üß\n"),
        ("{a}", {"a": True}, "true"),
        ("{a}", {"a": False}, "false"),
        ("{a}", {"a": 0}, "0"),
        ("{a}", {"a": -7}, "-7"),
        ("{a}", {"a": Decimal("1.0")}, "1"),
        ("{a}", {"a": Decimal("1e0")}, "1"),
        ("{a}", {"a": Decimal("1E+3")}, "1000"),
        ("{a}", {"a": Decimal("-0.0")}, "0"),
        ("{a}", {"a": Decimal("0E+999999999")}, "0"),
        ("{a}", {"a": Decimal("1.2300")}, "1.23"),
        ("{a}", {"a": Decimal("1E-5")}, "0.00001"),
        ("{a}", {"a": Decimal("1E-130")}, "0." + "0" * 129 + "1"),
        ("{a}", {"a": 10**300}, "1" + "0" * 300),
        ("{a}", {"a": Decimal("0." + "123456789" * 9)}, "0." + "123456789" * 9),
    ],
)
def test_renders(text: str, fields: dict[str, Value], expected: str) -> None:
    """A template shows text as it is, numbers in canonical digits, booleans as JSON does."""
    assert parse(text).render(fields) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{a", "never closed"),
        ("a}", "closes no field"),
        ("{a}}", "closes no field"),
        ("{}", "names no field"),
        ("{ }", "names no field"),
        ("{:-x}", "names no field"),
        ("{a:-{b}}", "never closed"),
        ("{id:05d}", "a format"),
        ("{id:>5}", "a format"),
    ],
)
def test_bad_syntax_is_told(text: str, message: str) -> None:
    """A text that is no template is refused, with what is wrong about it."""
    with pytest.raises(ValueError, match=message):
        parse(text)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"a": None},
        {"a": ["hush"]},
        {"a": {"b": "hush"}},
        {"a": b"hush"},
        {"a": TypedSet("SS", ("hush",))},
        {"a": Decimal("1E+999999999")},
        {"a": Decimal("1E-999999999")},
        {"a": 10**5000},
        {"a": Decimal("NaN")},
        {"a": Decimal("Infinity")},
    ],
)
def test_what_cannot_be_shown_is_refused(fields: dict[str, Value]) -> None:
    """An absent or null field, a container, or a gigantic number is never rendered."""
    with pytest.raises(Refused) as caught:
        parse("X#{a}").render(fields)
    (violation,) = caught.value.violations
    assert (violation.kind, violation.rule, violation.field) == ("mapping", "template_field", "a")
    assert "'a'" in violation.message
    assert "hush" not in violation.message


def test_nested_absence_names_the_whole_path() -> None:
    """A path that leads nowhere is refused under the name that the template has for it."""
    with pytest.raises(Refused) as caught:
        parse("{a.b}").render({"a": {"c": 1}})
    assert caught.value.violations[0].field == "a.b"


def test_a_name_that_differs_in_case_is_pointed_at() -> None:
    """A field that is only spelt differently is named in the refusal."""
    with pytest.raises(Refused, match="the record has 'User_ID '"):
        parse("{user_id}").render({"User_ID ": "x"})


def test_knows_its_fields() -> None:
    """A template names its fields once each, in order, and knows when it has none."""
    template = parse("{b}#{a.c:-x}#{b}")
    assert template.fields == ("b", "a.c")
    assert not template.literal
    assert parse("{{x}}").literal
    assert parse("{{x}}").fields == ()
