"""Standard streams: what a person is told acts on nothing, and waits for nobody."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from pipeline.observe.metrics import Metrics, Tally
from pipeline.observe.report import Ending, make_report
from pipeline.streams import say, show_report

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

HOSTILE = "\x1b[2J\x9b1m\u202e\u2028\udc80é"


def test_what_is_said_acts_on_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """Lines are ours; what a stranger wrote into them is shown as it is spelt."""
    say(f"first\nsecond {HOSTILE}")

    assert capfd.readouterr().err == "first\nsecond \\x1b[2J\\x9b1m\\u202e\\u2028\\udc80é\n"


def test_a_stderr_that_nobody_reads_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever started the process and does not listen gets its exit code all the same."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    while True:
        try:
            os.write(writer, b"x" * 4096)
        except BlockingIOError:
            break
    os.set_blocking(writer, True)
    with os.fdopen(writer, "w", closefd=False) as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        say("it is done")

    os.close(reader)
    os.close(writer)


def test_a_stderr_that_is_gone_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is one that was never there."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", closefd=False) as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        say("it is done")
    os.close(writer)
    monkeypatch.setattr(sys, "stderr", None)
    say("it is done")


def test_the_report_is_json_in_which_nothing_acts(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A reader of stdout gets UTF-8 whatever the locale is, and every text as it was."""
    identity = {"name": "n", "run": "r", "table": "T", "endpoint": None, "dead_letter": None}
    ending = Ending("failed", "outage", HOSTILE)
    report = make_report(
        {**identity, "dry_run": False}, ending, Tally(), Metrics(), cpu_s=0.1, samples=[]
    )

    show_report(report, tmp_path, as_json=True)

    out, err = capfd.readouterr()
    assert json.loads(out)["message"] == HOSTILE
    assert not any(char in out for char in "\x1b\x9b\u202e\u2028")
    assert "report.json could not be written" in err
