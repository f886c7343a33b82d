"""R11: SIGTERM and SIGINT: how long until the end, and what is written twice because of them."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from bench.reliability.board import Context, Edit, Figures, Mutation, Row, dice
from bench.reliability.jobs.corpus import make_corpus
from bench.reliability.jobs.definition import corpus_job
from bench.reliability.jobs.kills import Applied
from bench.reliability.jobs.outcome import drop_table, judge
from bench.reliability.jobs.watched import WatchedProxy
from bench.reliability.servers.proxy import Plan

if TYPE_CHECKING:
    from bench.reliability.jobs.corpus import Corpus
    from bench.reliability.running import Ended, Job, Running

__all__ = ["ROW"]

Kind = Literal["load", "start", "hang", "throttle", "twice"]
"""
What is going on when the signal comes. load: nothing special. start: nothing was written yet. hang:
the table no longer answers. throttle: the table refuses everything. twice: as hang, and half a
second later a second signal.
"""

_LINE: Final = 10.0
_AT_ONCE: Final = 2.0
"""Seconds that a second signal may take."""

_SLOW: Final = Plan(latency=0.03)
_TROUBLE: Final = {
    "hang": Plan(faults={"hang": 1}, rate=1.0),
    "twice": Plan(faults={"hang": 1}, rate=1.0),
    "throttle": Plan(faults={"throttled": 1}, rate=1.0),
}
_RECORDS: Final = 12_000
_CHUNKS: Final = {"chunk": 100}
"""Small steps, so that a stop in the middle finds records that are not begun."""

_CODES: Final = {signal.SIGTERM: 143, signal.SIGINT: 130}

_CI: Final[tuple[Kind, ...]] = ("load", "hang", "throttle", "load", "twice", "start")
_MORE: Final[tuple[Kind, ...]] = ("load", "start")
_FULL: Final[tuple[Kind, ...]] = (*_CI * 12, *_MORE * 14)


@dataclass(frozen=True, slots=True)
class _Trial:
    """One signal: how long it took (of two: since the second), and what is wrong with the end."""

    kind: Kind
    seconds: float
    rewritten: int
    wrong: list[str] = field(default_factory=list)


def _measure(context: Context) -> Figures:
    kinds = context.pick(full=_FULL, ci=_CI)
    corpus = make_corpus(context.folder / "source.csv", "csv", _RECORDS, seed=context.seed)
    engine = context.engine()
    with ThreadPoolExecutor(2) as pool:
        trials = list(pool.map(lambda one: _trial(context, corpus, engine, *one), enumerate(kinds)))
    slowest = max(trials, key=lambda trial: trial.seconds)
    rewritten = sum(trial.rewritten for trial in trials)
    wrong = [f"{trial.kind}: {text}" for trial in trials for text in trial.wrong]
    figures = {
        "trials": len(trials),
        "slowest_s": round(slowest.seconds, 2),
        "slowest_by_kind": {
            kind: round(max(trial.seconds for trial in trials if trial.kind == kind), 2)
            for kind in dict.fromkeys(kinds)
        },
        "rewritten": rewritten,
        "wrong": len(wrong),
    }
    return Figures(
        passed=slowest.seconds <= _LINE and rewritten == 0 and not wrong,
        figure=f"{slowest.seconds:.1f} s at most of {len(trials)}; {rewritten} written again",
        figures=figures,
        detail="; ".join(wrong[:10]) or f"the slowest was {slowest.kind!r}",
    )


def _trial(context: Context, corpus: Corpus, engine: str, number: int, kind: Kind) -> _Trial:
    """Stop a job once, then run it to its end, and judge both."""
    number_of = signal.SIGTERM if number % 2 == 0 else signal.SIGINT
    roll = dice(context.seed, number)
    applied, key = Applied(corpus), context.access_key()
    with WatchedProxy(engine, context.seed, _SLOW) as proxy:
        proxy.applied = applied
        job = corpus_job(context.folder / f"{number}", corpus, proxy.endpoint, key, queues=_CHUNKS)
        running = job.start()
        if kind == "start":
            running.alive_after(roll.random())
        else:
            _until_written(running, applied, roll.uniform(0.1, 0.6) * _RECORDS)
        if kind in _TROUBLE:
            proxy.plan = _TROUBLE[kind]
            running.alive_after(0.1)
        ended, seconds = _stop(running, number_of, twice=kind == "twice")
        wrong = _judge_stop(ended, seconds, number_of, kind)
        stopped_at = applied.now
        applied.next_execution()
        proxy.plan = _SLOW
        last = job.run()
        unsettled = int((ended.report or {}).get("unsettled") or 0)
        again = applied.next_execution()
    wrong += _judge_end(corpus, job, engine, last)
    if not unsettled and again:
        wrong.append(f"{again} of {stopped_at} written again, though nothing was unsettled")
    drop_table(engine, key)
    return _Trial(kind, seconds, 0 if unsettled else again, wrong)


def _until_written(running: Running, applied: Applied, count: float) -> None:
    deadline = time.monotonic() + 60
    while applied.now < count and time.monotonic() < deadline and running.alive_after(0.005):
        pass


def _stop(running: Running, number: signal.Signals, *, twice: bool) -> tuple[Ended, float]:
    """Send the signal, or two, and wait; return the end, and the seconds since the last signal."""
    running.signal(number)
    if twice:
        running.alive_after(0.5)
        running.signal(number)
    sent = time.monotonic()
    ended = running.wait(30)
    return ended, time.monotonic() - sent


def _judge_stop(ended: Ended, seconds: float, number: signal.Signals, kind: Kind) -> list[str]:
    wrong = []
    if ended.code != _CODES[number] and not (kind == "start" and ended.code in {-number, 1}):
        wrong.append(f"{ended.told()}, not exit code {_CODES[number]}")
    if kind == "twice" and seconds > _AT_ONCE:
        wrong.append(f"{seconds:.1f} s after the second signal")
    if kind != "start":
        if (ended.report or {}).get("status") != "stopped":
            wrong.append(f"the report does not say stopped: {ended.told()}")
        if kind == "load" and (ended.report or {}).get("unsettled"):
            wrong.append(f"{(ended.report or {}).get('unsettled')} unsettled, nothing hung")
    return wrong


def _judge_end(corpus: Corpus, job: Job, engine: str, last: Ended) -> list[str]:
    if last.code != 1:
        return [f"the run after it: {last.told()}"]
    found = judge(corpus, job, engine)
    return [] if found.sound else [f"after the resume: {found.told()}"]


ROW = Row(
    id="R11",
    title="Seconds from SIGTERM or SIGINT to the end, and items written again by the resume",
    how="signals during start-up, during the load, while the table no longer answers and while it "
    "throttles everything; a second signal half a second after the first; then the run is resumed "
    "and judged by a full scan, the report and the dead letters",
    passes="10 s at most; 0 written again where nothing was left unsettled; exit code 143 or 130; "
    f"{_AT_ONCE:.0f} s after a second signal",
    peers="Benthos `shutdown_timeout`: 20 s, then the connections are closed hard",
    measure=_measure,
    mutation=Mutation(
        "a stop waits a minute for what is in flight",
        (Edit("pipeline/core/flow.py", "grace: float = 8.0", "grace: float = 60.0"),),
    ),
)
