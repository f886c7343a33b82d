"""Key attributes, in the type that the table has for them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal, TypeAlias

from pipeline.errors import Refused
from pipeline.model import Violation
from pipeline.transform.convert import decode_base64
from pipeline.transform.numbers import canonical, parse_number
from pipeline.transform.template import find

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.model import Value
    from pipeline.transform.template import Template

__all__ = ["KeyType", "key_step", "retype"]

KeyType: TypeAlias = Literal["S", "N", "B"]


def key_step(
    template: Template, attribute: str, key_type: KeyType
) -> Callable[[Mapping[str, Value]], Value]:
    """
    Return what makes a key attribute from a record's fields.

    S is the template's text. N is the number that this text is by JSON's grammar (rule
    ``key_number`` otherwise); a template of exactly one field keeps a number as it is. B is the
    decoded base64 if the template is exactly one field (rule ``key_binary``), else the text's UTF-8
    bytes.
    """
    render = template.compiled()
    only = template.only_slot
    if key_type == "S":
        return render
    if key_type == "B" and only is None:
        return lambda fields: render(fields).encode()

    def step(fields: Mapping[str, Value]) -> Value:
        value = None if only is None else find(only, fields)
        kept: Value = retype(render(fields) if value is None else value, key_type)
        if key_type == "N" and isinstance(kept, int | Decimal) and not isinstance(kept, bool):
            return kept
        if key_type == "B" and isinstance(kept, bytes):
            return kept
        render(fields)  # tells of what is no text at all
        raise Refused(_unfit(attribute, key_type, template))

    return step


def retype(value: Value, key_type: KeyType) -> Value:
    """Return the value in the key's type if it has one there exactly, else as it is."""
    if isinstance(value, str):
        if key_type == "N":
            number = parse_number(value)
            return value if number is None else number
        if key_type == "B":
            decoded = decode_base64(value)
            return value if decoded is None else decoded
    elif key_type == "S" and isinstance(value, int | Decimal) and not isinstance(value, bool):
        return canonical(value) or value
    return value


def _unfit(attribute: str, key_type: KeyType, template: Template) -> Violation:
    wanted, rule = ("a number", "key_number") if key_type == "N" else ("base64", "key_binary")
    return Violation(
        "mapping",
        rule,
        f"key attribute {attribute!r} has the type {key_type}, but what {template.text!r} gives "
        f"is not {wanted}",
        attribute,
    )
