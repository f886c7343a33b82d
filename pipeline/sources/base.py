"""What a source is: parts that are read as chunks, and records that are decoded."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence

    from pipeline.model import Chunk, Position, Record, Value

__all__ = [
    "Compression",
    "CsvSpec",
    "Cut",
    "FileSpec",
    "Format",
    "GenerateSpec",
    "Part",
    "ReplaySpec",
    "Source",
    "SourceSpec",
    "StdinSpec",
    "Verified",
]

Format: TypeAlias = Literal["jsonl", "json", "csv"]
Compression: TypeAlias = Literal["none", "gzip", "zstd"]

MAX_RECORD = 4 * 1024 * 1024
"""
Bytes of a record that may be held while it is read; a longer one is refused, never buffered.

Twenty times DynamoDB's largest item, so that fields which are dropped and escapes fit as well.
"""


_FIRST_STEP = 25
"""Records of the first chunk: one request."""


@dataclass(frozen=True, slots=True)
class Part:
    """
    One piece of a source, read from its beginning to its end: a file is a part.

    *name* is what the user would recognise, for a file its path from the definition's folder with
    forward slashes. *size* is in bytes as it lies on disk, *records* a count, *columns* the names
    of the fields that its records can have; None: not known before it is read. *identity* is what
    tells in another process that it is the same part, in values that JSON keeps: a file's ``size``,
    ``mtime_ns`` and ``head`` (the SHA-256 of its first 64 KB as they lie on disk), a generator's
    ``kind``, ``seed``, ``count`` and ``generator`` (the version of what it makes); empty: nothing
    can tell.
    """

    name: str
    size: int | None = None
    records: int | None = None
    columns: tuple[str, ...] | None = None
    identity: Mapping[str, int | str] = field(default_factory=dict)
    compression: Compression = "none"


@dataclass(frozen=True, slots=True)
class Verified:
    """
    What came of reading the whole of a part before it is loaded.

    *sha256* (hex) is that of its bytes as they lie on disk. *checked* says that all of it was held
    against checksums which the file itself carries; without them (plain text, zstd frames that were
    written without) it is only sure that it can be read to its end.
    """

    sha256: str
    checked: bool


@dataclass(frozen=True, slots=True)
class CsvSpec:
    """How CSV is read; *delimiter* None: a tab where the name ends in ``.tsv``, else a comma."""

    delimiter: str | None = None
    null_values: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class Cut:
    """
    How much is read and handed on at once.

    *block* is the size of a read and of an inflated piece in bytes; a chunk is closed at *records*
    records or *size* bytes of them, whichever comes first. The first chunks of a reading are
    smaller, see `steps`.
    """

    block: int = 256 * 1024
    records: int = 1_000
    size: int = 256 * 1024

    def steps(self) -> Iterator[int]:
        """
        Give the most records of each chunk: 25, then twice as many, up to *records*.

        A chunk is what a checkpoint moves by. One that is soon settled lets a load get on that is
        killed again and again, however slow its table is.
        """
        step = min(_FIRST_STEP, self.records)
        while True:
            yield step
            step = min(step * 2, self.records)


@dataclass(frozen=True, slots=True)
class GenerateSpec:
    """*count* generated users; the i-th is a function of *seed* and i alone."""

    count: int
    seed: int = 0
    cut: Cut = Cut()


@dataclass(frozen=True, slots=True)
class FileSpec:
    """*pattern* is a file, a folder or a glob, taken from *root* if it is relative."""

    pattern: str
    root: Path = field(default_factory=Path)
    format: Literal["auto"] | Format = "auto"
    compression: Literal["auto"] | Compression = "auto"
    csv: CsvSpec = CsvSpec()
    max_record: int = MAX_RECORD
    cut: Cut = Cut()


@dataclass(frozen=True, slots=True)
class StdinSpec:
    """
    Records from the file descriptor *fd*, by default standard input.

    *digest*: take the SHA-256 of the bytes while they are read, see `Source.sha256`.
    """

    format: Literal["auto"] | Format = "auto"
    compression: Literal["auto"] | Compression = "auto"
    csv: CsvSpec = CsvSpec()
    max_record: int = MAX_RECORD
    cut: Cut = Cut()
    fd: int = 0
    digest: bool = False


@dataclass(frozen=True, slots=True)
class ReplaySpec:
    """The dead-letter file *path*; *csv* and *max_record* are those of the first run's source."""

    path: Path
    csv: CsvSpec = CsvSpec()
    max_record: int = MAX_RECORD
    cut: Cut = Cut()


SourceSpec: TypeAlias = GenerateSpec | FileSpec | StdinSpec | ReplaySpec


class Source(Protocol):
    """
    Where records come from.

    *resumable* says whether `read` can start at a position that it gave out earlier.
    """

    @property
    def resumable(self) -> bool:
        """Whether `read` accepts a *start*."""
        ...

    @property
    def sha256(self) -> str | None:
        """SHA-256 (hex) of what was read, of a source that can be read but once, after its end."""
        ...

    async def parts(self) -> Sequence[Part]:
        """
        Check everything that can be checked before the first record, and name the parts in order.

        Raises `PreflightError`, which says what to do, and `SourceCorruptError` where a part shows
        already that it is damaged.
        """
        ...

    def read(self, part: Part, start: Position | None = None) -> AsyncGenerator[Chunk, None]:
        """
        Read *part* as chunks, in order, each with the position after it.

        From a *start* that it gave out come the very records that one clean read has after it,
        with the same ordinals, lines and offsets. Raises `SourceCorruptError` where the part is
        damaged or changes under the reader; what came before it was as it stood there.
        """
        ...

    def decode(self, record: Record, header: tuple[str, ...] | None) -> dict[str, Value]:
        """
        Turn *record* into its fields; *header* is its chunk's.

        Raises `Refused` with one violation of kind ``malformed``.
        """
        ...

    async def stretch(
        self, part: Part, position: Position, consumed: int
    ) -> Mapping[str, int | str] | None:
        """
        Take the fingerprint of the bytes just before *position*, as they lie on disk.

        It has their ``end``, an offset on disk, and the ``sha256`` (hex) of up to 64 KB before it;
        *consumed* is `Chunk.consumed` of the chunk that ends there. None: there is nothing to look
        at. Raises `SourceCorruptError` if the part is not what `parts` saw.
        """
        ...

    async def verify(self, part: Part, passed: Callable[[int], None]) -> Verified | None:
        """
        Read the whole of *part*, and inflate it where it is compressed; None: it cannot be done.

        *passed* is told again and again how many bytes on disk have been read so far. Raises
        `SourceCorruptError` exactly where reading would for damage in the compressed bytes.
        """
        ...

    async def digest(self, part: Part, passed: Callable[[int], None]) -> str | None:
        """
        Take the SHA-256 (hex) of *part* as it lies on disk; None: it cannot be done.

        *passed* and errors as for `verify`.
        """
        ...
