"""One JSON file of all results: each mode is replaced when it is measured anew."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.throughput.endpoint import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Results", "circumstances"]


class Results:
    """The results in *path*, or in memory alone."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.modes: dict[str, Any] = {}
        if path is not None and path.exists():
            self.modes = json.loads(path.read_text(encoding="utf-8"))

    def keep(self, name: str, document: Mapping[str, Any], command: str) -> None:
        """Keep what a mode measured just now, with the circumstances."""
        self.modes[name] = {**document, "taken": circumstances(command)}
        if self._path is not None:
            text = json.dumps(self.modes, indent=1, ensure_ascii=False, sort_keys=False)
            self._path.write_text(text + "\n", encoding="utf-8")


def circumstances(command: str) -> dict[str, str]:
    """Say when and on what was measured, as far as it bears on the figures."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": _machine(),
        "python": platform.python_version(),
        "commit": _commit(),
        "command": command,
    }


def _machine() -> str:
    """Name the class of machine: cores, processor, memory, system; nothing that tells which one."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    parts = (f"{os.cpu_count()} cores", _processor(), f"{memory:.0f} GB", platform.system())
    return ", ".join(part for part in parts if part)


def _processor() -> str:
    try:
        described = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    facts: dict[str, str] = {}
    for line in described.splitlines():
        name, _, value = line.partition(":")
        facts.setdefault(name.strip(), value.strip())
    name = facts.get("model name", platform.machine()).replace("(R)", "").replace("(TM)", "")
    return f"{name} (family {facts.get('cpu family', '?')}, model {facts.get('model', '?')})"


def _commit() -> str:
    """Name the commit that is measured; with a + if files differ from it."""
    told = subprocess.run(
        ["git", "describe", "--always", "--abbrev=12", "--dirty=+"],  # noqa: S607 - git of the PATH
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip() or "unknown"
