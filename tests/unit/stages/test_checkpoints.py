"""Checkpoints: saved when due, patient with a full disk for a while, and read back exactly."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.core.channel import Channel
from pipeline.errors import StorageError
from pipeline.model import Checked, Chunk, Outcome, Position, Rejection, Violation
from pipeline.observe.metrics import Metrics, Tally
from pipeline.sources.base import GenerateSpec, Part
from pipeline.sources.generate import GenerateSource
from pipeline.stages.accounts import Accounts, RejectLimit
from pipeline.stages.checkpoints import Checkpoints, Job, restored_totals
from pipeline.stages.sink import Keeping, Sink, Totals
from pipeline.state.checkpoint import CheckpointFiles
from pipeline.state.deadletter import DeadLetters, LettersMark
from tests.clock import run
from tests.fakes import ListLog, make_record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


class Disk(CheckpointFiles):
    """A disk that is full for some saves, and remembers when it was asked."""

    def __init__(self, full: int = 0) -> None:
        self.full = full
        self.asked: list[float] = []
        self.saved: list[Mapping[str, Any]] = []
        self.clock: Callable[[], float] = lambda: 0.0

    def save(self, document: Mapping[str, Any]) -> None:
        """Keep the document, or be full."""
        self.asked.append(self.clock())
        if self.full:
            self.full -= 1
            raise StorageError("no room")
        self.saved.append(json.loads(json.dumps(document)))


def checkpoints(disk: Disk, every: float = 5.0) -> Checkpoints:
    """Make the checkpoints of a generated source."""
    source = GenerateSource(GenerateSpec(count=100))
    disk.clock = asyncio.get_running_loop().time
    job = Job("run", {"any": "thing"}, {})
    return Checkpoints(disk, job, source, [Part("generate")], (Metrics(), ListLog()), every=every)


def test_what_is_read_back_is_what_was_saved(tmp_path: Path) -> None:
    """Counters by kind, samples, position with its format's state, and the letters' length."""
    tally = Tally(records=9, succeeded=4, superseded=1, failed_batches=2)
    for kind in ("schema", "schema", "retry_exhausted"):
        tally.refuse(kind)
    position = Position("generate", 70, 9, 9, {"header": ["a", "b"], "delimiter": ","})
    totals = Totals(tally, [{"line": 3}], position, 70, 70, LettersMark(3, 712))

    async def main() -> None:
        job = Job("run", {}, {"p": "00"}, attempts=3)
        source = GenerateSource(GenerateSpec(count=100))
        files = CheckpointFiles(tmp_path)
        parts = [Part("generate")]
        observed = (Metrics(), ListLog())
        await Checkpoints(files, job, source, parts, observed, every=1.0).save(totals)

    run(main())
    loaded = CheckpointFiles(tmp_path).load()

    assert loaded is not None
    assert restored_totals(loaded.document) == totals
    assert loaded.document["attempts"] == 3
    assert loaded.document["verified"] == {"p": "00"}


def test_efforts_add_up_over_attempts() -> None:
    """Requests, latencies, duration and processor time of an earlier attempt are counted on."""
    earlier = Metrics(batches=4, requests=7, retries=3, throttled=1, consumed_wcu=2.5)
    earlier.latency.observe(0.5)
    earlier.first_read_at, earlier.last_settled_at = 10.0, 14.0
    efforts = json.loads(json.dumps(earlier.efforts(cpu_s=2.0)))

    later = Metrics()
    later.carry_on(efforts, Tally(records=5, succeeded=5), 100)
    later.requests += 1
    later.first_read_at, later.last_settled_at = 1.0, 2.0

    assert (later.requests, later.retries, later.consumed_wcu) == (8, 3, 2.5)
    assert later.duration == 5.0
    assert later.efforts(cpu_s=1.0)["cpu_s"] == 3.0
    assert later.latency.count == 1
    assert (later.settled.total, later.passed, later.carried) == (5, 5, 5)


def test_a_full_disk_is_tried_again_and_stops_the_run_the_third_time() -> None:
    """Two failures in a row are waited through; a third is told; success starts the count anew."""

    async def main() -> tuple[Disk, float | None]:
        disk = Disk(full=2)
        kept = checkpoints(disk)
        kept.moved()
        await kept.save(Totals())
        again_at = kept.due_at
        await kept.save(Totals())
        await kept.save(Totals())
        disk.full = 3
        await kept.save(Totals())
        await kept.save(Totals())
        with pytest.raises(StorageError):
            await kept.save(Totals())
        return disk, again_at

    disk, again_at = run(main())

    assert again_at == 1.0
    assert len(disk.saved) == 1


def test_the_last_checkpoint_of_a_run_tells_at_once_that_the_disk_is_full() -> None:
    """There is no later time to try again."""

    async def main() -> None:
        with pytest.raises(StorageError):
            await checkpoints(Disk(full=1)).save(Totals(), last=True)

    run(main())


def settled(number: int) -> list[Checked | Outcome]:
    """Settle chunk *number*, of one record that is rejected."""
    violation = Violation("schema", "rule", "why")
    return [Checked(number, 0, [Rejection(make_record(number), "generate", number, (violation,))])]


def sink_on(disk: Disk, every: float) -> tuple[Sink, Accounts]:
    """Make a sink that keeps checkpoints."""
    accounts = Accounts(chunks=100, memory=10**9)
    keeping = Keeping(checkpoints=checkpoints(disk, every))
    return Sink(accounts, Metrics(), ListLog(), keeping=keeping, limit=RejectLimit()), accounts


async def open_chunks(accounts: Accounts, count: int, *, cut: bool = False) -> None:
    """Open *count* chunks, the last one perhaps cut short."""
    for number in range(count):
        end = Position("generate", number + 1, number + 1, number + 1)
        last = cut and number == count - 1
        await accounts.open(Chunk("generate", [make_record(number)], end, cut=last))
        accounts.begin(number)


def test_a_checkpoint_falls_due_while_nothing_settles() -> None:
    """A table that is down for an hour sends no settlement; what was settled before is kept."""

    async def main() -> Disk:
        disk = Disk()
        sink, accounts = sink_on(disk, 5.0)
        await open_chunks(accounts, 2)
        inbox = Channel[Checked | Outcome](10)

        async def feed() -> None:
            for one in settled(0):
                await inbox.send(one)
            await asyncio.sleep(0.05)
            for one in settled(1):
                await inbox.send(one)
            await asyncio.sleep(3600)
            inbox.close()

        async with asyncio.TaskGroup() as group:
            group.create_task(feed())
            group.create_task(sink(inbox))
        return disk

    disk = run(main())

    assert disk.asked == [0.0, 0.2]
    assert [one["position"]["record"] for one in disk.saved] == [1, 2]


def test_every_zero_keeps_each_move_of_the_watermark() -> None:
    """With ``every: 0s`` each settled chunk is kept at once, and nothing twice."""

    async def main() -> Disk:
        disk = Disk()
        sink, accounts = sink_on(disk, 0.0)
        await open_chunks(accounts, 3)
        inbox = Channel[Checked | Outcome](10)
        for number in (0, 2, 1):
            for one in settled(number):
                await inbox.send(one)
        inbox.close()
        await sink(inbox)
        return disk

    assert [one["position"]["record"] for one in run(main()).saved] == [1, 3]


def test_a_chunk_that_was_cut_short_is_no_place_to_resume_from() -> None:
    """After a ``--limit`` the position stays before the cut: what was left out is not skipped."""

    async def main() -> Disk:
        disk = Disk()
        sink, accounts = sink_on(disk, 0.0)
        await open_chunks(accounts, 2, cut=True)
        inbox = Channel[Checked | Outcome](10)
        for number in (0, 1):
            for one in settled(number):
                await inbox.send(one)
        inbox.close()
        await sink(inbox)
        await sink.fold_unfinished()
        assert sink.totals.tally.records == 2
        return disk

    saved = run(main()).saved
    assert [(one["position"]["record"], one["tally"]["records"]) for one in saved] == [(1, 1)]


def test_a_checkpoint_never_counts_a_chunk_after_its_position() -> None:
    """Position, counters and letters are of one moment, whatever settled out of order."""

    async def main() -> Disk:
        disk = Disk()
        sink, accounts = sink_on(disk, 0.0)
        await open_chunks(accounts, 4)
        inbox = Channel[Checked | Outcome](10)
        for number in (3, 1, 0):
            for one in settled(number):
                await inbox.send(one)
        inbox.close()
        await sink(inbox)
        await sink.fold_unfinished()
        assert sink.totals.tally.rejected == 3
        return disk

    saved = run(main()).saved
    assert [(one["position"]["record"], one["tally"]["rejected"]) for one in saved] == [(2, 2)]


def test_the_first_checkpoints_come_sooner() -> None:
    """Who is killed every few seconds gets on all the same; later ones keep their distance."""

    async def main() -> Disk:
        disk = Disk()
        kept = checkpoints(disk, 5.0)
        await kept.save(Totals())
        for _ in range(9):
            kept.moved()
            assert kept.due_at is not None
            await asyncio.sleep(kept.due_at - disk.clock())
            await kept.save(Totals())
        return disk

    asked = run(main()).asked
    pauses = [round(after - before, 3) for before, after in pairwise(asked)]
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, 5.0]


def test_a_save_that_is_cancelled_ends_before_the_next_begins() -> None:
    """A hard stop comes while the disk is busy: two saves never write the same file at once."""
    busy, at_once = threading.Event(), []

    class SlowDisk(Disk):
        def save(self, document: Mapping[str, Any]) -> None:
            at_once.append("begins")
            busy.wait(10)
            super().save(document)
            at_once.append("ends")

    async def main() -> None:
        disk = SlowDisk()
        kept = checkpoints(disk)
        task = asyncio.get_running_loop().create_task(kept.save(Totals()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        busy.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        await kept.save(Totals(), last=True)

    run(main())

    assert at_once == ["begins", "ends"] * 2


@pytest.mark.parametrize("early", [False, True])
def test_dead_letters_are_on_the_disk_before_a_checkpoint_counts_them(
    tmp_path: Path, *, early: bool
) -> None:
    """In mid-run and at an early end: else a power cut loses what nobody reads again."""
    synced = LettersMark(0, 0)
    saved: list[tuple[int, int]] = []

    class Letters(DeadLetters):
        async def sync(self) -> None:
            nonlocal synced
            await super().sync()
            synced = self.mark

    class Recorder(Disk):
        def save(self, document: Mapping[str, Any]) -> None:
            saved.append((document["letters"]["length"], synced.length))

    async def main() -> None:
        accounts = Accounts(chunks=100, memory=10**9)
        kept = checkpoints(Recorder(), 3600.0 if early else 0.0)
        if early:
            await kept.save(Totals(letters=LettersMark(0, 0)))
        keeping = Keeping(Letters(tmp_path / "dead-letter.jsonl"), kept)
        sink = Sink(accounts, Metrics(), ListLog(), keeping=keeping, limit=RejectLimit())
        await open_chunks(accounts, 3)
        inbox = Channel[Checked | Outcome](10)
        for number in (0, 1, 2):
            for one in settled(number):
                await inbox.send(one)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.01):  # the inbox is not closed: a stop comes before that
                await sink(inbox)
        await sink.fold_unfinished()

    run(main())

    assert len(saved) >= 2
    assert saved[-1][0] > 0
    assert all(length <= on_disk for length, on_disk in saved)
