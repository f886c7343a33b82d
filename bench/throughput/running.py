"""Start one load as a process of its own, and take what it cost from the kernel."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.throughput.endpoint import CHECKOUT, counts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BenchError", "Load", "Measured", "environment", "measure", "median"]


class BenchError(Exception):
    """A load that did not do what it should have done: there is no figure for it."""


@dataclass(frozen=True, slots=True)
class Load:
    """One load: *line* is started in a folder made for it, and sends *records* items."""

    name: str
    line: Sequence[str]
    records: int


@dataclass(frozen=True, slots=True)
class Measured:
    """
    What one load cost, or the median of several.

    *wall_s* from the start of the process to its end, *cpu_s* user and system time of it and its
    children, *peak_mb* the largest resident size (never less than the 26 MB of this script, from
    which the process is born), *first_s* from the start of the process to its first BatchWriteItem
    at the endpoint, *endpoint_cpu_s* what the endpoint took meanwhile.
    """

    records: int
    wall_s: float
    cpu_s: float
    peak_mb: float
    first_s: float
    requests: int
    endpoint_cpu_s: float


def environment(endpoint: str) -> dict[str, str]:
    """
    Return the environment of every load: plain credentials, nothing of the caller's AWS.

    Compiled modules may be kept, as they are where something is installed: else the start-up of
    whatever is not installed here would be its compilation.
    """
    apart = ("AWS_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(apart)}
    return kept | {
        "PYTHONPATH": str(CHECKOUT),
        "AWS_ACCESS_KEY_ID": "THROUGHPUT",
        "AWS_SECRET_ACCESS_KEY": "throughput",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
        "THROUGHPUT_ENDPOINT": endpoint,
    }


def measure(load: Load, endpoint: str) -> Measured:
    """
    Run *load* once against *endpoint*, which nobody else uses meanwhile.

    :raises BenchError: it failed, or the endpoint did not get as many items as there are records.
    """
    counts_of(endpoint)
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryFile() as told:
        started = time.monotonic()
        running = subprocess.Popen(
            load.line,
            cwd=scratch,
            env=environment(endpoint),
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=told,
        )
        _, status, usage = os.wait4(running.pid, 0)
        wall_s = time.monotonic() - started
        running.returncode = os.waitstatus_to_exitcode(status)
        counts = counts_of(endpoint)
        if running.returncode or counts.items != load.records:
            told.seek(max(0, told.seek(0, os.SEEK_END) - 2000))
            raise BenchError(
                f"{load.name}: exit code {running.returncode}, {counts.items:,} items of "
                f"{load.records:,} arrived; it said: {told.read().decode(errors='replace')}"
            )
    return Measured(
        records=load.records,
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss / 1024,
        first_s=counts.first - started,
        requests=counts.requests,
        endpoint_cpu_s=counts.cpu_s,
    )


def median(runs: Sequence[Measured]) -> Measured:
    """Return the median of each figure of *runs* by itself."""
    return Measured(
        records=runs[0].records,
        wall_s=statistics.median(run.wall_s for run in runs),
        cpu_s=statistics.median(run.cpu_s for run in runs),
        peak_mb=statistics.median(run.peak_mb for run in runs),
        first_s=statistics.median(run.first_s for run in runs),
        requests=runs[0].requests,
        endpoint_cpu_s=statistics.median(run.endpoint_cpu_s for run in runs),
    )
