"""Writer: batches → outcomes; retries what is handed back, isolates what is refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pipeline.core.backoff import Fault, Verdict
from pipeline.core.breaker import Stake
from pipeline.core.channel import EndOfStream
from pipeline.errors import IsolateError, OutageError, RetryError, TableStopError
from pipeline.model import Outcome
from pipeline.stages.delivery import (
    Delivery,
    Pieces,
    fault_of,
    outage_text,
    refusal,
    stop_if_all_refused,
    surrender,
)
from pipeline.stages.exchange import Exchange
from pipeline.table.base import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from pipeline.core.channel import Receiver, Sender
    from pipeline.model import Batch, Item, Key
    from pipeline.stages.delivery import Piece

__all__ = ["Delivery", "Writer"]

_ALIVE = 0.05
"""Seconds of pause at most for what is throttled by a table that takes other items."""


class Writer:
    """
    Deliver each batch until every item in it is settled for good; several run at once.

    *release* is called with the keys of settled items, before the outcome is sent on, so that
    items which wait for them can go. *hand_back* is called with items that are refused for their
    partition's sake while the table takes others; True if they are taken back, to come again.
    """

    def __init__(
        self,
        delivery: Delivery,
        release: Callable[[Collection[Key]], None],
        hand_back: Callable[[Sequence[Item]], bool] = lambda _: False,
    ) -> None:
        self._delivery = delivery
        self._release = release
        self._hand_back = hand_back

    async def __call__(self, inbox: Receiver[Batch], outbox: Sender[Outcome], /) -> None:
        """Deliver until the inbox ends."""
        ways_back = (self._release, self._hand_back)
        worker = _Worker(self._delivery, ways_back, inbox, outbox)
        crew, exchange = self._delivery.crew, worker.exchange
        await crew.begin()
        while True:
            exchange.short = inbox.depth > 0
            try:
                batch = await inbox.receive()
            except EndOfStream:
                crew.disband()
                return
            await worker.deliver(batch)
            if crew.flight is not None:
                await crew.rest()


class _Worker:
    """One of the writers at work: sends its pieces in turns until none is left."""

    def __init__(
        self,
        delivery: Delivery,
        ways_back: tuple[Callable[[Collection[Key]], None], Callable[[Sequence[Item]], bool]],
        inbox: Receiver[Batch],
        outbox: Sender[Outcome],
    ) -> None:
        self._delivery = delivery
        self._breaker = delivery.breaker
        self._partitions = delivery.partitions
        self._pace = delivery.pace
        self.exchange = Exchange(delivery)
        self._log = delivery.log
        self._release, self._hand_back = ways_back
        self._inbox = inbox
        self._outbox = outbox
        self._pieces = Pieces(delivery)
        self._is_last = False
        self._stake = Stake()

    async def deliver(self, batch: Batch) -> None:
        """Settle every item of *batch*: written, refused by the table, or given up."""
        breaker, stake = self._breaker, self._stake
        stake.suspect = False
        breaker.enter(stake)
        try:
            if self._pace.free and not breaker.is_open:
                await self._send_at_once(batch)
            else:
                self._pieces.start(batch.items)
            while self._pieces:
                if breaker.is_open:
                    self._pieces.hurry()
                await self._borrow()
                stake.suspect = self._pieces.suspect
                await self._send_next()
        finally:
            breaker.leave(stake)

    async def _send_at_once(self, batch: Batch) -> None:
        """Do what `_send_next` does of a batch for which nothing waits; mostly that is all."""
        items, keys = batch.items, batch.keys
        piece = self._pieces.make(items)
        answer = await self.exchange.at_once(piece)
        if isinstance(answer, Answer) and not answer.unprocessed:
            self._release([item.key for item in items] if keys is None else keys)
            await self._outbox.send(Outcome(items))
        else:
            await self._go_on(piece, answer)

    async def _borrow(self) -> None:
        """
        Take one more batch, if one waits, while all that this writer has is single items that fail.

        If the table accepts it, it is not down, and those are at fault; with every writer waiting
        for such an item nothing else could tell.
        """
        if not (self._pieces.suspect or (self._breaker.is_open and self._pieces.stuck)):
            return
        try:
            async with asyncio.timeout(0):
                self._pieces.start((await self._inbox.receive()).items)
        except TimeoutError:
            return
        except EndOfStream:
            self._is_last = True

    async def _send_next(self) -> None:
        """Send one piece, settle what the table says of it, and put back the rest."""
        piece = self._pieces.take()
        pause = piece.due - asyncio.get_running_loop().time()
        if pause > 0:
            await self._breaker.pause(pause)
        if not (piece.attempts.tries or piece.attempts.counted):
            count = self._pace.fitting(piece.items)
            if count < len(piece.items):
                self._pieces.fit(piece, count)
        await self._go_on(piece, await self.exchange(piece))

    async def _go_on(self, piece: Piece, answer: Answer | IsolateError | RetryError) -> None:
        """Settle what the table says of *piece*, and put back the rest."""
        if isinstance(answer, IsolateError):
            await self._isolate(piece, answer)
        elif isinstance(answer, RetryError):
            if self._part_with_hot(piece):
                await self._after_failure(piece, answer)
        else:
            piece.items = await self._settle_written(piece, answer)
            if self._part_with_hot(piece):
                await self._after_failure(piece, None)

    def _part_with_hot(self, piece: Piece) -> bool:
        """
        Hand items of hot partitions back, so that they hold no writer; True if any are left here.

        Only while the table takes others: where nothing is accepted, or every answer counts (the
        plain policy), and for what has met a server fault, the writer keeps them and goes on as
        with any failure. So an outage is one, whatever is hot.
        """
        now = asyncio.get_running_loop().time()
        if (
            piece.hot
            and not (self._delivery.policy.plain or self._breaker.is_open)
            and not (piece.attempts.tries or piece.attempts.counted)
            and not self._breaker.is_over(now)
            and self._partitions.alive(now)
        ):
            hot = [item for item in piece.items if item.key[0] in piece.hot]
            if hot and self._hand_back(hot):
                self._log.debug("batch.handed_back", items=len(hot), hot=len(self._partitions))
                if self._partitions.is_news():
                    self._log.info("partition.hot", hot=len(self._partitions))
                piece.items = [item for item in piece.items if item.key[0] not in piece.hot]
        return bool(piece.items)

    async def _after_failure(self, piece: Piece, error: RetryError | None) -> None:
        """Put *piece* back for later, cut it in halves, or give it up."""
        now = asyncio.get_running_loop().time()
        if self._breaker.is_over(now):
            raise OutageError(outage_text(self._delivery, piece, error)) from error
        alone = self._is_last and self._breaker.only_suspects(now)
        fault = fault_of(error)
        verdict = piece.attempts.failed(fault, single=piece.single, alone=alone)
        if verdict is Verdict.STOP:
            raise TableStopError(str(error)) from error
        if verdict is Verdict.GIVE_UP:
            await self._give_up(piece, error)
        elif verdict is Verdict.CUT:
            self._pieces.cut(piece)
        else:
            delay = self._delivery.policy.delay(piece.attempts.pauses - 1, self._delivery.random)
            if fault is Fault.CAPACITY and self._pace.adapts and self._partitions.alive(now):
                delay = min(delay, _ALIVE)  # the pace of all sees to the rest
            hint = 0.0 if error is None else error.after or 0.0
            piece.due = now + self._breaker.hinted(delay, hint)
            self._pieces.put(piece)

    async def _settle_written(self, piece: Piece, answer: Answer) -> list[Item]:
        """Settle what the answer says is written, and return what is not."""
        left = list(answer.unprocessed)
        returned = {item.key for item in left}
        written = [item for item in piece.items if item.key not in returned]
        if written:
            piece.attempts.advanced()
            self._release([item.key for item in written])
            await self._outbox.send(Outcome(written))
        return left

    async def _isolate(self, piece: Piece, poison: IsolateError) -> None:
        """Find what the table refuses, by halves; an item refused by itself is settled."""
        if not piece.single:
            self._log.info("batch.split", items=len(piece.items), error=poison.code)
            self._pieces.cut(piece)
            return
        stop_if_all_refused(self._delivery, poison)
        key = piece.items[0].key
        outcome, fallback = refusal(self._delivery, piece, poison)
        if fallback is None:
            self._release([key])
        else:
            self._pieces.start([fallback], new=False)
        await self._outbox.send(outcome)

    async def _give_up(self, piece: Piece, error: RetryError | None) -> None:
        """Settle good items whose attempts ran out, and what they had replaced, as failed."""
        self._breaker.given_up()
        outcome = surrender(self._delivery, piece, error)
        self._release([item.key for item in piece.items])
        await self._outbox.send(outcome)
