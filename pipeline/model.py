"""
The values that travel through the pipeline: frozen data, no behaviour.

A *source* is read in *parts* (a file is a part) as *chunks* of *records*. A record that passes
the validator becomes *items*; items travel to the table in *batches*. See design part 2 for the
glossary.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = [
    "AttributeType",
    "Batch",
    "Checked",
    "Chunk",
    "Item",
    "Key",
    "Kind",
    "Outcome",
    "Position",
    "Record",
    "Rejection",
    "TypedSet",
    "Value",
    "Violation",
    "WriteMode",
]

AttributeType: TypeAlias = Literal["S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M"]
WriteMode: TypeAlias = Literal["put", "delete"]

Key: TypeAlias = tuple[str | bytes, ...]
"""
An item's primary key, (partition,) or (partition, sort), in canonical typed form.

S is its text, B its decoded bytes, N its canonical decimal text (1, 1.0 and 1e0 are all "1"), so
that two keys are equal exactly when DynamoDB holds them to be equal. The types themselves are the
table's and the same for every key.
"""

Kind: TypeAlias = Literal["malformed", "schema", "mapping", "rule", "table", "retry_exhausted"]
"""
Why something was not written.

malformed: the bytes are no record. schema: the record breaks the definition's schema. mapping: an
item cannot be made of it (a template's field is absent). rule: DynamoDB's write rules, checked
offline. table: the service refused it. retry_exhausted: a good item whose attempts ran out.
"""


@dataclass(frozen=True, slots=True)
class TypedSet:
    """A DynamoDB set; members are kept as given, so that duplicates can still be refused."""

    type: Literal["SS", "NS", "BS"]
    members: tuple[str | int | Decimal | bytes, ...]


Value: TypeAlias = (
    str | int | Decimal | bool | bytes | list["Value"] | dict[str, "Value"] | TypedSet | None
)
"""A field's or attribute's value. There is no float: a number is exact (int or Decimal)."""


@dataclass(frozen=True, slots=True)
class Violation:
    """
    One reason for a refusal.

    *rule* is a constant name such as ``required``, ``item_size`` or ``key_empty``. *message* names
    the size or the class of the offending value, never the value itself (it may be somebody's
    secret). *field* is the path inside the record or item, ``address.city`` or ``tags[3]``.
    """

    kind: Kind
    rule: str
    message: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """
    Where reading resumes after a chunk.

    *offset* counts bytes of the decompressed part and is always at a record boundary (for a
    generator: the index of the next record). *record* and *line* are how many lie before it.
    *state* is what the format must know to go on there, e.g. a CSV header.
    """

    part: str
    offset: int
    record: int
    line: int
    state: Mapping[str, object] | None = None


class Record(msgspec.Struct, gc=False):
    """
    One record as it stands in the source, not yet decoded or validated.

    *ordinal* counts from 0 within the part, *line* from 1; *offset* and *length* are decompressed
    bytes. *raw* are the original bytes without the line end. *cells* is set by formats that parse
    while they frame (CSV). A record that could not even be framed has its *violation*; of an
    over-long one *raw* is only the first 256 bytes and *digest* the SHA-256 of all (hex). *only* is
    the one of the definition's items that is wanted of it, None for all (replayed dead letters).

    Treated as frozen. A msgspec struct, since one is made for every record: that takes a third of
    the time of a dataclass's, and none of the garbage collector's, which need not look for cycles.
    """

    ordinal: int
    line: int
    offset: int
    length: int
    raw: bytes
    cells: list[str] | None = None
    violation: Violation | None = None
    digest: str | None = None
    only: int | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """
    Records that were read together.

    *end* is where reading resumes after them, unless the chunk was *cut* short. *header* are the
    CSV column names. *consumed* is how many bytes of the part, as it lies on disk (compressed),
    have been read so far, in whole blocks; *reached* is how many of them lie before its end, as far
    as that can be told: progress, not position. *number* counts the run's chunks in read order;
    the producer sets it.
    """

    part: str
    records: Sequence[Record]
    end: Position
    header: tuple[str, ...] | None = None
    consumed: int = 0
    cut: bool = False
    number: int = -1
    reached: int | None = None


class Item(msgspec.Struct, gc=False, eq=False):
    """
    One encoded write, ready to be sent.

    *wire* is the JSON of one WriteRequest as it goes into BatchWriteItem, UTF-8. *size* is the
    item's size in bytes by DynamoDB's own arithmetic. *index* says which of the definition's items
    it is. *superseded* are older items of the same key, oldest first, that this one replaces; they
    stay attached until it is written. Nearly no item has any, so that a list is made where it is
    needed.

    Treated as frozen but for *superseded*, which the batcher alone extends. A struct, as `Record`.
    """

    key: Key
    wire: bytes
    size: int
    record: Record
    chunk: int
    part: str
    index: int = 0
    superseded: list[Item] | tuple[()] = ()


@dataclass(frozen=True, slots=True)
class Rejection:
    """
    Something that will not be in the table, and why; its record goes to the dead letters.

    *index* says which item of the record it concerns, None the record as a whole; *key* is the
    item's key by attribute name, where it has one. An item whose attempts ran out has the kind
    ``retry_exhausted`` and counts as failed, everything else counts as rejected.
    """

    record: Record
    part: str
    chunk: int
    violations: Sequence[Violation]
    index: int | None = None
    key: Mapping[str, str] | None = None

    @property
    def kind(self) -> Kind:
        """The kind of the first, most telling violation."""
        return self.violations[0].kind

    @property
    def message(self) -> str:
        """Every violation in one line; the first one's field stands beside it, others' before."""
        first, *others = self.violations
        parts = [first.message]
        parts += [f"{one.field}: {one.message}" if one.field else one.message for one in others]
        return "; ".join(parts)


class Batch(msgspec.Struct, frozen=True, gc=False):
    """
    Items that travel in one request: no key twice, none in two batches in flight.

    *keys* are theirs, where these were at hand as a set.
    """

    items: Sequence[Item]
    keys: Collection[Key] | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What the validator made of a chunk: how many items went on, and what it refused."""

    chunk: int
    items: int
    rejections: Sequence[Rejection]


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """
    What one answer of the table settled for good.

    Items attached to a *written* one as superseded are settled with it. *gave_up* says that a
    batch's attempts ran out, and *refused* is what was left of it.
    """

    written: Sequence[Item]
    refused: Sequence[Rejection] = ()
    gave_up: bool = False
