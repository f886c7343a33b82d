"""JSON Lines: one JSON text a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.model import Position, Record
from pipeline.sources.formats.lines import LineAssembler, LongLine, too_long, too_long_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.sources.formats.framer import FramerSpec

__all__ = ["JsonlFramer"]

_SPACE = b" \t\r"


class JsonlFramer:
    """
    One record a line, cut at line feeds alone and freed of one carriage return at its end.

    JSON text may hold U+2028, U+0085 and their like unescaped, so nothing else ends a line. Lines
    of white space are no records, but count as lines.
    """

    header: tuple[str, ...] | None = None

    def __init__(self, spec: FramerSpec, start: Position) -> None:
        self._part = spec.name
        self._batch_size = spec.batch
        self._limit = spec.max_record
        self._lines = LineAssembler(spec.max_record)
        self._offset = start.offset
        self._record = start.record
        self._line = start.line

    def feed(self, block: bytes) -> Iterator[list[Record]]:
        """Take the next bytes and give the records that are complete."""
        for run in self._lines.feed(block):
            yield from self._frame(run)

    def finish(self) -> Iterator[list[Record]]:
        """Give the last line, if no newline ended it."""
        for run in self._lines.finish():
            yield from self._frame(run)

    def position(self) -> Position:
        """Say where the next line begins."""
        return Position(self._part, self._offset, self._record, self._line)

    def _frame(self, run: bytes | LongLine) -> Iterator[list[Record]]:
        if isinstance(run, LongLine):
            yield [self._long(run)]
            return
        lines = run.split(b"\n")
        end = self._offset + len(run)
        if not lines[-1]:
            lines.pop()
        size = self._batch_size
        for first in range(0, len(lines), size):
            records = self._batch(lines[first : first + size])
            self._offset = min(self._offset, end)  # no newline need end the last line
            yield records

    def _batch(self, lines: list[bytes]) -> list[Record]:
        records: list[Record] = []
        offset, line, ordinal = self._offset, self._line, self._record
        for raw in lines:
            line += 1
            length = len(raw)
            begin = offset
            offset += length + 1
            if not length or (raw[0] <= 32 and not raw.strip(_SPACE)):  # noqa: PLR2004 - a space
                continue
            text = raw[:-1] if raw[-1] == 13 else raw  # noqa: PLR2004 - a carriage return
            record = Record(ordinal, line, begin, len(text), text)
            if record.length > self._limit:
                too_long_record(record, self._limit)
            records.append(record)
            ordinal += 1
        self._offset, self._line, self._record = offset, line, ordinal
        return records

    def _long(self, long: LongLine) -> Record:
        record = Record(
            ordinal=self._record,
            line=self._line + 1,
            offset=self._offset,
            length=long.length,
            raw=long.head,
            violation=too_long(self._limit),
            digest=long.digest,
        )
        self._record += 1
        self._line += 1
        self._offset += long.span
        return record
