"""``--profile``: the page is there however a run ends, and nothing else is different."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from tests.integration.command import await_event, pipeline, start

if TYPE_CHECKING:
    from pathlib import Path

JOB = """
source: {type: generate, count: 2000}
items: [{key: {PK: "USER#{user_id}"}}]
target: {table: Users, endpoint: embedded, create: {key: {PK: S}, if_missing: true}}
"""


@pytest.fixture(autouse=True)
def _definition(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(JOB)


def test_a_run_is_profiled(tmp_path: Path) -> None:
    """The report is alone on stdout; a log line says where the page is, the last of all."""
    ended = pipeline("run", "job.yaml", "--profile", "out.html", cwd=tmp_path)

    assert (ended.code, ended.report["succeeded"]) == (0, 2000)
    last = json.loads(ended.err.splitlines()[-1])
    assert (last["event"], last["message"]) == ("profile.written", "the profile is in out.html")
    page = (tmp_path / "out.html").read_text()
    for place in ("pipeline/stages/writer.py", "pipeline/stages/validator.py", "DynamoTable"):
        assert place in page


def test_a_check_is_profiled(tmp_path: Path) -> None:
    """`validate --source` too; without the source there is nothing to look at."""
    ended = pipeline("validate", "job.yaml", "--source", "--profile", "out.html", cwd=tmp_path)
    assert (ended.code, ended.report["total"]) == (0, 2000)
    assert "Validator" in (tmp_path / "out.html").read_text()

    ended = pipeline("validate", "job.yaml", "--profile", "none.html", cwd=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert "go with --source" in ended.err
    assert not (tmp_path / "none.html").exists()


def test_a_run_that_fails_is_profiled(tmp_path: Path) -> None:
    """A run of which nothing is accepted ends with its own exit code."""
    reject = ("--set", "errors.max_rejected=0", "--set", 'items=[{key: {PK: "{nothing}"}}]')
    ended = pipeline("run", "job.yaml", "--profile", "out.html", *reject, cwd=tmp_path)

    assert ended.code == 3, ended.err
    assert (tmp_path / "out.html").stat().st_size > 100_000


def test_a_run_that_is_stopped_is_profiled(tmp_path: Path) -> None:
    """SIGTERM stops it softly, and the page is written after the report."""
    slow = ("--set", "target.embedded={latency: 50ms}", "--set", "source.count=1000000")
    with start("run", "job.yaml", "--profile", "out.html", *slow, cwd=tmp_path) as running:
        await_event(running, "run.started")
        running.send_signal(signal.SIGTERM)
        out, _ = running.communicate(timeout=60)

    assert running.returncode == 143
    assert json.loads(out)["status"] == "stopped"
    assert (tmp_path / "out.html").stat().st_size > 100_000


def test_a_page_that_cannot_be_written_is_refused_first(tmp_path: Path) -> None:
    """Before anything is started: no table is made, no folder of a run."""
    ended = pipeline("run", "job.yaml", "--profile", "no/out.html", cwd=tmp_path)

    assert (ended.code, ended.out) == (2, "")
    assert "--profile: 'no/out.html' cannot be written: No such file or directory" in ended.err
    assert not (tmp_path / "runs").exists()
