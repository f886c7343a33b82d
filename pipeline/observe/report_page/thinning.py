"""Thinning: a timeline of days as few enough points to draw, with nothing smoothed away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.observe.timeline import read_samples

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["columns", "read_thinned", "thinned"]

_MOST: Final = 400
"""Points of a chart: more than one for two pixels nobody sees."""

_PAGE: Final = 1000

_FOR_EVER: Final = 1e9
"""Seconds that no run lasts."""

_DRAWN: Final = (
    "at",
    "attempt",
    "elapsed_s",
    "settled",
    "requests",
    "throttled",
    "items_per_s",
    "throttled_per_s",
    "p50_ms",
    "p99_ms",
)

Line = dict[str, Any]


def read_thinned(folder: Path) -> list[Line]:
    """Return the timeline of the run in *folder*, in constant memory; raise OSError."""
    found: list[Line] = []
    after = -1
    while page := read_samples(folder, after, _PAGE):
        after = page[-1]["n"]
        found = thinned([*found, *filter(_is_whole, page)], _MOST)
    return found


def columns(samples: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return what is drawn of *samples*, a list for each field: a third of the size."""
    return {name: [sample[name] for sample in samples] for name in _DRAWN}


def thinned(samples: Sequence[Line], most: int) -> list[Line]:
    """
    Return at most *most* lines that say what *samples* say: neighbours are joined.

    Those that are closest in time first, so that points end up evenly far apart. Rates are those of
    the whole time that a line stands for, ``p50_ms`` is the mean by requests and ``p99_ms`` the
    worst in it. Where attempts begin stays; with more of them than that, the last lines are left.
    """
    lines, apart = list(samples), 1.0
    while len(lines) > most:
        lines = _joined_within(lines, apart)
        apart *= 2
        if apart > _FOR_EVER:
            return lines[-most:]
    return lines


def _joined_within(lines: Sequence[Line], seconds: float) -> list[Line]:
    """Join neighbours that together stand for so many seconds at most."""
    out: list[Line] = []
    for line in lines:
        # The first line of an attempt stays: the others count from it.
        same = len(out) > 1 and line["attempt"] == out[-1]["attempt"] == out[-2]["attempt"]
        if same and line["elapsed_s"] - out[-2]["elapsed_s"] <= seconds:
            out[-1] = _joined(out[-2], out[-1], line)
        else:
            out.append(line)
    return out


def _joined(before: Line, first: Line, second: Line) -> Line:
    """Return *second*, as if *first* had never been between it and *before*."""
    seconds = max(second["elapsed_s"] - before["elapsed_s"], 1e-3)
    worst = [line["p99_ms"] for line in (first, second) if line["p99_ms"] is not None]
    return {
        **second,
        "items_per_s": round((second["settled"] - before["settled"]) / seconds, 1),
        "throttled_per_s": round((second["throttled"] - before["throttled"]) / seconds, 2),
        "p50_ms": _mean(
            (first["p50_ms"], first["requests"] - before["requests"]),
            (second["p50_ms"], second["requests"] - first["requests"]),
        ),
        "p99_ms": max(worst, default=None),
    }


def _mean(*weighted: tuple[float | None, int]) -> float | None:
    known = [(value, max(weight, 1)) for value, weight in weighted if value is not None]
    weights = sum(weight for _, weight in known)
    return round(sum(value * weight for value, weight in known) / weights, 2) if known else None


def _is_whole(line: Line) -> bool:
    """Tell whether a line has all that is drawn: whatever else is in the file is not ours."""
    kinds = (int, float, type(None))
    optional = ("p50_ms", "p99_ms")
    return all(
        name in line and type(line[name]) in kinds and (line[name] is not None or name in optional)
        for name in _DRAWN
    )
