"""What a row of the scoreboard is, what it gets to measure with, and what it gives back."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.engine.local import DynamoDBLocal

__all__ = ["Context", "Edit", "Figures", "Mutation", "Result", "Row", "Size", "dice", "measure"]

Size = Literal["full", "ci"]
T = TypeVar("T")


def dice(*seed: object) -> random.Random:
    """Give a generator that always rolls the same for the same *seed*."""
    return random.Random(":".join(map(str, seed)))  # noqa: S311 - to be repeated, not to be secret


@dataclass(frozen=True, slots=True)
class Figures:
    """
    What a row measured.

    *figure* is what the table shows, *figures* all numbers for the JSON, *detail* what to look at
    first if the row is red.
    """

    passed: bool
    figure: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one file: *old* must be there exactly once."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutation:
    """
    How the product is broken so that the row turns red; *ci* says that CI tries it too.

    *shows* is a text that the row's detail must then hold, where a row has several mutations: each
    must be seen by the part that it is made for.
    """

    what: str
    edits: tuple[Edit, ...]
    ci: bool = False
    shows: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """What a row measures with; *folder* is an empty one of its own, removed afterwards."""

    size: Size
    seed: int
    folder: Path
    local: DynamoDBLocal

    def pick(self, full: T, ci: T) -> T:
        """Give the value for this size."""
        return full if self.size == "full" else ci

    def engine(self) -> str:
        """Give the URL of the real DynamoDB Local; it is started when first asked for."""
        return self.local.endpoint()

    def access_key(self) -> str:
        """Give an access key id that nobody used: the engine keeps each one's tables apart."""
        return f"BOARD{uuid4().hex}"

    def dice(self, *more: object) -> random.Random:
        """Give a generator of this row's seed, another for each *more*."""
        return dice(self.seed, *more)


@dataclass(frozen=True, slots=True)
class Row:
    """
    One number of the scoreboard.

    *how* says in a sentence how it is measured, *passes* what it must reach, *peers* what the named
    peers reach (measured where it says so, else read in their source). *measure* raises only where
    the measurement itself is broken; everything the program does wrong is a figure.
    """

    id: str
    title: str
    how: str
    passes: str
    peers: str
    measure: Callable[[Context], Figures]
    mutation: Mutation
    further: tuple[Mutation, ...] = ()

    @property
    def mutations(self) -> tuple[Mutation, ...]:
        """Every way in which the row is to turn red."""
        return (self.mutation, *self.further)


@dataclass(frozen=True, slots=True)
class Result:
    """A row's verdict: green, red, or an error of the measurement."""

    id: str
    verdict: Literal["green", "red", "error"]
    figures: Figures
    seed: int
    seconds: float

    @property
    def line(self) -> str:
        """One line for whoever watches."""
        told = f"{self.id:<4} {self.verdict:<6} {self.figures.figure}"
        told += f"  [seed {self.seed}, {self.seconds:.1f} s]"
        return told if self.verdict == "green" else f"{told}\n     {self.figures.detail}"


def measure(row: Row, size: Size, seed: int, local: DynamoDBLocal) -> Result:
    """Measure *row* in a scratch folder; a measurement that breaks is an error, never green."""
    folder = Path(tempfile.mkdtemp(prefix=f"board-{row.id}-"))
    started = time.monotonic()
    verdict: Literal["green", "red", "error"]
    try:
        figures = row.measure(Context(size, seed, folder, local))
        verdict = "green" if figures.passed else "red"
    except Exception:  # noqa: BLE001 - the other rows are still to be measured
        verdict, figures = "error", Figures(passed=False, figure="", detail=traceback.format_exc())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Result(row.id, verdict, figures, seed, round(time.monotonic() - started, 1))
