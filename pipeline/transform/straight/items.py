"""
A definition's items as straight Python code: what `compile_items` does, in one function.

It makes what the plain way makes, in the same order, or nothing at all: what it does not know it
leaves to the plain way, and where a record is to be refused that one says why.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from pipeline.errors import Refused
from pipeline.transform.keys import key_step, retype
from pipeline.transform.mapping import conversion_of
from pipeline.transform.plan import KeyText, plan_items
from pipeline.transform.specs import TemplateText
from pipeline.transform.straight.code import Code, TooLongError
from pipeline.transform.template import Slot, find, parse, slot_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline.model import Value, WriteMode
    from pipeline.transform.keys import KeyType
    from pipeline.transform.mapping import MapRecord
    from pipeline.transform.plan import ItemPlan, Made
    from pipeline.transform.specs import FromField, ItemSpec
    from pipeline.transform.template import Template

__all__ = ["StraightMap", "compile_straight", "compile_way"]

Fields: TypeAlias = "dict[str, Value]"
StraightMap: TypeAlias = "Callable[[dict[str, Value]], list[tuple[int, dict[str, Value]]] | None]"
"""As `MapRecord`; None where all items are optional and none can be made."""

_ABSENT: Final = object()
_SHORT: Final = 10**18

_KEPT: Final = {"S": ("str",), "N": ("int", "Decimal"), "BOOL": ("bool",)}
"""The classes of values that a conversion to a type leaves as they are."""


def compile_straight(
    specs: Sequence[ItemSpec], *, key_types: Mapping[str, KeyType], mode: WriteMode
) -> StraightMap | None:
    """
    Return what maps a record as `compile_items` does, or None if that is not worth it.

    Of a record that is to be refused it raises some `Refused`, or gives None: the plain way tells
    the reasons.

    :raises ValueError: a template or a conversion is none.
    """
    code = Code("fields")
    try:
        _write_items(code, plan_items(specs, key_types, mode), 0)
    except TooLongError:
        return None
    return code.compiled("items")


def compile_way(
    plans: Sequence[ItemPlan], passes: Callable[[Fields], bool] | None, plain: MapRecord
) -> MapRecord:
    """
    Return the whole way of a record: its items if it *passes* (None: all do), made straight.

    All else is left to *plain*, which judges anew and says why a record is refused.

    :raises ValueError: a template or a conversion is none.
    """
    code = Code("fields")
    depth = 1
    code.line(0, "try:")
    if passes is not None:
        code.line(1, f"if {code.constant(passes)}(fields):")
        depth = 2
    try:
        _write_items(code, plans, depth)
    except TooLongError:
        return plain
    code.line(0, f"except {code.constant(Refused)}: pass")
    code.line(0, f"return {code.constant(plain)}(fields)")
    return code.compiled("items")


def _write_items(code: Code, plans: Sequence[ItemPlan], depth: int) -> None:
    """
    Write what returns the items of the variable ``fields``, which it leaves as it is.

    Of a record that is to be refused it raises `Refused`, or runs to its end without a return.
    """
    writers = [_ItemWriter(code, plan) for plan in plans]
    if not any(writer.plan.needs for writer in writers):
        for writer in writers:
            writer.write(depth)
        pairs = (f"({writer.plan.index}, {writer.item})" for writer in writers)
        code.line(depth, f"return [{', '.join(pairs)}]")
        return
    code.line(depth, "items = []")
    for writer in writers:
        inside = depth
        if writer.plan.needs:
            values = [writer.value(slot, depth) for slot in writer.plan.needs]
            code.line(depth, f"if {' and '.join(f'{value} is not None' for value in values)}:")
            inside += 1
        writer.write(inside)
        code.line(inside, f"items.append(({writer.plan.index}, {writer.item}))")
    code.line(depth, "if items: return items")


class _ItemWriter:
    """Writes one item: what needs no decision goes into one display, the rest after it."""

    def __init__(self, code: Code, plan: ItemPlan) -> None:
        self._code = code
        self._absent = code.constant(_ABSENT)
        self.plan = plan
        self.item = code.variable()

    def write(self, depth: int) -> None:
        """Write the item into the variable *item*."""
        constants = {name: self._code.constant(one) for name, one in self.plan.constants.items()}
        made = dict(self.plan.made)
        shown: list[str] = []
        if self.plan.only is None and not self.plan.omit:
            shown = ["**fields", *(f"{name!r}: {value}" for name, value in constants.items())]
            constants = {}
            while made and (text := self._text(made[name := next(iter(made))], depth)):
                shown.append(f"{name!r}: {text}")
                del made[name]
            self._line(depth, f"{self.item} = {{{', '.join(shown)}}}")
        else:
            self._copy(depth)
        for name, value in constants.items():
            self._line(depth, f"{self.item}[{name!r}] = {value}")
        for name, one in made.items():
            self._make(name, one, depth)
        for name, kind in self.plan.own_keys:
            self._retype(name, kind, depth)

    def value(self, slot: Slot, depth: int, absent: str = "None") -> str:
        """Write what finds a slot's value; return its variable."""
        value = self._code.variable()
        default = "" if absent == "None" else f", {absent}"
        if len(slot.path) == 1:
            self._line(depth, f"{value} = fields.get({slot.name!r}{default})")
        else:
            finder, place = self._code.constant(find), self._code.constant(slot)
            self._line(depth, f"{value} = {finder}({place}, fields{default})")
        return value

    def _line(self, depth: int, text: str) -> None:
        self._code.line(depth, text)

    def _copy(self, depth: int) -> None:
        """Write how the item starts: the fields that it keeps under their own names."""
        if self.plan.only is None:
            self._line(depth, f"{self.item} = fields.copy()")
            for name in sorted(self.plan.omit):
                self._line(depth, f"{self.item}.pop({name!r}, None)")
            return
        self._line(depth, f"{self.item} = {{}}")
        for name in self.plan.only:
            value = self._code.variable()
            self._line(depth, f"{value} = fields.get({name!r}, {self._absent})")
            self._line(depth, f"if {value} is not {self._absent}: {self.item}[{name!r}] = {value}")

    def _text(self, made: Made, depth: int) -> str | None:
        """Return an expression for what a template makes, or None if *made* is no plain text."""
        if isinstance(made, TemplateText) or (isinstance(made, KeyText) and made.type == "S"):
            return self._render(parse(made.text), depth)
        return None

    def _render(self, template: Template, depth: int) -> str:
        parts: list[str] = []
        for part in template.parts:
            if isinstance(part, str):
                parts.append(self._code.constant(part))
                continue
            value = self.value(part, depth)
            slow = f"{self._code.constant(_text_of)}({value}, {self._code.constant(part)}, fields)"
            self._line(depth, f"if {value}.__class__ is not str: {value} = {slow}")
            parts.append(value)
        return " + ".join(parts) or "''"

    def _make(self, name: str, made: Made, depth: int) -> None:
        """Write one attribute that is made of fields."""
        text = self._text(made, depth)
        if text is not None:
            self._line(depth, f"{self.item}[{name!r}] = {text}")
        elif isinstance(made, KeyText):
            self._typed_key(name, made, depth)
        elif not isinstance(made, TemplateText):
            self._field(name, made, depth)

    def _typed_key(self, name: str, made: KeyText, depth: int) -> None:
        template = parse(made.text)
        step = self._code.constant(key_step(template, name, made.type))
        only, place = template.only_slot, f"{self.item}[{name!r}]"
        if made.type == "N" and only is not None:
            value = self.value(only, depth)
            kept = f"{value}.__class__ is int or {value}.__class__ is {self._decimal()}"
            self._line(depth, f"{place} = {value} if {kept} else {step}(fields)")
        else:
            self._line(depth, f"{place} = {step}(fields)")

    def _field(self, name: str, made: FromField, depth: int) -> None:
        """Write an attribute that is a field under another name or type."""
        slot = Slot(made.field, tuple(made.field.split(".")))
        value = self.value(slot, depth, self._absent)
        missing = f"{value} is {self._absent}"
        convert = conversion_of(made)
        if convert is not None or made.required:
            missing = f"{value} is None or {missing}"
        absent = f"{self.item}.pop({name!r}, None)"
        if made.required:
            absent = f"raise {self._code.constant(Refused)}"  # the plain way says why
        self._line(depth, f"if {missing}: {absent}")
        if convert is None:
            self._line(depth, f"else: {self.item}[{name!r}] = {value}")
            return
        call = f"{self._code.constant(convert)}({value}, {made.field!r})"
        kept = () if made.as_epoch else _KEPT.get(made.type or "", ())
        if kept:
            classes = (kind.replace("Decimal", self._decimal()) for kind in kept)
            same = " or ".join(f"{value}.__class__ is {kind}" for kind in classes)
            call = f"{value} if {same} else {call}"
        self._line(depth, f"else: {self.item}[{name!r}] = {call}")

    def _retype(self, name: str, kind: KeyType, depth: int) -> None:
        """Write what gives a key attribute that is copied the table's type."""
        value = self._code.variable()
        self._line(depth, f"{value} = {self.item}.get({name!r}, {self._absent})")
        classes = {"S": "str", "N": "int", "B": "bytes"}
        other = f"{value}.__class__ is not {classes[kind]} and {value} is not {self._absent}"
        change = f"{self._code.constant(retype)}({value}, {kind!r})"
        self._line(depth, f"if {other}: {self.item}[{name!r}] = {change}")

    def _decimal(self) -> str:
        return self._code.constant(Decimal)


def _text_of(value: Value, slot: Slot, fields: Mapping[str, Value]) -> str:
    """Return a slot's text where it is no plain text; short numbers need no second look."""
    if value.__class__ is int and -_SHORT < value < _SHORT:
        return str(value)
    return slot_text(slot, fields)
