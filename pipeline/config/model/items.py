"""`items`: what one record becomes."""
# ruff: noqa: TC001 - the annotations are read when a definition is checked

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pipeline.config.declare.marks import Field, OneOf, Then, Written
from pipeline.config.declare.section import Section
from pipeline.config.grammar import check_template
from pipeline.config.model.section import AnyText, AttributeName, Flag, Text
from pipeline.model import AttributeType

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Constant", "FromField", "ItemDefinition", "SetValue", "Template"]

_TYPES = "S text, N number, B binary, BOOL, NULL, SS NS BS sets, L list, M map."

Template = Annotated[AnyText, Then(check_template)]
"""Text with ``{field}`` in it, checked, as text; the transform compiles it."""


class FromField(Section):
    """A field of the record, with a type that JSON cannot say."""

    field: Annotated[Text, Field(min_length=1)] = Field(
        alias="from", description="The record's field; `a.b` looks inside of `a`."
    )
    type: AttributeType | None = Field(
        default=None,
        description=f"The attribute's type: {_TYPES} Left out: that of the JSON value.",
    )
    convert: Literal["epoch"] | None = Field(
        default=None,
        alias="as",
        description="epoch: a date-time becomes seconds since 1970, as TTL needs.",
    )
    required: Flag = Field(
        default=False,
        description="Reject a record without this field; else the attribute is left out.",
    )


class Constant(Section):
    """A value that stands in every item just as it is, be it text, list or map."""

    value: Any = Field(description="Any value; texts in it are no templates.")


class _Literal(Written):
    def parse(self, value: object, _: Path | None, /) -> object:
        if isinstance(value, str):
            return check_template(value)
        if isinstance(value, list | dict):
            raise ValueError("for a list or a map as it stands, write {value: ...}")  # noqa: TRY004
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "number", "boolean", "null"]}


def _kind_of(value: object) -> str:
    if isinstance(value, FromField | Constant):
        return type(value).__name__
    if not isinstance(value, dict):
        return _LITERAL
    return Constant.__name__ if "value" in value and "from" not in value else FromField.__name__


_LITERAL: Final = "Literal"
_MEMBERS: Final = {
    FromField.__name__: FromField,
    Constant.__name__: Constant,
    _LITERAL: Annotated[Any, _Literal()],
}

SetValue = Annotated[
    FromField | Constant | str | int | Decimal | bool | None, OneOf(_kind_of, _MEMBERS)
]
"""An attribute to add: a template (text), another literal, a field of the record, a constant."""


class ItemDefinition(Section):
    """One item that a record becomes."""

    key: Annotated[dict[AttributeName, Template], Field(max_length=2)] = Field(
        default_factory=dict,
        description="The key attributes as templates. One that is left out is the record's field "
        "of that name.",
        examples=[{"PK": "USER#{user_id}", "SK": "PROFILE"}],
    )
    set: dict[Annotated[Text, Field(min_length=1)], SetValue] = Field(
        default_factory=dict,
        description="Attributes added: a literal, a template, {from: field, type: SS} or "
        "{value: anything}.",
        examples=[{"entity": "User", "roles": {"from": "roles", "type": "SS"}}],
    )
    omit: tuple[AnyText, ...] = Field(
        default=(),
        description="Fields that are left out; all others are kept under their own names.",
    )
    only: tuple[AnyText, ...] | None = Field(
        default=None, description="The fields that are kept; all others are left out."
    )
    optional: Flag = Field(
        default=False,
        description="Skip this item, instead of rejecting the record, where a template's field is "
        "absent or null.",
    )
