"""``python -m bench.throughput``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from bench.throughput.endpoint import CHECKOUT
from bench.throughput.modes.bench import Bench
from bench.throughput.modes.comparison import compare, lines
from bench.throughput.subjects import SUBJECTS

CACHE = Path(os.environ.get("PIPELINE_THROUGHPUT_CACHE", CHECKOUT / ".throughput"))
"""Source files and the peers' environments; made again when it is deleted."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.throughput",
        description="Measure loads into a null endpoint: ours, and what others take for the same.",
    )
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--slow-records", type=int, default=200_000, help="For slow peers.")
    parser.add_argument("--repeat", type=int, default=1, help="Take the median of so many.")
    parser.add_argument("--peers", help="Only these, e.g. us,boto3.", metavar="NAMES")
    given = parser.parse_args()
    known = [subject.name for subject in SUBJECTS]
    given.peers = known if given.peers is None else given.peers.split(",")
    unknown = sorted(set(given.peers) - set(known))
    if unknown:
        parser.error(f"no peer is named {', '.join(unknown)}; there are {', '.join(known)}")
    return given


def main() -> int:
    """Measure and print."""
    given = _arguments()
    bench = Bench(CACHE, given.records, given.repeat)
    chosen = [subject for subject in SUBJECTS if subject.name in given.peers]
    document = compare(bench, chosen, given.slow_records)
    print("\n".join(lines(document)))
    return int(any("reason" in row for row in document["rows"].values()))


if __name__ == "__main__":
    sys.exit(main())
