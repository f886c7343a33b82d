"""What the source must hold, seen from outside: a damaged or another source is never a success."""

from __future__ import annotations

import gzip
import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from tests.integration.loads import lot_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.integration.loads import Job

WRONG = "0" * 64


def expect(job: Job, **wanted: int | str) -> None:
    """Say what the source must hold."""
    job.definition["source"]["expect"] = wanted


@pytest.mark.parametrize("form", ["csv", "jsonl.gz"])
async def test_a_source_that_is_as_expected_is_loaded(job: Job, form: str) -> None:
    """`records` counts refused ones too, `sha256` is of the bytes as they lie on disk."""
    lot = lot_of(form, 300)
    job.take(lot)
    (text,) = lot.files.values()
    expect(job, records=300, sha256=hashlib.sha256(text).hexdigest())

    ended = job.run()

    assert ended.code == 1, ended.err[-2_000:]
    assert await job.rows() == lot.rows


@pytest.mark.parametrize("form", ["json", "csv.zst"])
def test_another_sha256_ends_the_run_before_its_first_write(job: Job, form: str) -> None:
    """Exit code 3 with a report; the right file under that name is loaded by the next run."""
    lot = lot_of(form, 100)
    job.take(lot)
    expect(job, sha256=WRONG)

    ended = job.run()
    expect(job, records=100)
    again = job.run()

    assert ended.code == 3
    assert (ended.report["reason"], ended.report["records"]) == ("source_corrupt", 0)
    assert f"source.expect says {WRONG}" in ended.report["message"]
    assert again.code == 1
    assert len(job.gate.written) == again.report["succeeded"]


async def test_another_count_fails_the_run_after_all_is_written(job: Job) -> None:
    """It is known only at the end. Once `expect` is mended the run is closed without a write."""
    lot = lot_of("jsonl", 150)
    job.take(lot)
    expect(job, records=151)

    ended = job.run()
    expect(job, records=150)
    again = job.run()

    assert (ended.code, again.code) == (3, 1)
    assert ended.report["reason"] == "source_corrupt"
    assert "the source has 150 records, and source.expect says 151" in ended.report["message"]
    assert await job.rows() == lot.rows
    assert again.report["run"] == ended.report["run"]
    assert again.report["records"] == 150
    assert len(job.gate.written) == again.report["succeeded"]


@pytest.mark.parametrize(
    ("wanted", "code"),
    [({"records": 2, "sha256": "right"}, 0), ({"sha256": WRONG}, 3), ({"records": 3}, 3)],
    ids=["right", "sha256", "records"],
)
def test_standard_input_is_judged_at_its_end(
    job: Job, wanted: Mapping[str, int | str], code: int
) -> None:
    """It can be read but once, so nothing is known before; a wrong stream is no success."""
    text = "id,v,age\na,1,3\nb,2,3\n"
    right = hashlib.sha256(text.encode()).hexdigest()
    job.definition["source"] = {"type": "stdin"}
    expect(job, **{name: right if value == "right" else value for name, value in wanted.items()})

    ended = job.run(stdin=text)

    assert ended.code == code, ended.err[-2_000:]
    assert ended.report["succeeded"] == 2
    if code:
        assert (ended.report["reason"], ended.report["resumable"]) == ("source_corrupt", False)


def test_a_sha256_is_for_one_file(job: Job) -> None:
    """A folder has none: exit code 2."""
    job.take(lot_of("folder", 30))
    expect(job, sha256=WRONG)

    ended = job.run()

    assert (ended.code, ended.out) == (2, "")
    assert "source.expect.sha256 is for a source of one file, and this one has 3" in ended.err


def test_a_damaged_compressed_file_is_found_before_the_first_write(job: Job) -> None:
    """Not so with --no-verify-source: what came before the damage is in the table then."""
    (job.folder / "lot.csv.gz").write_bytes(cut := gzip.compress(lot_of("csv").files["lot.csv"]))
    (job.folder / "lot.csv.gz").write_bytes(cut[:-20])
    job.definition["source"] = {"type": "file", "path": "lot.csv.gz"}

    verified = job.run()
    nothing = len(job.gate.written)
    trusted = job.run("--no-verify-source")

    assert (verified.code, trusted.code) == (3, 3)
    assert verified.report["reason"] == trusted.report["reason"] == "source_corrupt"
    assert (verified.report["records"], nothing) == (0, 0)
    assert len(job.gate.written) == trusted.report["succeeded"] > 0


async def test_a_compressed_file_that_was_replaced_is_not_gone_on_with(job: Job) -> None:
    """Size, time and beginning are the same: its SHA-256 tells. Put back, the run goes on."""
    lot = lot_of("jsonl", 2_500)
    text = lot.files["lot.jsonl"]
    path = job.folder / "lot.jsonl.gz"
    path.write_bytes(gzip.compress(text, compresslevel=0, mtime=0))
    job.definition["source"] = {"type": "file", "path": path.name}
    status = path.stat()
    job.killed_at(12)
    at = text.index(b"xxx", 480_000)
    path.write_bytes(gzip.compress(text[:at] + b"y" + text[at + 1 :], compresslevel=0, mtime=0))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size

    sent = job.gate.calls["BatchWriteItem"]
    other = job.run()
    sent_since = job.gate.calls["BatchWriteItem"] - sent
    path.write_bytes(gzip.compress(text, compresslevel=0, mtime=0))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    ended = job.run()

    assert (other.code, sent_since) == (3, 0)
    assert other.report["reason"] == "source_corrupt"
    assert "is not the file that this run began with" in other.report["message"]
    assert ended.code == 1, ended.err[-2_000:]
    assert ended.report["run"] == other.report["run"]
    assert await job.rows() == lot.rows
