"""R13: disks that are full, and files that are torn: nothing is lost and nothing is silent."""

from __future__ import annotations

import errno
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bench.reliability.board import Context, Edit, Figures, Mutation, Row
from bench.reliability.jobs import disks
from bench.reliability.jobs.corpus import make_corpus
from bench.reliability.jobs.definition import corpus_job
from bench.reliability.jobs.kills import Applied
from bench.reliability.jobs.outcome import drop_table, judge
from bench.reliability.jobs.tears import Torn, torns
from bench.reliability.jobs.watched import WatchedProxy
from bench.reliability.servers.proxy import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.reliability.jobs.corpus import Corpus
    from bench.reliability.jobs.disks import Target
    from bench.reliability.running import Ended, Job

__all__ = ["ROW"]

_RECORDS: Final = 4_000
_CHECKPOINTS: Final[dict[str, Any]] = {
    "checkpoint": {"every": "0s"},
    "queues": {"chunk": 50, "capacity": 4},
}
_SLOW: Final = Plan(latency=0.01)

_NAMES: Final[dict[Target, str]] = {
    "dead-letter.jsonl": "dead-letter.jsonl",
    ".checkpoint.new": "checkpoint",
    "log.jsonl": "log.jsonl",
}
"""What a message must name."""


@dataclass(frozen=True, slots=True)
class _Full:
    """A disk that does not take *target* (None: whatever comes first), and how that is done."""

    what: str
    target: Target | None
    launcher: Sequence[str]
    codes: frozenset[int] = frozenset({3})
    in_resume: bool = False
    talkative: bool = False


@dataclass(frozen=True, slots=True)
class _Told:
    """What came of a case; *silent* where the program did not say what happened, or said wrong."""

    what: str
    lost: int
    silent: str | None


def _measure(context: Context) -> Figures:
    engine = context.engine()
    corpora = {
        bad: make_corpus(
            context.folder / f"source-{bad}.jsonl", "jsonl", _RECORDS, seed=context.seed, bad=bad
        )
        for bad in (0.05, 0.0)
    }
    fulls, tears = [*_fulls()], [*torns()]
    left_out = [full.what for full in fulls if "unshare" in str(full.launcher)]
    if disks.mounts_allowed():
        left_out = []
    fulls = [full for full in fulls if full.what not in left_out]
    if context.size == "ci":
        fulls, tears = fulls[context.seed % 3 :: 3], tears[context.seed % 4 :: 4]
    with ThreadPoolExecutor(2) as pool:
        told = [
            *pool.map(lambda one: _fill(context, corpora, engine, *one), enumerate(fulls)),
            *pool.map(lambda one: _tear(context, corpora[0.05], engine, *one), enumerate(tears)),
        ]
    silent = [f"{one.what}: {one.silent}" for one in told if one.silent]
    lost = sum(one.lost for one in told)
    figures = {
        "cases": len(told),
        "full_disks": len(fulls),
        "torn_files": len(tears),
        "lost": lost,
        "silent": len(silent),
        "not_possible_here": left_out,
    }
    return Figures(
        passed=not lost and not silent,
        figure=f"{lost} lost, {len(silent)} silent in {len(told)} cases",
        figures=figures,
        detail="; ".join(silent[:6]),
    )


def _fulls() -> Iterator[_Full]:
    for target in _NAMES:
        loud = target == "log.jsonl"
        for after in (0, 2):
            call = disks.broken_call("write", target, after)
            yield _Full(f"ENOSPC for {target} after {after} writes", target, call, talkative=loud)
        late = disks.broken_call("write", target, 1)
        yield _Full(
            f"ENOSPC for {target} in a resume", target, late, in_resume=True, talkative=loud
        )
        if not loud:  # a log is not synced
            call = disks.broken_call("fsync", target, 1, number=errno.EIO)
            yield _Full(f"EIO when {target} is synced", target, call)
    yield _Full("letters over RLIMIT_FSIZE", "dead-letter.jsonl", disks.size_limit(20_000))
    yield _Full("checkpoint over RLIMIT_FSIZE", ".checkpoint.new", disks.size_limit(400))
    limit = disks.size_limit(6_000)
    yield _Full("log over RLIMIT_FSIZE", "log.jsonl", limit, talkative=True)
    yield _Full("a small disk, many letters", None, disks.on_small_disk("runs", "96k"))
    yield _Full("a tiny disk", None, disks.on_small_disk("runs", "12k"))
    loud_disk = disks.on_small_disk("runs", "20k")  # room for one page of a log that needs two
    yield _Full("a small disk, much log", None, loud_disk, talkative=True)
    either = frozenset({2, 3})
    read_only = disks.read_only("runs")
    yield _Full("a disk that is read-only", None, read_only, either)
    yield _Full("a disk that is read-only in a resume", None, read_only, either, in_resume=True)


def _fill(
    context: Context, corpora: dict[float, Corpus], engine: str, number: int, full: _Full
) -> _Told:
    """Let a disk fill, make room, run again; judge what was said, and what is there in the end."""
    letters = full.target == "dead-letter.jsonl" or full.target is None
    corpus = corpora[0.05 if letters and not full.talkative else 0.0]
    key = context.access_key()
    with WatchedProxy(engine, context.seed, _SLOW) as proxy:
        job = _job(context, corpus, f"full-{number}", (proxy.endpoint, key))
        job.definition = {
            **job.definition,
            "log": {"level": "debug" if full.talkative else "error"},
        }
        if full.in_resume:
            _kill_in_the_middle(job, corpus, proxy)
        job.launcher = full.launcher
        first = job.run()
        job.launcher = ("-m", "pipeline")
        last = job.run()
    told = _judge(full.what, corpus, job, engine, last)
    drop_table(engine, key)
    return told if told.silent else _Told(told.what, told.lost, _silent(full, first))


def _silent(full: _Full, first: Ended) -> str | None:
    if first.code not in full.codes:
        return f"the full disk is not told: {first.told()}"
    if first.code == 2:
        return None if "runs" in first.err else f"which disk is not told: {first.err[-300:]!r}"
    report = first.report or {}
    if report.get("status") != "failed" or report.get("reason") != "storage":
        return f"reason {report.get('reason')!r}: {first.told()}"
    message = str(report.get("message"))
    if full.target is not None and _NAMES[full.target] not in message:
        return f"the file is not named: {message!r}"
    return None


def _tear(context: Context, corpus: Corpus, engine: str, number: int, torn: Torn) -> _Told:
    """Kill a run, tear its files, and go on; where that is refused, start over as it says."""
    key = context.access_key()
    refusal = None
    with WatchedProxy(engine, context.seed, _SLOW) as proxy:
        job = _job(context, corpus, f"torn-{number}", (proxy.endpoint, key))
        _kill_in_the_middle(job, corpus, proxy)
        torn.tear((job.runs / "latest").resolve())
        if torn.refused:
            before = proxy.requests
            refused = job.run()
            if refused.code != 2 or "--fresh" not in refused.err or proxy.requests != before:
                refusal = f"not refused: {refused.told()}"
        last = job.run(*(["--fresh"] if torn.refused else []))
    told = _judge(torn.what, corpus, job, engine, last)
    drop_table(engine, key)
    return _Told(told.what, told.lost, refusal or told.silent)


def _job(context: Context, corpus: Corpus, name: str, where: tuple[str, str]) -> Job:
    return corpus_job(context.folder / name, corpus, *where, **_CHECKPOINTS)


def _kill_in_the_middle(job: Job, corpus: Corpus, proxy: WatchedProxy) -> None:
    applied = Applied(corpus)
    proxy.applied = applied
    running = job.start()
    while applied.now < _RECORDS * 0.6 and running.alive_after(0.003):
        pass
    latest = job.runs / "latest"
    files = ("checkpoint.json", *(["dead-letter.jsonl"] if corpus.refused else []))
    for _ in range(50):  # not between the two renames of a checkpoint: there is none to tear then
        running.signal(signal.SIGSTOP)
        running.alive_after(0.01)
        if all((latest / name).exists() for name in files):
            break
        running.signal(signal.SIGCONT)
        running.alive_after(0.01)
    running.signal(signal.SIGKILL)
    ended = running.wait(10)
    assert ended.code == -signal.SIGKILL, f"it ended before it was killed: {ended.told()}"


def _judge(what: str, corpus: Corpus, job: Job, engine: str, last: Ended) -> _Told:
    """Judge the run that had room and sound files again."""
    wanted = 1 if corpus.refused else 0
    if last.code != wanted:
        return _Told(what, 0, f"not completed afterwards: {last.told()}")
    found = judge(corpus, job, engine)
    return _Told(what, found.lost + found.wrong, None if found.sound else found.told())


ROW = Row(
    id="R13",
    title="Full disks and torn files",
    how="ENOSPC and EIO for the dead letters, the checkpoint and the log, at the first write, "
    "later and in a resume; RLIMIT_FSIZE; small and read-only disks; torn, flipped, emptied, "
    "removed and newer checkpoints, dead letters, log and lock; each followed by a run with room, "
    "a full scan, and the counts and dead letters against the source",
    passes="0 lost; 0 silent: exit code 3, reason `storage`, the file named; what cannot be "
    "resumed is refused and names `--fresh`",
    peers="none of the peers tests it",
    measure=_measure,
    mutation=Mutation(
        "dead letters that cannot be written are forgotten",
        (
            Edit(
                "pipeline/state/deadletter.py",
                "            self._cut_torn_line()\n"
                "            raise StorageError(_advice(self.path, error)) from error",
                "            self._cut_torn_line()\n            return",
            ),
        ),
    ),
)
