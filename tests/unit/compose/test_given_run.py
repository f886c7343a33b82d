"""The claim to one run and no other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.compose.resumption.beginning import claimed
from pipeline.compose.stages import Input
from pipeline.errors import PreflightError
from pipeline.sources.base import GenerateSpec, Part
from pipeline.sources.generate import GenerateSource
from pipeline.state.checkpoint import CheckpointFiles
from pipeline.state.joblock import JobBusyError
from pipeline.state.rundir import make_run_folder
from pipeline.state.unfinished import mark_unfinished, unfinished_runs
from tests.unit.compose.test_resumption import WANTED, document

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.compose.resumption.beginning import Beginning

RUN, OLDER, NEWER = "20261122T100000Z-aaaaaa", "20261122T090000Z-aaaaaa", "20261122T110000Z-aaaaaa"
INPUT = Input(GenerateSource(GenerateSpec(count=1)), [Part("u.jsonl")])


def leave(root: Path, run: str) -> Path:
    """Leave an unfinished run behind."""
    folder = make_run_folder(root, "users", run)
    saved: dict[str, Any] = {**document(), "run": run, "finished": False}
    CheckpointFiles(folder).save(saved)
    mark_unfinished(folder)
    return folder


def begin(root: Path, **options: Any) -> Beginning:
    """Begin the run, and note it as its execution would."""
    wanted = {"locked": True, "kept": True, "fresh": False, "given": RUN, **options}
    with claimed(root, "users", **wanted) as claim:
        beginning = asyncio.run(claim.begin(INPUT, WANTED))
        if beginning.kept:
            beginning.mark()
        return beginning


@pytest.mark.parametrize("fresh", [False, True])
def test_others_stay_as_they_are(tmp_path: Path, *, fresh: bool) -> None:
    """Neither an older nor a newer one is gone on with, given up, or told of."""
    for run in (OLDER, NEWER):
        leave(tmp_path, run)
    beginning = begin(tmp_path, fresh=fresh)
    assert (beginning.run, beginning.earlier) == (RUN, None)
    assert list(beginning.warnings(once=False)) == []
    CheckpointFiles(beginning.folder).save({**document(), "finished": False})

    again = begin(tmp_path, fresh=fresh)
    assert again.earlier is not None
    assert (again.run, again.given_up, again.ignored) == (RUN, [], ())
    assert {one.run for one in unfinished_runs(tmp_path, "users")} == {RUN, OLDER, NEWER}


def test_a_folder_that_is_there_already_is_taken(tmp_path: Path) -> None:
    """An attempt was killed between making it and its first checkpoint; `latest` points to it."""
    folder = make_run_folder(tmp_path, "users", RUN)
    assert begin(tmp_path).folder == folder
    assert (tmp_path / "users" / "latest").resolve() == folder


def test_an_unfinished_run_needs_checkpoints(tmp_path: Path) -> None:
    """Without them it would overwrite what it stands by, and forget how far it was."""
    leave(tmp_path, RUN)
    with pytest.raises(PreflightError, match="only as it was begun"):
        begin(tmp_path, kept=False)


def test_one_run_is_claimed_once(tmp_path: Path) -> None:
    """Against every other run of its name, or as a dry run, which many may be, against itself."""
    with claimed(tmp_path, "users", locked=True, kept=True, fresh=False):
        with pytest.raises(JobBusyError):
            begin(tmp_path)
        dry: dict[str, Any] = {"locked": False, "kept": False, "fresh": False}
        with claimed(tmp_path, "users", **dry, given=RUN), claimed(tmp_path, "users", **dry):
            with pytest.raises(JobBusyError):
                begin(tmp_path, **dry)
            begin(tmp_path, **dry, given=OLDER)


def test_the_id_is_looked_at_before_anything_is_made(tmp_path: Path) -> None:
    """It names a folder, and a lock in it."""
    for locked in (False, True):
        with pytest.raises(PreflightError, match="is no run's id"):
            begin(tmp_path, locked=locked, given="../../x")
    assert list(tmp_path.iterdir()) == []
