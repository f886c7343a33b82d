"""One JSON array a part, each of its elements a record."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pipeline.errors import SourceCorruptError
from pipeline.model import Position, Record, Violation
from pipeline.sources.formats.framer import HEAD
from pipeline.sources.formats.json_scan import NEXT, SPACE, ElementScanner
from pipeline.sources.formats.lines import too_long

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.sources.formats.framer import FramerSpec

__all__ = ["JsonArrayFramer"]

_COMMA, _OPEN, _CLOSE = b",[]"
_SPACE = b" \t\r\n"
_PIECE = 64 * 1024
"""Bytes looked at before the event loop may have a turn: a bracket alone takes 0.3 µs."""


class _Element:
    """An element whose end is not found yet; what is too long to hold is hashed and let go."""

    def __init__(self, record: Record, at: int) -> None:
        self.record = record
        self.scanner = ElementScanner(at)
        self.dropped = False
        self._sha = hashlib.sha256()

    def drop(self, piece: bytes) -> None:
        """Let go of the next bytes of it."""
        record = self.record
        self.dropped = True
        self._sha.update(piece)
        record.length += len(piece)
        record.raw += piece[: HEAD - len(record.raw)]
        record.digest = self._sha.hexdigest()


class JsonArrayFramer:
    """
    Elements are told apart by brackets and strings alone, and decoded later, one by one.

    So a malformed element costs only itself, as long as its brackets and quotes are balanced.
    Where they are not there is no telling where it ends: the part is corrupt from its line on.
    An element's length, for the limit, reaches to the comma or bracket after it.
    """

    header: tuple[str, ...] | None = None

    def __init__(self, spec: FramerSpec, start: Position) -> None:
        self._part = spec.name
        self._batch_size = spec.batch
        self._limit = spec.max_record
        self._expects = "comma" if start.state else "array"
        self._buffer = b""
        self._at = 0
        self._base = start.offset  # of the buffer's first byte in the part
        self._line = start.line  # newlines before self._at
        self._record = start.record
        self._element: _Element | None = None
        self._position = start

    def feed(self, block: bytes) -> Iterator[list[Record]]:
        """Take the next bytes and give the records that are complete."""
        for first in range(0, len(block), _PIECE):
            self._hold(block[first : first + _PIECE])
            more = True
            while more:
                records: list[Record] = []
                while more and len(records) < self._batch_size:
                    more = self._step(records)
                yield records

    def finish(self) -> Iterator[list[Record]]:
        """Check that the array was closed; there is nothing left to give."""
        if self._element is not None:
            raise self._corrupt(
                "an element begins here and does not end: its brackets or quotes are not "
                "balanced, or the file was cut short",
                self._element.record.line,
            )
        if self._expects == "array":
            raise self._corrupt("there is no JSON array; an empty one is written []")
        if self._expects != "end":
            raise self._corrupt("the JSON array is not closed by ']'; was the file cut short?")
        yield from ()

    def position(self) -> Position:
        """Say where the comma or bracket after the last record is looked for."""
        return self._position

    def _hold(self, piece: bytes) -> None:
        self._buffer = self._buffer[self._at :] + piece
        if self._element is not None:
            self._element.scanner.at -= self._at
        self._base += self._at
        self._at = 0

    def _step(self, records: list[Record]) -> bool:
        """Go on by one step, which may add to *records*; False: more bytes are needed."""
        if self._element is not None:
            return self._end_element(self._element, records)
        if self._expects == "comma" and self._take_elements(records):
            return True
        space = SPACE.match(self._buffer, self._at)
        self._move(space.end() if space else self._at)
        if self._at == len(self._buffer):
            return False
        self._take_mark(self._buffer[self._at], records)
        return True

    def _take_elements(self, records: list[Record]) -> bool:
        """Add the elements that lie whole in the buffer: the fast way, for nearly all of them."""
        buffer, at, line, record = self._buffer, self._at, self._line, self._record
        while len(records) < self._batch_size:
            found = NEXT.match(buffer, at)
            if found is None:
                break
            begin, close = found.span(1)
            end = found.end()
            if end - begin > self._limit:
                break
            line += buffer.count(b"\n", at, begin)
            records.append(Record(record, line + 1, self._base + begin, close - begin, found[1]))
            line += buffer.count(b"\n", begin, end)
            record += 1
            at = end
        if at == self._at:
            return False
        self._at, self._line, self._record = at, line, record
        self._settle()
        return True

    def _take_mark(self, mark: int, records: list[Record]) -> None:
        """Take what stands between elements, or begin one."""
        closes = mark == _CLOSE and self._expects in ("first", "comma")
        if closes or (mark, self._expects) in ((_COMMA, "comma"), (_OPEN, "array")):
            self._move(self._at + 1)
            self._expects = "end" if closes else "first" if mark == _OPEN else "value"
            return
        if self._expects == "array":
            raise self._corrupt(
                "this is no JSON array; set format: jsonl if there is one object a line"
            )
        if self._expects == "end":
            raise self._corrupt("something follows the JSON array; only one array can be read")
        if self._expects == "comma":
            raise self._corrupt("a comma or ']' was expected here; was the file changed?")
        record = Record(self._record, self._line + 1, self._base + self._at, 0, b"")
        if mark in (_COMMA, _CLOSE):
            record.violation = Violation(
                kind="malformed",
                rule="json_syntax",
                message="a comma has no element " + ("after it" if mark == _CLOSE else "before it"),
            )
            self._add(record, records)
        else:
            self._element = _Element(record, self._at)

    def _end_element(self, element: _Element, records: list[Record]) -> bool:
        end = element.scanner.find_end(self._buffer)
        reach = element.scanner.at if end is None else end
        if element.dropped or reach - self._at > self._limit:
            element.drop(self._buffer[self._at : reach])
            self._move(reach)
        if end is None:
            return False
        record = element.record
        if element.dropped:
            record.violation = too_long(self._limit)
        else:
            record.raw = self._buffer[self._at : end].rstrip(_SPACE)
            record.length = len(record.raw)
            self._move(end)
        self._element = None
        self._add(record, records)
        return True

    def _add(self, record: Record, records: list[Record]) -> None:
        records.append(record)
        self._record += 1
        self._expects = "comma"
        self._settle()

    def _settle(self) -> None:
        self._position = Position(
            self._part, self._base + self._at, self._record, self._line, {"expects": "comma"}
        )

    def _move(self, to: int) -> None:
        self._line += self._buffer.count(b"\n", self._at, to)
        self._at = to

    def _corrupt(self, what: str, line: int | None = None) -> SourceCorruptError:
        return SourceCorruptError(
            f"{self._part!r}, line {self._line + 1 if line is None else line}: {what}"
        )
