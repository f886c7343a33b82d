"""R2: how many items a kill causes to be written a second time."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from bench.reliability.board import Context, Edit, Figures, Mutation, Row
from bench.reliability.jobs.corpus import make_corpus
from bench.reliability.jobs.definition import corpus_job
from bench.reliability.jobs.kills import Applied, Blow, batter
from bench.reliability.jobs.outcome import drop_table
from bench.reliability.jobs.watched import WatchedProxy
from bench.reliability.servers.proxy import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ROW"]

_LINE = (5 + 8 + 1) * 25
"""Writers, queued batches and the one being filled, times a batch's items."""

_FINE = {"checkpoint": {"every": "0s"}, "queues": {"chunk": 25}}


def _measure(context: Context) -> Figures:
    records, kills = context.pick(full=(150_000, 50), ci=(15_000, 8))
    fine = _rewritten(context, "fine", _FINE, (records, kills))
    coarse = _rewritten(context, "default", {}, context.pick(full=(300_000, 20), ci=(6_000, 2)))
    mean = statistics.fmean(fine) if fine else float("inf")
    figures = {
        "line": _LINE,
        "kills": len(fine),
        "mean": round(mean, 1),
        "median": statistics.median(fine) if fine else None,
        "max": max(fine, default=None),
        "defaults": {"kills": len(coarse), "mean": _mean(coarse), "max": max(coarse, default=None)},
        "checkpoint_every": "0s",
        "chunk": 25,
    }
    return Figures(
        passed=len(fine) >= 0.9 * kills and mean <= _LINE,
        figure=f"{mean:.0f} a kill on average, {max(fine, default=0)} at most ({len(fine)} kills; "
        f"with the default checkpoint.every and chunk: {_mean(coarse)})",
        figures=figures,
        detail=f"re-written after each kill: {fine}",
    )


def _mean(counts: Sequence[int]) -> float | None:
    return round(statistics.fmean(counts), 1) if counts else None


def _rewritten(
    context: Context, name: str, sections: dict[str, Any], load: tuple[int, int]
) -> list[int]:
    """Kill a job in the middle of its load; return what each kill cost."""
    records, kills = load
    folder = context.folder / name
    folder.mkdir()
    corpus = make_corpus(folder / "source.jsonl", "jsonl", records, seed=context.seed)
    applied = Applied(corpus)
    engine, key, roll = context.engine(), context.access_key(), context.dice(name)
    step = records / (kills + 1)
    blows = [Blow("middle", roll.uniform(0.4, 1.3) * step) for _ in range(kills)]
    with WatchedProxy(engine, context.seed, Plan(faults={"unprocessed": 1}, rate=0.02)) as proxy:
        proxy.applied = applied
        told = batter(corpus_job(folder, corpus, proxy.endpoint, key, **sections), applied, blows)
    drop_table(engine, key)
    assert told.last is not None
    assert told.last.code in {0, 1}, f"the load does not end as it should: {told.last.told()}"
    return told.rewritten[: told.kills]


ROW = Row(
    id="R2",
    title="Items written again after a SIGKILL in the middle of a load",
    how="counted by the proxy: records that the engine applied in an execution after one that had "
    "applied them already; `checkpoint.every: 0s`, `queues.chunk: 25`, 2 % of requests handed back "
    "in part",
    passes=f"at most {_LINE} a kill on average: (5 writers + 8 queued batches + 1) x 25",
    peers="a watermark prototype with a queue of 10 batches: 215 (measured); Benthos reads the "
    "whole file again",
    measure=_measure,
    mutation=Mutation(
        "a checkpoint is written only when the run ends",
        (
            Edit(
                "pipeline/stages/checkpoints.py",
                "self.due_at = max(now, self._saved_at + self._pause)",
                "self.due_at = now + 86_400",
            ),
        ),
    ),
)
