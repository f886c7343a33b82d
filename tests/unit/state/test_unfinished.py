"""Unfinished runs: none is overlooked, none that was closed comes back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import PreflightError, StorageError
from pipeline.state.checkpoint import CheckpointFiles
from pipeline.state.rundir import (
    make_run_folder,
    new_run_id,
    write_report,
    write_report_page,
)
from pipeline.state.unfinished import (
    abandon_run,
    close_run,
    mark_unfinished,
    unfinished_runs,
)
from tests.unit.state.disk import Disk

if TYPE_CHECKING:
    from pathlib import Path

DAY = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def begin(root: Path, hour: int = 0, at: int | None = 1) -> Path:
    """Begin a run of job `job`; with *at* it came so far that it has a checkpoint."""
    folder = make_run_folder(root, "job", new_run_id(DAY + timedelta(hours=hour)))
    if at is not None:
        CheckpointFiles(folder).save({"run": folder.name, "at": at, "finished": False})
        mark_unfinished(folder)
    return folder


def test_a_job_that_never_ran_has_no_unfinished_runs(tmp_path: Path) -> None:
    """Neither the root nor the job's folder need be there."""
    assert unfinished_runs(tmp_path / "runs", "job") == []


def test_unfinished_runs_come_newest_first_with_what_they_hold(tmp_path: Path) -> None:
    """Of closed and abandoned runs, and those without any checkpoint, there is nothing."""
    early, closed, late, given_up = (begin(tmp_path, hour, hour) for hour in range(4))
    begin(tmp_path, 9, None)
    close_run(closed, {"at": 1})
    abandon_run(given_up, "another")

    found = unfinished_runs(tmp_path, "job")

    assert [(one.run, one.folder) for one in found] == [(late.name, late), (early.name, early)]
    assert [one.document and one.document["at"] for one in found] == [2, 0]
    assert not any(one.fell_back or one.problem for one in found)


def test_only_folders_named_as_runs_are_runs(tmp_path: Path) -> None:
    """A copy of a run, a link to one, `latest` and stray files are not resumed in its place."""
    folder = begin(tmp_path)
    job = folder.parent
    copy = job / f"{folder.name}.bak"
    copy.mkdir()
    mark_unfinished(copy)
    (job / "20261122T120000Z-00000a").symlink_to(folder.name)
    (job / "20261122T120000Z-00000b").write_text("a file")
    (job / ".lock").write_text("{}")

    assert [one.run for one in unfinished_runs(tmp_path, "job")] == [folder.name]


def test_a_run_that_crashed_before_it_was_marked_is_not_gone_on_with(tmp_path: Path) -> None:
    """Nothing is written to the table before the marker stands."""
    folder = begin(tmp_path)
    (folder / "unfinished").unlink()

    assert unfinished_runs(tmp_path, "job") == []


def test_the_checkpoint_of_another_run_is_no_place_to_go_on(tmp_path: Path) -> None:
    """A file that was copied into the wrong folder would skip what lies between."""
    folder, other = begin(tmp_path), begin(tmp_path, 1)
    (folder / "checkpoint.json").write_bytes((other / "checkpoint.json").read_bytes())

    found = unfinished_runs(tmp_path, "job")

    assert [one.run for one in found if one.document is None] == [folder.name]
    assert "another run's checkpoint" in str(found[-1].problem)


def test_a_finished_run_whose_newest_checkpoint_rots_stays_finished(tmp_path: Path) -> None:
    """Going on from the one before would write old records over newer ones."""
    folder = begin(tmp_path)
    close_run(folder, {"run": folder.name, "at": 9})
    (folder / "checkpoint.json").write_bytes(b"rotten")

    assert unfinished_runs(tmp_path, "job") == []


def test_a_torn_checkpoint_is_told_as_such(tmp_path: Path) -> None:
    """The one before is given, and that it is the one before."""
    folder = begin(tmp_path)
    CheckpointFiles(folder).save({"run": folder.name, "at": 2})
    (folder / "checkpoint.json").write_bytes(b"torn")

    (found,) = unfinished_runs(tmp_path, "job")

    assert found.document is not None
    assert (found.document["at"], found.fell_back) == (1, True)


@pytest.mark.parametrize("damage", [b"torn", None])
def test_a_run_without_sound_checkpoint_is_told_with_its_problem(
    tmp_path: Path, damage: bytes | None
) -> None:
    """It is never passed over: that would start from zero in silence."""
    folder = begin(tmp_path)
    (folder / "checkpoint.json").unlink()
    if damage is not None:
        (folder / "checkpoint.json").write_bytes(damage)

    (found,) = unfinished_runs(tmp_path, "job")

    assert found.document is None
    assert found.problem is not None
    assert folder.name in found.problem
    assert "--fresh" in found.problem


def test_a_closed_run_whose_files_rotted_is_no_longer_of_interest(tmp_path: Path) -> None:
    """Without the marker nothing is to be gone on with."""
    folder = begin(tmp_path)
    close_run(folder, {})
    for path in folder.glob("checkpoint*"):
        path.write_bytes(b"rotten")

    assert unfinished_runs(tmp_path, "job") == []


@pytest.mark.parametrize("damaged", [False, True])
def test_a_run_is_given_up_for_good_even_where_it_is_damaged(
    tmp_path: Path, *, damaged: bool
) -> None:
    """`--fresh` works in just the case that names it; the file says for which run."""
    folder = begin(tmp_path)
    if damaged:
        (folder / "checkpoint.json").write_bytes(b"torn")

    abandon_run(folder, "20261123T000000Z-abcdef")

    assert unfinished_runs(tmp_path, "job") == []
    text = (folder / "checkpoint.json").read_text().splitlines()[1]
    assert json.loads(text) == {"abandoned_for": "20261123T000000Z-abcdef", "finished": True}
    assert not (folder / "unfinished").exists()


def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    """A crash after closing, and closing again, change nothing; what it held is kept."""
    folder = begin(tmp_path)

    for _ in range(2):
        close_run(folder, {"at": 7, "finished": False})

    assert unfinished_runs(tmp_path, "job") == []
    loaded = CheckpointFiles(folder).load()
    assert loaded is not None
    assert loaded.document == {"at": 7, "finished": True}


def test_a_crash_while_a_run_is_closed_leaves_it_closed_or_resumable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At no instant is a run neither: that would lose it, or make its end unknown."""
    seen = []
    for crash_at in range(9):
        folder = begin(tmp_path, crash_at)
        with Disk(folder, crash_at).watched(monkeypatch):
            close_run(folder, {"at": 2})
        left = [one for one in unfinished_runs(tmp_path, "job") if one.folder == folder]
        assert all(one.document and one.document["at"] == 1 for one in left)
        seen.append(bool(left))
    assert seen == sorted(seen, reverse=True)
    assert (seen[0], seen[-1]) == (True, False)


def test_the_marker_is_on_the_disk_when_it_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is for its owner alone, survives a power cut, and may be set again."""
    folder = begin(tmp_path, at=None)
    disk = Disk(folder)
    with disk.watched(monkeypatch):
        mark_unfinished(folder)

    assert all("unfinished" in left for left in disk.after_power_cut())
    assert (folder / "unfinished").stat().st_mode & 0o777 == 0o600
    mark_unfinished(folder)


def test_what_an_attempt_reported_is_not_the_report_of_the_next(tmp_path: Path) -> None:
    """A run that goes on has none until it ends: one that is killed leaves none of another's."""
    folder = begin(tmp_path)
    write_report(folder, {"status": "stopped"})
    write_report_page(folder, b"<!doctype html>")
    mark_unfinished(folder)

    assert not list(folder.glob("report.*"))


def test_places_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    """With the path and what to do, before anything is read."""
    (tmp_path / "job").write_text("a file")

    with pytest.raises(PreflightError, match=r"job.* cannot be listed: .*--runs-dir"):
        unfinished_runs(tmp_path, "job")
    with pytest.raises(StorageError, match="cannot be marked"):
        mark_unfinished(tmp_path / "gone")
