"""`source`: where the records come from."""
# ruff: noqa: TC001 - the annotations are read when a definition is checked

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Annotated, Final, Literal

from pipeline.config.declare.marks import Field, OneOf, Then
from pipeline.config.declare.section import Section
from pipeline.config.model.section import AnyText, Flag, LocalPath, Text, Whole
from pipeline.config.model.units import Size, written

__all__ = [
    "SOURCE_TYPES",
    "Csv",
    "Expect",
    "FileSource",
    "GenerateSource",
    "Source",
    "StdinSource",
]

_SHA256: Final = re.compile(r"[0-9A-Fa-f]{64}")


def _delimiter(value: str) -> str:
    if len(value) != 1:
        raise ValueError(r'expected one character, in double quotes: ";", "|" or "\t"')
    if value in '"\r\n\0':
        raise ValueError("a quote or a line end cannot be the delimiter")
    return value


def _digest(value: str) -> str:
    if _SHA256.fullmatch(value) is None:
        raise ValueError("expected 64 hexadecimal digits, as `sha256sum FILE` prints them")
    return value.lower()


class Csv(Section):
    """How CSV is written; the first row names the columns."""

    delimiter: Annotated[Text, Then(_delimiter)] = Field(
        default=",", description="The one character between two cells.", examples=[",", ";", "\t"]
    )
    null_values: tuple[AnyText, ...] = Field(
        default=("",),
        description="Cells of exactly this text count as absent.",
        examples=[["", "NA", "\\N"]],
    )


def _is_expectation(value: Expect) -> Expect:
    if not value.given:
        raise ValueError("nothing is expected; give `records`, `sha256` or both")
    return value


class Expect(Section):
    """What the source must hold; else the run fails as `source_corrupt`."""

    records: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None, description="How many records the whole source has.", examples=[1000]
    )
    sha256: Annotated[AnyText, Then(_digest)] | None = Field(
        default=None,
        description="The SHA-256 of the file as it lies on disk, as `sha256sum FILE` prints it; "
        "only for a source of one file.",
    )


class _Read(Section):
    format: Literal["auto", "jsonl", "json", "csv"] = Field(
        default="auto",
        description="jsonl: one JSON object a line. json: one array of objects. csv: a header and "
        "rows. auto: told by name and content.",
    )
    compression: Literal["auto", "none", "gzip", "zstd"] = Field(
        default="auto", description="auto: told by the first bytes."
    )
    csv: Csv = Field(default_factory=Csv, description="How CSV is written.")
    coerce: Flag = Field(
        default=False,
        description="Also turn JSON texts into the types that the schema states, as CSV cells are.",
    )
    max_record: Annotated[int, Size("1KB", "1GiB")] = Field(
        default=written("4MiB"),
        description="A longer record is rejected.",
        examples=["4MiB", "512KB"],
    )
    expect: Annotated[Expect, Then(_is_expectation)] | None = Field(
        default=None, description="What the source must hold. Left out: nothing is expected."
    )


class GenerateSource(Section):
    """Records made up from a seed: the same seed gives the same records."""

    type: Literal["generate"] = Field(description="Generated records.")
    kind: Literal["users"] = Field(
        default="users", description="What is generated: realistic users."
    )
    count: Annotated[Whole, Field(ge=0)] = Field(description="How many records.", examples=[1000])
    seed: Annotated[Whole, Field(ge=0, lt=2**63)] = Field(
        default=0, description="Another seed gives other records."
    )


class FileSource(_Read):
    """Records from files."""

    type: Literal["file"] = Field(description="A file, the files of a folder, or those of a glob.")
    path: LocalPath = Field(
        description="A file, a folder or a glob, relative to this YAML file; several files are "
        "read in name order.",
        examples=["../data/users.jsonl.gz", "../data/*.csv"],
    )


class StdinSource(_Read):
    """Records from the standard input; such a run cannot be resumed."""

    type: Literal["stdin"] = Field(description="The standard input.")


def _kind_of(value: object) -> str:
    """
    Return the class that judges a source, from its ``type``.

    A misspelt type is judged as the one that was most likely meant, so that the other mistakes of
    the source are told as well.
    """
    if isinstance(value, _Read | GenerateSource):
        return type(value).__name__
    if not isinstance(value, dict):
        return FileSource.__name__  # which says that keys and values are expected
    near = get_close_matches(str(value.get("type")), _KINDS, n=1)
    if near:
        return _KINDS[near[0]].__name__
    likely = FileSource if "path" in value else GenerateSource if "count" in value else StdinSource
    return likely.__name__


_KINDS: Final[dict[str, type[Section]]] = {
    "generate": GenerateSource,
    "file": FileSource,
    "stdin": StdinSource,
}
SOURCE_TYPES: Final = tuple(_KINDS)

Source = Annotated[
    GenerateSource | FileSource | StdinSource,
    OneOf(_kind_of, {kind.__name__: kind for kind in _KINDS.values()}),
]
