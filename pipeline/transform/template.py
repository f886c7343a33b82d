"""
Texts with fields of the record in them: ``USER#{user_id}``.

The grammar: ``{field}``; ``{address.city}``, which is the field of exactly that name if the record
has one and else a path into objects; ``{field:-text}`` with a text for when the field is absent or
null; ``{{`` and ``}}`` for the braces themselves. A default is plain text, without braces.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeVar

from pipeline.errors import Refused
from pipeline.model import Violation
from pipeline.transform.numbers import MAX_PLAIN_DIGITS, canonical
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.model import Value

__all__ = ["Slot", "Template", "find", "parse", "scalar_text", "slot_text"]

_T = TypeVar("_T")

_TOKEN: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[^{}]+|[{}]", re.DOTALL)
_FORMAT_SPEC: Final = re.compile(r":[<>=^+#0-9.,%]")


@dataclass(frozen=True, slots=True)
class Slot:
    """
    The place of one field in a template.

    *path* are the names to follow where the record has no field called *name* itself; it has one
    element for a name without dots.
    """

    name: str
    path: tuple[str, ...]
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """
    A parsed template; make one with `parse`.

    *parts* are literal texts and slots in their order, no two texts side by side.
    """

    text: str
    parts: tuple[str | Slot, ...]

    @property
    def needed(self) -> tuple[str, ...]:
        """The fields that have no default: without them there is no text."""
        return tuple(
            part.name for part in self.parts if not isinstance(part, str) and part.default is None
        )

    @property
    def fields(self) -> tuple[str, ...]:
        """Name every field once, in order of appearance."""
        return tuple(dict.fromkeys(part.name for part in self.parts if isinstance(part, Slot)))

    @property
    def literal(self) -> bool:
        """Say whether the text is the same for every record."""
        return not any(isinstance(part, Slot) for part in self.parts)

    @property
    def only_slot(self) -> Slot | None:
        """Return the slot of a template that is exactly one field, such as ``{id}``."""
        match self.parts:
            case (Slot() as slot,):
                return slot
        return None

    def render(self, fields: Mapping[str, Value]) -> str:
        """
        Return the text for one record.

        Text stands as it is, a number as its canonical decimal (1, 1.0 and 1e0 are ``1``), a
        boolean as ``true`` or ``false``.

        :raises Refused: a field without default is absent or null, or a field is no scalar, or a
            number is too long to be written out (rule ``template_field``). None is never rendered.
        """
        return "".join(
            part if isinstance(part, str) else slot_text(part, fields) for part in self.parts
        )

    def compiled(self) -> Callable[[Mapping[str, Value]], str]:
        """Return `render`, made faster for the common shape: one plain field, and it is text."""
        slots = [part for part in self.parts if isinstance(part, Slot)]
        if len(slots) != 1 or len(slots[0].path) != 1:
            return self.render
        at = self.parts.index(slots[0])
        before, after = (
            "".join(map(str, part)) for part in (self.parts[:at], self.parts[at + 1 :])
        )
        name, render = slots[0].name, self.render

        def render_text(fields: Mapping[str, Value]) -> str:
            value = fields.get(name)
            return before + value + after if value.__class__ is str else render(fields)

        return render_text


def parse(text: str) -> Template:
    """
    Parse a template.

    :raises ValueError: the text is no template; the message says what to write instead.
    """
    parts: list[str | Slot] = []
    plain = ""
    for token in _TOKEN.finditer(text):
        whole = token[0]
        if whole in ("{{", "}}"):
            plain += whole[0]
        elif whole == "{":
            raise ValueError(
                f"'{{' at character {token.start() + 1} opens a field that is never closed; "
                "write '{{' for a plain brace"
            )
        elif whole == "}":
            raise ValueError(
                f"'}}' at character {token.start() + 1} closes no field; "
                "write '}}' for a plain brace"
            )
        elif token[1] is None:
            plain += whole
        else:
            if plain:
                parts.append(plain)
                plain = ""
            parts.append(_slot(token[1]))
    if plain:
        parts.append(plain)
    return Template(text, tuple(parts))


def _slot(inside: str) -> Slot:
    name, arrow, default = inside.partition(":-")
    if not name.strip():
        raise ValueError(
            f"'{{{inside}}}' names no field; write '{{user_id}}', or '{{{{' for a brace"
        )
    if _FORMAT_SPEC.search(name):
        raise ValueError(
            f"'{{{inside}}}' has a format after ':', which templates do not support; "
            "a default is written '{field:-text}'"
        )
    path = tuple(name.split("."))
    if "" in path:  # a stray dot: only a field of exactly this name can be meant
        path = (name,)
    return Slot(name, path, default if arrow else None)


def find(slot: Slot, fields: Mapping[str, Value], absent: _T = None) -> Value | _T:  # type: ignore[assignment]  # the default is in Value
    """Return the slot's value in a record, by its exact name or else its path, or *absent*."""
    if slot.name in fields or len(slot.path) == 1:
        return fields.get(slot.name, absent)
    value: Value | _T = fields.get(slot.path[0], absent)
    for step in slot.path[1:]:
        if not isinstance(value, dict):
            return absent
        value = value.get(step, absent)
    return value


def slot_text(slot: Slot, fields: Mapping[str, Value]) -> str:
    """
    Return what stands at *slot* for one record.

    :raises Refused: as `Template.render` says.
    """
    value = find(slot, fields)
    if value is None:
        if slot.default is None:
            raise Refused(_absent(slot, fields))
        return slot.default
    text = scalar_text(value)
    if text is None:
        raise Refused(
            Violation(
                "mapping",
                "template_field",
                f"field {slot.name!r} is {_class_of(value)}: a template takes text, numbers of up "
                f"to {MAX_PLAIN_DIGITS} digits and booleans",
                slot.name,
            )
        )
    return text


def scalar_text(value: Value) -> str | None:
    """Return a scalar as a template shows it; None for null, lists, objects, sets and bytes."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return canonical(value)
    return None


def _absent(slot: Slot, fields: Mapping[str, Value]) -> Violation:
    state = "null" if slot.name in fields else "absent or null"
    advice = f"give it a default, '{{{slot.name}:-text}}', or mark the item `optional: true`"
    wanted = slot.name.strip().casefold()
    for name in fields:
        if name != slot.name and name.strip().casefold() == wanted:
            advice = f"the record has {name!r}, which is written differently"
    return Violation(
        "mapping", "template_field", f"field {slot.name!r} is {state}; {advice}", slot.name
    )


def _class_of(value: Value) -> str:
    names = {list: "a list", dict: "an object", bytes: "binary", int: "a number too long"}
    return names.get(type(value), "a number too long" if isinstance(value, Decimal) else "a set")
