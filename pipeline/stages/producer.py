"""Producer: source → chunks, opened in read order, as many as the window has room for."""

from __future__ import annotations

import asyncio
import dataclasses
from contextlib import aclosing
from typing import TYPE_CHECKING

from pipeline.errors import SourceCorruptError

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
        self._consumed = 0
        self.exhausted = False
        self.failure: SourceCorruptError | None = None

    async def chunks(self, limit: int | None = None) -> AsyncGenerator[Chunk, None]:
        """
        Yield the source's chunks, numbered from 0; end after *limit* records.

        Where the source turns out to be damaged, reading ends and *failure* says so: what was read
        before is good, and is delivered, before the run fails.
        """
        try:
            async with aclosing(self._all_parts(limit)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except SourceCorruptError as failure:
            failure.add_note("stage: producer")
            self._log.error("source.corrupt", message=str(failure))
            self.failure = failure
        else:
            self.exhausted = True

    async def _all_parts(self, limit: int | None) -> AsyncGenerator[Chunk, None]:
        left = limit
        for part in self._parts:
            if left == 0:
                break
            self._log.info("part.opened", part=part.name)
            async with aclosing(self._part(part, left)) as chunks:
                async for chunk in chunks:
                    left = None if left is None else left - len(chunk.records)
                    yield chunk

    async def _part(self, part: Part, left: int | None) -> AsyncGenerator[Chunk, None]:
        """Yield one part's chunks, at most *left* records."""
        before = self._consumed
        if self._metrics.first_read_at is None:
            self._metrics.first_read_at = asyncio.get_running_loop().time()
        async with aclosing(self._source.read(part)) as chunks:
            async for chunk in chunks:
                self._consumed = before + chunk.consumed
                opened = await self._open(_cut(chunk, left))
                yield opened
                left = None if left is None else left - len(opened.records)
                if left == 0:
                    return

    async def _open(self, chunk: Chunk) -> Chunk:
        number = await self._accounts.open(chunk, self._consumed)
        self._metrics.read += len(chunk.records)
        return dataclasses.replace(chunk, number=number)


def _cut(chunk: Chunk, left: int | None) -> Chunk:
    """Return the chunk's first *left* records; its end then is no place to resume from."""
    if left is None or len(chunk.records) <= left:
        return chunk
    return dataclasses.replace(chunk, records=chunk.records[:left], cut=True)
