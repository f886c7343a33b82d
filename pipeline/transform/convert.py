"""
Values into the attribute types that JSON cannot say: exactly, or not at all.

Each conversion answers with the value or raises `Refused` (kind ``mapping``); a message names the
class of the value and never the value.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NoReturn

from pipeline.errors import Refused
from pipeline.model import TypedSet, Violation
from pipeline.transform.numbers import parse_number
from pipeline.transform.schema.violations import class_of
from pipeline.transform.template import scalar_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.model import AttributeType, Value

__all__ = ["decode_base64", "to_epoch", "to_type"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND: Final = 253_402_300_799
"""The end of the year 9999; a number beyond it is milliseconds by mistake."""

_STAMP: Final = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](?P<time>\d{2}:\d{2}(?::\d{2})?)(?:[.,]\d+)?(?P<zone>[Zz]|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
_COMPACT_DATE: Final = re.compile(r"(19|20|21)\d{6}", re.ASCII)
_SECONDS: Final = re.compile(r"-?\d{1,18}", re.ASCII)


def to_type(target: AttributeType) -> Callable[[Value, str], Value]:
    """
    Return the conversion to one attribute type: (value, field's name) → value.

    S takes text, numbers and booleans (as templates show them); N numbers and text that is a JSON
    number; B base64 text; BOOL booleans, ``true`` and ``false``; SS, NS and BS lists of what S, N
    and B take; L lists and M objects. The value is never null.

    :raises ValueError: there is no conversion to this type.
    """
    if target not in _CONVERSIONS:
        raise ValueError(f"a field cannot be turned into {target}")
    return _CONVERSIONS[target]


def decode_base64(text: str) -> bytes | None:
    """Return the bytes of strict base64 (RFC 4648, padded, canonical), or None."""
    try:
        decoded = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded if b64encode(decoded) == text.encode() else None


def to_epoch(value: Value, field: str) -> int:
    """
    Return a point in time as whole seconds since 1970, as DynamoDB's TTL needs.

    Takes an ISO 8601 date-time with ``Z`` or an offset, a date (its midnight in UTC), and whole
    seconds as number or text. A fraction of a second in a date-time is cut off: TTL knows none.

    :raises Refused: anything else (rule ``epoch``).
    """
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        value = int(value) if value.adjusted() < 18 else _LAST_SECOND + 1  # noqa: PLR2004 - far beyond it
    if isinstance(value, str) and _SECONDS.fullmatch(value):
        if _COMPACT_DATE.fullmatch(value):
            _refuse("epoch", field, "is eight digits, which may be a date: write 2030-01-31")
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) > _LAST_SECOND:
            _refuse("epoch", field, "is beyond the year 9999: seconds are needed, not milliseconds")
        return value
    stamp = _STAMP.fullmatch(value) if isinstance(value, str) else None
    if stamp is None:
        _refuse(
            "epoch",
            field,
            f"must be a date-time such as 2030-01-31T12:00:00Z or whole seconds, "
            f"is {class_of(value)}",
        )
    return _seconds(stamp, field)


def _seconds(stamp: re.Match[str], field: str) -> int:
    day, time, zone = stamp["day"], stamp["time"], stamp["zone"]
    if time and not zone:
        _refuse("epoch", field, "has no time zone: write Z for UTC, or an offset such as +02:00")
    try:
        if not time:
            return (date.fromisoformat(day) - _EPOCH.date()) // timedelta(seconds=1)
        moment = datetime.fromisoformat(f"{day}T{time}{zone.upper()}")
    except ValueError:
        _refuse("epoch", field, "is written as a date-time, but there is no such day or time")
    return (moment - _EPOCH) // timedelta(seconds=1)


def _text(value: Value, field: str, target: str = "S") -> str:
    text = scalar_text(value)
    return _unfit(value, field, target, "text") if text is None else text


def _number(value: Value, field: str, target: str = "N") -> int | Decimal:
    number = parse_number(value) if isinstance(value, str) else value
    if isinstance(number, int | Decimal) and not isinstance(number, bool):
        return number
    return _unfit(value, field, target, "a number")


def _binary(value: Value, field: str, target: str = "B") -> bytes:
    decoded = decode_base64(value) if isinstance(value, str) else value
    return decoded if isinstance(decoded, bytes) else _unfit(value, field, target, "base64 text")


def _boolean(value: Value, field: str) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    return _unfit(value, field, "BOOL", "true or false")


def _list(value: Value, field: str) -> Value:
    return value if isinstance(value, list) else _unfit(value, field, "L", "a list")


def _map(value: Value, field: str) -> Value:
    return value if isinstance(value, dict) else _unfit(value, field, "M", "an object")


def _string_set(value: Value, field: str) -> TypedSet:
    members = _members(value, field, "SS")
    return TypedSet("SS", tuple(_text(member, field, "SS") for member in members))


def _number_set(value: Value, field: str) -> TypedSet:
    members = _members(value, field, "NS")
    return TypedSet("NS", tuple(_number(member, field, "NS") for member in members))


def _binary_set(value: Value, field: str) -> TypedSet:
    members = _members(value, field, "BS")
    return TypedSet("BS", tuple(_binary(member, field, "BS") for member in members))


def _members(value: Value, field: str, target: AttributeType) -> list[Value]:
    if isinstance(value, TypedSet) and value.type == target:
        value = list(value.members)
    if not isinstance(value, list):
        _unfit(value, field, target, "a list")
    if not value:
        _refuse("set_empty", field, f"is an empty list: DynamoDB has no empty set ({target})")
    return value


_CONVERSIONS: Final[dict[str, Callable[[Value, str], Value]]] = {
    "S": _text,
    "N": _number,
    "B": _binary,
    "BOOL": _boolean,
    "SS": _string_set,
    "NS": _number_set,
    "BS": _binary_set,
    "L": _list,
    "M": _map,
}


def _unfit(value: Value, field: str, target: str, wanted: str = "") -> NoReturn:
    """Refuse a value that the target type cannot hold exactly."""
    asks = f" ({wanted})" if wanted else ""
    _refuse("conversion", field, f"cannot become {target}{asks} exactly, is {class_of(value)}")


def _refuse(rule: str, field: str, message: str) -> NoReturn:
    raise Refused(Violation("mapping", rule, f"field {field!r} {message}", field))
