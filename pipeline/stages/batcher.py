"""Batcher: items → batches; the policy is `core.batching`, this is the loop around it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pipeline.core.channel import EndOfStream
from pipeline.model import Batch, Item

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pipeline.core.batching import Batching
    from pipeline.core.channel import Receiver, Sender
    from pipeline.model import Key
    from pipeline.observe.metrics import Metrics

__all__ = ["Batcher"]


class Batcher:
    """
    Fill batches, flush one that lingers, and hold back keys in flight and items of hot partitions.

    Writers call `release` when an item is settled for good, and `hand_back` with what is to wait
    for its partition; neither waits, so that the way back from the writers cannot close a circle
    of full channels. What waits in a lane never keeps the inbox from being read.
    """

    def __init__(self, policy: Batching[Item], metrics: Metrics) -> None:
        self._policy = policy
        self._metrics = metrics
        self._pause: asyncio.Timeout | None = None
        self._ended = False

    def release(self, keys: Collection[Key]) -> None:
        """Let items that wait for *keys* go on."""
        if self._policy.release(keys, asyncio.get_running_loop().time()):
            self._wake()

    def hand_back(self, items: Sequence[Item]) -> bool:
        """
        Let *items*, which were not written, wait in their partitions' lanes.

        False if the batcher has ended, as it does when nothing is left but what is in flight: then
        they stay with the writer.
        """
        if self._ended:
            return False
        self._policy.hand_back(items, asyncio.get_running_loop().time())
        self._wake()
        return True

    def _wake(self) -> None:
        # A pause that has fired, but whose task has not run yet, ends anyway and takes no new time.
        if self._pause is not None and not self._pause.expired():
            self._pause.reschedule(0)

    async def __call__(self, inbox: Receiver[list[Item]], outbox: Sender[Batch], /) -> None:
        """Send batches until the inbox has ended and every item has left."""
        loop = asyncio.get_running_loop()
        ended = False
        while True:
            while (batch := self._policy.take(loop.time(), flush=ended)) is not None:
                self._metrics.batches += 1
                await outbox.send(Batch(batch, batch.keys))
                if self._policy.mixing and not ended:
                    ended = await self._take_in(inbox)
            if ended and self._policy.idle:
                self._ended = True
                return
            try:
                items = await self._next(inbox, ended=ended)
            except EndOfStream:
                ended = True
            else:
                self._add(items)

    def _add(self, items: list[Item]) -> None:
        self._policy.extend(items, asyncio.get_running_loop().time())

    async def _take_in(self, inbox: Receiver[list[Item]]) -> bool:
        """Take in what is in the inbox by now; return whether it has ended."""
        try:
            async with asyncio.timeout(0):
                while True:
                    self._add(await inbox.receive())
        except TimeoutError:
            return False
        except EndOfStream:
            return True

    async def _next(self, inbox: Receiver[list[Item]], *, ended: bool) -> list[Item]:
        """Return the next items, or none when a batch is due or a release changed what is."""
        pause = asyncio.timeout_at(self._policy.due_at)
        try:
            async with pause:
                self._pause = pause
                if not ended:
                    return await inbox.receive()
                # All that is left waits for keys in flight: sleep until `release` ends the pause.
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            if not pause.expired():
                raise
        finally:
            self._pause = None
        return []
