"""How fast is written: so many requests in flight, so many write units a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from pipeline.config.declare.marks import Written
from pipeline.config.model.units import SHARE, parse_share
from pipeline.values import dataclass

if TYPE_CHECKING:
    from decimal import Decimal
    from pathlib import Path

__all__ = ["Rate", "Units", "Workers"]

_MOST_WORKERS: Final = 256
_MOST_UNITS: Final = 100_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """Write units a second, or a *share* of what the table has; one of the two is None."""

    units: int | None = None
    share: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Workers(Written):
    """Marks a field as a number of requests in flight, or ``auto``."""

    def parse(self, value: object, _: Path | None, /) -> int | Literal["auto"]:
        """Return the number, or ``auto``."""
        if value == "auto":
            return "auto"
        if type(value) is not int:
            raise ValueError("expected a whole number, or auto")
        if value < 1:
            raise ValueError("expected at least 1")
        if value > _MOST_WORKERS:
            raise ValueError(f"expected at most {_MOST_WORKERS}")
        return value

    def schema(self) -> dict[str, Any]:
        """Describe the value to editors."""
        whole = {"type": "integer", "minimum": 1, "maximum": _MOST_WORKERS}
        return {"anyOf": [whole, {"const": "auto", "type": "string"}]}


@dataclass(frozen=True, slots=True)
class Units(Written):
    """Marks a field as a rate: a number, ``{wcu: number}``, ``{share: 60%}`` or null."""

    def parse(self, value: object, _: Path | None, /) -> Rate | None:
        """Return the rate, None if there is none."""
        if value is None:
            return None
        if isinstance(value, dict) and set(value) == {"share"}:
            share = parse_share(value["share"])
            if not share:
                raise ValueError("expected a share above 0%, such as 60%")
            return Rate(share=share)
        if isinstance(value, dict):
            if set(value) != {"wcu"}:
                raise ValueError("expected one of the two: {wcu: 1000} or {share: 60%}")
            value = value["wcu"]
        if type(value) is int and value > _MOST_UNITS:
            raise ValueError(f"expected at most {_MOST_UNITS} write units a second")
        if type(value) is int and value >= 1:
            return Rate(units=value)
        raise ValueError(
            "expected write units a second, from 1: 1000 or {wcu: 1000}; or a share of what the "
            "table has: {share: 60%}"
        )

    def schema(self) -> dict[str, Any]:
        """Describe the value to editors."""
        whole = {"type": "integer", "minimum": 1, "maximum": _MOST_UNITS}
        share = {"type": "string", "pattern": f"^{SHARE.pattern}$"}
        units = _one("wcu", {**whole, "description": "Write units a second."})
        of_table = _one("share", {**share, "description": "Of the table's own write capacity."})
        return {"anyOf": [whole, units, of_table, {"type": "null"}]}


def _one(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: value},
        "required": [name],
    }
