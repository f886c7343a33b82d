"""What a part is, told by its content and confirmed by its name."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Literal

from pipeline.errors import PreflightError, SourceCorruptError
from pipeline.sources.formats.delimited.header import HeaderError, read_header
from pipeline.sources.storage.inflate import COMPRESSED, compression_of
from pipeline.values import dataclass

if TYPE_CHECKING:
    from pipeline.sources.base import Compression, FileSpec, Format, StdinSpec

__all__ = ["MAX_HEAD", "Look", "may_be_magic", "tell_compression", "tell_format"]

MAX_HEAD = 1024 * 1024
"""Bytes of text within which a part must show what it is; blank JSON Lines may be longer."""

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_SPACE = b" \t\r\n"
_NAMES: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
}
_ARRAY_OF_OBJECTS = re.compile(rb"\s*\[\s*\{")
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_DELIMITERS = (";", "\t", "|", ",")
_STRANGERS = (
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"PK\x03\x04", "a zip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"PAR1", "Parquet"),
    (b"SQLite format 3", "an SQLite database"),
)


@dataclass(frozen=True, slots=True)
class Look:
    """
    What a part turned out to be; its text begins after *skip* bytes of byte order mark.

    *columns* are the names in a CSV header.
    """

    format: Format
    skip: int
    delimiter: str
    columns: tuple[str, ...] | None = None


def may_be_magic(head: bytes) -> bool:
    """Say whether more bytes after *head* could show that it is no plain text."""
    return any(
        len(head) < len(magic) and magic.startswith(head)
        for magic in (*COMPRESSED, *(magic for magic, _ in _STRANGERS))
    )


def tell_compression(name: str, head: bytes, asked: Literal["auto"] | Compression) -> Compression:
    """
    Tell how the part that begins with *head* is compressed; *asked* must not contradict it.

    Raises `PreflightError`, or `SourceCorruptError` where nothing is left of what its name says.
    """
    for magic, stranger in _STRANGERS:
        if head.startswith(magic):
            raise PreflightError(f"{name!r} is {stranger}, which is not read; unpack or convert it")
    found = compression_of(head)
    packed = asked in ("gzip", "zstd") or name.lower().endswith((".gz", ".zst"))
    if packed and found == "none" and not head:
        raise SourceCorruptError(f"{name!r} is empty, which no compressed file is; copy it again")
    if packed and found == "none" and (not _is_text(head) or _is_stump(head)):
        raise SourceCorruptError(
            f"{name!r} is damaged at its beginning: it should be compressed, and is neither that "
            "nor text; copy it again"
        )
    if asked not in ("auto", found):
        is_what = "not compressed" if found == "none" else f"{found}"
        raise PreflightError(
            f"{name!r} is {is_what}, and source.compression says {asked}; leave that out"
        )
    return found


def _is_stump(head: bytes) -> bool:
    """Say whether a file is no more than the beginning of a magic number: zstd's first is "("."""
    return any(len(head) < len(magic) and magic.startswith(head) for magic in COMPRESSED)


def _is_text(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return not _CONTROLS.search(head)


def tell_format(name: str, text: bytes, spec: FileSpec | StdinSpec, *, whole: bool) -> Look | None:
    """
    Tell what the part that begins with *text* holds, all of it if *whole*.

    None: more text is needed. Raises `PreflightError`, also for a CSV header that cannot be used.
    """
    if len(text) < len(_BOM) and not whole:
        return None
    _check_encoding(name, text)
    skip = len(_BOM) if text.startswith(_BOM) else 0
    text = text[skip:]
    first = text.lstrip(_SPACE)[:1]
    if not first and not whole and len(text) < MAX_HEAD:
        return None
    stem = name.lower().removesuffix(".gz").removesuffix(".zst")
    delimiter = spec.csv.delimiter or ("\t" if stem.endswith(".tsv") else ",")
    named = next((form for ending, form in _NAMES.items() if stem.endswith(ending)), None)
    form = _decide(name, named, first) if spec.format == "auto" else spec.format
    if form == "jsonl" and _ARRAY_OF_OBJECTS.match(text):
        raise PreflightError(
            f"{name!r} begins as one JSON array of objects; set source.format: json, or auto"
        )
    if form == "json" and first != b"[":
        raise PreflightError(f"{name!r} {_no_array(first)}")
    if form == "csv":
        sure = spec.format == "csv" or named == "csv"
        given = spec.csv.delimiter is not None
        columns = _read_columns(name, text, delimiter, whole=whole, sure=sure, given=given)
        return None if columns is None else Look(form, skip, delimiter, columns)
    return Look(form, skip, delimiter)


def _check_encoding(name: str, text: bytes) -> None:
    zeros = b"\0\0" in (text[0:4:2], text[1:4:2])  # as ASCII looks in two or four bytes
    if text.startswith(_UTF16) or zeros:
        raise PreflightError(
            f"{name!r} is UTF-16 or UTF-32, and only UTF-8 is read; convert it: "
            "iconv -f UTF-16 -t UTF-8"
        )


def _decide(name: str, named: Format | None, first: bytes) -> Format:
    """Tell the format by the name, where it has a known ending, else by the *first* character."""
    beginnings: dict[bytes, Format] = {b"[": "json", b"{": "jsonl"}
    shown = beginnings.get(first, "csv")
    if named is None and not first:
        raise PreflightError(
            f"{name!r} is blank, and its name does not say what it holds; set source.format"
        )
    if named is None:
        return shown
    if named == "jsonl" and shown == "json":
        raise PreflightError(
            f"{name!r} is named as JSON Lines and begins with '['; set source.format: json if it "
            "is one array, or jsonl"
        )
    if named == "csv" and shown != "csv":
        raise PreflightError(
            f"{name!r} is named as CSV and begins like JSON; set source.format: {shown} or csv"
        )
    return named


def _no_array(first: bytes) -> str:
    if not first:
        return "is blank, which is no JSON; an empty array is written []"
    if first == b"{":
        return (
            "begins with '{', and a JSON source is one array; set source.format: jsonl if it has "
            "one object a line; an array inside of an object has to be taken out first"
        )
    return "is not a JSON array; set source.format to what it is"


def _read_columns(
    name: str, text: bytes, delimiter: str, *, whole: bool, sure: bool, given: bool
) -> tuple[str, ...] | None:
    """Read and check the column names; None: more text is needed."""
    try:
        header = read_header(text, delimiter, whole=whole)
    except HeaderError as error:
        if not sure:
            raise _unknown(name) from None
        raise PreflightError(f"{name!r} {error}") from None
    if header is None:
        return None
    if len(header.names) == 1 and not sure:
        raise _unknown(name)
    others = (one for one in _DELIMITERS if one != delimiter and one in header.names[0])
    other = next(others, None)
    if len(header.names) == 1 and not given and other is not None:
        raise PreflightError(
            f"{name!r} has one column whose name holds {other!r}; set source.csv.delimiter: "
            f"{other!r}, or {delimiter!r} if it is one column"
        )
    return header.names


def _unknown(name: str) -> PreflightError:
    return PreflightError(
        f"neither its name nor its beginning says what {name!r} holds; set source.format: "
        "jsonl, json or csv"
    )
