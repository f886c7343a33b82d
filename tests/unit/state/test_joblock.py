"""The job's lock: one run at a time, the second is told by whom, and a dead owner holds nothing."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

import pytest

from pipeline.errors import PreflightError
from pipeline.state.joblock import job_lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Runner:
    """Another process, which takes the lock when it is told to."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.unit.state.locker", str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, order: str) -> None:
        """Give an order."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        """Wait for the answer to an order."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def ask(self, order: str) -> str:
        """Give an order and wait for its answer."""
        self.tell(order)
        return self.answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()
        self.process.wait()


@pytest.fixture
def runners(tmp_path: Path) -> Iterator[tuple[Runner, Runner]]:
    """Give two processes that can run the job."""
    with ExitStack() as stack:
        yield stack.enter_context(Runner(tmp_path)), stack.enter_context(Runner(tmp_path))


def test_of_two_runs_at_once_one_goes_on_and_the_other_is_told_of_it(
    runners: tuple[Runner, Runner],
) -> None:
    """Twenty races: exactly one wins, and the loser names its run, process, start and remedy."""
    for race in range(20):
        for number, runner in enumerate(runners):
            runner.tell(f"take run-{race}-{number}")
        answers = [runner.answer() for runner in runners]

        assert answers.count("held") == 1, answers
        winner = answers.index("held")
        refusal = answers[1 - winner]
        pid = runners[winner].process.pid
        assert f"run run-{race}-{winner} holds" in refusal
        assert f"process {pid} on" in refusal
        assert f"kill -TERM {pid}" in refusal
        assert runners[winner].ask("drop") == "done"


def test_a_killed_run_holds_nothing(tmp_path: Path, runners: tuple[Runner, Runner]) -> None:
    """After SIGKILL the lock is free at once, though a child that it started lives on."""
    first, second = runners
    assert first.ask("take first") == "held"
    assert first.ask("spawn") == "done"
    first.process.kill()
    first.process.wait()

    assert second.ask("take second") == "held"
    assert json.loads((tmp_path / "job" / ".lock").read_bytes())["run"] == "second"


def test_a_resume_says_which_run_it_goes_on_with(runners: tuple[Runner, Runner]) -> None:
    """Which run is resumed is known only when the lock is held; then it is told."""
    first, second = runners
    first.ask("take a-much-longer-name")
    first.ask("rename old")

    assert "run old holds" in second.ask("take second")


def test_the_lock_is_its_owners_alone_and_stays(tmp_path: Path) -> None:
    """The file is 0600 in a folder of 0700 and is not removed: nobody locks a removed file."""
    path = tmp_path / "runs" / "job" / ".lock"
    for _ in range(2):
        with job_lock(tmp_path / "runs", "job", "run"):
            owner = json.loads(path.read_bytes())
            assert set(owner) == {"run", "pid", "host", "since"}
        assert path.read_bytes() == b""
        assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_the_same_process_is_refused_too(tmp_path: Path) -> None:
    """Two runs of one job within a process exclude each other; other jobs do not."""
    with job_lock(tmp_path, "job", "first"):
        with job_lock(tmp_path, "another", "first"):
            pass
        with pytest.raises(PreflightError, match="run first holds"), job_lock(tmp_path, "job", "2"):
            pass
    with job_lock(tmp_path, "job", "third"):
        pass


def test_a_forked_child_does_not_keep_what_its_parent_gave_back(tmp_path: Path) -> None:
    """It shares the open file, and with it the lock; giving back ends the lock for both."""
    with job_lock(tmp_path, "job", "first") as lock:
        shared = os.dup(lock._descriptor)
    with job_lock(tmp_path, "job", "second"):
        os.close(shared)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}', '{"pid": 99999999999999999999}'])
def test_an_owner_who_said_nothing_is_refused_without_name(tmp_path: Path, text: str) -> None:
    """A full disk or a stranger's file does not hide that the job is running."""
    with job_lock(tmp_path, "job", "first"):
        (tmp_path / "job" / ".lock").write_text(text)
        with (
            pytest.raises(PreflightError, match=r"already running: another run holds .*\.lock"),
            job_lock(tmp_path, "job", "second"),
        ):
            pass


def test_an_owner_who_is_about_to_say_who_it_is_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between taking the lock and writing its name an owner has none; a moment later it has."""
    with job_lock(tmp_path, "job", "first") as lock:
        (tmp_path / "job" / ".lock").write_text("")
        monkeypatch.setattr(select, "select", lambda *_: lock.name_run("first"))
        with (
            pytest.raises(PreflightError, match="run first holds"),
            job_lock(tmp_path, "job", "second"),
        ):
            pass


def test_an_owner_on_another_machine_is_named(tmp_path: Path) -> None:
    """Whether that process lives cannot be asked here; the lock says that it does."""
    with job_lock(tmp_path, "job", "first"):
        owner = {"run": "far", "pid": 99999999, "host": "elsewhere", "since": "now"}
        (tmp_path / "job" / ".lock").write_text(json.dumps(owner))
        with (
            pytest.raises(PreflightError, match=r"run far holds .* on elsewhere"),
            job_lock(tmp_path, "job", "second"),
        ):
            pass


def test_a_place_without_locks_is_told(tmp_path: Path) -> None:
    """A link is not followed, and a file is no folder; the text names another place."""
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / ".lock").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "file").write_text("")

    for name in ("linked", "file"):
        with pytest.raises(PreflightError, match="--runs-dir"), job_lock(tmp_path, name, "run"):
            pass
    assert not (tmp_path / "elsewhere").exists()
