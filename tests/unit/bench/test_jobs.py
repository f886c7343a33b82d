"""What the rows of kills, strikes and canaries rest on tells right from wrong."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from bench.reliability.board import dice
from bench.reliability.jobs import hunt
from bench.reliability.jobs.corpus import expected_item, make_corpus
from bench.reliability.jobs.damage import PACKINGS, damages, pack, text_of
from bench.reliability.jobs.kills import Applied, plan_blows
from bench.reliability.jobs.outcome import compare, miscounts
from bench.reliability.jobs.strikes import Strike, Waits, striking
from pipeline.core.flow import Flow, StopSignal
from tests.clock import run

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from bench.reliability.jobs.corpus import Corpus
    from bench.reliability.jobs.damage import Packing
    from pipeline.core.channel import Channel, Receiver


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """Give a small source with bad and repeated records."""
    return make_corpus(tmp_path / "source.jsonl", "jsonl", 600, seed=3, bad=0.05, repeated=0.2)


def rows(corpus: Corpus) -> dict[str, dict[str, Any]]:
    """Give what the table must hold of it."""
    return {key: expected_item(key, ordinal) for key, ordinal in corpus.newest.items()}


def report(corpus: Corpus) -> dict[str, Any]:
    """Give the report of one clean run."""
    kinds = [corpus.refused[ordinal] for ordinal in sorted(corpus.refused)]
    return {
        "status": "completed_with_errors",
        "records": corpus.records,
        "total": corpus.records,
        "succeeded": corpus.good - 2,
        "superseded": 2,
        "rejected": len(kinds),
        "failed": 0,
        "errors_by_kind": {kind: kinds.count(kind) for kind in kinds},
        "errors": [{"kind": kind} for kind in kinds[:100]],
    }


def write_letters(corpus: Corpus, folder: Path, ordinals: list[int]) -> None:
    """Write the dead letters of *ordinals*."""
    lines = [{"record": one, "raw": corpus.raws[one].decode()} for one in ordinals]
    path = folder / "dead-letter.jsonl"
    path.touch(0o600)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_corpus_has_the_same_truth_in_every_form(tmp_path: Path) -> None:
    """The seed decides, not the form; the compressed text is the plain one."""
    plain = make_corpus(tmp_path / "a.csv", "csv", 500, seed=1)
    packed = make_corpus(tmp_path / "b.csv.gz", "csv.gz", 500, seed=1)
    lines = make_corpus(tmp_path / "c.jsonl", "jsonl", 500, seed=1)
    assert gzip.decompress(packed.path.read_bytes()) == plain.path.read_bytes()
    assert plain.newest == packed.newest == lines.newest
    assert plain.refused == lines.refused
    assert set(plain.refused.values()) == {"malformed", "schema", "mapping", "rule"}


def test_what_is_lost_older_or_too_much_is_told(corpus: Corpus) -> None:
    """The comparison with a scan counts each difference under its own name."""
    items = rows(corpus)
    assert compare(corpus, items.values()).sound
    missing, older, *_ = items
    del items[missing]
    items[older] = expected_item(older, corpus.newest[older] + 1)
    items["more"] = expected_item("more", 0)
    found = compare(corpus, items.values())
    assert (found.lost, found.wrong, found.extra) == (1, 1, 1)


def test_a_report_that_miscounts_is_told(corpus: Corpus, tmp_path: Path) -> None:
    """Each count must be that of one clean run."""
    write_letters(corpus, tmp_path, sorted(corpus.refused))
    assert miscounts(corpus, tmp_path, report(corpus)) == []
    for name in ("records", "total", "succeeded", "superseded", "rejected", "failed"):
        told = report(corpus)
        told[name] += corpus.records
        assert miscounts(corpus, tmp_path, told), name


@pytest.mark.parametrize("what", ["twice", "missing", "out of order", "torn", "other bytes"])
def test_false_dead_letters_are_told(corpus: Corpus, tmp_path: Path, what: str) -> None:
    """There is one whole letter for each refused record, in order, with its bytes."""
    ordinals = sorted(corpus.refused)
    told = {
        "twice": [*ordinals, ordinals[-1]],
        "missing": ordinals[1:],
        "out of order": ordinals[::-1],
    }
    write_letters(corpus, tmp_path, told.get(what, ordinals))
    path = tmp_path / "dead-letter.jsonl"
    if what == "torn":
        path.write_bytes(path.read_bytes()[:-9])
    if what == "other bytes":
        path.write_bytes(path.read_bytes().replace(b"text of", b"text 0f", 1))
    assert miscounts(corpus, tmp_path, report(corpus))


def test_an_execution_is_charged_with_what_an_earlier_one_wrote(corpus: Corpus) -> None:
    """Twice in one execution is a retry; again in a later one is a rewrite."""
    applied = Applied(corpus)
    first, second = (expected_item("k", ordinal) for ordinal in (1, 2))
    applied([first])
    applied([first])
    assert applied.next_execution() == 0
    applied([first, second])
    assert applied.next_execution() == 1


def test_kills_cover_every_phase() -> None:
    """However few there are."""
    blows = plan_blows(dice(1), 15, 10_000)
    assert {blow.moment for blow in blows} == {"start", "first", "middle", "closing"}
    assert len(blows) == 15


@pytest.mark.parametrize("packing", PACKINGS)
def test_every_damage_is_one(packing: Packing) -> None:
    """No damaged source is the sound one."""
    text = text_of(packing, 100)
    found = list(damages(packing, text, dice(1), flips=3))
    assert len(found) > 15
    assert pack(packing, text) not in [one.block for one in found]


@pytest.mark.parametrize("late", [False, True])
def test_a_strike_falls_at_its_wait(late: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """The stage that is struck fails the flow, at the wait that was asked for."""
    got: list[int] = []

    async def numbers() -> AsyncGenerator[int, None]:
        for number in range(5):
            yield number

    async def keep(inbox: Receiver[int]) -> None:
        async for number in inbox:
            got.append(number)  # noqa: PERF401 - what is kept before the strike counts

    async def load() -> None:
        async with asyncio.TaskGroup() as group:
            flow = Flow(group, capacity=1)
            channel: Channel[int] = flow.source("numbers", numbers, StopSignal())
            flow.sink("keep", keep, channel)

    waits = Waits(Strike("keep", 3, lambda: KeyError("struck"), late=late))
    with striking(waits), pytest.raises(ExceptionGroup) as raised:
        run(load())
    assert raised.group_contains(KeyError)
    assert waits.counts["keep"] == 3
    assert len(got) < 5


def test_a_hunt_finds_what_shows(tmp_path: Path) -> None:
    """A canary, a text that acts, a forged line and a loose mode are each found."""
    run_folder = tmp_path / "runs" / "job" / "one"
    run_folder.mkdir(parents=True, mode=0o700)
    log = run_folder / "log.jsonl"
    log.touch(0o600)
    log.write_text('{"timestamp":"now","level":"info","event":"a"}\n')
    assert list(hunt.hits(tmp_path, {"value": "Canary"})) == []
    assert list(hunt.acting(tmp_path)) == []
    assert list(hunt.loose(run_folder.parent)) == []
    log.write_text('{"level":"canary"}\n\x9b\n')
    log.chmod(0o644)
    assert len(list(hunt.hits(tmp_path, {"value": "Canary"}))) == 1
    assert len(list(hunt.acting(tmp_path))) == 3
    assert len(list(hunt.loose(run_folder.parent))) == 1
