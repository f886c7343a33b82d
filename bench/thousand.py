"""
Time a load of 1,000 items into DynamoDB Local, as a user waits for it.

    PYTHONPATH=. python bench/thousand.py

The yardstick is the 4.4 s that a comparable Node service reports for 1,000 items (``duration_s``):
the load itself should take a fifth of that at most, the whole command, start-up included, less
than all of it. The engine is warmed by one load first; then five runs are timed.

Measured 2026-11-22, two shared cores, Python 3.11.7, DynamoDB Local 3.3.1: see docs/performance.md.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.engine import tables
from tests.engine.local import DynamoDBLocal

YARDSTICK = 4.4
DEFINITION = """
source: {type: generate, count: 1000, seed: %d}
schema: {type: object, required: [user_id, email]}
items: [{key: {PK: "USER#{user_id}", SK: PROFILE}, set: {roles: {from: roles, type: SS}}}]
target: {table: Users, endpoint: %s, create: {key: {PK: S, SK: S}, if_missing: true}}
"""


def load(folder: Path, endpoint: str, seed: int) -> tuple[float, float]:
    """Load 1,000 new items; return the report's duration and the whole command's, in seconds."""
    definition = folder / "users.yaml"
    definition.write_text(DEFINITION % (seed, endpoint))
    started = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-m", "pipeline", "run", definition],
        cwd=folder,
        env={**os.environ, **tables.credentials_of("bench")},
        capture_output=True,
        check=True,
    )
    whole = time.perf_counter() - started
    report = json.loads(ended.stdout)
    assert report["succeeded"] == 1_000, report
    return report["duration_s"], whole


def main() -> None:
    """Warm up, time five loads, print the medians beside the yardstick."""
    engine = DynamoDBLocal()
    try:
        with tempfile.TemporaryDirectory() as folder:
            endpoint = engine.endpoint()
            load(Path(folder), endpoint, 0)
            timed = [load(Path(folder), endpoint, seed) for seed in range(1, 6)]
    finally:
        engine.close()
    duration = statistics.median(duration for duration, _ in timed)
    whole = statistics.median(whole for _, whole in timed)
    print(f"duration_s     {duration:6.3f} s   {duration / YARDSTICK:5.1%} of {YARDSTICK} s")
    print(f"whole command  {whole:6.3f} s   {whole / YARDSTICK:5.1%} of {YARDSTICK} s")


if __name__ == "__main__":
    main()
