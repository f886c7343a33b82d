"""A job's process, seen from outside: one given run, begun once, gone on with, never run twice."""

from __future__ import annotations

import contextlib
import gzip
import json
import random
import re
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.state.joblock import job_lock
from tests.integration.children import Child, spec_of
from tests.integration.loads import events_of, letters_of, lot_of, unfinished

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.loads import Job, Lot

RUN = "20261122T100000Z-0a0a0a"
OTHER = "20261122T110000Z-0b0b0b"


def report_of(job: Job, run: str = RUN) -> dict[str, Any]:
    """Read a run's report."""
    document: dict[str, Any] = json.loads((job.runs / run / "report.json").read_text())
    return document


async def assert_one_clean_run(job: Job, lot: Lot, run: str = RUN) -> None:
    """Compare table, report and dead letters with the source."""
    report = report_of(job, run)
    assert report["status"] == "completed_with_errors"
    assert await job.rows() == lot.rows
    assert (report["records"], report["total"]) == (lot.records, lot.records)
    assert (report["rejected"], report["failed"]) == (len(lot.refused), 0)
    letters = letters_of(report, job.folder)
    assert [(letter["part"], letter["record"]) for letter in letters] == lot.refused
    assert not (job.runs / run / "unfinished").exists()


async def test_a_given_run_is_begun_and_never_run_twice(job: Job) -> None:
    """It has its id and folder, stderr stays silent; asked for again, it is as over as before."""
    lot = lot_of("jsonl", 300)
    job.take(lot)

    assert Child.of(job, run=RUN).ended() == (1, "")
    await assert_one_clean_run(job, lot)
    began = (job.runs / RUN / "log.jsonl").read_bytes()
    job.gate.forget()

    assert Child.of(job, run=RUN).ended() == (1, "")
    assert job.gate.calls == {}
    assert (job.runs / RUN / "log.jsonl").read_bytes() == began
    assert [folder.name for folder in job.runs.glob("2*")] == [RUN]


@pytest.mark.parametrize("form", ["jsonl", "csv", "folder"])
async def test_a_run_that_is_killed_anywhere_is_gone_on_with(job: Job, form: str) -> None:
    """Killed while it starts, before its first checkpoint and after it: one clean run."""
    dice = random.Random(f"child {form}")
    lot = lot_of(form)
    job.take(lot)
    for _ in range(3):
        child = Child.of(job, run=RUN)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.running.wait(timeout=dice.uniform(0.05, 0.5))
        child.killed()
    for requests in (1, dice.randint(5, 12)):
        job.gate.shut_after(requests, losing=True)
        child = Child.of(job, run=RUN)
        while child.running.poll() is None and not job.gate.is_shut:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.running.wait(timeout=0.02)
        child.killed()
        job.gate.open()

    assert Child.of(job, run=RUN).ended() == (1, "")
    await assert_one_clean_run(job, lot)
    assert [folder.name for folder in job.runs.glob("2*")] == [RUN]


async def test_other_runs_are_neither_gone_on_with_nor_given_up(job: Job) -> None:
    """A run of its own beside one that was left unfinished, which can still be gone on with."""
    lot = lot_of("jsonl")
    job.take(lot)
    job.gate.shut_after(12)
    child = Child.of(job, run=RUN)
    job.gate.await_shut(child.running)
    child.killed()
    job.gate.open()
    before = {path.name: path.read_bytes() for path in (job.runs / RUN).iterdir()}
    assert unfinished(job) == [RUN]

    assert Child.of(job, run=OTHER).ended() == (1, "")
    await assert_one_clean_run(job, lot, OTHER)
    assert {path.name: path.read_bytes() for path in (job.runs / RUN).iterdir()} == before
    assert report_of(job, OTHER)["attempts"] == 1

    assert Child.of(job, run=RUN).ended() == (1, "")
    await assert_one_clean_run(job, lot)


def hang_up(child: Child) -> None:
    """Let its server die."""
    child.hang_up()


def terminate(child: Child) -> None:
    """Ask it to stop."""
    child.running.terminate()


def insist(child: Child) -> None:
    """Ask it to stop in all ways at once, as a service manager and a server do together."""
    for _ in range(3):
        child.running.terminate()
    child.hang_up()
    child.running.send_signal(signal.SIGTERM)


@pytest.mark.parametrize("end", [hang_up, terminate, insist])
async def test_it_stops_softly(job: Job, end: Callable[[Child], None]) -> None:
    """The end of stdin is SIGTERM: what is in flight is finished, code 143, and it goes on."""
    lot = lot_of("jsonl", 3_000)  # more than is read while the table stands still
    job.take(lot)
    job.gate.shut_after(8)
    child = Child.of(job, run=RUN)
    job.gate.await_shut(child.running)
    end(child)
    job.gate.open()

    assert child.ended() == (143, "")
    report = report_of(job)
    assert (report["status"], report["reason"]) == ("stopped", "sigterm")
    assert report["resumable"] is True
    assert report["unsettled"] == 0
    assert 0 < report["total"] < lot.records

    assert Child.of(job, run=RUN).ended() == (1, "")
    await assert_one_clean_run(job, lot)
    assert report_of(job)["attempts"] == 2


def test_an_end_before_the_run_is_no_failure(job: Job) -> None:
    """Stdin that ends at once, with the line in it, still gives the code of a stop."""
    job.take(lot_of("jsonl", 300))
    with job_lock(job.folder / "runs", "loaded", OTHER):
        child = Child.of(job, run=RUN)  # which waits for the lock
        child.hang_up()
        assert child.ended() == (143, "")
    assert not (job.runs / RUN).exists()


async def test_it_waits_for_an_attempt_that_is_ending(job: Job) -> None:
    """The lock of one that stops softly is waited for, not complained of."""
    lot = lot_of("jsonl", 3_000)
    job.take(lot)
    job.gate.shut_after(8)
    first = Child.of(job, run=RUN)
    job.gate.await_shut(first.running)
    first.hang_up()
    second = Child.of(job, run=RUN)
    with pytest.raises(subprocess.TimeoutExpired):
        second.running.wait(timeout=1)
    job.gate.open()

    assert first.ended() == (143, "")
    assert second.ended() == (1, "")
    await assert_one_clean_run(job, lot)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", ["jsonl", "csv"])
async def test_records_of_a_request_take_the_place_of_the_source(
    job: Job, form: str, *, packed: bool
) -> None:
    """They are read from the spool by what was said of them, and told of by the file's name."""
    lot = lot_of(form, 300)
    ((_, text),) = lot.files.items()
    spool = job.folder / "spool [1]"
    spool.mkdir()
    (spool / "u-1").write_bytes(gzip.compress(text) if packed else text)
    job.definition["source"] = {
        "type": "file",
        "path": "not/there.csv",
        "max_record": "1KB",
        "expect": {"records": 1},
    }
    source = {
        "path": str(spool / "u-1"),
        "format": form,
        "compression": "gzip" if packed else "none",
    }

    assert Child.of(job, run=RUN, source=source).ended() == (1, "")
    assert await job.rows() == lot.rows
    letters = letters_of(report_of(job), job.folder)
    assert [letter["record"] for letter in letters] == [record for _, record in lot.refused]
    assert {letter["part"] for letter in letters} == {"u-1"}


async def test_limit_and_rate_hold(job: Job) -> None:
    """What the request allows is what the run is told; a dry run writes nothing."""
    job.take(lot_of("jsonl", 300))

    assert Child.of(job, run=RUN, limit=40, rate=700.9).ended()[0] in {0, 1}
    assert report_of(job)["records"] == 40
    (started,) = [one for one in events_of(job.runs / RUN) if one["event"] == "run.started"]
    assert started["rate"] == 700

    job.gate.forget()
    assert Child.of(job, run=OTHER, dry_run=True).ended() == (1, "")
    assert report_of(job, OTHER)["dry_run"] is True
    assert job.gate.written == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"limit": True}, "'limit' is no count"),
        ({"limit": -1}, "'limit' is no count"),
        ({"rate": 0.5}, "'rate' is no number of write units from 1"),
        ({"rate": "9"}, "'rate' is no number of write units from 1"),
        ({"dry_run": 1}, "'dry_run' is neither true nor false"),
        ({"endpoint": "http://x"}, "the spec has the unknown field 'endpoint'"),
        ({"source": {"path": "x"}}, "source has no 'compression'"),
        ({"config": ""}, "'config' is no text"),
        ({"run": "../../elsewhere"}, "'../../elsewhere' is no run's id"),
        ({"config": "nowhere.yaml"}, "nowhere.yaml"),
    ],
)
def test_a_wrong_line_is_refused(job: Job, changed: dict[str, Any], told: str) -> None:
    """Exit code 2, one text that names the field, and nothing is made."""
    job.take(lot_of("jsonl", 10))
    code, said = Child.of(job, **changed).ended()
    assert code == 2
    assert told in said
    assert not list(job.runs.glob("2*"))
    assert not (job.folder / "elsewhere").exists()


@pytest.mark.parametrize("line", [b"", b"\n", b"[]\n", b"{}\n", b"no json\n", b'{"config": "x"'])
def test_no_line_is_no_job(tmp_path: Path, line: bytes) -> None:
    """What is not a spec, or is cut, starts nothing."""
    child = Child(line, {}, cwd=tmp_path)
    if not line.endswith(b"\n"):
        child.hang_up()
    code, said = child.ended()
    assert code == 2, said
    assert "started by the job server" in said
    assert list(tmp_path.iterdir()) == []


def test_a_value_of_a_record_never_comes_to_stderr(job: Job) -> None:
    """Whatever happens to records is in the run's folder; stderr says why there is no run."""
    job.take(lot_of("jsonl", 100))
    job.definition["schema"]["properties"]["v"] = {"type": "integer", "maximum": 3}
    assert Child.of(job, run=RUN).ended() == (1, "")
    assert (job.runs / RUN / "log.jsonl").stat().st_size > 0

    job.definition["target"]["create"]["if_missing"] = False
    job.definition["target"]["table"] = "Elsewhere"
    code, said = Child.of(job, run=OTHER).ended()
    assert code == 2
    assert re.search("there is no table 'Elsewhere'", said)
    assert len(said) < 4_096


@pytest.mark.parametrize("head", ["4980,p4980@x.org,20", "p4980@x.org,44,p4980@x.org"])
def test_records_without_column_names_are_not_quoted(job: Job, head: str) -> None:
    """What should be the names is a record; to whoever sent it anew it is said what is missing."""
    job.definition["source"] = {"type": "file", "path": "not/there.csv"}
    (job.folder / "u-1").write_text(f"{head}\n{head}\n")
    source = {"path": str(job.folder / "u-1"), "format": "csv", "compression": "none"}
    code, said = Child.of(job, run=RUN, source=source).ended()
    assert code == 2
    assert "first line" in said
    assert not re.search("4980|44|20,", said)


def test_a_stdin_source_is_refused(job: Job) -> None:
    """The process's stdin is its server's line, and holds no records."""
    job.definition["source"] = {"type": "stdin"}
    code, said = Child.of(job).ended()
    assert code == 2
    assert "send the records with the request" in said


def test_a_run_goes_on_only_as_it_was_begun(job: Job) -> None:
    """As a dry run it would overwrite what the run that wrote something stands by."""
    job.take(lot_of("jsonl"))
    job.gate.shut_after(12)
    child = Child.of(job, run=RUN)
    job.gate.await_shut(child.running)
    child.killed()
    job.gate.open()

    code, said = Child.of(job, run=RUN, dry_run=True).ended()
    assert code == 2
    assert "only as it was begun" in said
    assert unfinished(job) == [RUN]


def test_the_spec_has_no_default(job: Job) -> None:
    """A field that is left out is a server of another version: nothing is guessed."""
    job.take(lot_of("jsonl", 10))
    for name in spec_of(job):
        left = {key: value for key, value in spec_of(job).items() if key != name}
        child = Child(json.dumps(left).encode() + b"\n", job.variables, cwd=job.folder)
        code, said = child.ended()
        assert (code, f"has no {name!r}" in said) == (2, True)
