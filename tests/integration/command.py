"""Run the program as a user does: a process, its exit code, what it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CONFIGS", "Ended", "pipeline", "start"]

CONFIGS = Path(__file__).parents[2] / "configs"


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> Mapping[str, Any]:
        """The report on stdout."""
        document: Mapping[str, Any] = json.loads(self.out)
        return document


def start(
    *arguments: str | Path, cwd: Path, stdin: Any = subprocess.DEVNULL
) -> subprocess.Popen[str]:
    """Start ``python -m pipeline`` in *cwd* with the test's own environment."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", *map(str, arguments)],
        cwd=cwd,
        env=environment,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def pipeline(*arguments: str | Path, cwd: Path, stdin: str | None = None) -> Ended:
    """Run ``python -m pipeline`` to its end."""
    feed = subprocess.DEVNULL if stdin is None else subprocess.PIPE
    with start(*arguments, cwd=cwd, stdin=feed) as running:
        out, err = running.communicate(stdin, timeout=300)
        return Ended(running.returncode, out, err)
