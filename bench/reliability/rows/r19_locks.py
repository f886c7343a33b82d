"""R19: two runs of one job: the second is refused, and a killed one leaves no stale lock."""

from __future__ import annotations

import signal
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from bench.reliability.board import Context, Edit, Figures, Mutation, Row
from bench.reliability.jobs.corpus import make_corpus
from bench.reliability.jobs.definition import corpus_job
from bench.reliability.jobs.kills import Applied
from bench.reliability.jobs.outcome import drop_table, judge
from bench.reliability.jobs.watched import WatchedProxy
from bench.reliability.servers.proxy import Plan

if TYPE_CHECKING:
    from bench.reliability.running import Ended, Job, Running

__all__ = ["ROW"]

_RECORDS: Final = 60_000
"""More than a slowed table takes before the first run is killed."""

_SLOW: Final = Plan(latency=0.2)
_LIMIT: Final = 30.0


def _measure(context: Context) -> Figures:
    """
    Start a run, a second one beside it, kill the first; the next trial is the resume.

    In every third trial both are started at the same instant, and either may be the first.
    """
    trials = context.pick(full=100, ci=8)
    roll = context.dice()
    corpus = make_corpus(context.folder / "source.jsonl", "jsonl", _RECORDS, seed=context.seed)
    applied, engine, key = Applied(corpus), context.engine(), context.access_key()
    told: Counter[str] = Counter()
    wrong: list[str] = []
    with WatchedProxy(engine, context.seed, _SLOW) as proxy:
        proxy.applied = applied
        job = corpus_job(context.folder, corpus, proxy.endpoint, key)
        for number in range(trials):
            first, second = _two(job, applied, together=number % 3 == 2, pause=roll.random() * 0.3)
            wrong += _judge_pair(first, second, told)
            _kill(first, second)
            applied.next_execution()
            if told["both_ran"]:
                break
        proxy.plan = Plan()
        last = job.run()
    if last.code != 1:
        told["stale"] += last.code == 2
        wrong.append(f"after the last kill: {last.told()}")
    found = judge(corpus, job, engine)
    if not found.sound:
        wrong.append(found.told())
    drop_table(engine, key)
    return Figures(
        passed=told["refused"] == trials and not told["stale"] and not wrong,
        figure=f"{told['refused']} of {trials} refused, {told['stale']} stale locks",
        figures={"trials": trials, **told, "wrong": len(wrong)},
        detail="; ".join(wrong[:10]),
    )


def _two(job: Job, applied: Applied, *, together: bool, pause: float) -> tuple[Running, Running]:
    """Start two runs: at once, or the second when the first has written something."""
    first = job.start()
    if not together:
        deadline = time.monotonic() + _LIMIT
        while not applied.now and time.monotonic() < deadline and first.alive_after(0.005):
            pass
        first.alive_after(pause)
    return first, job.start()


def _judge_pair(first: Running, second: Running, told: Counter[str]) -> list[str]:
    """Wait until one of the two has ended, and tell what is wrong about that."""
    deadline = time.monotonic() + _LIMIT
    while time.monotonic() < deadline:
        for ended, other in ((second, first), (first, second)):
            if not ended.alive_after(0.01):
                return _judge_refusal(ended.wait(1), other, told)
    told["both_ran"] += 1
    return ["both ran on"]


def _judge_refusal(ended: Ended, other: Running, told: Counter[str]) -> list[str]:
    if not other.alive_after(0):
        gone = other.wait(1)
        told["stale"] += ended.code == gone.code == 2
        return [f"both ended: {ended.told()} and {gone.told()}"]
    if ended.code != 2:
        return [f"one was to be refused: {ended.told()}"]
    told["refused"] += 1
    wrong = []
    if str(other.process.pid) not in ended.err:
        wrong.append(f"the refusal does not name pid {other.process.pid}: {ended.err[-300:]!r}")
    run = _run_of(other)
    if run is not None and run not in ended.err:
        wrong.append(f"the refusal does not name run {run}: {ended.err[-300:]!r}")
    return wrong


def _run_of(running: Running) -> str | None:
    """Return the run id that the process logs, None if it has not logged yet."""
    text = running.err_file.read_text(errors="replace")
    _, found, rest = text.partition('"run":"')
    return rest.partition('"')[0] if found else None


def _kill(*both: Running) -> None:
    for running in both:
        if running.process.returncode is None:
            running.signal(signal.SIGKILL)
            running.wait(10)


ROW = Row(
    id="R19",
    title="Two runs of one job at once, and the lock of a run that was killed",
    how="a second run is started beside the first, or both at the same instant; the first is "
    "killed with SIGKILL and the next trial resumes it at once; in the end a full scan",
    passes="every second run refused with exit code 2, naming the first's run id and pid; 0 stale",
    peers="none of the peers locks a job",
    measure=_measure,
    mutation=Mutation(
        "the lock is shared",
        (Edit("pipeline/state/joblock.py", "fcntl.LOCK_EX |", "fcntl.LOCK_SH |"),),
    ),
)
