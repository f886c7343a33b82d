"""Who is measured: our program first, then what others offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.throughput.modes.bench import Bench
    from bench.throughput.running import Load

__all__ = ["SUBJECTS", "Subject"]


@dataclass(frozen=True, slots=True)
class Subject:
    """
    A program that loads a file.

    *slow* programs take fewer records where `--slow-records` says so.
    """

    name: str
    title: str
    slow: bool = False

    def prepare(self, bench: Bench) -> str:
        """Install what it needs and return its version; `BenchError` says why it cannot be."""
        del bench
        return ""

    def load(self, bench: Bench, count: int) -> Load:
        """Return its load of *count* records."""
        return bench.ours(count)


SUBJECTS = (Subject("us", "this program"),)
