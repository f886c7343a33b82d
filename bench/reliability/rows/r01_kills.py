"""R1: SIGKILL at any instant, then run again: nothing lost, nothing wrong, nothing miscounted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from bench.reliability.board import Context, Edit, Figures, Mutation, Row
from bench.reliability.jobs.corpus import make_corpus
from bench.reliability.jobs.definition import corpus_job
from bench.reliability.jobs.kills import Applied, batter, plan_blows
from bench.reliability.jobs.outcome import Verdict, drop_table, judge
from bench.reliability.jobs.watched import WatchedProxy
from bench.reliability.servers.proxy import Plan

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from bench.reliability.jobs.corpus import Form
    from bench.reliability.jobs.kills import Battered
    from bench.reliability.running import Job

__all__ = ["ROW"]

_FAULTS = {"unprocessed": 2, "reset_after": 1, "delay": 1}
_RATES = {"full": 0.03, "ci": 0.2}
"""A few kills must meet enough batches that wait for their turn."""

_WAYS: tuple[tuple[Form, dict[str, Any]], ...] = (
    ("jsonl", {"checkpoint": {"every": "0s"}, "queues": {"chunk": 50}}),
    ("csv", {"checkpoint": {"every": "300ms"}, "queues": {"chunk": 1_000}}),
    ("jsonl.gz", {"checkpoint": {"every": "50ms"}, "queues": {"chunk": 200}}),
)
"""Forms of the source, and how often a checkpoint is written: as often as can be, and seldom."""


def _measure(context: Context) -> Figures:
    records, kills = context.pick(full=(1_000_000, 200), ci=(45_000, 15))
    verdict, struck, hung = Verdict(), Counter[str](), 0
    for number, (form, sections) in enumerate(_WAYS):
        share = kills * (number + 1) // len(_WAYS) - kills * number // len(_WAYS)
        found, told = _one_job(context, form, sections, (records // len(_WAYS), share))
        verdict.add(found)
        struck.update(told.struck)
        hung += told.last is not None and told.last.hung
        if told.last is not None and told.last.code not in {1, -9}:
            verdict.miscounted.append(f"{form}: {told.last.told()}")
    enough = struck.total() >= 0.9 * kills
    figures = {
        "lost": verdict.lost,
        "wrong": verdict.wrong,
        "extra": verdict.extra,
        "miscounted": len(verdict.miscounted),
        "kills": struck.total(),
        "kills_by_moment": dict(struck),
        "records": records,
        "hung": hung,
    }
    return Figures(
        passed=verdict.sound and enough and not hung,
        figure=f"lost {verdict.lost}, wrong {verdict.wrong}, miscounted {len(verdict.miscounted)} "
        f"in {struck.total()} kills over {records:,} records",
        figures=figures,
        detail=verdict.told() if enough else f"only {struck.total()} kills; {verdict.told()}",
    )


def _one_job(
    context: Context, form: Form, sections: dict[str, Any], load: tuple[int, int]
) -> tuple[Verdict, Battered]:
    """Kill one job again and again, and judge what it left."""
    records, kills = load
    folder = context.folder / form
    folder.mkdir()
    corpus = make_corpus(folder / f"source.{form}", form, records, seed=context.seed)
    applied = Applied(corpus)
    engine, key = context.engine(), context.access_key()
    plan = Plan(_FAULTS, rate=_RATES[context.size])
    with WatchedProxy(engine, context.seed, plan) as proxy:
        proxy.applied = applied
        job = corpus_job(folder, corpus, proxy.endpoint, key, **sections)
        blows = plan_blows(context.dice(form), kills, records)
        told = batter(job, applied, blows, _retuner(job, context.dice(form, "tuning")))
    found = judge(corpus, job, engine)
    drop_table(engine, key)
    return found, told


def _retuner(job: Job, roll: random.Random) -> Callable[[], None]:
    """Give what changes a job's tuning, as is allowed between a run and its resume."""

    def retune() -> None:
        queues = {**job.definition["queues"], "capacity": roll.choice((2, 8))}
        write = {"workers": roll.choice((2, 5, 8)), "batch_size": roll.choice((10, 25))}
        job.definition = {**job.definition, "queues": queues, "write": write}

    return retune


ROW = Row(
    id="R1",
    title="Items lost, wrong or miscounted after random SIGKILLs, each followed by a resume",
    how="JSON lines, CSV and gzip through the proxy (2 % of requests handed back in part, 1 % "
    "reset after they were applied, 1 % slow), killed during start-up, verification, the first "
    "checkpoints, the load and the closing, and started again with other writers, queues and "
    "batches; then a full scan against the source, the report against the source, the dead "
    "letters against the refused records",
    passes="lost 0, wrong 0, miscounted 0",
    peers="newest-finished checkpoint: 22 of 100,000 lost in 40 kills (measured); Airbyte had the "
    "fault (#29417); Flink and Benthos never kill the loader in their tests",
    measure=_measure,
    mutation=Mutation(
        "the checkpoint takes the position of the newest finished chunk",
        (
            Edit(
                "pipeline/stages/sink.py",
                "                if self._accounts.passes:\n",
                "                for one in self._accounts._marks:\n"
                "                    if one.done and one.position and self._keeping.checkpoints:\n"
                "                        self.totals.position = one.position\n"
                "                        self._keeping.checkpoints.moved()\n"
                "                if self._accounts.passes:\n",
            ),
        ),
        ci=True,
    ),
)
