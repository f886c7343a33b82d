"""
Fields of a record into the attributes of its items.

Within an item the copied fields come first, then what is `set`, then the key: the later wins. A
record becomes all of its items or none: `compile_items` raises with every reason of every item.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from pipeline.errors import Refused
from pipeline.model import Violation
from pipeline.transform.convert import to_epoch, to_type
from pipeline.transform.keys import key_step, retype
from pipeline.transform.plan import KeyText, plan_items
from pipeline.transform.specs import FromField, ItemSpec, Literal, SetSpec, TemplateText
from pipeline.transform.template import Slot, find, parse
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline.model import Value, WriteMode
    from pipeline.transform.keys import KeyType
    from pipeline.transform.plan import ItemPlan, Made

__all__ = [
    "FromField",
    "ItemSpec",
    "Literal",
    "MapRecord",
    "SetSpec",
    "TemplateText",
    "compile_items",
    "conversion_of",
]

Fields: TypeAlias = "dict[str, Value]"
MapRecord: TypeAlias = "Callable[[dict[str, Value]], list[tuple[int, dict[str, Value]]]]"
"""A record's fields → its items' attributes, each with the index of its `ItemSpec`."""


_LEFT_OUT: Final = object()

_Step: TypeAlias = "Callable[[Mapping[str, Value]], Value | object]"


@dataclass(frozen=True, slots=True)
class _Maker:
    """
    One compiled item.

    *needs* are the fields without which an optional item is skipped. *constants* and *steps* make
    the attributes that are not copied; *own_keys* are the key attributes that neither makes.
    """

    index: int
    copy: Callable[[Fields], Fields]
    constants: Fields
    steps: tuple[tuple[str, _Step], ...]
    own_keys: tuple[tuple[str, KeyType], ...]
    needs: tuple[Slot, ...] = ()

    def skips(self, fields: Fields) -> bool:
        return any(find(slot, fields) is None for slot in self.needs)

    def make(self, fields: Fields) -> Fields:
        item = self.copy(fields)
        item.update(self.constants)
        for name, step in self.steps:
            value = step(fields)
            if value is not _LEFT_OUT:
                item[name] = value  # type: ignore[assignment]  # all but _LEFT_OUT are values
            else:
                item.pop(name, None)
        for name, key_type in self.own_keys:
            if name in item:
                item[name] = retype(item[name], key_type)
        return item

    def reasons(self, fields: Fields) -> list[Violation]:
        found: list[Violation] = []
        for _, step in self.steps:
            try:
                step(fields)
            except Refused as refused:
                found.extend(refused.violations)
        return found


def compile_items(
    specs: Sequence[ItemSpec], *, key_types: Mapping[str, KeyType], mode: WriteMode
) -> MapRecord:
    """
    Compile a definition's items; no *specs* means one item with every field under its own name.

    *key_types* are the table's key attributes. A key attribute that no template and no `set` makes
    is the record's field of that name; it takes the table's type where that is exact, and is left
    to the table's rules where not. In mode ``delete`` an item is its key attributes and no more.

    The result raises `Refused` with every violation of every item, and then no item is made.

    :raises ValueError: a template or a conversion is none.
    """
    makers = tuple(map(_compile, plan_items(specs, key_types, mode)))

    def map_record(fields: Fields) -> list[tuple[int, Fields]]:
        try:
            items = [
                (maker.index, maker.make(fields))
                for maker in makers
                if not maker.needs or not maker.skips(fields)
            ]
        except Refused:
            raise _every_reason(makers, fields) from None
        if not items:
            raise Refused(_no_items(makers, fields))
        return items

    return map_record


def _compile(plan: ItemPlan) -> _Maker:
    return _Maker(
        plan.index,
        _copy(plan),
        dict(plan.constants),
        tuple((name, _step(name, made)) for name, made in plan.made.items()),
        plan.own_keys,
        plan.needs,
    )


def _copy(plan: ItemPlan) -> Callable[[Fields], Fields]:
    """Return how an item starts: the fields that it keeps under their own names."""
    names, omit = plan.only, plan.omit
    if names is not None:
        return lambda fields: {name: fields[name] for name in names if name in fields}
    if not omit:
        return dict

    def without(fields: Fields) -> Fields:
        item = fields.copy()
        for name in omit:
            item.pop(name, None)
        return item

    return without


def _step(name: str, made: Made) -> _Step:
    if isinstance(made, KeyText):
        return key_step(parse(made.text), name, made.type)
    return _set_step(made)


def _set_step(spec: TemplateText | FromField) -> _Step:
    if isinstance(spec, TemplateText):
        return parse(spec.text).compiled()
    slot = Slot(spec.field, tuple(spec.field.split(".")))
    convert = conversion_of(spec)

    def step(fields: Mapping[str, Value]) -> Value | object:
        value = find(slot, fields, _LEFT_OUT)
        if value is None or value is _LEFT_OUT:
            if spec.required:
                state = "null" if value is None else "absent"
                message = f"field {slot.name!r} is {state}, and an attribute requires it"
                raise Refused(Violation("mapping", "field_required", message, slot.name))
            return value if convert is None else _LEFT_OUT
        return value if convert is None else convert(value, slot.name)  # type: ignore[arg-type]  # a value from here on

    return step


def conversion_of(spec: FromField) -> Callable[[Value, str], Value] | None:
    """
    Return what turns the field's value (never null) into the attribute's; None: it stays.

    :raises ValueError: there is no such conversion.
    """
    if spec.as_epoch:
        if spec.type not in (None, "N"):
            raise ValueError(f"as: epoch makes a number (N), never {spec.type}")
        return to_epoch
    return None if spec.type is None else to_type(spec.type)


def _every_reason(makers: Sequence[_Maker], fields: Fields) -> Refused:
    found: dict[Violation, None] = {}
    for maker in makers:
        if not maker.skips(fields):
            found |= dict.fromkeys(maker.reasons(fields))
    return Refused(*found)


def _no_items(makers: Sequence[_Maker], fields: Fields) -> Violation:
    missing = {
        slot.name: None for maker in makers for slot in maker.needs if find(slot, fields) is None
    }
    names = ", ".join(map(repr, missing))
    return Violation(
        "mapping",
        "no_items",
        f"the record becomes no item: each is optional, and absent or null is {names}",
        next(iter(missing), None),
    )
