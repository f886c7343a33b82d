"""
Measure peak memory against the number of records: it must not grow.

    python bench/memory.py [records ...]        # default: 20000 200000 2000000

Each load runs as a process of its own, without a table (``--dry-run``), once with every record
written and once with every record rejected, and its peak resident size is read from the kernel.
What bounds it is ``queues.memory``; the weights in ``pipeline/stages/accounts.py`` say how much of
that budget a record takes.

Measured 2026-11-22, two shared cores, Python 3.11.7: see docs/performance.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

DEFINITION = """
source: {type: generate, count: %d}
schema: {type: object, required: [%s]}
items: [{key: {PK: "{user_id}"}}]
target: {table: Users, endpoint: embedded, create: {key: {PK: S}, if_missing: true}}
"""


def measure(folder: Path, count: int, *, rejected: bool) -> tuple[float, float]:
    """Return the peak resident size in MB and the microseconds of processor time a record."""
    definition = folder / "users.yaml"
    definition.write_text(DEFINITION % (count, "missing" if rejected else "user_id"))
    running = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "run", definition, "--dry-run"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert running.stdout is not None
    report = json.loads(running.stdout.read())
    _, _, usage = os.wait4(running.pid, 0)
    running.returncode = 0
    assert report["total"] == count, report
    assert report["rejected"] == (count if rejected else 0), report
    return usage.ru_maxrss / 1024, report["cpu_s"] / count * 1e6


def main() -> None:
    """Print a table: one line a size, for written and for rejected records."""
    counts = [int(one) for one in sys.argv[1:]] or [20_000, 200_000, 2_000_000]
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            for rejected in (False, True):
                peak, each = measure(Path(folder), count, rejected=rejected)
                what = "rejected" if rejected else "written"
                print(f"{count:>12,} {what:<9} {peak:7.1f} MB {each:7.1f} us a record", flush=True)


if __name__ == "__main__":
    main()
