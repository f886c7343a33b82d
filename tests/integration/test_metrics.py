"""``run --metrics-port``: Prometheus can watch a run, and cannot be in its way."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from tests.integration.command import await_event, pipeline, start

if TYPE_CHECKING:
    from pathlib import Path

JOB = """
source: {type: stdin, format: jsonl}
schema: {type: object, required: [id], properties: {id: {type: string}}}
items: [{key: {PK: "USER#{id}"}}]
target: {table: Users, endpoint: embedded, create: {key: {PK: S}, if_missing: true}}
"""


@pytest.fixture(name="job")
def _job(tmp_path: Path) -> Path:
    (tmp_path / "job.yaml").write_text(JOB)
    return tmp_path


def scrape(url: str) -> str:
    """Return what Prometheus would read."""
    with urlopen(url, timeout=10) as answer:  # noqa: S310 - an address of ours
        text: bytes = answer.read()
        return text.decode()


def test_a_run_is_watched_while_it_lasts(job: Path) -> None:
    """The address is told, the counters move there with the run, and it ends with the run."""
    with start("run", "job.yaml", "--metrics-port", "0", cwd=job, stdin=-1) as running:
        url = re.findall(
            r"http://127\.0\.0\.1:\d+/metrics", await_event(running, "metrics.served")["message"]
        )[0]
        assert running.stdin is not None
        running.stdin.write('{"id": "a"}\n{"id": 1}\n')
        running.stdin.flush()
        await_event(running, "run.progress", settled=2)
        text = scrape(url)
        out, _ = running.communicate(timeout=60)
    assert 'outcome="succeeded"' in out or '"succeeded": 1' in out
    assert re.search(r'_items_total\{.*outcome="succeeded".*\} 1\.0\n', text)
    assert re.search(r'_items_total\{.*outcome="rejected",pipeline="job".*\} 1\.0\n', text)
    assert running.returncode == 1
    with pytest.raises(OSError, match="refused"):
        scrape(url)


def test_a_port_in_use_ends_it_before_anything_is_done(job: Path) -> None:
    """Exit code 2, a text that says what to do, and no run."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = pipeline("run", "job.yaml", "--metrics-port", str(port), cwd=job, stdin="")
    assert ended.code == 2
    assert f"nobody can listen on port {port} of '127.0.0.1': Address already in use" in ended.err
    assert "0 for any that is free" in ended.err
    assert not (job / "runs").exists()


def test_an_address_needs_a_port(job: Path) -> None:
    """An address alone would look as if it did something."""
    ended = pipeline("run", "job.yaml", "--metrics-address", "::1", cwd=job, stdin="")
    assert ended.code == 2
    assert "--metrics-address goes with --metrics-port" in ended.err
