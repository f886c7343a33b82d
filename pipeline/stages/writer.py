"""Writer: batches → outcomes; retries what is handed back, isolates what is refused."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.core.backoff import Attempts, Progress, RetryPolicy, Verdict
from pipeline.errors import (
    IsolateError,
    OutageError,
    RetryError,
    TableStopError,
    ThrottledError,
)
from pipeline.model import Item, Outcome, Rejection, Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from random import Random

    from pipeline.core.channel import Receiver, Sender
    from pipeline.model import Batch, Key
    from pipeline.observe.logs import Log
    from pipeline.observe.metrics import Metrics
    from pipeline.table.base import Answer, Table

__all__ = ["Delivery", "Writer"]

_ALL_REFUSED = 1_000
"""Items that the table may refuse before it has taken any; then the definition is wrong."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What all writers of a run share."""

    table: Table
    policy: RetryPolicy
    progress: Progress
    metrics: Metrics
    random: Random
    log: Log


@dataclass(frozen=True, slots=True)
class _Piece:
    """Items that go in one request, and how often that was tried."""

    items: list[Item]
    attempts: Attempts


class Writer:
    """
    Deliver each batch until every item in it is settled for good; several run at once.

    *release* is called with the keys of settled items, before the outcome is sent on, so that
    items which wait for them can go.
    """

    def __init__(self, delivery: Delivery, release: Callable[[Iterable[Key]], None]) -> None:
        self._table = delivery.table
        self._policy = delivery.policy
        self._progress = delivery.progress
        self._metrics = delivery.metrics
        self._random = delivery.random
        self._log = delivery.log
        self._release = release

    async def __call__(self, inbox: Receiver[Batch], outbox: Sender[Outcome], /) -> None:
        """Deliver until the inbox ends."""
        async for batch in inbox:
            await self._deliver(list(batch.items), outbox)

    async def _deliver(self, items: list[Item], outbox: Sender[Outcome]) -> None:
        """
        Settle every one of *items*: written, refused by the table, or given up.

        A request that is refused or keeps failing is cut in pieces, which take turns: what cannot
        be written never stands before what can.
        """
        pieces = deque([_Piece(items, Attempts(self._policy, self._progress))])
        first = True
        while pieces:
            self._metrics.retries += not first
            first = False
            piece = pieces.popleft()
            sent = asyncio.get_running_loop().time()
            try:
                answer = await self._send(piece.items)
            except IsolateError as poison:
                self._progress.answered()
                pieces.extend(await self._isolate(piece, poison, outbox))
            except RetryError as error:
                pieces.extend(await self._after_failure(piece, error, outbox))
            else:
                if len(answer.unprocessed) < len(piece.items):
                    piece.attempts.advanced()
                    self._progress.accepted(sent)
                left = await self._settle_written(piece, answer, outbox)
                if left:
                    rest = _Piece(left, piece.attempts)
                    pieces.extend(await self._after_failure(rest, None, outbox))

    async def _after_failure(
        self, piece: _Piece, error: RetryError | None, outbox: Sender[Outcome]
    ) -> list[_Piece]:
        """Pause, cut *piece* in halves, or give it up; return what is still to be sent."""
        attempts = piece.attempts
        counts = error is not None and not isinstance(error, ThrottledError)
        verdict = attempts.failed(asyncio.get_running_loop().time(), counts=counts)
        if verdict is Verdict.OUTAGE:
            raise OutageError(_outage_text(self._policy.max_outage, error)) from error
        if verdict is Verdict.USED_UP:
            if self._policy.plain or (len(piece.items) == 1 and attempts.others_advanced):
                await self._give_up(piece, error, outbox)
                return []
            if len(piece.items) > 1:
                # One item may break the server (DynamoDB Local answers 500 to bad base64); its
                # neighbours must not pay for it, nor wait until another batch succeeds.
                return self._halves(piece)
        await asyncio.sleep(self._policy.delay(attempts.pauses - 1, self._random))
        return [piece]

    def _halves(self, piece: _Piece) -> list[_Piece]:
        middle = len(piece.items) // 2
        parts = (piece.items[:middle], piece.items[middle:])
        return [
            _Piece(part, Attempts(self._policy, self._progress, piece.attempts)) for part in parts
        ]

    async def _send(self, items: Sequence[Item]) -> Answer:
        loop = asyncio.get_running_loop()
        self._metrics.requests += 1
        started = loop.time()
        try:
            answer = await self._table.write(items)
        except ThrottledError as throttled:
            self._metrics.throttled += 1
            self._metrics.throttling_reasons.update(throttled.reasons)
            self._log.debug("batch.throttled", items=len(items), reasons=throttled.reasons)
            raise
        except RetryError as fault:
            self._log.warning("batch.fault", items=len(items), error=str(fault))
            raise
        self._metrics.latency.observe(loop.time() - started)
        self._metrics.consumed_wcu += answer.consumed
        if answer.unprocessed:
            self._metrics.throttled += 1
            self._log.debug(
                "batch.unprocessed", items=len(items), unprocessed=len(answer.unprocessed)
            )
        return answer

    async def _settle_written(
        self, piece: _Piece, answer: Answer, outbox: Sender[Outcome]
    ) -> list[Item]:
        """Settle what the answer says is written, and return what is not."""
        left = list(answer.unprocessed)
        returned = {item.key for item in left}
        written = [item for item in piece.items if item.key not in returned]
        if written:
            self._release([item.key for item in written])
            await outbox.send(Outcome(written))
        return left

    async def _isolate(
        self, piece: _Piece, poison: IsolateError, outbox: Sender[Outcome]
    ) -> list[_Piece]:
        """
        Find what the table refuses, by halves; return what is still to be sent.

        An item that is refused by itself is settled as rejected; if it had replaced older items of
        its key, the newest of those is sent instead.
        """
        if len(piece.items) > 1:
            self._log.info("batch.split", items=len(piece.items), error=poison.code)
            return self._halves(piece)
        (culprit,) = piece.items
        self._stop_if_all_refused(poison)
        violation = Violation("table", poison.code, str(poison))
        rejection = self._rejection(culprit, violation)
        fallback = culprit.superseded.pop() if culprit.superseded else None
        if fallback is None:
            self._release([culprit.key])
        else:
            fallback.superseded = culprit.superseded
            culprit.superseded = []
        await outbox.send(Outcome((), (rejection,)))
        if fallback is None:
            return []
        return [_Piece([fallback], Attempts(self._policy, self._progress))]

    def _stop_if_all_refused(self, poison: IsolateError) -> None:
        refused = self._metrics.settled.by_kind["table"]
        if refused >= _ALL_REFUSED and not self._progress.count:
            raise TableStopError(
                f"the table refused each of the first {refused} items and took none: "
                f"{poison}; compare the definition's `items` with the table's keys and indexes"
            ) from poison

    async def _give_up(
        self, piece: _Piece, error: RetryError | None, outbox: Sender[Outcome]
    ) -> None:
        """Settle good items whose attempts ran out, and what they had replaced, as failed."""
        last = "handed back as unprocessed" if error is None else str(error)
        text = f"not accepted in {piece.attempts.counted} attempts; the last: {last}"
        violation = Violation("retry_exhausted", "attempts", text)
        given_up = [older for item in piece.items for older in (*item.superseded, item)]
        self._release([item.key for item in piece.items])
        refused = tuple(self._rejection(item, violation) for item in given_up)
        await outbox.send(Outcome((), refused, gave_up=True))

    def _rejection(self, item: Item, violation: Violation) -> Rejection:
        return Rejection(
            item.record,
            item.part,
            item.chunk,
            (violation,),
            index=item.index,
            key=self._table.show_key(item.key),
        )


def _outage_text(max_outage: float, error: RetryError | None) -> str:
    last = "every item was handed back as unprocessed" if error is None else str(error)
    return (
        f"the table accepted nothing for {max_outage:g} s (retry.max_outage); the last answer: "
        f"{last}; see to the table, then run again"
    )
