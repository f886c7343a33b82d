"""Which physical lines make one CSV row, with broken quotes kept from swallowing good rows."""

from __future__ import annotations

import csv
from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias

from pipeline.model import Violation
from pipeline.sources.formats.delimited.lines import Reading, fault, read_inside, read_record
from pipeline.sources.formats.lines import too_long
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.model import Position

__all__ = ["MAX_LINES", "CsvWindow", "Framed", "WindowSpec"]

MAX_LINES = 10_000
"""Physical lines that one row may run over; a quote that is open longer was never closed."""

Framed: TypeAlias = tuple[int, int, list[str], Violation | None]
"""A row: its first line in hand, the line after it, and its cells or why it is refused."""


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """A row's limit in bytes, and what is between its cells."""

    max_record: int
    delimiter: str


class CsvWindow:
    """
    The lines in hand, from the one where the next row begins.

    A quote that is opened and never closed would swallow all rows after it. So where the csv
    module reports an error, or the text ends, or a row outgrows its limit of bytes or `MAX_LINES`
    lines, only the physical line in which the row began is refused, and reading goes on with the
    line after it: good rows stay good, and of a broken multi-line row each line is judged alone.

    What was learnt of lines that were looked at in vain is kept, so that the work stays in
    proportion to the text even where every line opens a quote.
    """

    def __init__(self, spec: WindowSpec, start: Position) -> None:
        self._limit = spec.max_record
        self._delimiter = spec.delimiter
        self.raws: list[bytes] = []  # without their line feeds
        self._texts: list[str] = []
        self._offsets = [start.offset]  # of each line, and of the one after them all
        self._first_line = start.line  # lines before those in hand
        self._cursor = 0  # the line that the csv module reads next
        self._reach = 0  # the lines before this one are known to leave _begin's quote open
        self._wall: tuple[int, Reading] | None = None  # the line at _reach, seen from inside
        self.begin = 0
        self.clean = True

    @property
    def idle(self) -> bool:
        """Whether all lines that were taken are done with."""
        return self.begin == len(self.raws)

    def add(self, run: bytes) -> None:
        """Take whole lines, and let go of those that are done with."""
        self._discard()
        raws = run.split(b"\n")
        if not raws[-1]:
            raws.pop()
        try:
            text = run.decode()
        except UnicodeDecodeError:
            self.clean = False
            text = run.decode(errors="surrogateescape")
        self.raws += raws
        self._texts += text.split("\n")[: len(raws)]
        offset = self._offsets.pop()
        self._offsets += accumulate((len(raw) + 1 for raw in raws), initial=offset)

    def skip(self, span: int, lines: int) -> None:
        """Pass over *lines* of *span* bytes that are no rows; all lines in hand are done with."""
        self._discard()
        self._offsets = [self._offsets[0] + span]
        self._first_line += lines

    def offset(self, index: int) -> int:
        """Say at which byte of the part line *index* begins."""
        return self._offsets[index]

    def line(self, index: int) -> int:
        """Say which line of the part, from 1, line *index* is."""
        return self._first_line + index + 1

    def rows(self, ended: str | None = None) -> Iterator[Framed]:
        """
        Give the rows that are complete.

        *ended* says what comes after the lines in hand where no line that could close a quote
        does; None: more lines may come.
        """
        while self.begin < len(self.raws):
            if self.begin >= self._reach:
                yield from self._read_on()
                continue
            framed = self._look(ended)
            if framed is None:
                return
            yield framed

    def _read_on(self) -> Iterator[Framed]:
        """Read rows the fast way, up to the first that needs a closer look."""
        self._cursor = self.begin
        offsets = self._offsets
        try:
            for row in csv.reader(self._lines(), delimiter=self._delimiter, strict=True):
                begin, end = self.begin, self._cursor
                if offsets[end] - offsets[begin] > self._limit or end - begin > MAX_LINES:
                    break
                self.begin = end
                yield begin, end, row, None
            else:
                return
        except csv.Error:
            pass
        self._reach = self.begin + 1

    def _lines(self) -> Iterator[str]:
        texts = self._texts
        while self._cursor < len(texts):
            self._cursor += 1
            yield texts[self._cursor - 1] + "\n"

    def _look(self, ended: str | None) -> Framed | None:
        """Judge the line where the next row begins; None: it takes lines that are not in hand."""
        begin = self.begin
        if self._size(begin) > self._limit:
            return self._refuse(too_long(self._limit))
        reading = read_record([self._texts[begin]], self._delimiter)
        if reading.open:
            return self._look_inside(begin, ended)
        if reading.error is not None:
            rule, message = fault(reading.error, self._delimiter)
            return self._refuse(Violation("malformed", rule, message))
        self.begin = begin + 1
        return begin, begin + 1, reading.row, None

    def _look_inside(self, begin: int, ended: str | None) -> Framed | None:
        """Find the line that closes the quote which line *begin* leaves open."""
        at = max(self._reach, begin + 1)
        while True:
            self._reach = at
            if at - begin >= MAX_LINES:
                return self._unclosed(f"within {MAX_LINES} lines")
            if at == len(self.raws):
                return None if ended is None else self._unclosed(ended)
            if self._offsets[at] - self._offsets[begin] + self._size(at) > self._limit:
                return self._unclosed(f"within {self._limit} bytes")
            inside = self._inside(at)
            if inside.error is not None:
                return self._unclosed(f"before line {self.line(at)}, which cannot follow it")
            if not inside.open:
                break
            at += 1
        self.begin = at + 1
        return begin, at + 1, read_record(self._texts[begin : at + 1], self._delimiter).row, None

    def _inside(self, at: int) -> Reading:
        if self._wall is None or self._wall[0] != at:
            self._wall = (at, read_inside(self._texts[at], self._delimiter))
        return self._wall[1]

    def _unclosed(self, where: str) -> Framed:
        return self._refuse(
            Violation(
                "malformed",
                "csv_quote",
                f"a quote opens on line {self.line(self.begin)} and is not closed {where}",
            )
        )

    def _refuse(self, violation: Violation) -> Framed:
        self.begin += 1
        return self.begin - 1, self.begin, [], violation

    def _size(self, index: int) -> int:
        raw = self.raws[index]
        return len(raw) - raw.endswith(b"\r")

    def _discard(self) -> None:
        done = self.begin
        del self.raws[:done], self._texts[:done], self._offsets[:done]
        self._first_line += done
        self._reach = max(0, self._reach - done)
        self._wall = None
        self.begin = 0
        if not self.raws:
            self.clean = True
