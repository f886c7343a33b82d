"""R9: memory and the event loop do not notice how long a load is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bench.reliability.board import Context, Edit, Figures, Mutation, Row
from bench.reliability.probe import VARIABLE
from bench.reliability.running import Job
from bench.reliability.servers.stub import key_mark, running_stub, stub_counts
from bench.reliability.truth import table_definition

if TYPE_CHECKING:
    from pathlib import Path

    from bench.reliability.running import Ended

__all__ = ["ROW"]

_GROWTH = 1.1
_STALL = 0.1
_UNSEEN = 3600.0
"""Seconds that stand for a stall where the probe saw nothing."""


@dataclass(frozen=True, slots=True)
class _Peak:
    """What one load took, its stalls before and in the load; *wrong* says what it did wrong."""

    peak: int
    stalls: tuple[float, float]
    wrong: str
    seconds: float


def _write_source(path: Path, records: int) -> int:
    """Write *records* small records; return the sum of their keys' marks."""
    marks = 0
    with path.open("w") as file:
        for start in range(0, records, 10_000):
            ids = [f"k{n:09}" for n in range(start, min(start + 10_000, records))]
            file.writelines(f'{{"id":"{name}","n":{start}}}\n' for name in ids)
            marks += sum(key_mark((name,)) for name in ids)
    return marks


def _definition(endpoint: str, *, rejected: bool) -> dict[str, Any]:
    return {
        "name": "job",
        "source": {"type": "file", "path": "source.jsonl"},
        "schema": {"type": "object", "required": ["missing" if rejected else "id"]},
        "items": [{"key": {"PK": "{id}"}}],
        "target": table_definition(endpoint),
    }


def _load(context: Context, records: int, *, rejected: bool) -> _Peak:
    """Load *records* records from a file; each is written, or each is rejected."""
    folder = context.folder / f"{records}-{'rejected' if rejected else 'written'}"
    folder.mkdir()
    marks = _write_source(folder / "source.jsonl", records)
    seen = folder / "probe.json"
    with running_stub() as endpoint:
        job = Job(
            folder,
            _definition(endpoint, rejected=rejected),
            context.access_key(),
            environment={VARIABLE: str(seen)},
            launcher=("-m", "bench.reliability.probe"),
        )
        ended = job.run(limit=60 + records / 1_000)
        counts = stub_counts(endpoint)
    report = ended.report or {}
    wanted = (0, 0) if rejected else (records, marks)
    wrong = []
    if (counts.writes, counts.marks) != wanted or counts.bad_signatures or counts.refused:
        wrong.append(f"the table saw {counts}, of {records} writes")
    if report.get("rejected") != (records if rejected else 0) or report.get("total") != records:
        wrong.append(ended.told())
    if rejected and not wrong and (lines := _lines(folder / report["dead_letter"])) != records:
        wrong.append(f"{lines} dead letters of {records}")
    stalls = _stalls(ended, seen)
    for left in folder.rglob("*.jsonl"):
        left.unlink()
    return _Peak(ended.peak, stalls, "; ".join(wrong), ended.seconds)


def _stalls(ended: Ended, seen: Path) -> tuple[float, float]:
    """Give the longest stall before the load began, and the longest from there on."""
    begun = [event["timestamp"] for event in ended.log if event.get("event") == "run.started"]
    stalls = json.loads(seen.read_text())["stalls"] if seen.exists() else []
    if not (begun and stalls):
        return _UNSEEN, _UNSEEN
    start = datetime.fromisoformat(begun[0]).timestamp()
    early = max((stall for stall, at, _ in stalls if at < start), default=0.0)
    return early, max((stall for stall, at, _ in stalls if at >= start), default=0.0)


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


def measure(context: Context) -> Figures:
    """Compare the peak memory of a small and a large load, all written and all rejected."""
    sizes = context.pick((100_000, 10_000_000), (50_000, 200_000))
    written = [_load(context, size, rejected=False) for size in sizes]
    refused = [_load(context, size, rejected=True) for size in sizes]
    growth = [many.peak / max(few.peak, 1) for few, many in (written, refused)]
    early, stall = (max(one.stalls[n] for one in (*written, *refused)) for n in (0, 1))
    wrong = [one.wrong for one in (*written, *refused) if one.wrong]
    told = [f"{one.peak / 1e6:.0f} MB" for one in (*written, *refused)]
    return Figures(
        not wrong and max(growth) < _GROWTH and stall < _STALL,
        f"{growth[0]:.3f} written ({told[0]} to {told[1]}), {growth[1]:.3f} rejected "
        f"({told[2]} to {told[3]}); longest stall {stall * 1e3:.0f} ms",
        {
            "records": sizes,
            "peak_bytes_written": [one.peak for one in written],
            "peak_bytes_rejected": [one.peak for one in refused],
            "seconds": [round(one.seconds, 1) for one in (*written, *refused)],
            "longest_stall_ms": round(stall * 1e3, 1),
            "startup_stall_ms": round(early * 1e3, 1),
        },
        "; ".join(wrong),
    )


ROW = Row(
    id="R9",
    title="Flat memory, live loop.",
    how="Peak resident memory of a load of 10,000,000 records over that of 100,000, all written to "
    "a table in memory that checks signatures and writes, and all rejected; the longest time in "
    "the load in which the event loop did not turn.",
    passes="both < 1.1; < 100 ms",
    peers="an error list in memory: 5.2 GB more at 10 million (measured)",
    measure=measure,
    mutation=Mutation(
        "every rejection is kept for the report",
        (
            Edit(
                "pipeline/stages/sink.py",
                "for rejection in rejections[: _SAMPLES - len(self.totals.samples)]:",
                "for rejection in rejections:\n"
                "            self.totals.samples.append(error_sample(rejection, hash_keys=False))\n"
                "        for rejection in ():",
            ),
        ),
        ci=True,
    ),
)
