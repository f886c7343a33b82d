"""Rows of CSV text in which nothing needs a closer look, many at once."""

from __future__ import annotations

import csv
from io import StringIO
from typing import NamedTuple

__all__ = ["QuickRows", "quick_rows"]

_SPECIAL = frozenset('"\r\n')
"""What means something else than the end of a cell."""


class QuickRows(NamedTuple):
    """
    Rows with their bytes, without their last line feed; a blank line is a row without cells.

    *tall* says that there are rows of more than one line.
    """

    raws: list[bytes]
    cells: list[list[str]]
    tall: bool


def quick_rows(run: bytes, delimiter: str) -> QuickRows | None:
    """
    Read *run*, whole lines, as the csv module in strict mode does.

    None: something in it is for `CsvWindow` to judge, such as a quote that is not closed within
    it, a lone carriage return, or what is no UTF-8.
    """
    try:
        text = run.decode()
        rows = None if delimiter in _SPECIAL else _read(text, delimiter)
    except (UnicodeDecodeError, csv.Error):
        return None
    if rows is None:
        return None
    raws = run.split(b"\n")
    if not raws[-1]:
        raws.pop()
    if len(raws) == len(rows):
        return QuickRows(raws, rows, tall=False)
    return _joined(raws, rows)


def _read(text: str, delimiter: str) -> list[list[str]] | None:
    """Return the rows of *text*; raises `csv.Error`."""
    if '"' in text:
        # StringIO ends lines at line feeds alone, and leaves them as they are.
        return list(csv.reader(StringIO(text, newline="\n"), delimiter=delimiter, strict=True))
    if "\r" in text:
        if text.count("\r") != text.count("\r\n"):
            return None
        text = text.replace("\r\n", "\n")
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.split(delimiter) if line else [] for line in lines]


def _joined(raws: list[bytes], rows: list[list[str]]) -> QuickRows | None:
    """Join the lines of each row: a line ends within a row where a cell has a line feed."""
    joined: list[bytes] = []
    begin = 0
    for row in rows:
        end = begin + 1 + sum(cell.count("\n") for cell in row)
        joined.append(b"\n".join(raws[begin:end]))
        begin = end
    return QuickRows(joined, rows, tall=True) if begin == len(raws) else None
