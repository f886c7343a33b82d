"""Sink: settlements → totals, dead letters and log, in source order, as the watermark passes."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import field
from typing import TYPE_CHECKING, Any

from pipeline.core.channel import EndOfStream
from pipeline.errors import RejectLimitError, StorageError
from pipeline.model import Checked
from pipeline.observe.metrics import Tally
from pipeline.observe.report import error_sample
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline.core.channel import Receiver
    from pipeline.model import Outcome, Position, Rejection
    from pipeline.observe.logs import Log
    from pipeline.observe.metrics import Metrics
    from pipeline.stages.accounts import Accounts, Ledger, RejectLimit
    from pipeline.stages.checkpoints import Checkpoints
    from pipeline.state.deadletter import DeadLetters, LettersMark

__all__ = ["Keeping", "Sink", "Totals"]

_SAMPLES = 100
"""Errors that the report and the log show in full; the dead-letter file has them all."""


@dataclass(slots=True)
class Totals:
    """
    What the report says, as of the watermark; *samples* are the first rejections.

    *position* is where reading resumes, None at the very beginning; *consumed* bytes of the source
    lie before it, *in_part* of them in its part. *letters* is how much of the dead-letter file
    belongs to it.
    """

    tally: Tally = field(default_factory=Tally)
    samples: list[Mapping[str, Any]] = field(default_factory=list)
    position: Position | None = None
    consumed: int = 0
    in_part: int = 0
    letters: LettersMark | None = None


_LOOK_AHEAD = 0.25
"""Seconds between two estimates of how much is settled ahead of the watermark."""

_AT_ONCE = 32
"""Settlements that are counted before the watermark, the limit and the clock are looked at."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """
    Where a sink keeps what must not be lost; None for what is not kept.

    *log_failure* tells why the log cannot be written, if it cannot. *hash_keys* shows keys as
    their hashes only.
    """

    dead_letters: DeadLetters | None = None
    checkpoints: Checkpoints | None = None
    log_failure: Callable[[], str | None] = lambda: None
    hash_keys: bool = False


class Sink:
    """
    Settle chunks: count, keep the dead letters, and fold both into the totals in source order.

    Dead letters are on disk before the totals that count them are shown as settled, and before a
    checkpoint that passes them.
    """

    def __init__(
        self,
        accounts: Accounts,
        metrics: Metrics,
        log: Log,
        *,
        keeping: Keeping,
        limit: RejectLimit,
        totals: Totals | None = None,
    ) -> None:
        self._accounts = accounts
        self._metrics = metrics
        self._log = log
        self._keeping = keeping
        self._dead_letters = keeping.dead_letters
        self._limit = limit
        self._taken: deque[Checked | Outcome] = deque()
        self._unsettled = 0
        self._stands = True
        self._looked = 0.0
        self.totals = totals or Totals()

    async def __call__(self, inbox: Receiver[Checked | Outcome], /) -> None:
        """Settle until every stage that reports has ended."""
        while True:
            try:
                settlements = await self._next(inbox)
            except EndOfStream:
                break
            self._taken.extend(settlements)
            while self._taken:
                self._count(self._taken.popleft())
                if self._accounts.passes:
                    await self._pass_watermark()
                    await self._look_around()
            await self._look_around()
            self._look_ahead()
        await self._sync()

    def _look_ahead(self) -> None:
        """Estimate, now and then, how much is settled: the watermark moves by whole chunks."""
        now = asyncio.get_running_loop().time()
        if now - self._looked >= _LOOK_AHEAD:
            self._looked = now
            live = self._metrics
            records, length = self._accounts.beyond(live.consumed)
            live.settled_records = max(live.settled_records, live.passed + int(records))
            live.settled_bytes = max(live.settled_bytes, live.consumed + int(length))

    async def _look_around(self) -> None:
        """Stop a run that cannot go on, and keep a checkpoint if one is due."""
        if failure := self._keeping.log_failure():
            raise StorageError(failure)
        # Judged at the watermark: ahead of it rejections, which cost no request, outrun the
        # items that wait for the table, and a share of what is settled says nothing.
        if self._limit.exceeded(self.totals.tally, at_end=False):
            raise RejectLimitError(self._limit.broken_by(self.totals.tally))
        await self._checkpoint(only_if_due=True)

    async def _next(self, inbox: Receiver[Checked | Outcome]) -> Sequence[Checked | Outcome]:
        """Return the next settlements, all that are there; none when a checkpoint is due."""
        if inbox.depth:
            settlements = [await inbox.receive()]  # nobody else does: it is there
        else:
            try:
                # Without a message too a checkpoint falls due: a table that is down sends none.
                async with asyncio.timeout_at(self._checkpoint_due_at()) as due:
                    settlements = [await inbox.receive()]
            except TimeoutError:
                if not due.expired():
                    raise
                return ()
        while inbox.depth and len(settlements) < _AT_ONCE:
            try:
                settlements.append(await inbox.receive())
            except EndOfStream:
                break  # it comes again
        return settlements

    @property
    def unsettled(self) -> int:
        """How many items (or records, not yet checked) the totals do not tell of."""
        return self._unsettled + self._accounts.unfolded()

    def judge_end(self) -> None:
        """Raise `RejectLimitError` if, over the whole run, too much was rejected."""
        if self._limit.exceeded(self.totals.tally, at_end=True):
            raise RejectLimitError(self._limit.broken_by(self.totals.tally))

    async def fold_unfinished(self) -> int:
        """
        Checkpoint, then fold what is settled of chunks that are not; return what is unsettled.

        For a run that ends early: its report tells of every settlement, and its dead-letter file
        holds every rejection that the report counts. A resume goes back to the checkpoint.
        """
        while self._taken:
            self._count(self._taken.popleft())
        await self._pass_watermark()
        try:
            await self._checkpoint(only_if_due=False)
        finally:  # the report tells of the rest, also where no checkpoint can be saved
            for ledger, unsettled in self._accounts.rest():
                await self._fold(ledger)
                self._unsettled += unsettled
            await self._sync()
        return self._unsettled

    async def _pass_watermark(self) -> None:
        """Fold the chunks that the watermark has passed, and move the place to resume from."""
        for position, ledger in self._accounts.passed():
            await self._fold(ledger)
            self._metrics.passed += ledger.tally.records
            self._metrics.consumed = ledger.consumed
            totals = self.totals
            totals.consumed, totals.in_part = ledger.consumed, ledger.in_part
            if self._dead_letters is not None:
                totals.letters = self._dead_letters.mark
            if position is None:
                self._stands = False
            else:
                totals.position = position
                if self._keeping.checkpoints is not None:
                    self._keeping.checkpoints.moved()

    def _checkpoint_due_at(self) -> float | None:
        checkpoints = self._keeping.checkpoints
        return None if checkpoints is None or not self._stands else checkpoints.due_at

    async def _checkpoint(self, *, only_if_due: bool) -> None:
        due_at = self._checkpoint_due_at()
        if due_at is None or self._keeping.checkpoints is None:
            return
        if only_if_due and asyncio.get_running_loop().time() < due_at:
            return
        await self._sync()
        await self._keeping.checkpoints.save(self.totals, last=not only_if_due)

    def _count(self, settlement: Checked | Outcome) -> None:
        """Book *settlement*, in the accounts and in the live metrics."""
        live = self._metrics.settled
        if isinstance(settlement, Checked):
            self._accounts.checked(settlement)
            refused: Sequence[Rejection] = settlement.rejections
        else:
            live.superseded += self._accounts.settled(settlement)
            live.succeeded += len(settlement.written)
            refused = settlement.refused
        for rejection in refused:
            live.refuse(rejection.kind)
        self._metrics.last_settled_at = asyncio.get_running_loop().time()

    async def _fold(self, ledger: Ledger) -> None:
        rejections = ledger.in_source_order()
        if rejections and self._dead_letters is not None:
            if ledger.lettered:  # by a fold that was cancelled while the disk had them
                await self._dead_letters.written()
            else:
                ledger.lettered = True
                await self._dead_letters.append(rejections, ledger.header)
        for rejection in rejections[: _SAMPLES - len(self.totals.samples)]:
            sample = error_sample(rejection, hash_keys=self._keeping.hash_keys)
            self.totals.samples.append(sample)
            self._log.warning("record.refused", **sample)
        self.totals.tally.add(ledger.tally)

    async def _sync(self) -> None:
        if self._dead_letters is not None:
            await self._dead_letters.sync()
