"""What one item is made of, resolved from its `ItemSpec`, the table's key and the mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from pipeline.transform.specs import FromField, ItemSpec, Literal, TemplateText
from pipeline.transform.template import Slot, parse
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.model import Value, WriteMode
    from pipeline.transform.keys import KeyType

__all__ = ["ItemPlan", "KeyText", "Made", "plan_item", "plan_items"]


@dataclass(frozen=True, slots=True)
class KeyText:
    """A key attribute as a template gives it, in the type that the table has for it."""

    text: str
    type: KeyType


Made: TypeAlias = TemplateText | FromField | KeyText


@dataclass(frozen=True, slots=True)
class ItemPlan:
    """
    One item, in the order in which it is made; the later wins.

    First the record's fields, but for *omit*, or those of *only* (which has none of *omit* any
    more); then *constants*; then what is *made* of fields. *own_keys* are the key attributes that
    neither of those makes. *needs* are the fields without which an optional item is skipped.
    """

    index: int
    omit: frozenset[str]
    only: tuple[str, ...] | None
    constants: Mapping[str, Value]
    made: Mapping[str, Made]
    own_keys: tuple[tuple[str, KeyType], ...]
    needs: tuple[Slot, ...] = ()


def plan_items(
    specs: Sequence[ItemSpec], key_types: Mapping[str, KeyType], mode: WriteMode
) -> tuple[ItemPlan, ...]:
    """
    Plan a definition's items; no *specs* means one item with every field under its own name.

    :raises ValueError: a template is none.
    """
    return tuple(
        plan_item(index, spec, key_types, mode) for index, spec in enumerate(specs or [ItemSpec()])
    )


def plan_item(
    index: int, spec: ItemSpec, key_types: Mapping[str, KeyType], mode: WriteMode
) -> ItemPlan:
    """Plan one item; see `plan_items`."""
    keys = tuple(key_types) or tuple(spec.key)
    set_specs, only = dict(spec.set), spec.only
    if mode == "delete":
        set_specs = {name: made for name, made in spec.set.items() if name in keys}
        only = tuple(name for name in keys if only is None or name in only)
    made: dict[str, Made] = {
        name: one for name, one in set_specs.items() if not isinstance(one, Literal)
    }
    templates = [one.text for one in set_specs.values() if isinstance(one, TemplateText)]
    for name, text in spec.key.items():
        made[name] = KeyText(text, key_types.get(name, "S"))
        templates.append(text)
    return ItemPlan(
        index,
        frozenset(spec.omit),
        None if only is None else tuple(name for name in only if name not in spec.omit),
        {name: one.value for name, one in set_specs.items() if isinstance(one, Literal)},
        made,
        tuple(
            (name, kind)
            for name, kind in key_types.items()
            if name not in made and name not in set_specs
        ),
        _needs(templates) if spec.optional else (),
    )


def _needs(templates: Sequence[str]) -> tuple[Slot, ...]:
    slots = (part for text in templates for part in parse(text).parts)
    return tuple({slot: None for slot in slots if isinstance(slot, Slot) and slot.default is None})
