"""
Durations, sizes and shares, written with their unit.

A bare number is refused, because ``linger: 50`` means milliseconds to one reader and seconds to
the next; only 0 needs no unit. KB, MB and GB are powers of 1,000, KiB, MiB and GiB of 1,024.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from pipeline.config.declare.marks import Written
from pipeline.values import dataclass

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "SHARE",
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
SHARE: Final = re.compile(rf"({_NUMBER}) ?%")


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
    found = SHARE.fullmatch(value) if isinstance(value, str) else None
    share = Decimal(found[1]) / 100 if found else Decimal(2)
    if share > 1:
        raise ValueError("expected a share from 0% to 100%, such as 1% or 0.5%")
    return share


@dataclass(frozen=True, slots=True)
class Duration(Written):
    """Marks a field as a duration (seconds, float) from *low* to *high*, both as written."""

    low: str = "0s"
    high: str = "24h"

    def parse(self, value: object, _: Path | None, /) -> float:
        """Return seconds."""
        seconds = parse_duration(value)
        if not parse_duration(self.low) <= seconds <= parse_duration(self.high):
            raise ValueError(f"expected a duration from {self.low} to {self.high}")
        return seconds

    def schema(self) -> dict[str, Any]:
        """Describe the text to editors."""
        return _text_or_zero(_DURATION)


@dataclass(frozen=True, slots=True)
class Size(Written):
    """Marks a field as a size (bytes, int) from *low* to *high*, both as written."""

    low: str = "0B"
    high: str = "64GiB"

    def parse(self, value: object, _: Path | None, /) -> int:
        """Return bytes."""
        size = parse_size(value)
        if not parse_size(self.low) <= size <= parse_size(self.high):
            raise ValueError(f"expected a size from {self.low} to {self.high}")
        return size

    def schema(self) -> dict[str, Any]:
        """Describe the text to editors."""
        return _text_or_zero(_SIZE)


@dataclass(frozen=True, slots=True)
class Share(Written):
    """Marks a field as a share: a Decimal from 0 to 1, written as a percentage."""

    def parse(self, value: object, _: Path | None, /) -> Decimal:
        """Return the share."""
        return parse_share(value)

    def schema(self) -> dict[str, Any]:
        """Describe the text to editors."""
        return _text_or_zero(SHARE)


@dataclass(frozen=True, slots=True)
class Limit(Written):
    """Marks a field as a count (int), a share (Decimal from 0 to 1, written ``1%``) or null."""

    def parse(self, value: object, _: Path | None, /) -> int | Decimal | None:
        """Return the count, the share, or None."""
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        if isinstance(value, str):
            return parse_share(value)
        raise ValueError("expected a count such as 100, or a share such as 1%")

    def schema(self) -> dict[str, Any]:
        """Describe the value to editors."""
        return {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": f"^{SHARE.pattern}$"},
                {"type": "null"},
            ]
        }


def _text_or_zero(pattern: re.Pattern[str]) -> dict[str, Any]:
    return {"anyOf": [{"type": "string", "pattern": f"^{pattern.pattern}$"}, {"const": 0}]}
