"""What every mode is given: where files lie, how much is loaded, how often, and how to do it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from bench.throughput.ours import our_load
from bench.throughput.records import source_file
from bench.throughput.running import BenchError, measure, median

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bench.throughput.records import Format
    from bench.throughput.running import Load, Measured

__all__ = ["Bench", "Cost", "Costs", "Pair", "interleaved", "short"]


@dataclass(frozen=True, slots=True)
class Cost:
    """
    A load of many records (*whole*) beside one of a single record (*start*).

    What the two share is start-up and ending; the slope between them is what one more record costs,
    in a load of any size.
    """

    whole: Measured
    start: Measured

    @property
    def items_per_s(self) -> float:
        """Items a second of wall time, from the start of the process to its end."""
        return self.whole.records / self.whole.wall_s

    @property
    def cpu_us(self) -> float:
        """Microseconds of processor time an item, start-up included."""
        return self.whole.cpu_s / self.whole.records * 1e6

    @property
    def slope_items_per_s(self) -> float:
        """Items a second once the load is running."""
        return self._more / max(self.whole.wall_s - self.start.wall_s, 1e-9)

    @property
    def slope_cpu_us(self) -> float:
        """Microseconds of processor time of one more item."""
        return (self.whole.cpu_s - self.start.cpu_s) / self._more * 1e6

    @property
    def _more(self) -> int:
        return max(self.whole.records - self.start.records, 1)

    def figures(self) -> dict[str, float]:
        """Return all of it by name, rounded to what can be told."""
        return {
            "records": self.whole.records,
            "wall_s": round(self.whole.wall_s, 3),
            "cpu_s": round(self.whole.cpu_s, 3),
            "items_per_s": round(self.items_per_s, 1),
            "cpu_us": round(self.cpu_us, 2),
            "slope_items_per_s": round(self.slope_items_per_s, 1),
            "slope_cpu_us": round(self.slope_cpu_us, 2),
            "peak_mb": round(self.whole.peak_mb, 1),
            "start_s": round(self.start.first_s, 3),
            "start_cpu_s": round(self.start.cpu_s, 3),
            "requests": self.whole.requests,
            "endpoint_cpu_us": round(self.whole.endpoint_cpu_s / self.whole.records * 1e6, 2),
        }


def short(reason: str) -> str:
    """Return a reason that fits a table's cell: how it begins, and its last words."""
    words = " ".join(reason.split()).replace("|", "\\|")
    return words if len(words) <= 240 else f"{words[:100]} ... {words[-130:]}"


Pair: TypeAlias = "tuple[Load, Load]"
"""A load of many records, and the same of one."""


@dataclass(slots=True)
class Costs:
    """What each load cost, and why some have no figure."""

    found: dict[str, Cost] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def figures(self, name: str) -> dict[str, float | str]:
        """Return the figures of *name*, or the reason why there are none."""
        if name in self.reasons:
            return {"reason": self.reasons[name]}
        return dict(self.found[name].figures())


def interleaved(loads: Mapping[str, Callable[[], Pair]], endpoint: str, repeat: int) -> Costs:
    """
    Measure all *loads* in turns, *repeat* times, so that a slow minute meets each of them.

    What cannot be installed, or does not load all records, is told with its reason and left out
    of the turns that follow.
    """
    costs = Costs()
    runs: dict[str, list[tuple[Measured, Measured]]] = {}
    for _ in range(repeat):
        for name, make in loads.items():
            if name in costs.reasons:
                continue
            try:
                many, single = make()
                start = measure(single, endpoint)
                runs.setdefault(name, []).append((measure(many, endpoint), start))
            except BenchError as error:
                costs.reasons[name] = str(error)
                print(f"{name}: {error}", flush=True)
    for name, pairs in runs.items():
        if name not in costs.reasons:
            whole, start = median([one for one, _ in pairs]), median([one for _, one in pairs])
            costs.found[name] = Cost(whole, start)
            print(f"{name}: {costs.found[name].slope_cpu_us:.1f} µs an item", flush=True)
    return costs


@dataclass(frozen=True, slots=True)
class Bench:
    """*folder* keeps what may be used again, *repeat* is how many runs a median is taken of."""

    folder: Path
    records: int
    slow_records: int
    repeat: int

    def source(self, count: int, form: Format = "jsonl", size: int | None = None) -> Path:
        """Return a file of *count* records, made once."""
        return source_file(self.folder / "sources", count, form, size=size)

    def ours(
        self, count: int, form: Format = "jsonl", *, size: int | None = None, workers: str = "5"
    ) -> Pair:
        """Return a load of our program of *count* records, and the same of one."""
        many, single = (
            our_load(
                self.folder / "definitions", self.source(one, form, size), one, workers=workers
            )
            for one in (count, 1)
        )
        return many, single
