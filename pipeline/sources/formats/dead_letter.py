"""Dead letters: one line of a dead-letter file back into the record that it tells of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from pipeline.errors import Refused
from pipeline.model import Position, Record, Violation
from pipeline.sources.formats.delimited.rows import CsvFramer
from pipeline.sources.formats.framer import FramerSpec
from pipeline.sources.formats.json_decode import decode_object
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NOT_REPLAYABLE", "Letter", "read_letter"]

NOT_REPLAYABLE = "not_replayable"
"""The rule by which a letter is refused that no record can be made of."""

_VERSION = 1

_OF_ONE_ITEM = ("table", "retry_exhausted")
"""Kinds of which only the item was refused; by any other the record as a whole was."""

_Count = Annotated[int, msgspec.Meta(ge=0)]


@dataclass(frozen=True, slots=True)
class Letter:
    """A *record* as it stood in its own *part*, and the *header* of that, if it was CSV."""

    part: str
    header: tuple[str, ...] | None
    record: Record


class _Version(msgspec.Struct):
    """What a letter of any version has."""

    v: int


class _Line(msgspec.Struct):
    """A letter as it is written, without what only people read."""

    v: int
    part: str
    line: Annotated[int, msgspec.Meta(ge=1)]
    offset: _Count
    length: _Count
    record: _Count
    item: _Count | None
    kind: str
    rule: str
    raw: str | None = None
    raw_b64: bytes | None = None
    sha256: str | None = None
    header: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] | None = None
    only: _Count | None = None


_VERSIONS = msgspec.json.Decoder(_Version)
_LINES = msgspec.json.Decoder(_Line)


def read_letter(line: Record, name: str, delimiter_of: Callable[[str], str]) -> Letter:
    """
    Return what *line* of the dead-letter file *name* tells of.

    *delimiter_of* says what is between the cells of a CSV part. A line that nothing can be made of
    is a record of the dead-letter file itself, refused as `NOT_REPLAYABLE`; so is a letter without
    all of its record's bytes. Their bytes are kept as they are.
    """
    if line.violation is not None:
        return _no_letter(line, name, "the line is too long")
    try:
        letter = _LINES.decode(line.raw)
    except (ValueError, RecursionError) as error:
        return _no_letter(line, name, _why_none(line.raw, error))
    if letter.v != _VERSION:
        return _no_letter(line, name, _of_version(letter.v))
    if (letter.raw is None) == (letter.raw_b64 is None):
        return _no_letter(line, name, "it must have either `raw` or `raw_b64`")
    raw = letter.raw_b64 if letter.raw is None else letter.raw.encode()
    assert raw is not None  # noqa: S101 - one of the two is there
    return Letter(letter.part, letter.header, _record(letter, raw, delimiter_of))


def _record(letter: _Line, raw: bytes, delimiter_of: Callable[[str], str]) -> Record:
    record = Record(letter.record, letter.line, letter.offset, len(raw), raw)
    if letter.sha256 is not None:
        record.length, record.digest = letter.length, letter.sha256
        record.violation = _refusal(
            "only the beginning of this record is kept, since it was too long: shorten it in its "
            "source, and load it from there"
        )
    elif letter.rule == NOT_REPLAYABLE:
        record.violation = _refusal(
            "these bytes were no dead letter when they were replayed before: put them right in the "
            "file that was replayed then, and replay that"
        )
    elif letter.header is not None:
        record = _row(record, letter.part, letter.header, delimiter_of(letter.part))
    record.only = letter.only
    if record.only is None and letter.kind in _OF_ONE_ITEM:
        record.only = letter.item
    return record


def _row(record: Record, part: str, header: tuple[str, ...], delimiter: str) -> Record:
    """Cut the one CSV row of *record* into cells, or refuse it as it was when it was read."""
    state = {"header": header, "delimiter": delimiter}
    start = Position(part, record.offset, record.ordinal, record.line - 1, state)
    # Room for all of it: what was refused for its length has a digest, and does not come here.
    framer = CsvFramer(FramerSpec(part, len(record.raw) + 1, delimiter), start)
    # The framer takes one carriage return off, and must not take the row's own.
    text = record.raw + b"\r\n"
    rows = [row for rows in (framer.feed(text), framer.finish()) for some in rows for row in some]
    if len(rows) == 1:
        return rows[0]
    # Not by NOT_REPLAYABLE: its letter can be put right, and is replayed then.
    record.violation = Violation(
        "malformed",
        "csv_rows",
        f"the letter holds {len(rows)} CSV rows, and must hold one: put it right, and replay again",
    )
    return record


def _no_letter(line: Record, name: str, why: str) -> Letter:
    line.violation = _refusal(
        f"the line is no dead letter ({why}): put it right or take it out, and replay again"
    )
    return Letter(name, None, line)


def _why_none(raw: bytes, error: Exception) -> str:
    """Say why *raw* could not be read; *error*'s own words hold names and types, no values."""
    try:
        decode_object(raw)
        version = _VERSIONS.decode(raw).v
    except Refused as refused:
        return str(refused)
    except ValueError:
        return str(error)
    return str(error) if version == _VERSION else _of_version(version)


def _of_version(version: int) -> str:
    return f"it has format version {version}, and this program knows {_VERSION}"


def _refusal(message: str) -> Violation:
    return Violation("malformed", NOT_REPLAYABLE, message)
