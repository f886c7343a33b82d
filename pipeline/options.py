"""Options: the arguments that several commands share; a chapter of the command line."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["BASE", "CONFIG", "DRY", "FRESH", "JSON", "LIMIT", "PROFILE", "RUNS", "SET"]

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
