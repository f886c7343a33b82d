"""
Durations, sizes and shares, written with their unit.

A bare number is refused, because ``linger: 50`` means milliseconds to one reader and seconds to
the next; only 0 needs no unit. KB, MB and GB are powers of 1,000, KiB, MiB and GiB of 1,024.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import core_schema

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

__all__ = [
    "Duration",
    "Limit",
    "Share",
    "Size",
    "parse_duration",
    "parse_share",
    "parse_size",
    "written",
]

_SECONDS: Final = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600)}
_BYTES: Final = {
    "B": 1,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
}
_NUMBER: Final = r"[0-9]{1,12}(\.[0-9]{1,6})?"
_DURATION: Final = re.compile(rf"({_NUMBER}) ?(ms|s|m|h)")
_SIZE: Final = re.compile(rf"({_NUMBER}) ?([KMG]i?B|B)")
_SHARE: Final = re.compile(rf"({_NUMBER}) ?%")


def written(text: str) -> Any:
    """Return the default of a field as its author would write it; the model parses it."""
    return text


def parse_duration(value: object) -> float:
    """
    Return seconds.

    :raises ValueError: it is no duration; the message says how one is written.
    """
    if value == 0 and not isinstance(value, bool):
        return 0.0
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("expected a duration with its unit: 50ms, 5s, 15m or 1h")
    return float(Decimal(found[1]) * _SECONDS[found[3]])


def parse_size(value: object) -> int:
    """
    Return bytes.

    :raises ValueError: it is no size; the message says how one is written.
    """
    if value == 0 and not isinstance(value, bool):
        return 0
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("expected a size with its unit: 512KB, 4MiB or 1GB")
    size = Decimal(found[1]) * _BYTES[found[3]]
    if size != int(size):
        raise ValueError("that size is no whole number of bytes")
    return int(size)


def parse_share(value: object) -> Decimal:
    """
    Return a share as a number from 0 to 1.

    :raises ValueError: it is no percentage; the message says how one is written.
    """
    if value == 0 and not isinstance(value, bool):
        return Decimal(0)
    found = _SHARE.fullmatch(value) if isinstance(value, str) else None
    share = Decimal(found[1]) / 100 if found else Decimal(2)
    if share > 1:
        raise ValueError("expected a share from 0% to 100%, such as 1% or 0.5%")
    return share


class _Written:
    """A mark on a field that is written in one form and kept in another."""

    __slots__ = ()

    def _parse(self, value: object) -> object:
        """Return what is kept; raise ValueError with what is expected."""
        raise NotImplementedError

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Let the model check what is written and keep what it means."""
        return core_schema.no_info_plain_validator_function(self._parse)


@dataclass(frozen=True, slots=True)
class Duration(_Written):
    """Marks a field as a duration (seconds, float) from *low* to *high*, both as written."""

    low: str = "0s"
    high: str = "24h"

    def _parse(self, value: object) -> float:
        seconds = parse_duration(value)
        if not parse_duration(self.low) <= seconds <= parse_duration(self.high):
            raise ValueError(f"expected a duration from {self.low} to {self.high}")
        return seconds

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the text to editors."""
        return _text_or_zero(_DURATION)


@dataclass(frozen=True, slots=True)
class Size(_Written):
    """Marks a field as a size (bytes, int) from *low* to *high*, both as written."""

    low: str = "0B"
    high: str = "64GiB"

    def _parse(self, value: object) -> int:
        size = parse_size(value)
        if not parse_size(self.low) <= size <= parse_size(self.high):
            raise ValueError(f"expected a size from {self.low} to {self.high}")
        return size

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the text to editors."""
        return _text_or_zero(_SIZE)


@dataclass(frozen=True, slots=True)
class Share(_Written):
    """Marks a field as a share: a Decimal from 0 to 1, written as a percentage."""

    def _parse(self, value: object) -> Decimal:
        return parse_share(value)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the text to editors."""
        return _text_or_zero(_SHARE)


@dataclass(frozen=True, slots=True)
class Limit(_Written):
    """Marks a field as a count (int), a share (Decimal from 0 to 1, written ``1%``) or null."""

    def _parse(self, value: object) -> int | Decimal | None:
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        if isinstance(value, str):
            return parse_share(value)
        raise ValueError("expected a count such as 100, or a share such as 1%")

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the value to editors."""
        return {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": f"^{_SHARE.pattern}$"},
                {"type": "null"},
            ]
        }


def _text_or_zero(pattern: re.Pattern[str]) -> JsonSchemaValue:
    return {"anyOf": [{"type": "string", "pattern": f"^{pattern.pattern}$"}, {"const": 0}]}
