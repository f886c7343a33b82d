"""Crash and resume, seen from outside: whatever happens, the table is that of one clean run."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import hashlib
import json
import os
import random
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.engine import tables
from tests.integration.command import await_event
from tests.integration.gate import gate_before
from tests.integration.loads import Job, events_of, letters_of, lot_of, unfinished

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.command import Ended
    from tests.integration.loads import Lot

LOT = lot_of("plain folder", 1_300)


async def assert_one_clean_run(job: Job, lot: Lot, ended: Ended) -> None:
    """Compare table, report and dead letters with the source."""
    report = ended.report
    assert ended.code == 1, ended.err[-2_000:]
    assert report["status"] == "completed_with_errors"
    assert await job.rows() == lot.rows
    assert (report["records"], report["total"]) == (lot.records, lot.records)
    assert (report["rejected"], report["failed"]) == (len(lot.refused), 0)
    assert report["succeeded"] + report["superseded"] == lot.records - len(lot.refused)
    letters = letters_of(report, job.folder)
    assert [(letter["part"], letter["record"]) for letter in letters] == lot.refused
    assert [one["line"] for one in report["errors"]] == [one["line"] for one in letters[:100]]
    assert unfinished(job) == []


@pytest.mark.parametrize("form", ["jsonl", "csv", "json", "jsonl.gz", "csv.zst", "folder"])
async def test_a_run_that_is_killed_anywhere_goes_on_as_one_clean_run(job: Job, form: str) -> None:
    """Every row, every count and every dead letter are there once; the run keeps its id."""
    dice = random.Random(f"kill {form}")
    lot = lot_of(form)
    job.take(lot)

    job.killed_at(dice.randint(14, 26), within=dice.uniform(0, 0.05))
    first = job.latest.name
    job.killed_at(dice.randint(3, 8), within=dice.uniform(0, 0.05))
    ended = job.run()

    await assert_one_clean_run(job, lot, ended)
    assert (ended.report["run"], ended.report["attempts"]) == (first, 3)
    began = [event for event in events_of(job.latest) if event["event"] == "run.resumed"]
    assert len(began) == 2
    assert ended.report["resumed_from"] == began[-1]["from"]
    assert ended.report["resumed_from"]["record"] > 0


async def test_a_kill_while_the_program_starts_costs_nothing(job: Job) -> None:
    """Before the first checkpoint there is nothing to go on with, after it there is."""
    dice = random.Random("start-up")
    lot = lot_of("jsonl", 300)
    job.take(lot)

    for _ in range(3):
        with job.start() as running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(timeout=dice.uniform(0.3, 0.9))
            running.kill()

    await assert_one_clean_run(job, lot, job.run())


async def test_made_up_users_go_on_with_the_counts_of_a_clean_run(job: Job) -> None:
    """The whole report of a killed run is that of a clean one, but for what was done twice."""
    job.definition |= {
        "source": {"type": "generate", "count": 700, "seed": 11},
        "schema": {"properties": {"age": {"maximum": 60}}},
        "items": [
            {"key": {"PK": "ROW#{user_id}"}, "set": {"id": "{user_id}", "v": {"from": "age"}}}
        ],
    }

    job.killed_at(9)
    resumed = job.run().report
    rows = await job.rows()
    job.variables = tables.credentials_of(tables.new_access_key())
    clean = job.run("--fresh").report

    assert resumed["resumed_from"]["record"] > 0
    assert rows == await job.rows()
    told = ("status", "records", "total", "succeeded", "superseded", "rejected", "failed")
    for name in (*told, "errors_by_kind", "errors", "warnings"):
        assert resumed[name] == clean[name], name
    assert letters_of(resumed, job.folder) == letters_of(clean, job.folder)
    assert (resumed["attempts"], clean["attempts"]) == (2, 1)


@pytest.fixture(scope="module")
def halted(dynamodb_local: str, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Give a job that was killed in the second of three files; it is for copying."""
    folder = tmp_path_factory.mktemp("halted")
    with gate_before(dynamodb_local) as gate:
        job = Job(folder, gate, tables.credentials_of(tables.new_access_key()))
        job.take(LOT)
        gate.shut_after(48)
        with job.start("--set", "log.level=debug") as running:
            await_event(running, "checkpoint.saved", records=650)
            running.kill()
    return job


@pytest.fixture
def again(halted: Job, dynamodb_local: str, tmp_path: Path) -> Iterator[Job]:
    """Give a copy of the halted job, behind a gate of its own."""
    folder = tmp_path / "again"
    shutil.copytree(halted.folder, folder, symlinks=True)
    with gate_before(dynamodb_local) as gate:
        yield dataclasses.replace(
            halted, folder=folder, gate=gate, definition=copy.deepcopy(halted.definition)
        )


def state_of(job: Job) -> dict[str, bytes]:
    """Read all that the job keeps, but for its lock."""
    files = (path for path in job.runs.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(job.runs)): path.read_bytes() for path in files}


def assert_refused(job: Job, told: str, *options: str) -> None:
    """Check that the job is refused because of *told*, and nothing is written, made or changed."""
    before = state_of(job)

    ended = job.run(*options)

    assert (ended.code, ended.out) == (2, ""), ended.err[-2_000:]
    assert told in ended.err
    assert "--fresh" in ended.err
    assert "Traceback" not in ended.err
    assert set(job.gate.calls) <= {"DescribeTable", "DescribeTimeToLive"}
    assert state_of(job) == before


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("schema.properties.age.minimum=1", "the definition's `schema` has changed"),
        ("items.0.key.PK=LINE#{id}", "the definition's `items` has changed"),
        ("write.mode=delete", "the definition's `write.mode` has changed"),
        ("source.coerce=true", "the definition's `source settings` has changed"),
        ("target.table=Other", "it wrote to table 'Loaded', and this is 'Other'"),
        ("source.path=lot/2.jsonl", "'lot/1.jsonl' is no part of the source any more"),
    ],
)
def test_another_definition_does_not_go_on(again: Job, change: str, told: str) -> None:
    """What decides which items there are must be as it was: exit code 2, and the reason."""
    assert_refused(again, told, "--set", change)


def rewrite(path: Path, offset: int) -> None:
    """Change one letter at *offset*, and set the file's time back."""
    status = path.stat()
    text = bytearray(path.read_bytes())
    at = text.index(b"xxx", offset)
    text[at] = ord("y")
    path.write_bytes(text)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def grow(path: Path) -> None:
    """Append a record."""
    with path.open("ab") as file:
        file.write(b'{"id": "new", "v": 1, "age": 1}\n')


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda lot: grow(lot / "2.jsonl"), "'lot/2.jsonl' had "),
        (lambda lot: rewrite(lot / "2.jsonl", 200), "'lot/2.jsonl' has changed (head)"),
        (lambda lot: rewrite(lot / "2.jsonl", 70_000), "'lot/2.jsonl' has other bytes before byte"),
        (lambda lot: os.utime(lot / "1.jsonl"), "'lot/1.jsonl' was written to since"),
        (lambda lot: grow(lot / "4.jsonl"), "'lot/4.jsonl' is new in the source"),
        (lambda lot: (lot / "3.jsonl").unlink(), "'lot/3.jsonl' is no part of the source any more"),
    ],
    ids=["size", "head", "stretch", "time", "new part", "no part"],
)
async def test_another_source_does_not_go_on_until_the_old_one_is_put_back(
    again: Job, change: Callable[[Path], None], told: str, request: pytest.FixtureRequest
) -> None:
    """Also other bytes of the same size and time are seen; the refusal changes nothing."""
    lot, kept = again.folder / "lot", again.folder / "kept"
    shutil.copytree(lot, kept)
    change(lot)

    assert_refused(again, told)

    if request.node.callspec.id == "stretch":
        shutil.rmtree(lot)
        kept.rename(lot)
        await assert_one_clean_run(again, LOT, again.run())


async def test_another_table_does_not_go_on(job: Job) -> None:
    """A table that is gone is not made anew in silence, and a new one of its name is no heir."""
    lot = lot_of("jsonl")
    job.take(lot)
    job.killed_at(9)
    async with tables.connect(job.gate.upstream, job.variables["AWS_ACCESS_KEY_ID"]) as client:
        asked = await client.describe_table(TableName="Loaded")
        await client.delete_table(TableName="Loaded")
        job.gate.forget()
        assert_refused(job, "its table 'Loaded' is gone")
        await client.create_table(
            TableName="Loaded",
            AttributeDefinitions=asked["Table"]["AttributeDefinitions"],
            KeySchema=asked["Table"]["KeySchema"],
            BillingMode="PAY_PER_REQUEST",
        )
    assert_refused(job, "table 'Loaded' is another one than it was")
    assert await job.rows() == {}

    ended = job.run("--fresh")

    await assert_one_clean_run(job, lot, ended)


async def test_tuning_may_change_between_two_attempts(again: Job) -> None:
    """Workers, batches, retries, the error budget, queues, log and checkpoints are no identity."""
    again.definition |= {
        "write": {
            "workers": 2,
            "batch_size": 7,
            "linger": "1ms",
            "timeout": "30s",
            "retry": {"attempts": 3, "base_delay": "10ms", "max_outage": "1m"},
        },
        "errors": {"max_rejected": "90%"},
        "queues": {"capacity": 2, "memory": "16MB", "chunk": 31},
        "log": {"level": "warning"},
        "checkpoint": {"every": "1s"},
        "schema": dict(reversed(again.definition["schema"].items())),
    }

    await assert_one_clean_run(again, LOT, again.run())


@pytest.mark.parametrize("kind", ["torn", "gone"])
async def test_a_damaged_checkpoint_falls_back_to_the_one_before(again: Job, kind: str) -> None:
    """The run goes on from there, says so, and the outcome is that of a clean run."""
    newest = again.latest / "checkpoint.json"
    if kind == "torn":
        newest.write_bytes(newest.read_bytes()[:-100])
    else:
        newest.unlink()

    ended = again.run()

    await assert_one_clean_run(again, LOT, ended)
    assert any("goes on from the one before" in warning for warning in ended.report["warnings"])


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:200]), "is torn"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b'"rec', b'"Rec', 1)), "checksum"),
        (lambda path: path.unlink(), "its checkpoint is missing"),
    ],
    ids=["torn", "empty", "forged", "gone"],
)
def test_without_a_sound_checkpoint_nothing_is_begun_in_silence(
    again: Job, damage: Callable[[Path], None], told: str
) -> None:
    """How far the run came is not known: it is refused, and --fresh is named."""
    for name in ("checkpoint.json", "checkpoint.previous.json"):
        damage(again.latest / name)

    assert_refused(again, told)


def test_the_checkpoint_of_another_run_is_not_taken(again: Job) -> None:
    """Sound as it is, it would lead to a wrong place."""
    own, other = again.latest.name, "20261122T000000Z-abcdef"
    for name in ("checkpoint.json", "checkpoint.previous.json"):
        path = again.latest / name
        body = path.read_bytes().partition(b"\n")[2].replace(own.encode(), other.encode())
        text = body.removesuffix(b"\n")
        digest = hashlib.sha256(b"1\n" + text).hexdigest()
        header = json.dumps({"v": 1, "length": len(text), "sha256": digest}).encode()
        path.write_bytes(header + b"\n" + body)

    assert_refused(again, "has another run's checkpoint")


def test_the_checkpoint_of_a_newer_program_is_left_to_it(again: Job) -> None:
    """Going back to the one before would undo what the newer program did."""
    newest = again.latest / "checkpoint.json"
    _, newline, body = newest.read_bytes().partition(b"\n")
    text = body.removesuffix(b"\n")
    digest = hashlib.sha256(b"2\n" + text).hexdigest()
    header = json.dumps({"v": 2, "length": len(text), "sha256": digest}).encode()
    newest.write_bytes(header + newline + body)

    assert_refused(again, "format version 2")


async def test_fresh_starts_over_and_gives_the_old_run_up_for_good(again: Job) -> None:
    """The old run is closed; the next plain run finds neither, and begins one of its own."""
    old = again.latest.name

    fresh = again.run("--fresh")
    plain = again.run()

    await assert_one_clean_run(again, LOT, fresh)
    await assert_one_clean_run(again, LOT, plain)
    assert len({old, fresh.report["run"], plain.report["run"]}) == 3
    assert fresh.report["resumed_from"] is plain.report["resumed_from"] is None
    assert (fresh.report["attempts"], plain.report["attempts"]) == (1, 1)


async def test_a_crash_while_fresh_begins_does_not_bring_the_old_run_back(again: Job) -> None:
    """Killed before the old run was closed: the new one goes on, and then nothing is left."""
    old = again.latest
    shutil.copytree(old, again.folder / "kept")
    again.killed_at(8, "--fresh")
    shutil.rmtree(old)
    (again.folder / "kept").rename(old)
    assert len(unfinished(again)) == 2

    ended = again.run()

    assert ended.report["run"] != old.name
    await assert_one_clean_run(again, LOT, ended)


async def test_one_job_runs_once_at_a_time_and_a_dead_one_holds_nothing(job: Job) -> None:
    """The second is refused and told of the first; a killed process leaves no lock."""
    lot = lot_of("jsonl", 300)
    job.take(lot)
    job.gate.shut_after(3)
    with job.start() as first:
        job.gate.await_shut(first)
        second = job.run("--limit", "0")
        other = job.run("--set", "name=other", "--dry-run")
        first.kill()
    job.gate.open()

    assert (second.code, second.out) == (2, "")
    assert f"run {job.latest.name} holds" in second.err
    assert f"process {first.pid} " in second.err
    assert other.code == 1
    await assert_one_clean_run(job, lot, job.run())


def test_a_quick_look_does_not_end_an_unfinished_run(again: Job) -> None:
    """A limit on a run that was begun without one would close it before its end."""
    assert_refused(again, "--limit 10 would end it there", "--limit", "10")


async def test_a_limited_run_goes_on_to_its_limit(job: Job) -> None:
    """Records of both attempts together make the limit; then the run is closed."""
    lot = lot_of("jsonl", 800)
    job.take(lot)
    job.killed_at(24, "--limit", "733")

    limited = job.run("--limit", "733")
    whole = job.run()

    assert (limited.code, limited.report["attempts"]) == (1, 2)
    assert limited.report["resumed_from"]["record"] > 0
    assert limited.report["records"] == limited.report["total"] == 733
    assert len(letters_of(limited.report, job.folder)) == sum(n < 733 for _, n in lot.refused)
    assert whole.report["resumed_from"] is None
    await assert_one_clean_run(job, lot, whole)


async def test_a_limited_run_goes_on_without_its_limit(job: Job) -> None:
    """The rest is loaded too, each record once."""
    lot = lot_of("json", 800)
    job.take(lot)
    job.killed_at(24, "--limit", "733")

    ended = job.run()

    assert ended.report["resumed_from"]["record"] > 0
    assert ended.report["attempts"] == 2
    await assert_one_clean_run(job, lot, ended)
