"""Writer: batches → outcomes; retries what is handed back, isolates what is refused."""

from __future__ import annotations

import asyncio
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
        """Settle every one of *items*: written, refused by the table, or given up."""
        attempts = Attempts(self._policy, self._progress)
        first = True
        while items:
            self._metrics.retries += not first
            first = False
            error: RetryError | None = None
            try:
                answer = await self._send(items)
            except IsolateError as poison:
                items = await self._isolate(items, poison, outbox)
                attempts, first = Attempts(self._policy, self._progress), True
                continue
            except RetryError as caught:
                error = caught
            else:
                items = await self._settle_written(items, answer, attempts, outbox)
                if not items:
                    return
            match self._judge(attempts, error):
                case Verdict.RETRY:
                    await asyncio.sleep(self._policy.delay(attempts.pauses - 1, self._random))
                case Verdict.EXHAUSTED:
                    await self._give_up(items, attempts, error, outbox)
                    return
                case Verdict.OUTAGE:
                    raise OutageError(_outage_text(self._policy.max_outage, error)) from error

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
        self, items: list[Item], answer: Answer, attempts: Attempts, outbox: Sender[Outcome]
    ) -> list[Item]:
        """Settle what the answer says is written, and return what is not."""
        left = list(answer.unprocessed)
        returned = {item.key for item in left}
        written = [item for item in items if item.key not in returned]
        if written:
            attempts.advanced()
            self._progress.made(asyncio.get_running_loop().time())
            self._release([item.key for item in written])
            await outbox.send(Outcome(written))
        return left

    def _judge(self, attempts: Attempts, error: RetryError | None) -> Verdict:
        counts = error is not None and not isinstance(error, ThrottledError)
        return attempts.failed(asyncio.get_running_loop().time(), counts=counts)

    async def _isolate(
        self, items: list[Item], poison: IsolateError, outbox: Sender[Outcome]
    ) -> list[Item]:
        """
        Find what the table refuses, by halves; return what is still to be sent.

        The good neighbours are written on the way. An item that is refused by itself is settled as
        rejected; if it had replaced older items of its key, the newest of those is sent instead.
        """
        if len(items) > 1:
            self._log.info("batch.split", items=len(items), error=poison.code)
            middle = len(items) // 2
            await self._deliver(items[:middle], outbox)
            return items[middle:]
        (culprit,) = items
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
        return [] if fallback is None else [fallback]

    def _stop_if_all_refused(self, poison: IsolateError) -> None:
        refused = self._metrics.settled.by_kind["table"]
        if refused >= _ALL_REFUSED and not self._progress.count:
            raise TableStopError(
                f"the table refused each of the first {refused} items and took none: "
                f"{poison}; compare the definition's `items` with the table's keys and indexes"
            ) from poison

    async def _give_up(
        self,
        items: list[Item],
        attempts: Attempts,
        error: RetryError | None,
        outbox: Sender[Outcome],
    ) -> None:
        """Settle good items whose attempts ran out; but first make sure that each is at fault."""
        if len(items) > 1 and not self._policy.plain:
            # Others succeed and this batch never does: one item may break the server (DynamoDB
            # Local answers 500 to bad base64). Its neighbours must not pay for it.
            middle = len(items) // 2
            await self._deliver(items[:middle], outbox)
            await self._deliver(items[middle:], outbox)
            return
        self._metrics.failed_batches += 1
        last = "handed back as unprocessed" if error is None else str(error)
        text = f"not accepted in {attempts.counted} attempts; the last: {last}"
        violation = Violation("retry_exhausted", "attempts", text)
        given_up = [older for item in items for older in (*item.superseded, item)]
        self._release([item.key for item in items])
        await outbox.send(Outcome((), tuple(self._rejection(item, violation) for item in given_up)))

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
