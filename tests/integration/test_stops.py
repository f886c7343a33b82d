"""Stops, seen from outside: by signals at any moment, in time, and without loss."""

from __future__ import annotations

import contextlib
import gzip
import json
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.command import await_event
from tests.integration.loads import letters_of, lot_of, unfinished

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.integration.loads import Job

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}

LIMIT = 10.0
"""Seconds from the signal to the end of the process: the one time that is promised."""


def stopped(
    running: subprocess.Popen[str],
    number: signal.Signals = signal.SIGTERM,
    then: Callable[[], None] = lambda: None,
) -> Mapping[str, Any]:
    """Send the signal, do what is to happen *then*, and give the report of the stop it must be."""
    began = time.monotonic()
    running.send_signal(number)
    then()
    running.wait(timeout=60)
    assert time.monotonic() - began <= LIMIT
    out, err = running.communicate()
    assert running.returncode == CODES[number], err[-2_000:]
    report: Mapping[str, Any] = json.loads(out)
    assert (report["status"], report["reason"]) == ("stopped", number.name.lower())
    settled = ("succeeded", "superseded", "rejected", "failed")
    assert report["total"] == sum(report[part] for part in settled)
    return report


@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
async def test_after_a_soft_stop_nothing_is_written_twice(job: Job, number: signal.Signals) -> None:
    """What is in flight settles, the report says what the table holds, the rest goes on there."""
    lot = lot_of("jsonl", 1_500)
    job.take(lot)
    job.definition["checkpoint"]["every"] = "10m"
    job.gate.shut_after(20)
    with job.start() as running:
        job.gate.await_shut(running)
        report = stopped(running, number, then=job.gate.open)

    assert (report["unsettled"], report["resumable"]) == (0, True)
    assert "run the same command again to go on" in report["message"]
    assert 0 < report["records"] < lot.records
    assert len(job.gate.written) == report["succeeded"]
    assert unfinished(job) == [report["run"]]
    ended = job.run()
    assert ended.report["run"] == report["run"]
    assert len(job.gate.written) == ended.report["succeeded"]
    assert ended.report["records"] == lot.records
    assert len(letters_of(ended.report, job.folder)) == len(lot.refused)
    assert await job.rows() == lot.rows


async def test_a_table_that_hangs_does_not_hold_up_a_stop(job: Job) -> None:
    """After 8 s what is not answered is left unsettled, and sent again by the next attempt."""
    lot = lot_of("csv", 600)
    job.take(lot)
    job.gate.shut_after(6)
    with job.start() as running:
        job.gate.await_shut(running)
        report = stopped(running)

    assert report["unsettled"] > 0
    assert report["resumable"] is True
    job.gate.open()
    assert job.run().report["records"] == lot.records
    assert await job.rows() == lot.rows


async def test_a_second_signal_stops_at_once(job: Job) -> None:
    """It does not wait for the 8 s: what is in flight is left unsettled, the report is there."""
    lot = lot_of("json", 600)
    job.take(lot)
    job.gate.shut_after(6)
    with job.start() as running:
        job.gate.await_shut(running)
        began = time.monotonic()
        running.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(timeout=0.5)
        assert running.returncode is None
        report = stopped(running, signal.SIGINT)

    assert time.monotonic() - began < 8
    assert report["unsettled"] > 0
    job.gate.open()
    assert job.run().report["records"] == lot.records
    assert await job.rows() == lot.rows


async def test_a_stop_while_a_compressed_file_is_verified_writes_nothing(job: Job) -> None:
    """Reading ahead of the load is left at once, and done again by the next attempt."""
    line = b'{"id": "a", "v": 1, "age": 3, "text": "' + b"x" * 4_000_000 + b'"}\n'
    small = b'{"id": "b", "v": 2, "age": 3}\n'
    (job.folder / "big.jsonl.gz").write_bytes(gzip.compress(small + line * 60, compresslevel=1))
    job.definition["source"] = {"type": "file", "path": "big.jsonl.gz"}

    with job.start() as running:
        await_event(running, "source.verifying")
        report = stopped(running)

    assert (report["records"], report["unsettled"]) == (0, 0)
    assert report["resumable"] is True
    assert "BatchWriteItem" not in job.gate.calls
    assert "source.verified" not in (job.latest / "log.jsonl").read_text()
    ended = job.run("--limit", "1")
    assert ended.code == 0
    assert ended.report["run"] == report["run"]
    assert await job.rows() == {"b": 2}


@pytest.mark.parametrize("delay", [0.2, 0.35, 0.5])
async def test_a_signal_while_the_program_starts_loses_nothing(job: Job, delay: float) -> None:
    """Whether there is something to go on with or not: the same command does the whole load."""
    lot = lot_of("jsonl", 200)
    job.take(lot)
    with job.start() as running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(timeout=delay)
        began = time.monotonic()
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=60)
    assert time.monotonic() - began <= LIMIT

    # -15: Python itself had not got as far as our first line.
    assert running.returncode in {143, 1, -signal.SIGTERM}
    assert "Traceback" not in err
    assert job.run().report["records"] == lot.records
    assert await job.rows() == lot.rows


def test_standard_input_cannot_be_resumed_and_says_so(job: Job) -> None:
    """A warning at the start, and the truth at a stop; no checkpoint, no marker."""
    job.definition["source"] = {"type": "stdin", "format": "jsonl"}
    job.gate.shut_after(0)
    with job.start(stdin=subprocess.PIPE) as running:
        assert running.stdin is not None
        running.stdin.write('{"id": "a", "v": 1, "age": 3}\n')
        running.stdin.flush()
        job.gate.await_shut(running)
        report = stopped(running, then=job.gate.open)

    assert report["resumable"] is False
    assert "it cannot be resumed" in report["message"]
    assert any("standard input can be read only once" in one for one in report["warnings"])
    assert not list(job.runs.glob("*/checkpoint*"))
    assert unfinished(job) == []


async def test_without_checkpoints_a_run_starts_at_the_beginning(job: Job) -> None:
    """`checkpoint.enabled: false`: a stop says that it cannot be resumed, and it is not."""
    lot = lot_of("jsonl", 1_500)
    job.take(lot)
    job.definition["checkpoint"] = {"enabled": False}
    job.gate.shut_after(10)
    with job.start() as running:
        job.gate.await_shut(running)
        report = stopped(running, then=job.gate.open)

    assert report["resumable"] is False
    assert "it cannot be resumed" in report["message"]
    assert not list(job.runs.glob("*/checkpoint*"))
    ended = job.run()
    assert ended.report["run"] != report["run"]
    assert ended.report["resumed_from"] is None
    assert await job.rows() == lot.rows


async def test_a_run_without_checkpoints_leaves_an_unfinished_one_as_it_is(job: Job) -> None:
    """It warns that it starts over; the unfinished run can still be gone on with."""
    lot = lot_of("jsonl", 400)
    job.take(lot)
    job.killed_at(8)
    (first,) = unfinished(job)

    between = job.run("--set", "checkpoint.enabled=false")
    last = job.run()

    assert any(f"run {first} is unfinished" in warning for warning in between.report["warnings"])
    assert between.report["records"] == lot.records
    assert (last.report["run"], last.report["attempts"]) == (first, 2)
    assert await job.rows() == lot.rows


def test_a_table_that_is_down_ends_the_run_as_resumable(job: Job) -> None:
    """Exit code 3 after `max_outage`, with the reason; good records are no dead letters."""
    lot = lot_of("jsonl", 300)
    job.take(lot)
    job.definition["write"]["retry"] = {"base_delay": "1ms", "max_delay": "10ms"}
    job.definition["write"]["retry"]["max_outage"] = "300ms"
    job.gate.refuse()

    ended = job.run()
    job.gate.open()
    again = job.run()

    assert ended.code == 3
    assert (ended.report["reason"], ended.report["resumable"]) == ("outage", True)
    assert ended.report["failed"] == 0
    assert (again.report["run"], again.report["attempts"]) == (ended.report["run"], 2)
    assert len(job.gate.written) == again.report["succeeded"]
    assert again.report["records"] == lot.records
