"""A run that is asked for by its id: begun, gone on with, or over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.errors import PreflightError
from pipeline.state.checkpoint import CheckpointFiles
from pipeline.state.rundir import make_run_folder, write_report
from pipeline.state.unfinished import (
    RunFinishedError,
    abandon_run,
    begun_run,
    close_run,
    mark_unfinished,
    require_run_id,
)

if TYPE_CHECKING:
    from pathlib import Path

RUN = "20261122T100000Z-0a0a0a"


def made(root: Path, *, checkpoint: bool, marked: bool, status: str | None = None) -> Path:
    """Make what a run leaves behind that came so far."""
    folder = make_run_folder(root, "job", RUN)
    if checkpoint:
        CheckpointFiles(folder).save({"run": RUN, "at": 1, "finished": False})
    if marked:
        mark_unfinished(folder)
    if status is not None:
        write_report(folder, {"status": status})
    return folder


@pytest.mark.parametrize(
    ("checkpoint", "status"),
    [(False, None), (False, "failed"), (False, "stopped"), (True, None), (True, "failed")],
)
def test_a_run_that_wrote_nothing_is_begun(
    tmp_path: Path, status: str | None, *, checkpoint: bool
) -> None:
    """Without the mark that stands before the first write there is nothing to go on from."""
    assert begun_run(tmp_path, "job", RUN) is None
    made(tmp_path, checkpoint=checkpoint, marked=False, status=status)
    assert begun_run(tmp_path, "job", RUN) is None


@pytest.mark.parametrize("status", [None, "stopped", "failed", "succeeded"])
def test_an_unfinished_run_is_gone_on_with(tmp_path: Path, status: str | None) -> None:
    """Also one whose report says that it came to its end: it was not closed."""
    folder = made(tmp_path, checkpoint=True, marked=True, status=status)
    found = begun_run(tmp_path, "job", RUN)
    assert found is not None
    assert found.folder == folder
    assert found.document == {"run": RUN, "at": 1, "finished": False}


def test_a_mark_without_a_checkpoint_is_a_problem(tmp_path: Path) -> None:
    """It wrote something, and nobody knows how much."""
    made(tmp_path, checkpoint=False, marked=True)
    found = begun_run(tmp_path, "job", RUN)
    assert found is not None
    assert found.document is None
    assert "its checkpoint is missing" in (found.problem or "")


@pytest.mark.parametrize("status", ["succeeded", "completed_with_errors"])
def test_a_finished_run_is_over(tmp_path: Path, status: str) -> None:
    """With a checkpoint that is the last word; the report says how it ended."""
    folder = made(tmp_path, checkpoint=True, marked=True, status=status)
    close_run(folder, {"run": RUN})
    with pytest.raises(RunFinishedError, match="is finished, and is not run twice") as caught:
        begun_run(tmp_path, "job", RUN)
    assert caught.value.status == status


def test_a_run_without_checkpoints_is_over_when_it_says_so(tmp_path: Path) -> None:
    """A dry run, or one that keeps none, has only its report."""
    made(tmp_path, checkpoint=False, marked=False, status="succeeded")
    with pytest.raises(RunFinishedError):
        begun_run(tmp_path, "job", RUN)


def test_a_run_that_was_given_up_is_over(tmp_path: Path) -> None:
    """Another one has written everything again, and it ended in no way of its own."""
    folder = made(tmp_path, checkpoint=True, marked=True, status="stopped")
    abandon_run(folder, "another")
    with pytest.raises(RunFinishedError) as caught:
        begun_run(tmp_path, "job", RUN)
    assert caught.value.status == "stopped"


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"{"])
def test_a_torn_report_is_not_guessed_at(tmp_path: Path, text: bytes) -> None:
    """Whether a run is finished is known or told to be unknown."""
    folder = made(tmp_path, checkpoint=False, marked=False)
    (folder / "report.json").write_bytes(text)
    with pytest.raises(PreflightError, match="not known whether that run is finished"):
        begun_run(tmp_path, "job", RUN)


@pytest.mark.parametrize(
    "run", ["", ".", "..", "latest", "../job", f"{RUN}/", f"{RUN}\n", f"x{RUN}", RUN.upper()]
)
def test_what_is_no_runs_id_is_refused(run: str) -> None:
    """It becomes the name of a folder."""
    require_run_id(RUN)
    with pytest.raises(PreflightError, match="is no run's id"):
        require_run_id(run)
