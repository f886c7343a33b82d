"""Producer: source → chunks, opened in read order, as many as the window has room for."""

from __future__ import annotations

import asyncio
import dataclasses
from contextlib import aclosing
from typing import TYPE_CHECKING

from pipeline.errors import SourceCorruptError
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from pipeline.model import Chunk, Position
    from pipeline.observe.logs import Log
    from pipeline.observe.metrics import Metrics
    from pipeline.sources.base import Part, Source
    from pipeline.stages.accounts import Accounts

__all__ = ["Producer", "Reading"]


_DOUBT = "; records shortly before the damage may be wrong already, and are in the table"


@dataclass(frozen=True, slots=True)
class Reading:
    """
    What is read: *parts* of *source*, from *start* on (None: all of it).

    *records* lie before *start*. *expected* is how many records the whole source is said to have.
    """

    source: Source
    parts: Sequence[Part]
    start: Position | None = None
    records: int = 0
    expected: int | None = None


class Producer:
    """
    Read every part in order and open each chunk before it leaves.

    Reading waits where the window of open chunks is full, so that a slow table slows the reader and
    memory stays flat, and at the *gate*, which is shut while the table is down.
    """

    def __init__(
        self,
        reading: Reading,
        accounts: Accounts,
        metrics: Metrics,
        log: Log,
        gate: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._reading = reading
        self._accounts = accounts
        self._metrics = metrics
        self._log = log
        self._gate = gate
        self._consumed = 0
        self._records = reading.records
        self._doubtful = False
        self.exhausted = False
        self.failure: SourceCorruptError | None = None

    async def chunks(self, limit: int | None = None) -> AsyncGenerator[Chunk, None]:
        """
        Yield the source's chunks, numbered from 0; end after *limit* records of the whole source.

        Where the source turns out to be damaged, reading ends and *failure* says so: what was read
        before is good, and is delivered, before the run fails.
        """
        try:
            async with aclosing(self._all_parts(limit)) as chunks:
                async for chunk in chunks:
                    yield chunk
            if limit is None or self._records < limit:
                self._compare_count()
        except SourceCorruptError as error:
            text = f"{error}{_DOUBT if self._doubtful else ''}"
            self.failure = SourceCorruptError(text)
            self.failure.__cause__ = error
            self.failure.add_note("stage: producer")
            self._log.error("source.corrupt", message=text)
        else:
            self.exhausted = True

    def _compare_count(self) -> None:
        expected = self._reading.expected
        if expected is not None and self._records != expected:
            raise SourceCorruptError(
                f"the source has {self._records:,} records, and source.expect says {expected:,}: "
                "it is not whole, or not the one that was meant"
            )

    async def _all_parts(self, limit: int | None) -> AsyncGenerator[Chunk, None]:
        parts, start = list(self._reading.parts), self._reading.start
        if start is not None:
            begun = [part.name for part in parts].index(start.part)
            parts = parts[begun:]
            # The bytes of the parts before; those of this one are counted by its chunks.
            self._consumed = sum(part.size or 0 for part in self._reading.parts[:begun])
        for part in parts:
            if limit is not None and self._records >= limit:
                break
            self._tell(part, start)
            async with aclosing(self._part(part, start, limit)) as chunks:
                async for chunk in chunks:
                    yield chunk
            start = None

    def _tell(self, part: Part, start: Position | None) -> None:
        if start is None:
            self._log.info("part.opened", part=part.name)
            return
        facts = {"part": part.name, "record": start.record, "offset": start.offset}
        self._log.info("part.resumed", **facts)
        if part.compression != "none":
            # Nobody can look into the middle of compressed bytes; it may take minutes.
            self._log.info("part.inflated_again", compression=part.compression, **facts)
            self._metrics.activity = f"inflating {part.name} again up to record {start.record:,}"

    async def _part(
        self, part: Part, start: Position | None, limit: int | None
    ) -> AsyncGenerator[Chunk, None]:
        """Yield one part's chunks, from *start* on, to the *limit* at most."""
        before = self._consumed
        if self._metrics.first_read_at is None:
            self._metrics.first_read_at = asyncio.get_running_loop().time()
        async with aclosing(self._reading.source.read(part, start)) as chunks:
            async for chunk in chunks:
                self._metrics.activity = None
                self._doubtful = part.compression != "none"
                reached = chunk.consumed if chunk.reached is None else chunk.reached
                self._consumed = before + reached
                yield await self._open(_cut(chunk, limit, self._records))
                if limit is not None and self._records >= limit:
                    return

    async def _open(self, chunk: Chunk) -> Chunk:
        if self._gate is not None:
            await self._gate()
        number = await self._accounts.open(chunk, self._consumed)
        self._metrics.read += len(chunk.records)
        self._records += len(chunk.records)
        return dataclasses.replace(chunk, number=number)


def _cut(chunk: Chunk, limit: int | None, before: int) -> Chunk:
    """Return the chunk up to record *limit*; its end then is no place to resume from."""
    if limit is None or before + len(chunk.records) <= limit:
        return chunk
    return dataclasses.replace(chunk, records=chunk.records[: limit - before], cut=True)
