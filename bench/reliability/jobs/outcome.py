"""What came of a job, held against its corpus: table by full scan, counts, dead letters."""

from __future__ import annotations

import json
import stat
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.reliability import truth
from bench.reliability.jobs.corpus import expected_item

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from bench.reliability.jobs.corpus import Corpus
    from bench.reliability.running import Job

__all__ = ["Verdict", "closed_reports", "compare", "drop_table", "judge", "miscounts"]

_SHOWN = 5
_SAMPLES = 100
_MARKER = "unfinished"
_FINISHED = frozenset({"succeeded", "completed_with_errors"})


@dataclass(slots=True)
class Verdict:
    """
    How a finished job differs from its corpus.

    *lost* and *wrong* count keys, *extra* keys that the source does not have. *miscounted* are
    sentences: a report or a dead-letter file that does not tell the truth.
    """

    lost: int = 0
    wrong: int = 0
    extra: int = 0
    miscounted: list[str] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether table, counts and dead letters are those of one clean run."""
        return not (self.lost or self.wrong or self.extra or self.miscounted)

    def add(self, other: Verdict) -> None:
        """Add what another job was found guilty of."""
        self.lost += other.lost
        self.wrong += other.wrong
        self.extra += other.extra
        self.miscounted += other.miscounted
        self.samples += other.samples

    def told(self) -> str:
        """Say it in a line, with the first samples."""
        counts = f"lost {self.lost}, wrong {self.wrong}, extra {self.extra}"
        first = [*self.samples[:_SHOWN], *self.miscounted[:_SHOWN]]
        return "; ".join([f"{counts}, miscounted {len(self.miscounted)}", *first])

    def note(self, kind: str, key: str) -> None:
        """Count one key that is not as it must be."""
        setattr(self, kind, getattr(self, kind) + 1)
        self.samples.append(f"{kind}: {key}")


def compare(corpus: Corpus, items: Iterable[Mapping[str, Any]]) -> Verdict:
    """Compare a scan with the corpus: the last good record of each key and nothing else."""
    found = Verdict()
    wanted = dict(corpus.newest)
    for item in items:
        key = item["PK"]["S"]
        ordinal = wanted.pop(key, None)
        if ordinal is None:
            found.note("extra", key)
        elif item != expected_item(key, ordinal):
            found.note("wrong", f"{key} is {item.get('n')}, not {ordinal}")
    for key, ordinal in wanted.items():
        found.note("lost", f"{key}, record {ordinal}")
    return found


def closed_reports(job: Job) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Give the folder and the report of each finished run of *job*, oldest first."""
    if not job.runs.is_dir():
        return
    for folder in sorted(job.runs.iterdir()):
        if folder.is_symlink() or not folder.is_dir() or (folder / _MARKER).exists():
            continue
        if (folder / "report.json").exists():
            report = json.loads((folder / "report.json").read_bytes())
            if report["status"] in _FINISHED:  # another without a checkpoint never began
                yield folder, report


def judge(corpus: Corpus, job: Job, engine: str, table: str = "Board") -> Verdict:
    """Judge what *job*, run to its end, left in the *engine*'s table and in its run folders."""
    found = compare(corpus, truth.scan(engine, job.access_key, table))
    reports = list(closed_reports(job))
    if not reports:
        found.miscounted.append("no run was closed with a report")
    for folder, report in reports:
        found.miscounted += miscounts(corpus, folder, report)
    return found


def miscounts(corpus: Corpus, folder: Path, report: Mapping[str, Any]) -> list[str]:
    """Hold a finished run's report and dead letters against the source; return what is wrong."""
    kinds = Counter(corpus.refused.values())
    exact = {
        "status": "completed_with_errors" if corpus.refused else "succeeded",
        "records": corpus.records,
        "total": corpus.records,
        "rejected": len(corpus.refused),
        "failed": 0,
        "errors_by_kind": dict(kinds),
    }
    wrong = [
        f"{name} is {report.get(name)!r}, not {value!r}"
        for name, value in exact.items()
        if report.get(name) != value
    ]
    good = report["succeeded"] + report["superseded"]
    if good != corpus.good:
        wrong.append(f"succeeded + superseded are {good}, not {corpus.good}")
    if not 0 <= report["superseded"] <= corpus.repeated:
        wrong.append(f"superseded is {report['superseded']}; {corpus.repeated} keys are repeated")
    sampled = [error["kind"] for error in report["errors"]]
    if sampled != [corpus.refused[n] for n in sorted(corpus.refused)[:_SAMPLES]]:
        wrong.append(f"the {len(sampled)} error samples are not the first refusals in order")
    return wrong + _false_letters(corpus, folder / "dead-letter.jsonl")


def _false_letters(corpus: Corpus, path: Path) -> list[str]:
    """Tell where the dead letters are not exactly the refused records, in source order."""
    if not path.exists():
        return [f"no dead letters, {len(corpus.refused)} were refused"] if corpus.refused else []
    wrong = []
    if mode := stat.S_IMODE(path.stat().st_mode) & 0o077:
        wrong.append(f"the dead letters may be read by others: {mode:o}")
    ordinals: list[int] = []
    with path.open("rb") as lines:
        for line in lines:
            letter = _letter(line)
            if letter is None:
                wrong.append(f"a torn dead letter after {len(ordinals)} others")
                continue
            ordinals.append(letter["record"])
            if letter["raw"].encode() != corpus.raws.get(letter["record"]):
                wrong.append(f"the dead letter of record {letter['record']} has other bytes")
    twice = [ordinal for ordinal, count in Counter(ordinals).items() if count > 1]
    missing = corpus.refused.keys() - set(ordinals)
    if twice or missing or len(ordinals) != len(corpus.refused):
        wrong.append(
            f"{len(ordinals)} dead letters for {len(corpus.refused)} refused records: "
            f"{len(twice)} twice, {len(missing)} missing"
        )
    elif ordinals != sorted(ordinals):
        wrong.append("the dead letters are not in the order of the source")
    return wrong


def _letter(line: bytes) -> Mapping[str, Any] | None:
    try:
        letter = json.loads(line)
    except ValueError:
        return None
    whole = isinstance(letter, dict) and line.endswith(b"\n")
    return letter if whole and "raw" in letter and "record" in letter else None


def drop_table(engine: str, access_key: str, table: str = "Board") -> None:
    """Delete a job's table: the engine keeps all of them in memory."""
    client: Any = truth.connect(engine, access_key)
    try:
        client.delete_table(TableName=table)
    except client.exceptions.ResourceNotFoundException:
        return
    finally:
        client.close()
