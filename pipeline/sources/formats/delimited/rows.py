"""CSV with a header: rows as the csv module reads them, however the bytes are cut."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, cast

from pipeline.errors import SourceCorruptError
from pipeline.model import Position, Record, Violation
from pipeline.sources.formats.delimited.header import HeaderError, read_header
from pipeline.sources.formats.delimited.quick import QuickRows, quick_rows
from pipeline.sources.formats.delimited.window import CsvWindow, WindowSpec
from pipeline.sources.formats.lines import LineAssembler, LongLine, too_long, too_long_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.model import Value
    from pipeline.sources.formats.framer import FramerSpec

__all__ = ["CsvFramer", "decode_row"]

_PIECE = 64 * 1024
"""Bytes framed at once: short lines take a hundred times their size while they are framed."""


class CsvFramer:
    """
    Rows framed by the csv module in strict mode, each with its cells.

    `CsvWindow` says what becomes of broken quotes; text in which nothing is broken does not come to
    it. Lines with nothing on them are no records.
    """

    def __init__(self, spec: FramerSpec, start: Position) -> None:
        self._spec = spec
        self._assembler = LineAssembler(spec.max_record)
        self._window = CsvWindow(WindowSpec(spec.max_record, spec.delimiter), start)
        self._head = b""
        self._header: tuple[str, ...] | None = None
        self._state: dict[str, object] | None = None
        self._record = start.record
        self._end = start.offset  # of all bytes taken
        if start.state is not None:
            self._name_columns(cast("Sequence[str]", start.state["header"]))
        csv.field_size_limit(max(csv.field_size_limit(), spec.max_record + 1))

    @property
    def header(self) -> tuple[str, ...] | None:
        """The column names."""
        return self._header

    def feed(self, block: bytes) -> Iterator[list[Record]]:
        """Take the next bytes and give the rows that are complete."""
        for first in range(0, len(block), _PIECE):
            piece = block[first : first + _PIECE]
            self._end += len(piece)
            for run in self._assembler.feed(piece):
                yield from self._frame(run)
            yield []

    def finish(self) -> Iterator[list[Record]]:
        """Give what the end of the part completes, or leaves open."""
        for run in self._assembler.finish():
            yield from self._frame(run)
        if self._header is None:
            self._add_lines(b"", whole=True)
        yield from self._rows("before the end of the file")

    def position(self) -> Position:
        """Say where the next row begins."""
        window = self._window
        offset = min(window.offset(window.begin), self._end)
        line = window.line(window.begin) - 1
        return Position(self._spec.name, offset, self._record, line, self._state)

    def _frame(self, run: bytes | LongLine) -> Iterator[list[Record]]:
        if not isinstance(run, LongLine):
            rows = self._quick(run)
            if rows is not None:
                yield from self._at_once(rows)
                return
            self._add_lines(run)
            yield from self._rows()
            return
        if self._header is None:
            raise SourceCorruptError(f"{self._spec.name!r} has a header that does not end")
        yield from self._rows(f"within {self._spec.max_record} bytes")
        yield [self._long(run)]

    def _quick(self, run: bytes) -> QuickRows | None:
        """Read *run* at once, if nothing in it or before it asks for the window."""
        if self._header is None or len(run) > self._spec.max_record or not self._window.idle:
            return None
        return quick_rows(run, self._spec.delimiter)

    def _at_once(self, rows: QuickRows) -> Iterator[list[Record]]:
        """Give the records of *rows* without the window's bookkeeping for each."""
        size = self._spec.batch
        for first in range(0, len(rows.cells), size):
            last = first + size
            yield self._batch(QuickRows(rows.raws[first:last], rows.cells[first:last], rows.tall))

    def _batch(self, rows: QuickRows) -> list[Record]:
        window, columns, ordinal = self._window, len(self._header or ()), self._record
        line, offset = at_line, at_offset = window.line(window.begin), window.offset(window.begin)
        records: list[Record] = []
        for raw, cells in zip(rows.raws, rows.cells, strict=True):
            if cells:
                text = raw[:-1] if raw[-1] == 13 else raw  # noqa: PLR2004 - a carriage return
                record = Record(ordinal, line, offset, len(text), text, cells)
                if len(cells) != columns:
                    self._judge(record, None)
                records.append(record)
                ordinal += 1
            offset += len(raw) + 1
            line += 1 + raw.count(b"\n") if rows.tall else 1
        window.skip(offset - at_offset, line - at_line)
        self._record = ordinal
        return records

    def _add_lines(self, run: bytes, *, whole: bool = False) -> None:
        """Hand lines to the window, the header taken off the first of them."""
        if self._header is None:
            self._head += run
            try:
                header = read_header(self._head, self._spec.delimiter, whole=whole)
            except HeaderError as error:
                raise SourceCorruptError(f"{self._spec.name!r} {error}") from None
            if header is None:
                return
            self._name_columns(header.names)
            run, self._head = self._head[header.size :], b""
            self._window.skip(header.size, header.lines)
        self._window.add(run)

    def _name_columns(self, names: Sequence[str]) -> None:
        self._header = tuple(names)
        self._state = {"header": list(names), "delimiter": self._spec.delimiter}

    def _rows(self, ended: str | None = None) -> Iterator[list[Record]]:
        window = self._window
        raws = window.raws
        columns = len(self._header or ())
        records: list[Record] = []
        for begin, end, cells, violation in window.rows(ended):
            if not cells and violation is None:
                continue
            raw = raws[begin] if end - begin == 1 else b"\n".join(raws[begin:end])
            if raw.endswith(b"\r"):
                raw = raw[:-1]
            record = Record(
                self._record, window.line(begin), window.offset(begin), len(raw), raw, cells
            )
            if violation is not None or len(cells) != columns or not window.clean:
                self._judge(record, violation)
            records.append(record)
            self._record += 1
            if len(records) == self._spec.batch:
                yield records
                records = []
        yield records

    def _judge(self, record: Record, violation: Violation | None) -> None:
        """Refuse *record* if there is a reason to."""
        if violation is not None and violation.rule == "record_too_long":
            too_long_record(record, self._spec.max_record)
            return
        violation = violation or _encoding(record.raw) or self._columns(record)
        if violation is not None:
            record.violation = violation
            record.cells = None

    def _columns(self, record: Record) -> Violation | None:
        cells, columns = len(record.cells or ()), len(self._header or ())
        if cells == columns:
            return None
        return Violation(
            kind="malformed",
            rule="csv_columns",
            message=f"{cells} cell{'s' * (cells != 1)}, header has {columns}",
        )

    def _long(self, long: LongLine) -> Record:
        window = self._window
        record = Record(
            ordinal=self._record,
            line=window.line(window.begin),
            offset=window.offset(window.begin),
            length=long.length,
            raw=long.head,
            violation=too_long(self._spec.max_record),
            digest=long.digest,
        )
        window.skip(long.span, 1)
        self._record += 1
        return record


def decode_row(
    record: Record, header: tuple[str, ...], null_values: frozenset[str]
) -> dict[str, Value]:
    """Name *record*'s cells by *header*; a cell that reads like a null value is left out."""
    return {
        name: cell
        for name, cell in zip(header, record.cells or (), strict=True)
        if cell not in null_values
    }


def _encoding(raw: bytes) -> Violation | None:
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return Violation(
            kind="malformed",
            rule="encoding",
            message=f"byte {error.start} of the row is not valid UTF-8",
        )
    return None
