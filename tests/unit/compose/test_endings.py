"""Endings: what is left in a run's folder, whatever the disk takes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipeline.compose.endings import keep_report
from pipeline.observe.metrics import Metrics, Tally
from pipeline.observe.report import Ending, make_report
from tests.fakes import ListLog

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.observe.report import Report

IDENTITY = {
    "name": "users",
    "run": "r",
    "table": "Users",
    "endpoint": None,
    "dead_letter": None,
    "dry_run": False,
}


def made(**facts: Any) -> Report:
    """Return a report."""
    identity = {**IDENTITY, **facts}
    return make_report(
        identity, Ending("succeeded"), Tally(succeeded=3), Metrics(), cpu_s=0.1, samples=[]
    )


def test_a_run_leaves_its_report_for_people_and_for_programs(tmp_path: Path) -> None:
    """Both say the same, and nobody else may read them."""
    log = ListLog()

    keep_report(tmp_path, made(), log)

    assert json.loads((tmp_path / "report.json").read_text())["total"] == 3
    assert "users → Users" in (tmp_path / "report.html").read_text("utf-8")
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "report.json"}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    assert log.events == []


def test_a_page_that_the_disk_does_not_take_costs_a_warning(tmp_path: Path) -> None:
    """The report says so, in the file as in what is printed."""
    (tmp_path / "report.html").mkdir()
    log, report = ListLog(), made()

    keep_report(tmp_path, report, log)

    assert [event for event, _ in log.events] == ["report_page.unwritable"]
    assert "report.html could not be written" in report.warnings[0]
    assert json.loads((tmp_path / "report.json").read_text())["warnings"] == report.warnings


def test_a_page_that_cannot_be_made_costs_no_report(tmp_path: Path) -> None:
    """A mistake of ours in the page is no reason to lose what it was about."""
    log, report = ListLog(), made(resumed_from={"no": "record"})

    keep_report(tmp_path, report, log)

    assert [event for event, _ in log.events] == ["report_page.unwritable"]
    assert json.loads((tmp_path / "report.json").read_text())["total"] == 3
