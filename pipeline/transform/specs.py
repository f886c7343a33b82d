"""What the items of a record are made of, as the definition says it."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, TypeAlias

from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pipeline.model import AttributeType, Value

__all__ = ["FromField", "ItemSpec", "Literal", "SetSpec", "TemplateText"]


@dataclass(frozen=True, slots=True)
class Literal:
    """The same value in every item; a decimal stays exact."""

    value: Value


@dataclass(frozen=True, slots=True)
class TemplateText:
    """Text with fields in it, as `pipeline.transform.template` reads it."""

    text: str


@dataclass(frozen=True, slots=True)
class FromField:
    """
    A field of the record under another name or type; ``a.b`` looks inside of ``a``.

    Where it is absent or null the attribute is left out, or the record refused if it is *required*;
    but with neither *type* nor *as_epoch* a null stays a NULL.
    """

    field: str
    type: AttributeType | None = None
    as_epoch: bool = False
    required: bool = False


SetSpec: TypeAlias = Literal | TemplateText | FromField


@dataclass(frozen=True, slots=True)
class ItemSpec:
    """
    What one item of a record holds.

    *key* and *set* name attributes; *omit* the fields that are not copied; *only*, if given, those
    that are. An *optional* item is skipped where a template's field is absent or null.
    """

    key: Mapping[str, str] = field(default_factory=dict)
    set: Mapping[str, SetSpec] = field(default_factory=dict)
    omit: Collection[str] = ()
    only: tuple[str, ...] | None = None
    optional: bool = False
