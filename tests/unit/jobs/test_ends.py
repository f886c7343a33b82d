"""What the end of a process means, and processes themselves: started, heard, ended, left alone."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from pipeline.jobs.model import Job
from pipeline.jobs.processes.spec import UNREACHED
from pipeline.jobs.supervision.engine import Engine, EngineError
from pipeline.jobs.supervision.locks import is_locked
from pipeline.jobs.supervision.spawned import Spawned, spawn
from pipeline.jobs.supervision.verdict import Ended, concluded
from pipeline.jobs.texts import LONGEST, shown
from pipeline.state.joblock import job_lock
from tests.unit.jobs.stage import Notes

STOPPED = {"status": "stopped", "resumable": True, "message": "stopped by sigterm"}
ONCE = {**STOPPED, "resumable": False}
FAILED = {"status": "failed", "resumable": True, "message": "no item was accepted"}
LOST = {"status": "failed", "resumable": False, "message": "the file is another"}
DONE = {"status": "succeeded"}
EARLY = {**ONCE, "requests": 0}


@pytest.mark.parametrize(
    ("ended", "means"),
    [
        (Ended(0, "", DONE, None, killed=False), ("succeeded", False, "")),
        (Ended(0, "", DONE, "stop", killed=False), ("succeeded", False, "")),
        (Ended(1, "", DONE, "close", killed=False), ("completed_with_errors", False, "")),
        (Ended(2, "no such table", None, None, killed=False), ("failed", True, "no such table")),
        (Ended(2, "it is refused", STOPPED, None, killed=False), ("failed", True, "is refused")),
        (Ended(2, "it is refused", LOST, None, killed=False), ("failed", False, "is refused")),
        (
            Ended(2, "it is already running", None, None, killed=False),
            ("failed", True, "already"),
        ),
        (Ended(2, "it is finished", DONE, None, killed=False), ("succeeded", False, "")),
        (Ended(3, "", FAILED, None, killed=False), ("failed", True, "no item was accepted")),
        (Ended(3, "", LOST, None, killed=False), ("failed", False, "the file is another")),
        (Ended(3, "disk full", None, None, killed=False), ("failed", True, "disk full")),
        (Ended(143, "", STOPPED, "stop", killed=False), ("stopped", True, "stopped on request")),
        (Ended(130, "", STOPPED, "stop", killed=False), ("stopped", True, "stopped on request")),
        (Ended(143, "", STOPPED, None, killed=False), ("stopped", True, "stopped by sigterm")),
        (
            Ended(143, "", STOPPED, "close", killed=False),
            ("interrupted", True, "the server"),
        ),
        (Ended(-15, "", None, "stop", killed=False), ("stopped", True, "stopped on request")),
        (
            Ended(-15, "", None, "close", killed=False),
            ("interrupted", True, "the server"),
        ),
        (
            Ended(143, "", {**ONCE, "requests": 1}, "stop", killed=False),
            ("stopped", False, "cannot be"),
        ),
        (Ended(143, "", EARLY, "stop", killed=False), ("stopped", True, "resume goes on with it")),
        (Ended(143, "", EARLY, None, killed=False), ("stopped", True, "from outside")),
        (Ended(-9, "", None, "stop", killed=True), ("stopped", True, "was killed")),
        (
            Ended(-9, "", None, "close", killed=True),
            ("interrupted", True, "the server"),
        ),
        (Ended(-9, "", None, None, killed=False), ("interrupted", True, "SIGKILL")),
        (Ended(-9, "", None, "stop", killed=False), ("stopped", True, "stopped on request")),
        (Ended(-11, "", None, None, killed=False), ("interrupted", True, "SIGSEGV")),
        (Ended(3, "", FAILED, "close", killed=False), ("failed", True, "no item was accepted")),
        (Ended(77, "", None, None, killed=False), ("failed", True, "exit code 77")),
    ],
)
def test_the_end_of_a_process_means_a_state(ended: Ended, means: tuple[str, bool, str]) -> None:
    """By exit code, report, words, and by what was asked of it."""
    job = Job("a", "users", "running", 1.0, run="r")
    state, resumable, word = means
    over = concluded(job, ended, 2.0)
    assert (over.state, over.resumable) == (state, resumable)
    assert (over.exit_code, over.ended_at) == (ended.code, 2.0)
    assert (over.message is None) if not word else (word in str(over.message))


async def test_a_process_is_seen_to_its_end() -> None:
    """What it says, its code; its session is its own, so that a Ctrl-C is not for it."""
    code = "import os, sys; os.write(2, b'%d %s' % (os.getsid(0), sys.stdin.buffer.readline()))"
    spawned = await spawn((sys.executable, "-I", "-S", "-c", f"{code}; sys.exit(7)"), b"hello\n")
    assert await spawned.wait() == 7
    assert await spawned.wait() == 7
    assert spawned.said() == f"{spawned.pid} hello"
    assert spawned.over
    spawned.terminate()
    spawned.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(spawned.pid, 0)  # it was waited for: no zombie is left


async def test_what_a_process_leaves_behind_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A grandchild that keeps its stderr open is not waited for."""
    monkeypatch.setattr("pipeline.jobs.supervision.spawned._LAST_WORDS", 0.05)
    script = "sleep 60 & echo $! >&2"
    spawned = await spawn(("/bin/sh", "-c", script), b"")
    async with asyncio.timeout(10):
        assert await spawned.wait() == 0
    os.kill(int(spawned.said()), signal.SIGKILL)


async def test_a_killed_process_takes_what_it_started_along() -> None:
    """Its whole session is killed."""
    spawned = await spawn(("/bin/sh", "-c", "sleep 60 & wait"), b"")
    spawned.kill()
    assert await spawned.wait() == -9


async def test_a_process_whose_starter_is_cancelled_does_not_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is killed: nobody else knows of it."""
    made: list[Spawned] = []
    watch = Spawned.watch

    def noting(one: Spawned) -> None:
        made.append(one)
        watch(one)

    monkeypatch.setattr(Spawned, "watch", noting)
    starting = asyncio.ensure_future(spawn(("/bin/sleep", "60"), b""))
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert await made[0].wait() == -signal.SIGKILL


async def test_a_process_that_nobody_could_watch_does_not_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where no thread can be started it is killed, and whoever wanted it hears why."""
    made: list[int] = []
    watch, start = Spawned.watch, threading.Thread.start

    def starved(one: Spawned) -> None:
        made.append(one.pid)

        def refuse(thread: threading.Thread) -> None:
            if begun:
                raise RuntimeError("can't start new thread")
            begun.append(thread)
            start(thread)

        begun: list[threading.Thread] = []
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            watch(one)

    monkeypatch.setattr(Spawned, "watch", starved)
    with pytest.raises(OSError, match="no thread can be started"):
        await spawn(("/bin/sleep", "60"), b"")
    with pytest.raises(ProcessLookupError):
        os.kill(made[0], 0)


async def test_a_process_is_not_started_where_nobody_could_watch_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor later, once there are threads again."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(OSError, match="no thread can be started"):
            await spawn(("/bin/sh", "-c", f"touch '{tmp_path}/begun'"), b"")
    assert await (await spawn(("/bin/true",), b"")).wait() == 0
    assert not (tmp_path / "begun").exists()


@pytest.mark.parametrize(
    ("ended", "state"),
    [
        (Ended(UNREACHED, "t does not answer", None), "failed"),
        (Ended(UNREACHED, "t does not answer", None, begun=True), "interrupted"),
        (Ended(UNREACHED, "t does not answer", None, "stop", begun=True), "stopped"),
    ],
)
def test_a_table_that_does_not_answer_interrupts_what_had_begun(ended: Ended, state: str) -> None:
    """What has written nothing fails for its author to know; the rest may be gone on with."""
    job = Job("a", "users", "running", 1.0, run="r", attempts=2)
    over = concluded(job, ended, 2.0)
    assert (over.state, over.resumable, over.exit_code) == (state, True, 2)


ENGINE = """
import os, sys
print('{"url": "http://127.0.0.1:' + (sys.argv[2] if len(sys.argv) > 2 else "40123") + '"}')
sys.stdout.flush()
sys.stdin.read()
"""


def engine(tmp_path: Path, code: str = ENGINE) -> Engine:
    """Give an engine that is a few lines of Python."""
    return Engine((sys.executable, "-I", "-S", "-c", code), tmp_path)


async def test_the_engine_is_started_once_and_ended(tmp_path: Path) -> None:
    """However many ask for it at once; it is told where its tables are."""
    one = engine(tmp_path)
    await one.close()
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(one.url()) for _ in range(5)]
    assert {task.result() for task in asked} == {"http://127.0.0.1:40123"}
    running = one._running
    assert running is not None
    await one.close()
    assert running.over


async def test_an_engine_that_dies_is_started_again_where_it_was(tmp_path: Path) -> None:
    """Loads that are on their way find it there."""
    one, notes = engine(tmp_path), Notes()
    await one.url()
    first = one._running
    assert first is not None
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        keeping = group.create_task(one.keep(notes))
        first.kill()
        await notes.hears("engine.restarted")
        assert await one.url() == "http://127.0.0.1:40123"
        assert one._running is not first
        keeping.cancel()
    await one.close()


async def test_an_engine_that_dies_at_once_is_started_ever_more_seldom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What dies whenever it begins would have the machine to itself else."""
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def shortly(pause: float) -> None:
        pauses.append(pause)
        await sleep(0)

    monkeypatch.setattr("pipeline.jobs.supervision.engine.asyncio.sleep", shortly)
    one, notes = engine(tmp_path, ENGINE.replace("sys.stdin.read()", "")), Notes()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        await one.url()
        keeping = group.create_task(one.keep(notes))
        while len(pauses) < 8:
            await sleep(0.01)
        keeping.cancel()
    await one.close()
    assert pauses[:8] == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0]


async def test_an_engine_that_cannot_begin_says_why(tmp_path: Path) -> None:
    """In its own words."""
    code = "import os, sys; os.write(2, b'%s is served by another' % sys.argv[1].encode())"
    with pytest.raises(EngineError, match="is served by another"):
        await engine(tmp_path, code).url()
    with pytest.raises(EngineError, match="cannot be started: No such file"):
        await Engine((str(tmp_path / "nothing"),), tmp_path).url()


async def test_an_engine_that_is_not_wanted_any_more_is_not_waited_for(tmp_path: Path) -> None:
    """Whoever waits for one that takes its time hears of it at once."""
    one = engine(tmp_path, "import sys; sys.stdin.read()")
    async with asyncio.timeout(10):
        asking = asyncio.ensure_future(one.url())
        while one._beginning is None:  # noqa: ASYNC110 - it tells nobody that it begins
            await asyncio.sleep(0.01)
        one.give_up()
        with pytest.raises(EngineError):
            await asking
    await one.close()


def test_a_look_at_a_lock_tells_and_takes_nothing(tmp_path: Path) -> None:
    """Held, free, or not there at all."""
    assert not is_locked(tmp_path, "users")
    assert not (tmp_path / "users").exists()
    with job_lock(tmp_path, "users", "r"):
        assert is_locked(tmp_path, "users")
    assert not is_locked(tmp_path, "users")
    with job_lock(tmp_path, "users", "r"):
        pass


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("in /srv/runs/users/x", "in users/x"),
        ("in '/srv/runs'", "in '.'"),
        ("http://me:hunter2@host/ and AKIAABCDEFGHIJKL", "http://me:…@host/ and …"),
        ("password=hunter2, Secret-Access-Key: abc", "password=…, Secret-Access-Key: …"),
        ("Authorization: Bearer abc.def x", "Authorization: … x"),
        ("a\x1b[31m\u202eb\nc", "a\\x1b[31m\\u202eb\nc"),
        (
            "KeyError\n  /home/me/app/pipeline/jobs/child.py:57 in main\n  /x/y.py:1 in <module>",
            "KeyError\n  jobs/child.py:57 in main\n  x/y.py:1 in <module>",
        ),
        (
            "asyncio (error): /usr/lib/python3.11/asyncio/events.py:84 in _run",
            "asyncio (error): asyncio/events.py:84 in _run",
        ),
        (
            "its table is gone; start over with --fresh, which writes every item again",
            "its table is gone; start another job, which writes every item again",
        ),
        (
            "Put that back as it was and run again to go on, or start over with --fresh",
            "Put that back as it was and resume, or start another job",
        ),
        ("see to the table, then run again", "see to the table, then resume"),
        ("x" * 9_000, "x" * LONGEST + "…"),
    ],
)
def test_words_of_others_are_shown_without_what_is_secret(text: str, expected: str) -> None:
    """Paths begin at the runs folder; credentials, and what acts on a terminal, go."""
    assert shown(text, [Path("/srv/runs"), Path("/")]) == expected
