"""The line that tells a job's process what to load."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import orjson

from pipeline.values import dataclass

__all__ = ["UNREACHED", "Spec", "Spooled", "parse_spec"]

UNREACHED: Final = 75
"""
Exit code of a job's process that would have ended with 2 since the table does not answer.

The same may be possible later: EX_TEMPFAIL of sysexits.h. The job has 2, as of `pipeline run`.
"""

_FORMATS: Final = ("jsonl", "csv")
_COMPRESSIONS: Final = ("none", "gzip")
_LARGEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Spooled:
    """Records that came with the request: a file, read in place of the definition's source."""

    path: Path
    format: str
    compression: str


@dataclass(frozen=True, slots=True)
class Spec:
    """What to load: the definition at *config*, as run *run*, with `Overrides` of the request."""

    config: Path
    runs: Path
    run: str
    engine: str | None
    limit: int | None
    rate: float | None
    dry_run: bool
    source: Spooled | None


def parse_spec(line: bytes) -> Spec:
    """Return what *line* says. Raise ValueError, naming the field, unless it is exactly a spec."""
    found = _fields(orjson.loads(line), Spec, "the spec")
    return Spec(
        config=Path(_text(found, "config")),
        runs=Path(_text(found, "runs")),
        run=_text(found, "run"),
        engine=None if found["engine"] is None else _text(found, "engine"),
        limit=_limit(found["limit"]),
        rate=_rate(found["rate"]),
        dry_run=_flag(found["dry_run"]),
        source=None if found["source"] is None else _spooled(found["source"]),
    )


def _spooled(given: Any) -> Spooled:
    found = _fields(given, Spooled, "source")
    return Spooled(
        Path(_text(found, "path")),
        _one_of(found, "format", _FORMATS),
        _one_of(found, "compression", _COMPRESSIONS),
    )


def _fields(given: Any, kind: type, where: str) -> dict[str, Any]:
    """Return *given* if it is an object with the fields of *kind*, all of them and no other."""
    wanted = set(kind.__match_args__)  # type: ignore[attr-defined]  # every dataclass has them
    if not isinstance(given, dict):
        raise ValueError(f"{where} is no object")  # noqa: TRY004 - a wrong line, as all of these
    if missing := sorted(wanted - given.keys()):
        raise ValueError(f"{where} has no {missing[0]!r}")
    if unknown := sorted(given.keys() - wanted):
        raise ValueError(f"{where} has the unknown field {unknown[0]!r}")
    return given


def _text(found: dict[str, Any], name: str) -> str:
    value = found[name]
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError(f"{name!r} is no text")
    return value


def _one_of(found: dict[str, Any], name: str, known: tuple[str, ...]) -> str:
    value = _text(found, name)
    if value not in known:
        raise ValueError(f"{name!r} is none of {', '.join(known)}")
    return value


def _limit(value: Any) -> int | None:
    if value is None or (type(value) is int and 0 <= value <= _LARGEST):
        return value
    raise ValueError("'limit' is no count")


def _rate(value: Any) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float) or not (value >= 1 and math.isfinite(value)):
        raise ValueError("'rate' is no number of write units from 1")
    return float(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("'dry_run' is neither true nor false")  # noqa: TRY004 - as above
    return value
