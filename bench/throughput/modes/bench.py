"""What every mode is given: where files lie, how much is loaded, how often, and how to do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.throughput.ours import our_load
from bench.throughput.records import source_file
from bench.throughput.running import measure, median

if TYPE_CHECKING:
    from pathlib import Path

    from bench.throughput.records import Format
    from bench.throughput.running import Load, Measured

__all__ = ["Bench", "Cost"]


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


@dataclass(frozen=True, slots=True)
class Bench:
    """*folder* keeps what may be used again, *repeat* is how many runs a median is taken of."""

    folder: Path
    records: int
    repeat: int

    def source(self, count: int, form: Format = "jsonl", size: int | None = None) -> Path:
        """Return a file of *count* records, made once."""
        return source_file(self.folder / "sources", count, form, size=size)

    def ours(
        self, count: int, form: Format = "jsonl", *, size: int | None = None, workers: int = 5
    ) -> Load:
        """Return a load of our program."""
        source = self.source(count, form, size)
        return our_load(self.folder / "definitions", source, count, workers=workers)

    def measured(self, load: Load, endpoint: str) -> Measured:
        """Return the median of the runs of *load*."""
        return median([measure(load, endpoint) for _ in range(self.repeat)])

    def cost(self, many: Load, single: Load, endpoint: str) -> Cost:
        """Return what a load of many records costs, and what of it is start-up."""
        return Cost(self.measured(many, endpoint), self.measured(single, endpoint))
