"""``python -m bench.reliability``."""

from __future__ import annotations

import argparse
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from bench.reliability.board import measure
from bench.reliability.mutants import try_mutant
from bench.reliability.publish import Store, write_table
from bench.reliability.rows import all_rows
from bench.reliability.running import CHECKOUT, TRANSPORT_VARIABLE
from tests.engine.local import DynamoDBLocal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.reliability.board import Mutation, Row

SEED = 20261122


def _arguments(rows: Sequence[Row]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.reliability",
        description="Measure the reliability scoreboard, and see its rows turn red on broken code.",
        epilog=f"{TRANSPORT_VARIABLE}=sdk or http says over which transport the jobs write.",
    )
    parser.add_argument("--size", choices=("full", "ci"), default="full")
    parser.add_argument("--rows", help="Only these, e.g. R1,R3.", metavar="ROWS")
    parser.add_argument("--seed", type=int, default=SEED, help="Another seed is another load.")
    parser.add_argument(
        "--mutants",
        nargs="?",
        const="all",
        choices=("all", "ci"),
        help="Break the program as each row says and see the row turn red: all, or CI's five.",
    )
    parser.add_argument("--only-mutants", action="store_true", help="Leave out the sound program.")
    parser.add_argument("--json", type=Path, help="Keep the results here; rows are added.")
    parser.add_argument("--table", type=Path, help="Write the table into this document.")
    given = parser.parse_args()
    given.rows = {name.strip().upper() for name in given.rows.split(",")} if given.rows else None
    unknown = (given.rows or set()) - {row.id for row in rows}
    if unknown:
        parser.error(f"there is no row {', '.join(sorted(unknown))}")
    return given


def seed_of(row: Row, seed: int) -> int:
    """Give each row a seed of its own, so that a row measures the same alone and with others."""
    return zlib.crc32(f"{seed}:{row.id}".encode())


def _mutations(rows: Sequence[Row], which: str | None) -> Iterator[tuple[Row, Mutation]]:
    for row in rows if which else ():
        for mutation in row.mutations:
            if which == "all" or mutation.ci:
                yield row, mutation


def main() -> int:
    """Measure; the exit code is 0 only if every row is green and every mutant was seen."""
    rows = all_rows()
    given = _arguments(rows)
    chosen = [row for row in rows if given.rows is None or row.id in given.rows]
    store = Store(given.json, given.size, given.seed)
    failed = 0
    sound = {row.id for row in chosen} if given.only_mutants else set()
    local = DynamoDBLocal()
    try:
        for row in [] if given.only_mutants else chosen:
            result = measure(row, given.size, seed_of(row, given.seed), local)
            print(result.line, flush=True)
            store.add_result(row, result)
            if result.verdict == "green":
                sound.add(row.id)
            else:
                failed += 1
        for row, mutation in _mutations(chosen, given.mutants):
            if row.id not in sound:
                print(f"{row.id:<4} mutant not tried: the row is not green", flush=True)
                continue
            bite = try_mutant(row, mutation, given.seed, local.endpoint(), CHECKOUT)
            print(bite.line, flush=True)
            store.add_bite(bite)
            failed += not bite.seen
    finally:
        local.close()
    if given.table is not None:
        write_table(given.table, rows, store.document)
    print(f"{failed} of the above must not be so" if failed else "all as it must be", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
