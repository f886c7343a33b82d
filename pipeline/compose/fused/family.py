"""The ways of one run's records: learnt from the first of them, kept as long as they pay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pipeline.compose.fused.seen import Seen
from pipeline.compose.fused.writes import Job, write_way
from pipeline.errors import Refused
from pipeline.sources.formats.json_decode import decode_object
from pipeline.table.encoding.fused import DOUBTS
from pipeline.transform.plan import plan_items
from pipeline.transform.schema.dialect import plain
from pipeline.transform.schema.predicate import compile_predicate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline.compose.fused.writes import Way
    from pipeline.model import Key, Value, WriteMode
    from pipeline.table.encoding.request import Frame
    from pipeline.transform.keys import KeyType
    from pipeline.transform.specs import ItemSpec

__all__ = ["Fused", "FusedRows", "fuse"]

Header: TypeAlias = tuple[str, ...]
ReadRow: TypeAlias = "Callable[[list[str]], dict[str, Value]]"
WholeRow: TypeAlias = "Callable[[list[str]], Sequence[tuple[int, Key, bytes, int]] | None]"

_ENOUGH: Final = 64
"""Records after which there is something to learn from."""

_EAGER: Final = 1024
_ONE_IN: Final = 17  # a prime, so that it keeps no step with records that take turns
"""Records beyond so many are looked at more rarely: that takes as long as to decode them."""

_WINDOW: Final = 64
_REST: Final = 1024
_LONGEST_REST: Final = 64 * 1024
"""Records that are not tried after a window in which more than half of them were in vain."""

_GIVES_UP: Final = (*DOUBTS, Refused, RecursionError, ArithmeticError)


def fuse(
    schema: Mapping[str, Any] | None,
    items: Sequence[ItemSpec],
    key_types: Mapping[str, KeyType],
    mode: WriteMode,
    frame: Frame,
    *,
    decoded: bool = False,
) -> Fused | None:
    """
    Return the fused way of a definition's records, or None where it is not for this way.

    Arguments as of `compile_transform`, without coercion; *frame* is the encoder's. *decoded*: of
    records that are fields already, in the types of the schema.

    :raises ValueError: a template is none.
    """
    whole = True if schema is None else plain(schema)
    if whole is not True and compile_predicate(whole) is None:
        return None
    return Fused(Job(whole, plan_items(items, key_types, mode), frame, decoded))


class Fused:
    """
    Decode, check, map and encode a record in one go, or say nothing.

    What `attempt` says nothing of must be decoded by `decode`, or told to `missed`, which learn
    from it.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._seen = Seen()
        self._way: Way | None = None
        self._resting: Way | None = None
        self._rest = _REST
        self._left = 0
        self._tried = self._missed = self._fresh = 0
        self._due = _ENOUGH
        self._watched = 0

    def attempt(self, raw: Any) -> Sequence[tuple[int, Key, bytes, int]] | None:
        """
        Return a record's items (index, key, request, size); None or none of them in doubt.

        *raw* are its bytes, or its fields where they are *decoded*.
        """
        way = self._way
        if way is None:
            return None
        self._tried += 1
        try:
            return way(raw)
        except _GIVES_UP:
            return None

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
        way = write_way(self._seen, self._job)
        if way is not None:
            self._way, self._resting = way, None
            self._tried = self._missed = 0


class FusedRows:
    """
    The *fused* way, made for records that are decoded, of the rows that *rows* reads.

    A row of which `whole` says nothing must be read by `rows`, which tells the fused way of it.
    """

    def __init__(self, fused: Fused, rows: Callable[[Header], ReadRow]) -> None:
        self._fused = fused
        self._rows = rows

    def whole(self, header: Header) -> WholeRow | None:
        """Return what makes items of cells under *header*; None while there is nothing to try."""
        if not self._fused.ready:
            return None
        read, attempt = self._rows(header), self._fused.attempt
        return lambda cells: attempt(read(cells))

    def rows(self, header: Header) -> ReadRow:
        """Return what reads the cells of a row that was attempted in vain, or not at all."""
        read, missed = self._rows(header), self._fused.missed

        def fields_of(cells: list[str]) -> dict[str, Value]:
            fields = read(cells)
            missed(fields)
            return fields

        return fields_of
