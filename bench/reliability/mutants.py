"""Mutants: the program, broken on purpose in a copy, so that a green row means something."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.engine.local import ENDPOINT_VARIABLE

if TYPE_CHECKING:
    from bench.reliability.board import Mutation, Row

__all__ = ["Bite", "copy_of", "try_mutant"]

_LIMIT = 600.0
"""Seconds that a row of CI's size may take on a broken program; then it hangs, which is no red."""

_SHOWN = 600
"""Characters of a row's detail that are kept, so that one can see why it was red."""


@dataclass(frozen=True, slots=True)
class Bite:
    """
    What a row said of a mutant; *seen* only if it measured, and what it measured was red.

    *id* is the row's, with a number behind it for each further mutation of the same row.
    """

    id: str
    seen: bool
    verdict: str
    figure: str
    why: str
    what: str
    seconds: float

    @property
    def line(self) -> str:
        """One line for whoever watches."""
        told = "seen" if self.seen else "NOT SEEN"
        return (
            f"{self.id:<4} mutant {told}: {self.what}: {self.verdict} {self.figure}"
            f"  [{self.seconds:.1f} s]" + ("" if self.seen else f"\n     {self.why}")
        )


def copy_of(checkout: Path, to: Path) -> None:
    """Copy what git knows of *checkout*, and what is new and not ignored, as it lies on disk."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],  # noqa: S607 - git of the PATH
        cwd=checkout,
        capture_output=True,
        check=True,
    ).stdout
    for name in filter(None, os.fsdecode(listed).split("\0")):
        source, target = checkout / name, to / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def apply(mutation: Mutation, tree: Path) -> str | None:
    """Break the copy; return why that is impossible: a mutation that no longer fits is an error."""
    for edit in mutation.edits:
        file = tree / edit.file
        text = file.read_text() if file.is_file() else ""
        if text.count(edit.old) != 1:
            return f"{edit.file} has {text.count(edit.old)} times: {edit.old.strip()[:60]!r}"
        file.write_text(text.replace(edit.old, edit.new))
    return None


def try_mutant(row: Row, mutation: Mutation, seed: int, endpoint: str, checkout: Path) -> Bite:
    """Measure *row*, in CI's size, on a copy of *checkout* that *mutation* broke."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"mutant-{row.id}-") as folder:
        tree = Path(folder, "tree")
        copy_of(checkout, tree)
        refusal = apply(mutation, tree)
        if refusal is None:
            verdict, figure, why = _measure(row, seed, endpoint, tree)
        else:
            verdict, figure, why = "error", "the mutation does not apply", refusal
    seconds = round(time.monotonic() - started, 1)
    seen = verdict == "red" and mutation.shows in why
    number = row.mutations.index(mutation)
    name = f"{row.id}.{number}" if number else row.id
    return Bite(name, seen, verdict, figure, why[:_SHOWN], mutation.what, seconds)


def _measure(row: Row, seed: int, endpoint: str, tree: Path) -> tuple[str, str, str]:
    """Give the verdict, the figure and the detail of the row in *tree*."""
    kept = tree.parent / "results.json"
    line = [sys.executable, "-m", "bench.reliability", "--size", "ci", "--rows", row.id]
    line += ["--seed", str(seed), "--json", str(kept)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with subprocess.Popen(
        line,
        cwd=tree,
        env={**environment, ENDPOINT_VARIABLE: endpoint},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as running:
        try:
            _, err = running.communicate(timeout=_LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)  # it, and every program that it has started
            return "error", f"no verdict within {_LIMIT:.0f} s", ""
    if not kept.exists():
        return "error", "the measurement broke", err.decode(errors="replace")[-_SHOWN:]
    result = json.loads(kept.read_text())["rows"][row.id]
    return result["verdict"], result["figure"], result["detail"]
