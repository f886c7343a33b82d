"""Run folders: theirs alone, found again, and the report whole or not at all."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import PreflightError
from pipeline.state.rundir import make_run_folder, new_run_id, reopen_run_folder, write_report
from tests.unit.state.disk import Disk, files_of_at_most

if TYPE_CHECKING:
    from pathlib import Path


def test_run_ids_sort_by_their_start() -> None:
    """The id begins with the second in which the run began."""
    early = new_run_id(datetime(2026, 11, 22, 13, 5, 1, tzinfo=UTC))
    late = new_run_id(datetime(2026, 11, 22, 13, 5, 2, tzinfo=UTC))

    assert early.startswith("20261122T130501Z-")
    assert sorted([late, early]) == [early, late]


def test_a_runs_folder_is_its_owners_alone_and_is_the_latest(tmp_path: Path) -> None:
    """Whatever the umask; a resumed run becomes the latest again."""
    root = tmp_path / "deep" / "runs"
    mask = os.umask(0)
    try:
        first = make_run_folder(root, "job", "20261122T130501Z-000001")
    finally:
        os.umask(mask)
    second = make_run_folder(root, "job", "20261122T130501Z-000002")
    latest = root / "job" / "latest"

    assert [path.stat().st_mode & 0o777 for path in (first.parent, first, second)] == [0o700] * 3
    assert latest.resolve() == second
    assert reopen_run_folder(root, "job", first.name) == first
    assert latest.resolve() == first
    assert {path.name for path in latest.parent.iterdir()} == {"latest", first.name, second.name}


def test_a_folder_that_cannot_be_made_or_reopened_is_told(tmp_path: Path) -> None:
    """With its path and what to do, before the first write."""
    (tmp_path / "job").write_text("a file")

    with pytest.raises(PreflightError, match=r"cannot be made: .*--runs-dir"):
        make_run_folder(tmp_path, "job", "run")
    with pytest.raises(PreflightError, match="cannot be reopened"):
        reopen_run_folder(tmp_path, "job", "run")
    make_run_folder(tmp_path, "other", "run")
    with pytest.raises(PreflightError, match=r"cannot be reopened: No such file"):
        reopen_run_folder(tmp_path, "other", "gone")
    assert (tmp_path / "other" / "latest").resolve().name == "run"


def test_a_report_survives_a_power_cut_and_is_its_owners_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each instant there is the old report or the new one, whole."""
    write_report(tmp_path, {"total": 1})
    before = (tmp_path / "report.json").read_bytes()
    crash_at, done = 0, False
    while not done:
        disk = Disk(tmp_path, crash_at)
        with disk.watched(monkeypatch):
            write_report(tmp_path, {"total": 2})
            done = True
        after = (tmp_path / "report.json").read_bytes()
        assert all(left["report.json"] in (before, after) for left in disk.after_power_cut())
        crash_at += 1

    assert json.loads(after) == {"total": 2}
    assert all(left["report.json"] == after for left in disk.after_power_cut())
    assert (tmp_path / "report.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_full_disk_keeps_the_report_that_was_there(tmp_path: Path) -> None:
    """A half report is worse than none."""
    write_report(tmp_path, {"total": 1})

    with files_of_at_most(1_000), pytest.raises(OSError, match="too large"):
        write_report(tmp_path, {"text": "x" * 5_000})

    assert json.loads((tmp_path / "report.json").read_bytes()) == {"total": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
