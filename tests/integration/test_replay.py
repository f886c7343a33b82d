"""Replay, seen from outside: dead letters are loaded again, each as its record stood."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.integration.loads import letters_of, lot_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.command import Ended
    from tests.integration.loads import Job

LENIENT = ("--set", "schema.properties.age.minimum=-1")


def replay(job: Job, letters: Path | str, *options: str) -> Ended:
    """Replay *letters* by the job's definition."""
    return job.call("replay", letters, "--config", job.define(), *options)


@pytest.mark.parametrize("form", ["jsonl.gz", "csv", "json", "folder"])
async def test_refused_records_are_loaded_once_the_definition_is_mended(
    job: Job, form: str
) -> None:
    """Each format's records come back from their letters as they were in the source."""
    lot = lot_of(form, 400)
    job.take(lot)
    ran = job.run()

    ended = replay(job, ran.report["dead_letter"], *LENIENT)

    assert ended.code == 0, ended.err[-2_000:]
    report = ended.report
    assert (report["name"], report["dead_letter"]) == ("loaded-replay", None)
    assert report["records"] == report["total"] == len(lot.refused)
    assert await job.rows() == {**lot.rows, **lot.refused_rows}
    assert len(letters_of(ran.report, job.folder)) == len(lot.refused)


async def test_good_items_that_ran_out_of_attempts_are_loaded_each_by_itself(job: Job) -> None:
    """Without `max_outage` a table that is down makes letters; replayed, they are all there."""
    lot = lot_of("csv", 150)
    job.take(lot)
    job.definition["items"].append({"key": {"PK": "TEXT#{v}"}, "only": ["text"]})
    patience = {"attempts": 1, "base_delay": "1ms", "max_delay": "1ms", "max_outage": "0s"}
    job.definition["write"]["retry"] = patience
    job.gate.refuse()
    ran = job.run()
    job.gate.open()

    ended = replay(job, ran.report["dead_letter"], *LENIENT)

    assert ran.code == 1
    assert ran.report["failed"] == 2 * (lot.records - len(lot.refused))
    assert ran.report["errors_by_kind"]["retry_exhausted"] == ran.report["failed"]
    assert ended.code == 0, ended.err[-2_000:]
    assert ended.report["records"] == ran.report["failed"] + len(lot.refused)
    assert ended.report["total"] == 2 * lot.records
    items = await job.items()
    assert {key for key in items if key.startswith("TEXT#")} == {
        f"TEXT#{number}" for number in range(lot.records)
    }
    rows = {item["id"]["S"]: int(item["v"]["N"]) for item in items.values() if "id" in item}
    assert rows == lot.all_rows


async def test_what_is_refused_again_has_a_letter_again(job: Job) -> None:
    """Lines that are no letters, and records that are still bad, cost themselves alone."""
    lot = lot_of("jsonl", 200)
    job.take(lot)
    letters = job.folder / job.run().report["dead_letter"]
    first, *rest = letters.read_text().splitlines(keepends=True)
    mended = json.loads(first)
    mended["raw"] = mended["raw"].replace('"age": -1', '"age": 1')
    letters.write_text(f"{json.dumps(mended)}\nno letter\n{''.join(rest)}")

    ended = replay(job, letters)
    again = replay(job, "runs/loaded-replay/latest/dead-letter.jsonl", *LENIENT)

    assert (ended.code, again.code) == (1, 1)
    assert (ended.report["succeeded"], ended.report["rejected"]) == (1, len(rest) + 1)
    assert ended.report["errors_by_kind"] == {"malformed": 1, "schema": len(rest)}
    assert (again.report["succeeded"], again.report["rejected"]) == (len(rest), 1)
    assert letters_of(again.report, job.folder)[0]["raw"] == "no letter"
    assert await job.rows() == {**lot.rows, **lot.refused_rows}


async def test_a_replay_that_is_killed_goes_on(job: Job) -> None:
    """It is a job of its own, with checkpoints of its own, beside that of the definition."""
    lot = lot_of("jsonl", 800)
    job.take(lot)
    nobody = ("--set", "schema.properties.age.minimum=1000")
    letters = job.run(*nobody).report["dead_letter"]

    job.kill_at(8, "replay", letters, "--config", job.define())
    ended = replay(job, letters)
    whole = job.run()

    report = ended.report
    assert (report["attempts"], report["records"]) == (2, lot.records)
    assert report["resumed_from"]["record"] > 0
    assert report["rejected"] == len(lot.refused)
    assert [letter["record"] for letter in letters_of(report, job.folder)] == [
        ordinal for _, ordinal in lot.refused
    ]
    assert whole.report["resumed_from"] is None
    assert await job.rows() == lot.rows


async def test_what_is_expected_of_the_source_is_not_expected_of_its_letters(job: Job) -> None:
    """`source.expect` and a source that is standard input stand in no replay's way."""
    lot = lot_of("jsonl", 100)
    job.take(lot)
    ran = job.run()
    job.definition["source"]["expect"] = {"records": 100, "sha256": "0" * 64}

    ended = replay(job, ran.report["dead_letter"], *LENIENT)
    job.definition["source"] = {"type": "stdin"}
    piped = replay(job, ran.report["dead_letter"], *LENIENT)

    assert (ended.code, piped.code) == (0, 0), ended.err[-2_000:]
    assert await job.rows() == {**lot.rows, **lot.refused_rows}


@pytest.mark.parametrize(
    ("letters", "told"),
    [
        ("nothing.jsonl", "cannot be read"),
        ("lot.jsonl", "holds no dead letters"),
        (".", "no regul"),
    ],
)
def test_what_is_no_file_of_dead_letters_is_refused(job: Job, letters: str, told: str) -> None:
    """Exit code 2, and nothing is written."""
    job.take(lot_of("jsonl", 50))

    ended = replay(job, letters)

    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err
    assert "Traceback" not in ended.err
    assert "BatchWriteItem" not in job.gate.calls
