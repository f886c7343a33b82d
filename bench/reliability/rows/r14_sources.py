"""R14: sources that are damaged, or change while they are read, are never taken for whole."""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from bench.reliability.board import Context, Edit, Figures, Mutation, Row
from bench.reliability.jobs.damage import PACKINGS, damages, pack, record, text_of
from bench.reliability.jobs.outcome import drop_table
from bench.reliability.running import Job
from bench.reliability.servers.proxy import FaultProxy, Plan
from bench.reliability.truth import scan, table_definition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from bench.reliability.running import Ended

__all__ = ["ROW"]

_RECORDS: Final = 3_000
_SLOW: Final = Plan(latency=0.25)
_QUIETLY: Final = "is written to in place, and its time set back"
"""
Only a compressed file's checksum can tell, at its end: what was read until then may be wrong.
"""

_FINE: Final = {"chunk": 25, "capacity": 2}


@dataclass(frozen=True, slots=True)
class _Case:
    """
    One source and what is wrong with it.

    *block* is the file as the run finds it, *change* what is done to it after the first write.
    *expect* goes into the definition. Where *clean*, nothing at all may be written: the damage can
    be seen beforehand.
    """

    name: str
    what: str
    block: bytes
    change: Callable[[Path], None] | None = None
    expect: Mapping[str, Any] = field(default_factory=dict)
    clean: bool = True


@dataclass(frozen=True, slots=True)
class _Told:
    """What came of a case: the items that are not the source's, and a verdict that is wrong."""

    case: _Case
    wrong_items: int
    verdict: str | None


def _measure(context: Context) -> Figures:
    cases = [*_damaged(context), *_unexpected(), *_changing(context)]
    if context.size == "ci":
        cases = cases[:: max(1, len(cases) // 16)]
    engine = context.engine()
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(lambda one: _try(context, engine, *one), enumerate(cases)))
    wrong_items = sum(one.wrong_items for one in told)
    false = [f"{one.case.name}, {one.case.what}: {one.verdict}" for one in told if one.verdict]
    false += [
        f"{one.case.name}, {one.case.what}: {one.wrong_items} wrong items"
        for one in told
        if one.wrong_items
    ]
    return Figures(
        passed=not wrong_items and not false,
        figure=f"{wrong_items} wrong items, {len(false)} wrong verdicts in {len(cases)} sources",
        figures={
            "sources": len(cases),
            "wrong_items": wrong_items,
            "wrong_verdicts": len(false),
            "by_form": {
                name: sum(case.name == name for case in cases)
                for name in dict.fromkeys(case.name for case in cases)
            },
        },
        detail="; ".join(false[:8]),
    )


def _damaged(context: Context) -> Iterator[_Case]:
    """Yield compressed files that a reference reader refuses."""
    for packing in PACKINGS:
        text = text_of(packing, _RECORDS)
        for one in damages(packing, text, context.dice(packing), flips=6):
            yield _Case(one.packing, one.what, one.block)


def _unexpected() -> Iterator[_Case]:
    """Yield sound files that are not the ones that the definition expects."""
    text = text_of("jsonl.gz", _RECORDS)
    first = pack("jsonl.gz", text[: text.index(b"\n", len(text) // 2) + 1])
    whole = first + pack("jsonl.gz", text[text.index(b"\n", len(text) // 2) + 1 :])
    digest = hashlib.sha256(whole).hexdigest()
    yield _Case("jsonl.gz", "cut between members, sha256", first, expect={"sha256": digest})
    cut = {"records": _RECORDS}
    yield _Case("jsonl.gz", "cut between members, records", first, expect=cut, clean=False)
    yield _Case("jsonl", "another file", text, expect={"sha256": digest})
    more = {"records": _RECORDS - 1}
    yield _Case("jsonl", "one record too many", text, expect=more, clean=False)


def _changing(context: Context) -> Iterator[_Case]:
    """Yield sound files that somebody changes after the first write."""
    for name in ("jsonl", "csv", "jsonl.gz", "jsonl.zst"):
        text = text_of(name, _RECORDS)
        block = text if name in {"jsonl", "csv"} else pack(name, text)
        for what, change in _changes(context):
            if what == _QUIETLY and block is text:
                continue  # what was not read yet is as good as what stood there before
            yield _Case(name, what, block, change, clean=False)


def _changes(context: Context) -> Iterator[tuple[str, Callable[[Path], None]]]:
    def shrink(path: Path) -> None:
        os.truncate(path, path.stat().st_size * 9 // 10)

    def empty(path: Path) -> None:
        os.truncate(path, 0)

    def grow(path: Path) -> None:
        with path.open("ab") as file:
            file.write(b'{"id": "more", "n": 1, "text": "x"}\n')

    def replace(path: Path) -> None:
        other = path.with_name(f"other-{path.name}")
        other.write_bytes(path.read_bytes())
        other.replace(path)

    def rewrite(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(-64, os.SEEK_END)
            file.write(bytes(context.dice(path.name).choices(b"abcdef", k=32)))

    def rewrite_quietly(path: Path) -> None:
        before = path.stat()
        rewrite(path)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    yield from (
        ("shrinks", shrink),
        ("is emptied", empty),
        ("grows", grow),
        ("is replaced", replace),
        ("is removed", os.unlink),
        ("is written to in place", rewrite),
        (_QUIETLY, rewrite_quietly),
    )


def _try(context: Context, engine: str, number: int, case: _Case) -> _Told:
    folder, key = context.folder / f"{number}", context.access_key()
    folder.mkdir()
    path = folder / f"source.{case.name}"
    path.write_bytes(case.block)
    with FaultProxy(engine, context.seed, _SLOW if case.change else Plan()) as proxy:
        running = _job(folder, path.name, proxy.endpoint, key, case.expect).start()
        if case.change is not None:
            deadline = time.monotonic() + 30
            while not proxy.requests and time.monotonic() < deadline:
                running.alive_after(0.005)
            case.change(path)
            proxy.plan = Plan()
        ended = running.wait(60)
        requests = proxy.requests
    wrong = sum(not _is_sound(item) for item in scan(engine, key)) if case.what != _QUIETLY else 0
    drop_table(engine, key)
    return _Told(case, wrong, _false_verdict(case, ended, requests))


def _job(folder: Path, name: str, endpoint: str, key: str, expect: Mapping[str, Any]) -> Job:
    definition = {
        "name": "job",
        "source": {"type": "file", "path": name, **({"expect": expect} if expect else {})},
        "items": [{"key": {"PK": "{id}"}, "omit": ["id"]}],
        "schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
        "target": table_definition(endpoint),
        "queues": _FINE,
    }
    return Job(folder, definition, key)


def _is_sound(item: Mapping[str, Any]) -> bool:
    ordinal = int(item["n"]["N"])
    row = record(ordinal)
    wanted = {"PK": {"S": row["id"]}, "n": {"N": str(ordinal)}, "text": {"S": row["text"]}}
    return ordinal < _RECORDS and item == wanted


def _false_verdict(case: _Case, ended: Ended, requests: int) -> str | None:
    report = ended.report or {}
    if ended.code != 3 or report.get("reason") != "source_corrupt":
        return f"{ended.told()}, reason {report.get('reason')}"
    if case.clean and requests:
        return f"{requests} requests were sent"
    return None


ROW = Row(
    id="R14",
    title="Wrong items written from damaged sources, and wrong verdicts about them",
    how="gzip and zstd files cut, with flipped bits, wrong checksums, holes, something behind "
    "them; files that are not the expected ones; files that shrink, grow, are replaced, removed or "
    "written to while they are loaded; a full scan of what was written",
    passes="0 wrong items, 0 wrong verdicts: each ends as `failed: source_corrupt`, exit code 3, "
    "and what can be seen beforehand before the first write",
    peers="streaming gzip: 83 % of bit flips deliver valid-looking wrong lines before the error "
    "comes (measured)",
    measure=_measure,
    mutation=Mutation(
        "a compressed source is not checked before the first write",
        (
            Edit(
                "pipeline/compose/execution.py",
                "inflate = plan.verify and not plan.dry_run",
                "inflate = False",
            ),
        ),
    ),
)
