"""What stands on the disk: refused clearly where it cannot be used, fast with thousands of jobs."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.errors import PreflightError
from pipeline.jobs.errors import (
    JobsError,
    KeyReusedError,
    QueueFullError,
    StoreError,
    UnknownJobError,
)
from pipeline.jobs.model import STATES, Job, Overrides, Upload
from pipeline.jobs.store.database import Database
from pipeline.jobs.store.roster import Roster
from pipeline.jobs.store.rows import NewJob
from pipeline.jobs.store.thread import open_store
from tests.unit.jobs.stage import over, staged, submitted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Give an open database."""
    one = Database(tmp_path / "jobs.sqlite", tmp_path / "spool")
    one.open()
    yield one
    one.close()


def new(number: int, pipeline: str = "users", key: str | None = None) -> NewJob:
    """Give a new job."""
    return NewJob(Job(f"id{number}", pipeline, "queued", 1_000.0 + number), key, f"r{number}")


def test_a_job_comes_back_as_it_was(database: Database, tmp_path: Path) -> None:
    """Every field, from its beginning to its end."""
    upload = Upload(tmp_path / "spool" / "x.jsonl.gz", "jsonl", "gzip", 5, "ab")
    job = Job("a", "users", "queued", 1.5, overrides=Overrides(3, 0.5, dry_run=True), upload=upload)
    database.add(NewJob(job, "k", "r"), 10)
    found = database.find("a")
    assert found is not None
    assert found.job == job
    ended = replace(
        job,
        state="failed",
        started_at=2.5,
        ended_at=3.5,
        run="20261122T000000Z-abcdef",
        attempts=3,
        exit_code=-9,
        message="why “so”\n\x00",
        resumable=True,
    )
    database.save(ended, 7)
    again = database.find("a")
    assert again is not None
    assert (again.job, again.place, again.number) == (ended, 7, found.number)


def test_the_queue_s_limit_and_the_keys_are_kept_by_the_database(database: Database) -> None:
    """In the same step as the job: nobody can come in between."""
    database.add(new(1, key="k"), 2)
    database.add(new(2), 2)
    with pytest.raises(QueueFullError):
        database.add(new(3), 2)
    assert database.find("id3") is None
    stored, created = database.add(NewJob(new(4).job, "k", "r1"), 2)
    assert (stored.job.id, created) == ("id1", False)
    with pytest.raises(KeyReusedError):
        database.add(new(5, key="k"), 2)


def test_order_comes_from_numbers_and_not_from_the_clock(database: Database) -> None:
    """A clock that is set back changes neither the queue nor the list."""
    for number, moment in enumerate((500.0, 100.0, 300.0)):
        database.add(NewJob(Job(str(number), "users", "queued", moment), None, ""), 10)
    assert [one.job.id for one in database.known().active] == ["0", "1", "2"]
    assert [one.job.id for one in database.page(None, None, 10, None)] == ["2", "1", "0"]


def test_numbers_are_never_given_twice(database: Database) -> None:
    """A cursor of yesterday does not point to a job of today, though the newest was forgotten."""
    first, _ = database.add(new(1), 10)
    database.save(replace(first.job, state="succeeded"), first.place)
    assert [one.job.id for one in database.prune(0, 0)] == ["id1"]
    second, _ = database.add(new(2), 10)
    assert second.number > first.number


def test_only_old_jobs_that_are_over_are_forgotten(database: Database) -> None:
    """The newest so many stay, those that are not over stay, and keys stay for their time."""
    for number in range(10):
        stored, _ = database.add(new(number, key="young" if number == 2 else None), 100)
        if number != 4:
            database.save(replace(stored.job, state="succeeded"), stored.place)
    gone = database.prune(3, keys_before=1_000.0)
    assert sorted(one.job.id for one in gone) == ["id0", "id1", "id3", "id5", "id6"]
    left = [one.job.id for one in database.page(None, None, 100, None)]
    assert left == ["id9", "id8", "id7", "id4", "id2"]
    assert [one.job.id for one in database.prune(3, keys_before=2_000.0)] == ["id2"]


def plans(path: Path) -> list[str]:
    """Give how SQLite answers what is asked while somebody waits."""
    asked = (
        "SELECT * FROM jobs WHERE id = 'x'",
        "SELECT * FROM jobs WHERE key = 'x'",
        "SELECT * FROM jobs WHERE number < 5 ORDER BY number DESC LIMIT 5",
        "SELECT * FROM jobs WHERE number < 5 AND pipeline = 'a' ORDER BY number DESC LIMIT 5",
        "SELECT * FROM jobs WHERE number < 5 AND state = 'failed' ORDER BY number DESC LIMIT 5",
        "SELECT * FROM jobs WHERE pipeline = 'a' AND state = 'b' ORDER BY number DESC",
        "SELECT count(*) FROM jobs WHERE state = 'queued'",
        "SELECT max(place) FROM jobs",
    )
    with sqlite3.connect(path) as connection:
        rows = [connection.execute(f"EXPLAIN QUERY PLAN {one}").fetchall() for one in asked]
    connection.close()
    return [" ".join(row[-1] for row in plan) for plan in rows]


def test_no_question_reads_all_jobs(database: Database, tmp_path: Path) -> None:
    """Each is answered by an index, and none is sorted: ten thousand jobs are as fast as ten."""
    database.add(new(1), 10)
    for plan in plans(tmp_path / "jobs.sqlite"):
        assert plan.startswith("SEARCH"), plan
        assert "TEMP B-TREE" not in plan, plan


def test_the_file_is_its_owner_s_alone(database: Database, tmp_path: Path) -> None:
    """It and what SQLite puts beside it: requests and reasons are nobody else's."""
    database.add(new(1), 10)
    files = sorted(tmp_path.glob("jobs.sqlite*"))
    assert len(files) == 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_every_change_is_synced(database: Database) -> None:
    """WAL with synchronous=FULL: what was answered for survives a power cut."""
    asked = [
        database._run(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
    ]
    assert asked == ["wal", 2]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"this is no database, and long enough to be none" * 100, "file is not a database"),
        (b"SQLite format 3\0" + b"\xff" * 5_000, "not a database|malformed|damaged"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    """With what is wrong, and what to do; it stays as it is."""
    path = tmp_path / "jobs.sqlite"
    path.write_bytes(content)
    with pytest.raises(PreflightError, match=rf"cannot be used: .*({reason}).*--runs-dir"):
        Database(path, tmp_path).open()
    assert path.read_bytes() == content


def test_a_damaged_file_is_refused_at_the_start(tmp_path: Path) -> None:
    """Not when the page that is broken is needed."""
    path = tmp_path / "jobs.sqlite"
    database = Database(path, tmp_path)
    database.open()
    for number in range(200):
        database.add(new(number), 1_000)
    database.close()
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 5] = b"\xa5" * 8192
    path.write_bytes(content)
    with pytest.raises(PreflightError, match=r"cannot be used: .*(malformed|damaged)"):
        Database(path, tmp_path).open()


def test_another_program_s_file_and_a_newer_one_are_refused(tmp_path: Path) -> None:
    """Neither is written to."""
    path = tmp_path / "jobs.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE photos (id)")
    connection.close()
    with pytest.raises(PreflightError, match="something else's"):
        Database(path, tmp_path).open()
    path.unlink()
    with closing(Database(path, tmp_path)) as ours:
        ours.open()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(PreflightError, match="newer version of the program"):
        Database(path, tmp_path).open()


def test_a_locked_file_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has it open with a tool: that is said, after some patience."""
    monkeypatch.setattr("pipeline.jobs.store.database._PATIENCE", 0.01)
    path = tmp_path / "jobs.sqlite"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(PreflightError, match=r"locked.*Another program has it open"):
        Database(path, tmp_path).open()
    other.close()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Whoever can write to the folder does not choose the file."""
    (tmp_path / "jobs.sqlite").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PreflightError, match="cannot be used"):
        Database(tmp_path / "jobs.sqlite", tmp_path).open()
    assert not (tmp_path / "elsewhere").exists()


async def test_a_question_that_nobody_waits_for_is_answered_to_its_end(tmp_path: Path) -> None:
    """A client that goes away half-way neither loses a job nor makes one that nobody knows."""
    heard: list[bool] = []
    async with open_store(tmp_path / "jobs.sqlite", tmp_path, lambda _: None) as store:
        asking = asyncio.ensure_future(
            store.ask(store.database.add, new(1), 10, then=lambda added: heard.append(added[1]))
        )
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert heard == [True]
        assert await store.ask(store.database.find, "id1") is not None


async def test_what_is_asked_at_once_is_synced_once(tmp_path: Path) -> None:
    """A hundred requests wait for two syncs of the disk, not for a hundred."""
    statements: list[str] = []
    async with open_store(tmp_path / "jobs.sqlite", tmp_path, lambda _: None) as store:
        connection = store.database._connection
        assert connection is not None
        await store.ask(connection.set_trace_callback, statements.append)
        async with asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(store.ask(store.database.add, new(number), 1_000))
        assert statements.count("COMMIT") == 2
        found = await store.ask(store.database.page, None, None, 1_000, None)
        assert sorted(one.job.id for one in found) == sorted(f"id{number}" for number in range(100))


async def test_one_that_fails_costs_none_of_those_that_came_with_it(tmp_path: Path) -> None:
    """What was asked together is answered as if each had been asked alone."""
    failures: list[Exception | None] = []

    def fail() -> None:
        raise sqlite3.OperationalError("disk I/O error")

    async with open_store(tmp_path / "jobs.sqlite", tmp_path, failures.append) as store:
        add = store.database.add
        asked = [
            store.ask(add, new(0), 3),
            store.ask(add, new(1, key="k"), 3),
            store.ask(fail),
            store.ask(add, NewJob(new(2).job, "k", "other"), 3),
            store.ask(add, NewJob(new(3).job, "k", "r1"), 3),
            store.ask(add, new(4), 3),
            store.ask(add, new(5), 3),
            store.ask(store.database.find, "id4"),
        ]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_answer(one)) for one in asked]
        answers = [task.result() for task in tasks]
        assert answers == [
            "id0",
            "id1",
            "StoreError",
            "KeyReusedError",
            "id1",
            "id4",
            "QueueFullError",
            "id4",
        ]
        assert len(failures) == 1
        kept = await store.ask(store.database.page, None, None, 10, None)
        assert [one.job.id for one in kept] == ["id4", "id1", "id0"]


async def _answer(asking: Awaitable[Any]) -> str:
    try:
        found = await asking
    except JobsError as error:
        return type(error).__name__
    stored = found[0] if isinstance(found, tuple) else found
    return str(stored.job.id)


async def test_a_full_disk_refuses_jobs_and_forgets_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What cannot be kept is not taken; what ends meanwhile is shown, and saved once there is room.

    A job whose turn comes is not begun: what became of it could be told to nobody.
    """
    monkeypatch.setattr("pipeline.jobs.supervision.supervisor._LOOK_AGAIN", 0.05)
    async with staged(tmp_path, "a", "b") as stage, stage.open(most_running=1) as service:
        first, second = await submitted(service, "a"), await submitted(service, "b")
        puppet = await stage.puppet()
        store = service._office.roster._store
        await store.ask(_fill, store.database)
        with pytest.raises(StoreError):
            await service.submit("a", Overrides(), idempotency_key="k")
        assert not service.ready
        assert service.counts()["queued"] == 1
        puppet.ends(0, {"status": "succeeded"})
        assert (await over(service, first.id)).state == "succeeded"
        assert {job.id: job.state for job in (await service.jobs())[0]}[first.id] == "succeeded"
        version = 0
        while not (job := await service.job(second.id)).message:
            version = await service.wait_change(version, 0.05)
        assert (job.state, job.message) == (
            "queued",
            "waits for the disk, which does not take what becomes of it",
        )
        assert stage.nobody_came
        assert "jobs.store_failed" in stage.notes.events
        assert stage.notes.events.count("jobs.store_failed") == 1  # however often it is tried
        with pytest.raises(StoreError):
            await store.try_again()
        await store.ask(_empty, store.database)
        (await stage.puppet()).ends(0)
        assert (await over(service, second.id)).state == "succeeded"
        await stage.notes.hears("jobs.store_works")
        assert service.ready
        await service._office.roster.catch_up()
        found = await store.ask(store.database.find, first.id)
        assert found is not None
        assert found.job.state == "succeeded"


async def test_what_is_known_is_never_older_than_what_was_shown(tmp_path: Path) -> None:
    """Whatever the disk took and whatever not: the newest counts, and is saved in the end."""
    async with open_store(tmp_path / "jobs.sqlite", tmp_path, lambda _: None) as store:
        roster = Roster(store, await store.ask(store.database.known))
        job, _ = await roster.add(new(1), 10, lambda: None)
        await store.ask(_fill, store.database)
        await roster.change(replace(job, message="waits"))
        failed = replace(job, state="failed", message="over")
        with pytest.raises(StoreError):
            await roster.require(job, replace(job, state="running", attempts=1))
        assert (await roster.find("id1")).message == "waits"
        await store.ask(_empty, store.database)
        changing = asyncio.ensure_future(roster.change(failed))
        for _ in range(6):
            assert (await roster.find("id1")).state in {"queued", "failed"}
            await asyncio.sleep(0)
            assert (await roster.find("id1")).state == "failed"
        await changing
        found = await store.ask(store.database.find, "id1")
        assert found is not None
        assert (found.job.state, found.job.message) == ("failed", "over")
        assert roster._unsaved == {}


async def test_a_job_that_is_forgotten_while_it_is_resumed_is_not_begun(tmp_path: Path) -> None:
    """It is unknown then: begun, it would be lost at the next start."""
    async with open_store(tmp_path / "jobs.sqlite", tmp_path, lambda _: None) as store:
        roster = Roster(store, await store.ask(store.database.known))
        job, _ = await roster.add(new(1), 10, lambda: None)
        await roster.change(replace(job, state="failed", resumable=True))
        failed = await roster.find(job.id)
        pruning = asyncio.ensure_future(roster.prune(0, 0.0))
        await asyncio.sleep(0)
        with pytest.raises(UnknownJobError):
            await roster.require(failed, replace(failed, state="queued"))
        assert [one.id for one in await pruning] == [job.id]
        await roster.catch_up()
        with pytest.raises(UnknownJobError):
            await roster.find(job.id)
        assert set(roster.counts.values()) == {0}
        assert roster.waiting() == []


def _fill(database: Database) -> None:
    """Let SQLite take nothing more, whatever it is asked to keep."""
    database._run("PRAGMA query_only = ON")


def _empty(database: Database) -> None:
    database._run("PRAGMA query_only = OFF")


async def test_thousands_of_jobs_are_listed_and_counted(tmp_path: Path) -> None:
    """A service with ten thousand jobs begins, lists, filters, counts and prunes as with ten."""
    async with staged(tmp_path) as stage:
        async with stage.open() as service:
            store = service._office.roster._store
            await store.ask(_add_many, store.database)
        async with stage.open(keep_ended=5_000) as service:
            assert sum(service.counts().values()) == 10_000
            page, cursor = await service.jobs(state="failed", limit=200)
            assert len(page) == 200
            assert cursor is not None
            await service._office.roster.prune(5_000, time.time())
            assert service.counts()["failed"] + service.counts()["succeeded"] == 5_000
            (await service.jobs(limit=200))
            assert service.pipelines()[0].last_job is not None
            assert set(service.counts()) == set(STATES)


def _add_many(database: Database) -> None:
    with database.transaction():
        for number in range(10_000):
            job = new(number).job
            state = "failed" if number % 2 else "succeeded"
            database._run(
                "INSERT INTO jobs (place, id, pipeline, state, created_at, overrides, attempts, "
                "resumable) VALUES (?, ?, 'users', ?, ?, '[null, null, false]', 1, 0)",
                (number, job.id, state, job.created_at),
            )
