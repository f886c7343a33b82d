"""A field that no column has is told once, before the first record, with the nearest name."""

from __future__ import annotations

import pytest

from pipeline.compose.columns import check_columns, column_warnings, known_columns
from pipeline.errors import PreflightError
from pipeline.sources.base import Part
from pipeline.transform.specs import FromField, ItemSpec, TemplateText

PRICES = Part("prices.csv", columns=("article", "price", "count"))


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (ItemSpec({"PK": "A#{artikle}"}), "items.0.key.PK uses 'artikle'"),
        (ItemSpec(set={"p": FromField("pric")}), "items.0.set.p uses 'pric'"),
        (ItemSpec(set={"t": TemplateText("{cont}")}), "items.0.set.t uses 'cont'"),
        (ItemSpec(only=("prise",)), "items.0.only uses 'prise'"),
    ],
)
def test_a_field_without_a_column_is_refused_with_the_nearest_name(
    item: ItemSpec, told: str
) -> None:
    """The message names place, field, file, and what was probably meant."""
    with pytest.raises(PreflightError, match=told) as caught:
        check_columns([PRICES], [item])

    assert "'prices.csv' has no such column; did you mean '" in str(caught.value)


def test_columns_that_may_be_a_record_are_not_for_everybody() -> None:
    """A file without names: whoever runs it here sees its first line, a client of the API not."""
    part = Part("people.csv", columns=("4980", "p4980@x.org"))
    with pytest.raises(PreflightError) as caught:
        check_columns([part], [ItemSpec({"PK": "{id}"})])

    assert str(caught.value).endswith("They are 4980, p4980@x.org")
    assert str(caught.value).startswith(caught.value.discreet)
    assert caught.value.discreet.endswith("does its first line name its columns, all 2 of them?")
    assert "4980" not in caught.value.discreet


@pytest.mark.parametrize(
    "item",
    [
        ItemSpec({"PK": "{article}"}, {"p": FromField("price")}, only=("count",)),
        ItemSpec({"PK": "{article}{colour:-none}"}),
        ItemSpec({"PK": "{colour}"}, optional=True),
        ItemSpec({"PK": "{article.part}"}),
        ItemSpec(omit=("secret",)),
    ],
)
def test_what_may_be_absent_is_not_refused(item: ItemSpec) -> None:
    """A default, an optional item, a path into a column, and `omit` need no column."""
    check_columns([PRICES], [item])


def test_a_column_of_any_part_will_do_and_unknown_columns_are_no_reason() -> None:
    """Files may differ; JSON does not say beforehand what its records have."""
    check_columns([PRICES, Part("more.csv", columns=("colour",))], [ItemSpec({"PK": "{colour}"})])
    check_columns([PRICES, Part("b.jsonl")], [ItemSpec({"PK": "{anything}"})])

    assert known_columns([PRICES, Part("b.jsonl")]) is None


def test_names_that_may_be_misspelt_are_warned_of() -> None:
    """A property of the schema, or an omitted field, that no column has."""
    schema: dict[str, object] = {"properties": {"price": {}, "artikle": {}}}

    told = list(column_warnings([PRICES], [ItemSpec(omit=("secret",))], schema))

    assert told == [
        "schema.properties names 'artikle', which no column of the source has; is it 'article'?",
        "items.0.omit names 'secret', which no column of the source has",
    ]
