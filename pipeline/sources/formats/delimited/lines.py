"""How one physical line of CSV goes on, as the csv module itself judges it."""

from __future__ import annotations

import csv
from dataclasses import field
from typing import TYPE_CHECKING

from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Reading", "fault", "read_inside", "read_record"]


@dataclass(slots=True)
class Reading:
    """
    What the csv module makes of some lines.

    A *row* (an empty one is a blank line), or the record is *open* (its quoted cell goes on in
    the next line), or there is an *error*.
    """

    row: list[str] = field(default_factory=list)
    open: bool = False
    error: csv.Error | None = None


def read_record(texts: list[str], delimiter: str) -> Reading:
    """Read the record that *texts*, lines without their line feed, make together."""
    asked_for_more = False

    def lines() -> Iterator[str]:
        nonlocal asked_for_more
        for text in texts:
            yield text + "\n"
        asked_for_more = True

    try:
        return Reading(row=next(csv.reader(lines(), delimiter=delimiter, strict=True)))
    except csv.Error as error:
        return Reading(open=True) if asked_for_more else Reading(error=error)


def read_inside(text: str, delimiter: str) -> Reading:
    """
    Read *text*, a line that begins inside a quoted cell.

    After an opening quote the csv module is in just that state, so one is put in front.
    """
    return read_record(['"' + text], delimiter)


def fault(error: csv.Error, delimiter: str) -> tuple[str, str]:
    """Say *error* in the words of the row's author: (rule, message)."""
    if "new-line" in str(error):
        return "csv_line_end", "a carriage return stands alone in the row, outside of quotes"
    message = (
        f"a quoted cell is followed by something other than {delimiter!r} or the end of the "
        'row (a quote inside a quoted cell is written "")'
    )
    return "csv_quote", message
