"""However a run ends, it can be looked at afterwards: its page, and its timeline over attempts."""

from __future__ import annotations

import gzip
import json
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.command import await_event, pipeline, start

if TYPE_CHECKING:
    from pathlib import Path

JOB = """
name: job
source: {type: file, path: in.jsonl%s}
schema: {type: object, required: [id], properties: {id: {type: string}}}
items: [{key: {PK: "USER#{id}"}}]
target: {table: Users, endpoint: embedded, create: {key: {PK: S}, if_missing: true},
  embedded: {wcu: 300}}
queues: {capacity: 1, chunk: 25}
checkpoint: {every: 1s}
"""


@pytest.fixture(name="job")
def _job(tmp_path: Path) -> Path:
    (tmp_path / "job.yaml").write_text(JOB % "")
    lines = [json.dumps({"id": str(number)}) for number in range(1_800)]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    return tmp_path


def timeline(job: Path) -> list[dict[str, Any]]:
    """Return the lines of the newest run."""
    text = (job / "runs/job/latest/timeline.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def page(job: Path) -> str:
    """Return the page of the newest run."""
    return (job / "runs/job/latest/report.html").read_text("utf-8")


def test_a_dry_run_has_a_timeline_and_a_page(job: Path) -> None:
    """One line at the start, one at the end, and the end is what the report says."""
    ended = pipeline("run", "job.yaml", "--dry-run", cwd=job)

    first, *_, last = timeline(job)
    assert (first["n"], first["settled"]) == (0, 0)
    assert last["succeeded"] == ended.report["succeeded"] == 1_800
    assert last["source_bytes"] == last["source_bytes_total"]
    assert "Dry run: nothing was written." in page(job)


def test_a_resumed_run_has_one_timeline_and_a_new_page(job: Path) -> None:
    """Stopped and gone on with: the lines go on, and the page tells of the last attempt."""
    with start("run", "job.yaml", "--set", "log.level=debug", cwd=job) as running:
        await_event(running, "batch.throttled")
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=60)
    assert running.returncode == 143
    assert ">stopped</span>" in page(job)
    assert len(timeline(job)) >= 2

    ended = pipeline("run", "job.yaml", cwd=job)

    assert ended.code == 0
    lines = timeline(job)
    assert [line["n"] for line in lines] == list(range(len(lines)))
    assert [line["attempt"] for line in lines] == sorted(line["attempt"] for line in lines)
    assert {line["attempt"] for line in lines} == {1, 2}
    assert lines[-1]["settled"] == ended.report["total"] == 1_800
    assert lines[-1]["requests"] == ended.report["requests"]
    assert ">succeeded</span>" in page(job)


def test_a_run_that_fails_leaves_a_page(job: Path) -> None:
    """A source that is damaged from its first byte on is told of there too."""
    (job / "job.yaml").write_text(JOB % ".gz")
    (job / "in.jsonl.gz").write_bytes(gzip.compress(b'{"id": "a"}\n' * 1_000)[:-20])

    ended = pipeline("run", "job.yaml", cwd=job)

    assert ended.code == 3
    assert ">failed</span>" in page(job)
    assert "in.jsonl.gz" in page(job)
