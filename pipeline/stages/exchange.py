"""Exchange: one request and its answer, and who is told of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pipeline.core.pace.gate import units_of
from pipeline.errors import DeniedError, IsolateError, RetryError, ThrottledError
from pipeline.table.base import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.model import Item
    from pipeline.stages.delivery import Delivery, Piece

__all__ = ["Exchange"]


class Exchange:
    """Send the pieces of one writer, and note what the answers say of the table."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._breaker = delivery.breaker
        self._partitions = delivery.partitions
        self._pace = delivery.pace
        self._crew = delivery.crew
        self.short = False  # whether the batch was there at once
        self._metrics = delivery.metrics
        self._log = delivery.log

    async def __call__(self, piece: Piece) -> Answer | IsolateError | RetryError:
        """Send *piece* when it is its turn; tell the breaker, and the piece, how it ended."""
        loop, breaker = asyncio.get_running_loop(), self._breaker
        units = units_of(piece.items)
        waited = await self._pace.enter(units, breaker)
        async with breaker.turn() as probe:
            if probe is not None:
                self._log.info("table.probe", number=probe, items=len(piece.items))
            self._metrics.retries += not piece.new
            piece.new, piece.hot = False, frozenset()
            number, sent = breaker.progress.sends(), loop.time()
            try:
                answer = await self._send(piece.items)
            except IsolateError as poison:
                self._note_life(breaker.answered(), accepted=False)
                return poison
            except DeniedError as denied:
                breaker.progress.denied(loop.time())
                return denied
            except RetryError as error:
                if isinstance(error, ThrottledError):
                    self._judge(piece, piece.items, error.reasons)
                    self._note_pace(piece, Answer(piece.items), units, sent)
                self._note_failure(sent, error)
                return error
            self._judge(piece, answer.unprocessed, ())
            accepted = self._note_pace(piece, answer, units, sent)
            short = self.short and not waited
            if self._crew.answered(accepted, loop.time() - sent, short=short):
                self._log.debug("pace.in_flight", limit=self._crew.limit)
            if len(answer.unprocessed) == len(piece.items):
                self._note_failure(sent, None)
            else:
                self._note_life(breaker.accepted(number), accepted=True)
            return answer

    def _judge(self, piece: Piece, returned: Sequence[Item], reasons: Sequence[str]) -> None:
        now = asyncio.get_running_loop().time()
        piece.hot = self._partitions.judge(piece.items, returned, reasons, now)

    def _note_pace(self, piece: Piece, answer: Answer, units: float, sent: float) -> float:
        """Tell the pace what was accepted, and what was not for the table's sake."""
        left, refused = answer.unprocessed, 0.0
        accepted = units - units_of(left) if left else units
        if left:
            hot = piece.hot
            refused = units_of([item for item in left if item.key[0] not in hot])
        now = asyncio.get_running_loop().time()
        if self._pace.answered(sent, now, accepted, refused, answer.consumed):
            self._log.debug("pace.changed", units_per_s=self._pace.shown)
        return accepted

    def _note_life(self, down_since: float | None, *, accepted: bool) -> None:
        if down_since is not None:
            seconds = asyncio.get_running_loop().time() - down_since
            self._pace.revived(asyncio.get_running_loop().time())
            self._log.warning("table.back", after_s=round(seconds, 1), accepted=accepted)

    def _note_failure(self, sent: float, error: RetryError | None) -> None:
        now = asyncio.get_running_loop().time()
        hint = 0.0 if error is None else error.after or 0.0
        if self._breaker.failed(sent, now, hint=hint):
            self._log.warning(
                "table.down",
                for_s=round(self._breaker.outage(now), 1),
                last="unprocessed" if error is None else error.code or type(error).__name__,
            )

    async def _send(self, items: Sequence[Item]) -> Answer:
        loop = asyncio.get_running_loop()
        self._metrics.requests += 1
        started = loop.time()
        try:
            answer = await self._delivery.table.write(items)
        except ThrottledError as throttled:
            self._metrics.throttled += 1
            self._metrics.throttling_reasons.update(throttled.reasons)
            self._log.debug("batch.throttled", items=len(items), reasons=throttled.reasons)
            raise
        except RetryError as fault:
            self._log.warning(
                "batch.fault", items=len(items), error=type(fault).__name__, code=fault.code
            )
            raise
        self._metrics.latency.observe(loop.time() - started)
        self._metrics.consumed_wcu += answer.consumed
        if answer.unprocessed:
            self._metrics.throttled += 1
            self._log.debug(
                "batch.unprocessed", items=len(items), unprocessed=len(answer.unprocessed)
            )
        return answer
