"""Producer: source → chunks, opened in read order, as many as the window has room for."""

from __future__ import annotations

import asyncio
import dataclasses
from contextlib import aclosing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from pipeline.model import Chunk
    from pipeline.observe.logs import Log
    from pipeline.observe.metrics import Metrics
    from pipeline.sources.base import Part, Source
    from pipeline.stages.accounts import Accounts

__all__ = ["Producer"]


class Producer:
    """
    Read every part in order, at most *limit* records of all, and open each chunk before it leaves.

    Reading waits where the window of open chunks is full: that is how a slow table slows the
    reader and memory stays flat.
    """

    def __init__(
        self,
        source: Source,
        parts: Sequence[Part],
        accounts: Accounts,
        metrics: Metrics,
        log: Log,
    ) -> None:
        self._source = source
        self._parts = parts
        self._accounts = accounts
        self._metrics = metrics
        self._log = log
        self.exhausted = False

    async def chunks(self, limit: int | None = None) -> AsyncGenerator[Chunk, None]:
        """Yield the source's chunks, numbered from 0; end after *limit* records."""
        left = limit
        for part in self._parts:
            if left == 0:
                break
            self._log.info("part.opened", part=part.name)
            async with aclosing(self._part(part, left)) as chunks:
                async for chunk in chunks:
                    left = None if left is None else left - len(chunk.records)
                    yield chunk
        self.exhausted = True

    async def _part(self, part: Part, left: int | None) -> AsyncGenerator[Chunk, None]:
        """Yield one part's chunks, at most *left* records."""
        before = self._metrics.consumed
        if self._metrics.first_read_at is None:
            self._metrics.first_read_at = asyncio.get_running_loop().time()
        async with aclosing(self._source.read(part)) as chunks:
            async for chunk in chunks:
                opened = await self._open(_cut(chunk, left))
                self._metrics.consumed = before + chunk.consumed
                try:
                    yield opened
                except GeneratorExit:
                    # A stop came while the chunk waited for room downstream: nobody has it.
                    self._accounts.abandon(opened.number)
                    raise
                left = None if left is None else left - len(opened.records)
                if left == 0:
                    return

    async def _open(self, chunk: Chunk) -> Chunk:
        number = await self._accounts.open(chunk)
        self._metrics.read += len(chunk.records)
        return dataclasses.replace(chunk, number=number)


def _cut(chunk: Chunk, left: int | None) -> Chunk:
    """Return the chunk's first *left* records; its end then is no place to resume from."""
    if left is None or len(chunk.records) <= left:
        return chunk
    return dataclasses.replace(chunk, records=chunk.records[:left])
