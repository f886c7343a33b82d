"""Run the program as a user does: a process, its exit code, what it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CONFIGS", "Ended", "await_event", "pipeline", "start"]

CONFIGS = Path(__file__).parents[2] / "configs"

PATIENCE = 30.0
"""Seconds after which nobody waits any longer for an event."""

NOTHING: Mapping[str, str] = {}


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
    *arguments: str | Path,
    cwd: Path,
    stdin: Any = subprocess.DEVNULL,
    variables: Mapping[str, str] = NOTHING,
) -> subprocess.Popen[str]:
    """Start ``python -m pipeline`` in *cwd* with the test's own environment and *variables*."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **variables}
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", *map(str, arguments)],
        cwd=cwd,
        env=environment,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def pipeline(
    *arguments: str | Path,
    cwd: Path,
    stdin: str | None = None,
    variables: Mapping[str, str] = NOTHING,
) -> Ended:
    """Run ``python -m pipeline`` to its end."""
    feed = subprocess.DEVNULL if stdin is None else subprocess.PIPE
    with start(*arguments, cwd=cwd, stdin=feed, variables=variables) as running:
        out, err = running.communicate(stdin, timeout=300)
        return Ended(running.returncode, out, err)


def await_event(running: subprocess.Popen[str], name: str, **at_least: int) -> dict[str, Any]:
    """Read log lines on stderr until event *name*, with facts of *at_least* so much; return it."""
    assert running.stderr is not None
    told = []
    patience = threading.Timer(PATIENCE, running.kill)
    patience.start()
    try:
        for line in running.stderr:
            told.append(line)
            event: dict[str, Any] = json.loads(line) if line.startswith("{") else {}
            enough = all(event.get(fact, -1) >= number for fact, number in at_least.items())
            if event.get("event") == name and enough:
                return event
    finally:
        patience.cancel()
        patience.join()
    raise AssertionError(f"no {name} came: {''.join(told[-5:])}")
