"""Records from dead letters, to be loaded again."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from itertools import groupby
from typing import TYPE_CHECKING

from pipeline.errors import PreflightError
from pipeline.model import Chunk, Position
from pipeline.sources.base import FileSpec
from pipeline.sources.file import FileSource
from pipeline.sources.formats.dead_letter import Letter, read_letter
from pipeline.sources.reading import decode
from pipeline.sources.sniff import tell_format

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.model import Record, Value
    from pipeline.sources.base import Part, ReplaySpec, Verified

__all__ = ["ReplaySource"]

_ESCAPED = 6
"""Bytes that JSON may take for one of a record: a control character is ``\\u0000``."""

_AROUND = 8 * 1024 * 1024
"""Bytes that a letter may take beside its record: the names of all columns, reasons, the key."""


class ReplaySource:
    """
    The letters of one dead-letter file, as the records that they tell of.

    A chunk's records, its part and its header are those of the source that was read at first; its
    end is a position in the dead-letter file, which is the one part.
    """

    resumable = True
    sha256 = None

    def __init__(self, spec: ReplaySpec) -> None:
        self._spec = spec
        self._null_values = frozenset(spec.csv.null_values)
        self._delimiters: dict[str, str] = {}
        self._file: FileSource | None = None

    async def parts(self) -> Sequence[Part]:
        """Look at the file; where it is named through ``latest``, that is followed only now."""
        path = await asyncio.to_thread(_find, self._spec.path)
        file = FileSource(
            FileSpec(
                str(path),
                format="jsonl",
                max_record=self._spec.max_record * _ESCAPED + _AROUND,
                cut=self._spec.cut,
            )
        )
        parts = await file.parts()
        self._file = file
        return parts

    async def require_letters(self) -> None:
        """Raise `PreflightError` where no line at the file's beginning is a letter."""
        (part,) = await self.parts()
        async with aclosing((await self._opened()).read(part)) as chunks:
            async for lines in chunks:
                told = await asyncio.to_thread(self._sort_out, lines)
                # A line that is no letter tells of no other part: its own file stands for it.
                if all(chunk.part == part.name for chunk in told):
                    raise PreflightError(
                        f"{part.name!r} holds no dead letters; give the dead-letter.jsonl of a run"
                    )
                return

    async def read(self, part: Part, start: Position | None = None) -> AsyncGenerator[Chunk, None]:
        """Read the letters; consecutive ones of one part share a chunk."""
        file = await self._opened()
        async with aclosing(file.read(part, start)) as chunks:
            async for chunk in chunks:
                for sorted_out in await asyncio.to_thread(self._sort_out, chunk):
                    yield sorted_out

    def decode(self, record: Record, header: tuple[str, ...] | None) -> dict[str, Value]:
        """Turn *record* into its fields as its own source did; raises `Refused`."""
        return decode(record, header, self._null_values)

    async def stretch(
        self, part: Part, position: Position, consumed: int
    ) -> Mapping[str, int | str] | None:
        """Take the fingerprint of the letters before *position*."""
        return await (await self._opened()).stretch(part, position, consumed)

    async def verify(self, part: Part, passed: Callable[[int], None]) -> Verified | None:
        """Read the whole file, and inflate it where it is compressed."""
        return await (await self._opened()).verify(part, passed)

    async def digest(self, part: Part, passed: Callable[[int], None]) -> str | None:
        """Take the SHA-256 of the file as it lies on disk."""
        return await (await self._opened()).digest(part, passed)

    async def _opened(self) -> FileSource:
        if self._file is None:
            await self.parts()
        assert self._file is not None  # noqa: S101 - `parts` opened it or raised
        return self._file

    def _sort_out(self, lines: Chunk) -> list[Chunk]:
        """Make of a chunk of lines the chunks of the records that they tell of."""
        letters = [read_letter(line, lines.part, self._delimiter_of) for line in lines.records]
        return list(_chunks(lines, letters))

    def _delimiter_of(self, part: str) -> str:
        """Say what is between the cells of the CSV file *part*, as when it was read."""
        if part not in self._delimiters:
            spec = FileSpec(part, format="csv", csv=self._spec.csv)
            look = tell_format(part, b'"a column"\n', spec, whole=True)
            assert look is not None  # noqa: S101 - the text is whole
            self._delimiters[part] = look.delimiter
        return self._delimiters[part]


def _chunks(lines: Chunk, letters: Sequence[Letter]) -> Iterator[Chunk]:
    """Give neighbours of one part and header together, each group with the position after it."""
    done = 0
    for (part, header), group in groupby(letters, lambda letter: (letter.part, letter.header)):
        records = [letter.record for letter in group]
        done += len(records)
        yield Chunk(
            part, records, _before(lines, done), header, lines.consumed, reached=lines.reached
        )


def _before(lines: Chunk, index: int) -> Position:
    """Say where reading resumes with line *index*."""
    if index == len(lines.records):
        return lines.end
    line = lines.records[index]
    return Position(lines.part, line.offset, line.ordinal, line.line - 1)


def _find(path: Path) -> Path:
    """Find the file that *path* means; raises `PreflightError`."""
    try:
        found = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, before 3.13
        why = error.strerror if isinstance(error, OSError) else "links in a circle"
        raise PreflightError(
            f"the dead-letter file {str(path)!r} cannot be read: {why}; give that of a run, "
            "runs/NAME/RUN/dead-letter.jsonl (a run without rejections has none)"
        ) from error
    if not found.is_file():
        raise PreflightError(
            f"{str(path)!r} is no regular file; give the dead-letter file itself, "
            "runs/NAME/RUN/dead-letter.jsonl"
        )
    return found
