"""One function from a record's bytes to its writes, for one shape of records."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from pipeline.compose.fused.functions import Made, one_function, run_function
from pipeline.compose.fused.keys import index_tests, is_key_kind, key_part
from pipeline.compose.fused.pieces import Piece, Pieces
from pipeline.compose.fused.read.checks import write_checks, write_counts, write_unpacking
from pipeline.compose.fused.read.rows import write_row
from pipeline.compose.fused.runtime import KNOWN
from pipeline.compose.fused.shape import UnfitError, shape_of, struct_of, structs_in
from pipeline.compose.fused.sources import Sources
from pipeline.transform.schema.predicate import SchemaCode, UnknownError
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.compose.fused.read.rows import Header, RowSource
    from pipeline.compose.fused.seen import Seen
    from pipeline.model import Item, Key, Record
    from pipeline.table.encoding.request import Frame
    from pipeline.transform.plan import ItemPlan

__all__ = ["Job", "One", "Run", "Way", "write_way"]

One: TypeAlias = "Callable[[Any], Sequence[tuple[int, Key, bytes, int]] | None]"
"""
A record's bytes, or its cells → its items: index in the definition, key, request, size. None or
empty, or some error: it is for the general way.
"""

Run: TypeAlias = "Callable[[Sequence[Record], int, int, Callable[[Item], None], int, str], int]"
"""
The same for records one after the other: all of them, from, up to, what takes an item, the number
of the chunk and the part → the first that is for the general way, or up to.
"""

_BACKSLASH: Final = ord("\\")


@dataclass(frozen=True, slots=True)
class Job:
    """
    What is the same for all shapes: the schema as `dialect.plain` gives it, items, table.

    *rows* says how cells are read, for records that come as rows; None: they come as JSON.
    """

    schema: Any
    plans: Sequence[ItemPlan]
    frame: Frame
    rows: RowSource | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """What was written for one shape of records: *one* takes a single one, *run* many."""

    one: One
    run: Run


def write_way(seen: Seen, job: Job, header: Header | None = None) -> Way | None:
    """
    Write the functions for records such as were *seen*; None if they are not for this way.

    *header* has the columns of rows.
    """
    try:
        return _Writer(seen, job, header).compiled()
    except (UnfitError, UnknownError, ValueError):  # msgspec's, of a name that no struct can have
        return None


class _Writer:
    """Writes the source of one function; texts of strangers are in it as literals alone."""

    def __init__(self, seen: Seen, job: Job, header: Header | None) -> None:
        self._job = job
        self._header = header
        self._code = SchemaCode(job.schema)
        self._root = shape_of(seen, job.schema, self._code)
        self._sources = Sources(self._root, self._code)
        self._pieces = Pieces(self._code.variable)

    def compiled(self) -> Way:
        """Write and compile all."""
        items = [item for plan in self._job.plans if (item := self._item(plan)) is not None]
        if not items:
            raise UnfitError
        self._decode()
        after = [line for item in items for line in self._finish(item)]
        texts = [line for item in items for line in item.texts]
        for line in [
            *self._sources.early,
            *self._pieces.figures,
            *texts,
            *self._escape(items),
            *self._pieces.lines,
            *after,
        ]:
            self._code.line(2, line)
        known = {**KNOWN, **self._code.constants}
        source = "\n".join(
            [
                f"def make({', '.join(known)}):",
                *one_function(self._code.lines, self._given, items),
                *run_function(self._code.lines, self._given, items),
                "    return fused, run",
            ]
        )
        names: dict[str, Any] = {}
        exec(compile(source, "<fused>", "exec"), names)  # noqa: S102 - our own words; strangers' are in it by repr
        return Way(*names["make"](**known))

    @property
    def _given(self) -> str:
        """What of a record is given, by the name that it has in `Record` and in the code."""
        return "raw" if self._job.rows is None else "cells"

    def _decode(self) -> None:
        """Write what decodes a record, and gives up on one that breaks a rule of the source."""
        root, code = self._root, self._code
        if self._job.rows is not None:
            if self._header is None:
                raise UnfitError
            write_row(root, self._header, self._job.rows, code)
        else:
            struct = struct_of(root)
            decode = msgspec.json.Decoder(struct, float_hook=Decimal).decode
            code.line(2, f"{root.var} = {code.constant(decode)}(raw)")
            structs = {node.var: code.constant(made) for node, made in structs_in(root, struct)}
            write_unpacking(root, structs, code)
            write_counts(root, code)
        write_checks(root, code)

    def _item(self, plan: ItemPlan) -> Made | None:
        needs = self._sources.needs(plan)
        if needs is None:
            return None
        texts: list[str] = []
        attributes = self._sources.attributes(plan, texts)
        frame = self._job.frame
        for name, kind in plan.own_keys:
            if not is_key_kind(attributes.get(name), kind):
                raise UnfitError
        if frame.key_alone:
            attributes = {
                part.name: attributes[part.name] for part in frame.key if part.name in attributes
            }
        key = [key_part(part, attributes, texts, self._pieces.figure) for part in frame.key]
        for part in frame.optional:
            if part.name in attributes:
                texts += index_tests(part, attributes[part.name])
        texts.append(f"k{plan.index} = ({', '.join(key)},)")
        if needs:
            made = [line.partition(" = ")[0] for line in texts if not line.startswith("if ")]
            texts = [
                f"{' = '.join(made)} = UNSET",
                f"if {needs}:",
                *(f"    {one}" for one in texts),
            ]
        return Made(plan.index, needs, attributes, texts, f"k{plan.index}", str(plan.index))

    def _finish(self, item: Made) -> list[str]:
        """Return the lines that make an item's request and its size."""
        piece, frame, name = Piece(), self._job.frame, item.name
        piece.say(frame.head)
        self._pieces.item(piece, item.attributes)
        piece.say(frame.tail)
        escaped = f" - e{name}" if self._texts(item) else ""
        lines = [
            f"b{name} = {piece.source}.encode()",
            f"z{name} = len(b{name}) + {piece.total}{escaped}",
            f"if z{name} > {frame.budget}: return None",
        ]
        if item.needs:
            return [f"if {item.needs}:", *(f"    {line}" for line in lines)]
        return lines

    def _escape(self, items: Sequence[Made]) -> list[str]:
        """
        Return the lines that escape all texts where one may need it.

        By how much that makes a request longer is counted in its ``e…``.
        """
        texts = {item.name: found for item in items if (found := self._texts(item))}
        if not texts:
            return []
        every = list(dict.fromkeys(one for found in texts.values() for one in found))
        bare = self._job.rows is None and not self._sources.escapes  # JSON escapes what needs it
        return [
            f"{' = '.join(f'e{name}' for name in texts)} = 0",
            f"if {_BACKSLASH} in raw:" if bare else f"if odd({self._together(items, every)}):",
            *(f"    e{name} = longer(({', '.join(found)},))" for name, found in texts.items()),
            f"    if {' or '.join(f'e{name}' for name in texts)}:",
            f"        {', '.join(every)}, = escaped(({', '.join(every)},))",
        ]

    def _together(self, items: Sequence[Made], every: Sequence[str]) -> str:
        """Return the source of one text with all that is in texts and lists of texts."""
        nodes = {
            one.var: one
            for item in items
            for node in item.attributes.values()
            for one in (node, *node.inner())
        }
        parts = [
            f"{{{var}}}" if nodes[var].kind == "str" else f"{{''.join({var} or ())}}"
            for var in every
        ]
        return f'f"{"".join(parts)}"'

    def _texts(self, item: Made) -> list[str]:
        """Return the variables of the texts and lists of an item, each as often as it is in it."""
        return [
            one.var
            for node in item.attributes.values()
            for one in (node, *node.inner())
            if one.kind in ("str", "list", "set")
        ]
