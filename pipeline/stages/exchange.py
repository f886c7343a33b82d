"""Exchange: one request and its answer, and who is told of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pipeline.core.pace.gate import units_of
from pipeline.errors import DeniedError, IsolateError, RetryError, ThrottledError
from pipeline.table.base import Answer

if TYPE_CHECKING:
    from pipeline.stages.delivery import Delivery, Piece

__all__ = ["Exchange"]


class Exchange:
    """Send the pieces of one writer, and note what the answers say of the table."""

    def __init__(self, delivery: Delivery) -> None:
        self._clock = asyncio.get_running_loop().time
        self._write = delivery.table.write
        self._breaker = delivery.breaker
        self._partitions = delivery.partitions
        self._pace = delivery.pace
        self._crew = delivery.crew
        self.short = False  # whether the batch was there at once
        self._metrics = delivery.metrics
        self._log = delivery.log

    async def __call__(self, piece: Piece) -> Answer | IsolateError | RetryError:
        """Send *piece* when it is its turn; tell the breaker, and the piece, how it ended."""
        units = units_of(piece.items)
        waited = await self._pace.enter(units, self._breaker)
        async with self._breaker.turn() as probe:
            if probe is not None:
                self._log.info("table.probe", number=probe, items=len(piece.items))
            self._metrics.retries += not piece.new
            return await self._request(piece, units, waited=waited)

    async def at_once(self, piece: Piece) -> Answer | IsolateError | RetryError:
        """Do the same for a new piece while the breaker is closed and the pace is free."""
        return await self._request(piece, units_of(piece.items), waited=False)

    async def _request(
        self, piece: Piece, units: float, *, waited: bool
    ) -> Answer | IsolateError | RetryError:
        breaker, metrics, items = self._breaker, self._metrics, piece.items
        piece.new, piece.hot = False, frozenset()
        metrics.requests += 1
        number, sent = breaker.progress.sends(), self._clock()
        try:
            answer = await self._write(items)
        except IsolateError as poison:
            self._note_life(breaker.answered(), accepted=False)
            return poison
        except RetryError as error:
            self._note_refusal(piece, error, units, sent)
            return error
        now = self._clock()
        metrics.latency.observe(now - sent)
        metrics.consumed_wcu += answer.consumed
        if answer.unprocessed:
            self._note_unprocessed(len(items), len(answer.unprocessed))
        piece.hot = self._partitions.judge(items, answer.unprocessed, (), now)
        accepted = self._note_pace(piece, answer, units, sent)
        short = self.short and not waited
        if self._crew.answered(accepted, now - sent, short=short):
            self._log.debug("pace.in_flight", limit=self._crew.limit)
        if len(answer.unprocessed) == len(items):
            self._note_failure(sent, None)
        else:
            self._note_life(breaker.accepted(number), accepted=True)
        return answer

    def _note_refusal(self, piece: Piece, error: RetryError, units: float, sent: float) -> None:
        """Tell everybody of a request of which nothing was written."""
        items, now = piece.items, self._clock()
        if isinstance(error, ThrottledError):
            self._metrics.throttled += 1
            self._metrics.throttling_reasons.update(error.reasons)
            self._log.debug("batch.throttled", items=len(items), reasons=error.reasons)
            piece.hot = self._partitions.judge(items, items, error.reasons, now)
            self._note_pace(piece, Answer(items), units, sent)
        else:
            self._log.warning(
                "batch.fault", items=len(items), error=type(error).__name__, code=error.code
            )
        if isinstance(error, DeniedError):
            self._breaker.progress.denied(now)
        else:
            self._note_failure(sent, error)

    def _note_unprocessed(self, sent: int, left: int) -> None:
        self._metrics.throttled += 1
        self._log.debug("batch.unprocessed", items=sent, unprocessed=left)

    def _note_pace(self, piece: Piece, answer: Answer, units: float, sent: float) -> float:
        """Tell the pace what was accepted, and what was not for the table's sake."""
        left, refused = answer.unprocessed, 0.0
        accepted = units - units_of(left) if left else units
        if left:
            hot = piece.hot
            refused = units_of([item for item in left if item.key[0] not in hot])
        now = self._clock()
        if self._pace.answered(sent, now, accepted, refused, answer.consumed):
            self._log.debug("pace.changed", units_per_s=self._pace.shown)
        return accepted

    def _note_life(self, down_since: float | None, *, accepted: bool) -> None:
        if down_since is not None:
            seconds = self._clock() - down_since
            self._pace.revived(self._clock())
            self._log.warning("table.back", after_s=round(seconds, 1), accepted=accepted)

    def _note_failure(self, sent: float, error: RetryError | None) -> None:
        now = self._clock()
        hint = 0.0 if error is None else error.after or 0.0
        if self._breaker.failed(sent, now, hint=hint):
            self._log.warning(
                "table.down",
                for_s=round(self._breaker.outage(now), 1),
                last="unprocessed" if error is None else error.code or type(error).__name__,
            )
