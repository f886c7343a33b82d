"""``python -m bench.throughput``."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.throughput import verdicts
from bench.throughput.document import TABLES, write_document
from bench.throughput.endpoint import CHECKOUT
from bench.throughput.modes.bench import Bench
from bench.throughput.modes.comparison import compare
from bench.throughput.modes.formats import measure_formats
from bench.throughput.modes.paced import measure_paced
from bench.throughput.modes.sizes import measure_counts, measure_item_sizes
from bench.throughput.modes.stages import measure_stages
from bench.throughput.modes.startup import measure_startup
from bench.throughput.modes.workers import measure_workers
from bench.throughput.picture import draw
from bench.throughput.results import Results
from bench.throughput.running import BenchError
from bench.throughput.subjects import SUBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable

CACHE = Path(os.environ.get("PIPELINE_THROUGHPUT_CACHE", CHECKOUT / ".throughput"))
"""Source files and the peers' environments; made again when it is deleted."""

SIZES, ITEM_BYTES = "10000,100000,1000000", "100,250,1000,4000"
WORKERS, LATENCIES = "1,5,20,50,auto", "0,5,20"


def _numbers(text: str) -> list[int]:
    return [int(one.replace("_", "")) for one in text.split(",")]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.throughput",
        description="Measure loads into a null endpoint: ours, and what others take for the same.",
        epilog="Without a mode the comparison is taken. Nothing else should run meanwhile.",
    )
    how = parser.add_argument_group("how much")
    how.add_argument("--records", type=int, default=200_000)
    how.add_argument("--slow-records", type=int, default=200_000, help="For slow peers.")
    how.add_argument("--repeat", type=int, default=1, help="Take the median of so many.")
    how.add_argument("--peers", help="Only these, e.g. us,boto3.", metavar="NAMES")
    mode = parser.add_argument_group("modes, of which there may be several")
    mode.add_argument("--all", action="store_true", help="Every mode.")
    mode.add_argument("--comparison", action="store_true", help="Ours beside others.")
    mode.add_argument("--formats", action="store_true", help="The same records in each format.")
    mode.add_argument("--sizes", nargs="?", const=SIZES, type=_numbers, metavar="RECORDS,...")
    mode.add_argument("--item-bytes", nargs="?", const=ITEM_BYTES, type=_numbers, metavar="B,...")
    mode.add_argument("--workers", nargs="?", const=WORKERS, metavar="N,...,auto")
    mode.add_argument("--latency", default=LATENCIES, type=_numbers, metavar="MS,...")
    mode.add_argument("--startup", action="store_true", help="Up to the first write.")
    mode.add_argument("--profile-stages", action="store_true", help="Where a record's time goes.")
    mode.add_argument(
        "--paced",
        nargs="?",
        const="",
        metavar="'ARGUMENTS'",
        help="Into tables with a capacity, by bench.simulated with these arguments.",
    )
    out = parser.add_argument_group("what is written")
    out.add_argument("--json", type=Path, help="Keep the results here; modes are added.")
    out.add_argument("--document", type=Path, help="Fill its sections from the results.")
    out.add_argument("--picture", type=Path, help="Draw where a record's time goes.")
    out.add_argument("--render", action="store_true", help="Measure nothing, write from --json.")
    return parser


def _arguments() -> argparse.Namespace:
    parser = _parser()
    given = parser.parse_args()
    known = [subject.name for subject in SUBJECTS]
    given.peers = known if given.peers is None else given.peers.split(",")
    unknown = sorted(set(given.peers) - set(known))
    if unknown:
        parser.error(f"no peer is named {', '.join(unknown)}; there are {', '.join(known)}")
    if given.all:
        given.comparison = given.formats = given.startup = given.profile_stages = True
        given.sizes = given.sizes or _numbers(SIZES)
        given.item_bytes = given.item_bytes or _numbers(ITEM_BYTES)
        given.workers = given.workers or WORKERS
        given.paced = given.paced or ""
    modes = ("formats", "sizes", "item_bytes", "workers", "startup", "profile_stages")
    chosen = given.paced is not None or any(getattr(given, mode) for mode in modes)
    if not given.render and not chosen:
        given.comparison = True
    return given


def _modes(given: argparse.Namespace, bench: Bench) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return what is to be measured, by the name that its results have."""
    chosen = [subject for subject in SUBJECTS if subject.name in given.peers]
    modes: dict[str, tuple[object, Callable[[], dict[str, Any]]]] = {
        "comparison": (given.comparison, lambda: compare(bench, chosen)),
        "formats": (given.formats, lambda: measure_formats(bench)),
        "sizes": (given.sizes, lambda: measure_counts(bench, given.sizes)),
        "item-bytes": (given.item_bytes, lambda: measure_item_sizes(bench, given.item_bytes)),
        "workers": (
            given.workers,
            lambda: measure_workers(bench, given.workers.split(","), given.latency),
        ),
        "startup": (given.startup, lambda: measure_startup(bench)),
        "stages": (given.profile_stages, lambda: measure_stages(bench)),
        "paced": (
            given.paced is not None,
            lambda: measure_paced(shlex.split(given.paced)),
        ),
    }
    return {name: measure for name, (wanted, measure) in modes.items() if wanted}


def main() -> int:
    """Measure, print and write; the exit code is 1 if something could not be measured."""
    given = _arguments()
    bench = Bench(CACHE, given.records, given.slow_records, given.repeat)
    results = Results(given.json)
    command = f"python -m bench.throughput {shlex.join(sys.argv[1:])}".strip()
    measured = {}
    for name, measure in ({} if given.render else _modes(given, bench)).items():
        started = time.monotonic()
        try:
            measured[name] = measure()
        except BenchError as error:
            measured[name] = {"reason": str(error)}
            print(f"{name}: {error}", flush=True)
            continue
        results.keep(name, measured[name], command)
        print("\n".join(["", *TABLES[name](measured[name]), ""]))
        print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
    print("\n".join(verdicts.lines(results.modes)))
    if given.picture is not None and "stages" in results.modes:
        given.picture.write_text(draw(results.modes["stages"]), encoding="utf-8")
    if given.document is not None:
        write_document(given.document, results.modes)
    return int('"reason": ' in json.dumps(measured))


if __name__ == "__main__":
    sys.exit(main())
