"""Read a source the way a run does, and say plainly what came of it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from pipeline.errors import Refused
from pipeline.sources import Cut, FileSpec, open_source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.model import Chunk, Position, Record
    from pipeline.sources import Part, Source


async def read_part(source: Source, part: Part, start: Position | None = None) -> list[Chunk]:
    """Read one part to its end."""
    async with aclosing(source.read(part, start)) as chunks:
        return [chunk async for chunk in chunks]


async def read_all(source: Source) -> list[Chunk]:
    """Read every part to its end."""
    return [chunk for part in await source.parts() for chunk in await read_part(source, part)]


def records_of(chunks: Sequence[Chunk]) -> list[Record]:
    """Give the records of *chunks*."""
    return [record for chunk in chunks for record in chunk.records]


def outcomes_of(source: Source, chunks: Sequence[Chunk]) -> list[Any]:
    """Give for each record its fields, or the rule that refuses it."""
    outcomes: list[Any] = []
    for chunk in chunks:
        for record in chunk.records:
            try:
                outcomes.append(source.decode(record, chunk.header))
            except Refused as refused:
                outcomes.append(refused.violations[0].rule)
    return outcomes


def small_cut(block: int, records: int = 1_000) -> Cut:
    """Cut a part into blocks of *block* bytes, and a chunk wherever that is possible."""
    return Cut(block=block, records=records, size=1)


def file_source(path: Path, **options: Any) -> Source:
    """Open *path* as a definition beside it would."""
    return open_source(FileSpec(path.name, path.parent, **options))


def outcomes(path: Path, **options: Any) -> list[Any]:
    """Read the file *path*; for each record its fields, or the rule that refuses it."""
    source = file_source(path, **options)
    return outcomes_of(source, asyncio.run(read_all(source)))
