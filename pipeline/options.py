"""Options: the arguments that several commands share; a chapter of the command line."""

from __future__ import annotations

import re
from pathlib import Path

import click

__all__ = [
    "BASE",
    "BODY",
    "CONFIG",
    "DRY",
    "FOLDER",
    "FRESH",
    "HOST",
    "JOBS",
    "JSON",
    "LIMIT",
    "METRICS_ADDRESS",
    "METRICS_PORT",
    "NAMES",
    "PORT",
    "PROFILE",
    "QUEUE",
    "RESUME",
    "RUNS",
    "SET",
    "TOKEN",
    "size",
]

CONFIG = click.argument("config", type=click.Path(path_type=Path))
BASE = click.option(
    "--config",
    required=True,
    type=click.Path(path_type=Path),
    metavar="CONFIG",
    help="The definition whose schema, items and table the records are for.",
)
SET = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a key of the definition, e.g. --set write.workers=10. May be repeated.",
)
RUNS = click.option(
    "--runs-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Where every run keeps its log, report, dead letters and checkpoint.",
)
LIMIT = click.option(
    "--limit", type=click.IntRange(min=0), help="Stop after this many records of the source."
)
DRY = click.option("--dry-run", is_flag=True, help="Do everything but the writes.")
FRESH = click.option(
    "--fresh", is_flag=True, help="Start over where an unfinished run could be gone on with."
)
JSON = click.option(
    "--json", "as_json", is_flag=True, help="Print the report as JSON on a terminal too."
)
PROFILE = click.option(
    "--profile",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="HTML",
    help="Write where the processor time went to this file, a page for a browser.",
)
METRICS_PORT = click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Show Prometheus how the run goes, at http://127.0.0.1:PORT/metrics. 0: any free port.",
)
METRICS_ADDRESS = click.option(
    "--metrics-address",
    metavar="ADDRESS",
    help="Listen there for it instead of on 127.0.0.1. Whoever reaches it can read the counters.",
)


def size(_: click.Context, __: click.Parameter, text: str) -> int:
    """Read a size: bytes, or with a unit, as 500MB or 1GiB."""
    found = re.fullmatch(r"([0-9]{1,15})\s*([KMGT]?)(i?B?)", text.strip(), re.IGNORECASE)
    if found is None or (found[3].lower() == "i") or (not found[2] and found[3].lower() == "ib"):
        raise click.BadParameter(f"{text!r} is no size; give bytes or e.g. 500MB, 1GiB")
    base = 1024 if found[3].lower() == "ib" else 1000
    bytes_: int = int(found[1]) * base ** " KMGT".index(found[2].upper() or " ")
    if bytes_ < 1:
        raise click.BadParameter("an upload of no bytes is none")
    return bytes_


FOLDER = click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
HOST = click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on. One that others can reach needs a token.",
)
PORT = click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="0: any that is free.",
)
JOBS = click.option(
    "--jobs", type=click.IntRange(1, 64), default=2, show_default=True, help="Jobs at once."
)
QUEUE = click.option(
    "--queue",
    type=click.IntRange(0, 100_000),
    default=100,
    show_default=True,
    help="Jobs that may wait; one more is answered with 429.",
)
RESUME = click.option(
    "--auto-resume", is_flag=True, help="Go on with the jobs that a crash or restart interrupted."
)
TOKEN = click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help="File (mode 0600) with the token to ask for; or set PIPELINE_SERVE_TOKEN.",
)
NAMES = click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="A name that the server goes by, beside the address it listens on. May be repeated.",
)
BODY = click.option(
    "--max-body",
    default="1GiB",
    show_default=True,
    callback=size,
    metavar="SIZE",
    help="Largest upload.",
)
