"""The sink: exact counts, dead letters in source order, limits, and an honest early end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from typing import TYPE_CHECKING

import pytest

from pipeline.core.channel import Channel
from pipeline.errors import RejectLimitError, StorageError
from pipeline.model import Checked, Chunk, Item, Outcome, Position, Record, Rejection, Violation
from pipeline.observe.metrics import Metrics, Tally
from pipeline.stages.accounts import Accounts, RejectLimit
from pipeline.stages.sink import Keeping, Sink
from pipeline.state.deadletter import DeadLetters
from tests.clock import run
from tests.fakes import ListLog, make_item, make_record

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.model import Kind

NO_LIMIT = RejectLimit()


def rejection(
    chunk: int, ordinal: int, kind: Kind = "schema", index: int | None = None
) -> Rejection:
    """Make a rejection of record *ordinal*."""
    return Rejection(
        make_record(ordinal), "part", chunk, (Violation(kind, "rule", "why", "f"),), index=index
    )


def settle(
    *settlements: Checked | Outcome,
    chunks: int = 1,
    records: int = 3,
    dead_letters: DeadLetters | None = None,
    limit: RejectLimit = NO_LIMIT,
) -> tuple[Sink, int]:
    """Open *chunks* of *records*, settle, and fold what is unfinished."""

    async def main() -> tuple[Sink, int]:
        accounts = Accounts(chunks=100, memory=10**9)
        for number in range(chunks):
            members = [make_record(number * records + n) for n in range(records)]
            await accounts.open(Chunk("part", members, Position("part", number + 1, 0, 0)))
            accounts.begin(number)
        sink = Sink(accounts, Metrics(), ListLog(), keeping=Keeping(dead_letters), limit=limit)
        inbox = Channel[Checked | Outcome](1_000)
        for one in settlements:
            await inbox.send(one)
        inbox.close()
        await sink(inbox)
        sink.judge_end()
        return sink, await sink.fold_unfinished()

    return run(main())


def items(chunk: int, *ordinals: int) -> list[Item]:
    """Make one item of each record."""
    return [make_item(f"k{ordinal}", chunk=chunk, ordinal=ordinal) for ordinal in ordinals]


def test_the_law_holds_with_every_kind_of_ending() -> None:
    """Total is the sum of succeeded, superseded, rejected and failed; each is what happened."""
    newest = make_item("k0", chunk=0, ordinal=2)
    newest.superseded = items(0, 0, 1)

    sink, unsettled = settle(
        Checked(0, 5, [rejection(0, 5)]),
        Outcome([newest]),
        Outcome([], [rejection(0, 3, "table", 0), rejection(0, 4, "retry_exhausted", 0)]),
        records=6,
    )

    tally = sink.totals.tally
    counts = (tally.succeeded, tally.superseded, tally.rejected, tally.failed)
    assert counts == (1, 2, 2, 1)
    assert tally.total == 6
    assert tally.by_kind == {"schema": 1, "table": 1, "retry_exhausted": 1}
    assert unsettled == 0


def test_dead_letters_stand_in_source_order_whatever_settles_first(tmp_path: Path) -> None:
    """Chunks settle backwards; the file and the samples are in the order of the source."""
    path = tmp_path / "dead-letter.jsonl"

    sink, _ = settle(
        Checked(1, 1, [rejection(1, 5), rejection(1, 4)]),
        Outcome(items(1, 3)),
        Checked(0, 2, [rejection(0, 1)]),
        Outcome([], [rejection(0, 0, "table", 0)]),
        Outcome(items(0, 2)),
        chunks=2,
        dead_letters=DeadLetters(path),
    )

    letters = [json.loads(line) for line in path.read_text().splitlines()]
    assert [letter["record"] for letter in letters] == [0, 1, 4, 5]
    assert [one["line"] for one in sink.totals.samples] == [1, 2, 5, 6]
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_early_end_counts_what_is_settled_and_says_how_much_is_not(tmp_path: Path) -> None:
    """Settled items beyond the watermark count, with their dead letters; the rest is unsettled."""
    path = tmp_path / "dead-letter.jsonl"

    sink, unsettled = settle(
        Checked(0, 3, []),
        Outcome(items(0, 0)),
        Checked(1, 2, [rejection(1, 5)]),
        Outcome(items(1, 3)),
        chunks=3,
        dead_letters=DeadLetters(path),
    )

    tally = sink.totals.tally
    assert (tally.total, unsettled) == (3, 2 + 1 + 3)
    assert sink.totals.position is None
    assert len(path.read_text().splitlines()) == tally.rejected == 1


def test_the_report_keeps_the_first_hundred_errors_only() -> None:
    """Memory is flat in the number of errors: the samples are bounded, the counts are not."""
    refused = [rejection(0, ordinal) for ordinal in range(500)]

    sink, _ = settle(Checked(0, 0, refused), records=500)

    assert [one["line"] for one in sink.totals.samples] == list(range(1, 101))
    assert sink.totals.tally.rejected == 500


@pytest.mark.parametrize(
    ("limit", "rejected", "total", "at_end", "exceeded"),
    [
        (RejectLimit(count=2), 2, 10, False, False),
        (RejectLimit(count=2), 3, 10, False, True),
        (RejectLimit(count=0), 1, 1, False, True),
        (RejectLimit(share=0.01), 999, 999, False, False),
        (RejectLimit(share=0.01), 11, 1_000, False, True),
        (RejectLimit(share=0.01), 10, 1_000, False, False),
        (RejectLimit(share=0.01), 1, 50, True, True),
        (RejectLimit(share=0.0), 0, 50, True, False),
        (RejectLimit(), 10**9, 10**9, True, False),
    ],
)
def test_a_limit_is_judged_as_documented(
    limit: RejectLimit, rejected: int, total: int, *, at_end: bool, exceeded: bool
) -> None:
    """A count at once; a share after 1,000 settled items and at the end; more than, not as much."""
    tally = Tally(rejected=rejected, succeeded=total - rejected)

    assert limit.exceeded(tally, at_end=at_end) is exceeded


def test_a_limit_stops_the_run() -> None:
    """Too many rejections end the run with advice."""
    with pytest.raises(RejectLimitError, match=r"errors\.max_rejected allows 1"):
        settle(Checked(0, 0, [rejection(0, 1), rejection(0, 2)]), limit=RejectLimit(count=1))


async def exceed_limit() -> tuple[Sink, int]:
    """Let a limit stop the sink amid two chunks, and fold what is left."""
    accounts = Accounts(chunks=100, memory=10**9)
    for number in range(2):
        members = [make_record(number * 3 + n) for n in range(3)]
        await accounts.open(Chunk("part", members, Position("part", number + 1, 0, 0)))
        accounts.begin(number)
    limit = RejectLimit(count=1)
    sink = Sink(accounts, Metrics(), ListLog(), keeping=Keeping(), limit=limit)
    inbox = Channel[Checked | Outcome](10)
    await inbox.send(Checked(1, 3, []))
    await inbox.send(Checked(0, 1, [rejection(0, 1), rejection(0, 2)]))
    await inbox.send(Outcome(items(0, 0)))
    with pytest.raises(RejectLimitError):
        await sink(inbox)
    return sink, await sink.fold_unfinished()


def test_a_limit_counts_nothing_twice() -> None:
    """The chunk that exceeds the limit is told of once; the rest is unsettled."""
    sink, unsettled = run(exceed_limit())

    tally = sink.totals.tally
    assert (tally.records, tally.succeeded, tally.rejected, unsettled) == (6, 1, 2, 3)


def test_a_share_is_not_judged_by_rejections_that_outrun_the_writes() -> None:
    """One per cent is bad; while the good items still wait for the table, no limit is hit."""
    limit = RejectLimit(share=0.05)
    bad = [rejection(0, ordinal) for ordinal in range(0, 2_000, 100)]
    good = [ordinal for ordinal in range(2_000) if ordinal % 100]

    sink, _ = settle(
        Checked(0, len(good), bad),
        *(Outcome(items(0, *good[n : n + 25])) for n in range(0, len(good), 25)),
        records=2_000,
        limit=limit,
    )

    assert (sink.totals.tally.rejected, sink.totals.tally.succeeded) == (20, 1_980)


def test_a_dead_letter_says_everything_and_keeps_bytes_that_are_no_text(tmp_path: Path) -> None:
    """The letter has place, kind, rule, field, message, and the record's original bytes."""
    path = tmp_path / "dead-letter.jsonl"
    record = Record(7, 8, 90, 3, b"\xff{}", digest="abc")
    refused = Rejection(
        record, "a.csv", 0, (Violation("malformed", "encoding", "bad byte"),), key={"PK": "x"}
    )

    settle(Checked(0, 0, [refused]), records=1, dead_letters=DeadLetters(path))

    (letter,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert letter == {
        "v": 1,
        "part": "a.csv",
        "line": 8,
        "offset": 90,
        "length": 3,
        "record": 7,
        "item": None,
        "kind": "malformed",
        "rule": "encoding",
        "field": None,
        "message": "bad byte",
        "key": {"PK": "x"},
        "raw_b64": "/3t9",
        "sha256": "abc",
    }


class StuckDisk(DeadLetters):
    """A dead-letter file whose first write takes as long as the test wants, or fails."""

    def __init__(self, path: Path, *, fails: bool = False) -> None:
        super().__init__(path)
        self.go = threading.Event()
        self.fails = fails

    def _write(self, block: bytes, letters: int) -> None:
        self.go.wait(10)
        if self.fails:
            raise StorageError("no space left")
        super()._write(block, letters)


async def cancelled_while_folding(letters: StuckDisk) -> Sink:
    """Cancel the sink while it waits for the disk; then let the disk go on."""
    accounts = Accounts(chunks=100, memory=10**9)
    await accounts.open(
        Chunk("part", [make_record(n) for n in range(3)], Position("part", 1, 0, 0))
    )
    accounts.begin(0)
    sink = Sink(accounts, Metrics(), ListLog(), keeping=Keeping(letters), limit=NO_LIMIT)
    inbox = Channel[Checked | Outcome](10)
    await inbox.send(Outcome(items(0, 0)))
    await inbox.send(Checked(0, 1, [rejection(0, 1), rejection(0, 2)]))
    folding = asyncio.ensure_future(sink(inbox))
    while letters._writing is None:  # noqa: ASYNC110 - the disk has no event to wait for
        await asyncio.sleep(0)
    folding.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await folding
    letters.go.set()
    return sink


def test_what_was_taken_behind_a_write_that_fails_is_told_of(tmp_path: Path) -> None:
    """Settlements that came with the one whose folding failed are counted at the end."""

    async def main() -> Sink:
        letters = StuckDisk(tmp_path / "dead-letter.jsonl", fails=True)
        letters.go.set()
        accounts = Accounts(chunks=100, memory=10**9)
        for number in range(2):
            records = [make_record(n) for n in range(2)]
            await accounts.open(Chunk("part", records, Position("part", number, 0, 0)))
            accounts.begin(number)
        sink = Sink(accounts, Metrics(), ListLog(), keeping=Keeping(letters), limit=NO_LIMIT)
        inbox = Channel[Checked | Outcome](10)
        await inbox.send(Checked(0, 0, [rejection(0, 0), rejection(0, 1)]))
        await inbox.send(Checked(1, 2, []))
        await inbox.send(Outcome(items(1, 0, 1)))
        with pytest.raises(StorageError):
            await sink(inbox)
        with pytest.raises(StorageError):
            await sink.fold_unfinished()
        return sink

    sink = asyncio.run(main())
    assert sink._metrics.settled.succeeded == 2


def test_a_cancel_amid_a_write_loses_neither_count_nor_letter(tmp_path: Path) -> None:
    """The chunk being folded is told of once: in the totals, and each rejection in the file."""
    path = tmp_path / "dead-letter.jsonl"

    async def main() -> tuple[Sink, int]:
        sink = await cancelled_while_folding(StuckDisk(path))
        return sink, await sink.fold_unfinished()

    sink, unsettled = asyncio.run(main())

    tally = sink.totals.tally
    assert (tally.total, tally.succeeded, tally.rejected, unsettled) == (3, 1, 2, 0)
    assert [json.loads(line)["record"] for line in path.read_text().splitlines()] == [1, 2]


def test_letters_that_cannot_be_written_leave_their_chunk_unsettled(tmp_path: Path) -> None:
    """Nothing is counted as rejected whose letter is not on disk; the chunk stays accounted for."""

    async def main() -> Sink:
        sink = await cancelled_while_folding(StuckDisk(tmp_path / "dead", fails=True))
        with pytest.raises(StorageError):
            await sink.fold_unfinished()
        return sink

    sink = asyncio.run(main())

    assert (sink.totals.tally.total, sink.unsettled) == (0, 3)
