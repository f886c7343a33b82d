"""The ways of one run's records: learnt from the first of them, kept as long as they pay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.compose.fused.read.rows import RowSource
from pipeline.compose.fused.runtime import GIVES_UP
from pipeline.compose.fused.seen import Seen
from pipeline.compose.fused.writes import Job, write_way
from pipeline.sources.formats.json_decode import decode_object
from pipeline.transform.coerce import compile_node
from pipeline.transform.plan import plan_items
from pipeline.transform.schema.dialect import plain
from pipeline.transform.schema.predicate import compile_predicate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline.compose.fused.read.rows import Header
    from pipeline.compose.fused.writes import Run, Way
    from pipeline.model import Item, Key, Record, Value, WriteMode
    from pipeline.table.encoding.request import Frame
    from pipeline.transform.keys import KeyType
    from pipeline.transform.specs import ItemSpec
    from pipeline.transform.straight.cells import ReadRow

__all__ = ["Fused", "FusedRows", "fuse"]


_ENOUGH: Final = 64
"""Records after which there is something to learn from."""

_EAGER: Final = 1024
_ONE_IN: Final = 17  # a prime, so that it keeps no step with records that take turns
"""Records beyond so many are looked at more rarely: that takes as long as to decode them."""

_MOST_HEADERS: Final = 16
"""Ways that are kept for rows under other headers, which may take turns: files, dead letters."""

_WINDOW: Final = 64
_REST: Final = 1024
_LONGEST_REST: Final = 64 * 1024
"""Records that are not tried after a window in which more than half of them were in vain."""


def fuse(
    schema: Mapping[str, Any] | None,
    items: Sequence[ItemSpec],
    key_types: Mapping[str, KeyType],
    mode: WriteMode,
    frame: Frame,
    *,
    nulls: frozenset[str] | None = None,
) -> Fused | None:
    """
    Return the fused way of a definition's records, or None where it is not for this way.

    Arguments as of `compile_transform`, without coercion; *frame* is the encoder's. With *nulls*
    records are rows of cells, of which those are absent; see `FusedRows`.

    :raises ValueError: a template is none.
    """
    whole = True if schema is None else plain(schema)
    if whole is not True and compile_predicate(whole) is None:
        return None
    rows = None
    if nulls is not None:
        rows = RowSource(None if schema is None else compile_node(schema), nulls)
    return Fused(Job(whole, plan_items(items, key_types, mode), frame, rows))


class Fused:
    """
    Decode, check, map and encode a record in one go, or say nothing.

    What `attempt` says nothing of must be decoded by `decode`, or told to `missed`, which learn
    from it.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._seen = Seen()
        self._header: Header | None = None
        self._kept: dict[Header | None, Way | None] = {}  # of other headers, by what is known now
        self._way: Way | None = None
        self._resting: Way | None = None
        self._rest = _REST
        self._left = 0
        self._tried = self._missed = self._fresh = 0
        self._due = _ENOUGH
        self._watched = 0

    def attempt(self, given: Any) -> Sequence[tuple[int, Key, bytes, int]] | None:
        """
        Return a record's items (index, key, request, size); None or none of them in doubt.

        *given* are its bytes, or the cells of a row.
        """
        way = self._way
        if way is None:
            return None
        self._tried += 1
        try:
            return way.one(given)
        except GIVES_UP:
            return None

    def run(
        self,
        records: Sequence[Record],
        at: int,
        stop: int,
        add: Callable[[Item], None],
        number: int,
        part: str,
    ) -> int:
        """
        Do what `attempt` does for *records* from *at* on, and *add* their items.

        Return the place of the first in doubt, or *stop*. The items are of the chunk *number*.
        """
        way = self._way
        if way is None:
            return at
        done = way.run(records, at, stop, add, number, part)
        self._tried += done - at + (done < stop)
        return done

    @property
    def ready(self) -> bool:
        """Say whether there is a way to be tried by now."""
        return self._way is not None

    def decode(self, raw: bytes) -> dict[str, Value]:
        """Do what `decode_object` does for a record that was attempted in vain."""
        self._note_miss()
        fields = decode_object(raw)
        self._look_at(fields)
        return fields

    def turn_to(self, header: Header) -> None:
        """Take rows of other columns from now on; what is known of their fields stays known."""
        if header == self._header:
            return
        self._kept[self._header] = self._way or self._resting
        if len(self._kept) > _MOST_HEADERS:
            self._kept.clear()
        self._header, known = header, header in self._kept
        self._way, self._resting = self._kept.pop(header, None), None
        if not known:
            self._write()

    def missed(self, fields: dict[str, Value]) -> None:
        """Note the fields of a record that was attempted in vain."""
        self._note_miss()
        self._look_at(fields)

    def _note_miss(self) -> None:
        if self._way is not None:
            self._missed += 1
            if self._tried >= _WINDOW:
                self._weigh()
        elif self._resting is not None:
            self._left -= 1
            if not self._left:
                self._way, self._resting = self._resting, None

    def _look_at(self, fields: dict[str, Value]) -> None:
        self._watched += 1
        if not self._seen.spread and (self._watched <= _EAGER or not self._watched % _ONE_IN):
            self._learn(fields)

    def _weigh(self) -> None:
        """Judge the attempts since the last time: rest where more than half were in vain."""
        if self._missed * 2 > self._tried:
            self._resting, self._way, self._left = self._way, None, self._rest
            self._rest = min(self._rest * 2, _LONGEST_REST)
        else:
            self._rest = _REST
        self._tried = self._missed = 0

    def _learn(self, fields: dict[str, Value]) -> None:
        """Take note of a record; write a new way once there is reason to."""
        self._seen.observe(fields)
        self._fresh += 1
        if self._fresh < self._due:
            return
        self._fresh, self._due = 0, self._due * 2
        self._kept.clear()
        self._write()

    def _write(self) -> None:
        way = write_way(self._seen, self._job, self._header) if self._seen.count else None
        if way is not None:
            self._way, self._resting = way, None
            self._tried = self._missed = 0


class FusedRows:
    """
    The *fused* way of rows, and what reads those in doubt: *rows* makes it of a header.

    A row in doubt must be read by what `rows` gives, which tells the fused way of it.
    """

    def __init__(self, fused: Fused, rows: Callable[[Header], ReadRow]) -> None:
        self._fused = fused
        self._rows = rows

    def run(self, header: Header) -> Run:
        """Return what makes items of records with cells under *header*; see `Fused.run`."""
        self._fused.turn_to(header)
        return self._fused.run

    def rows(self, header: Header) -> ReadRow:
        """Return what reads the cells of a row that was attempted in vain, or not at all."""
        read, missed = self._rows(header), self._fused.missed

        def fields_of(cells: list[str]) -> dict[str, Value]:
            fields = read(cells)
            missed(fields)
            return fields

        return fields_of
