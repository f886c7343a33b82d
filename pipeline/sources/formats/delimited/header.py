"""The first row of a CSV part: its column names."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_HEADER", "Header", "HeaderError", "read_header"]

MAX_HEADER = 1024 * 1024
"""Bytes within which the header must end."""


class HeaderError(Exception):
    """The part has no usable header; the text goes on from the part's name."""


@dataclass(frozen=True, slots=True)
class Header:
    """The column *names*; *size* bytes and *lines* lines lie before the first record."""

    names: tuple[str, ...]
    size: int
    lines: int


def read_header(head: bytes, delimiter: str, *, whole: bool) -> Header | None:
    """
    Read the header at the beginning of *head*, of a part that goes on unless *whole*.

    None: it does not end within *head*. Raises `HeaderError` for one that cannot be used.
    """
    lines = head.split(b"\n")
    if not whole:
        lines.pop()
    used = 0

    def texts() -> Iterator[str]:
        nonlocal used
        for line in lines:
            used += 1
            yield line.decode() + "\n"

    try:
        names = next(row for row in csv.reader(texts(), delimiter=delimiter, strict=True) if row)
    except UnicodeDecodeError:
        raise HeaderError("has a header that is not UTF-8; convert it: iconv -t UTF-8") from None
    except (StopIteration, csv.Error) as error:
        if used < len(lines) or whole or len(head) >= MAX_HEADER:
            raise HeaderError(_why_none(head, error, whole=whole)) from None
        return None
    _check(names)
    size = min(sum(len(line) + 1 for line in lines[:used]), len(head))
    return Header(tuple(names), size, used)


def _why_none(head: bytes, error: Exception, *, whole: bool) -> str:
    """Say why no row came out of *head*."""
    if b"\r" in head and b"\n" not in head:
        return "ends its lines with a lone carriage return; convert it: tr '\\r' '\\n'"
    if isinstance(error, csv.Error):
        return f"has a header that is no valid CSV ({error})"
    if whole:
        return "is empty: a CSV file begins with its column names"
    return f"has no line end within its first {MAX_HEADER} bytes; is it CSV?"


def _check(names: list[str]) -> None:
    if "" in names:
        at = names.index("") + 1
        raise HeaderError(f"has no name for column {at} of its {len(names)}; give it one")
    places: dict[str, int] = {}
    for at, name in enumerate(names, 1):
        first = places.setdefault(name, at)
        if first != at:
            raise HeaderError(
                f"has the same name for columns {first} and {at}; column names must differ. Does "
                "its first line have them?"
            )
