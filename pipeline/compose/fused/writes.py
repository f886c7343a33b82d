"""One function from a record's bytes to its writes, for one shape of records."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from pipeline.compose.fused.checks import write_checks, write_counts, write_unpacking
from pipeline.compose.fused.keys import index_tests, is_key_kind, key_part
from pipeline.compose.fused.pieces import Piece, Pieces
from pipeline.compose.fused.runtime import KNOWN
from pipeline.compose.fused.shape import Node, UnfitError, shape_of, struct_of
from pipeline.compose.fused.sources import Sources
from pipeline.transform.schema.predicate import SchemaCode, UnknownError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.compose.fused.seen import Seen
    from pipeline.model import Key
    from pipeline.table.encoding.request import Frame
    from pipeline.transform.plan import ItemPlan

__all__ = ["Job", "Way", "write_way"]

Way: TypeAlias = "Callable[[Any], Sequence[tuple[int, Key, bytes, int]] | None]"
"""
A record's bytes, or its fields → its items: index in the definition, key, request, size. None or
empty, or some error: it is for the general way.
"""

_BACKSLASH: Final = ord("\\")


@dataclass(frozen=True, slots=True)
class Job:
    """
    What is the same for all shapes: the schema as `dialect.plain` gives it, items, table.

    *decoded* says that records come as fields, in the types that JSON or CSV gave them.
    """

    schema: Any
    plans: Sequence[ItemPlan]
    frame: Frame
    decoded: bool = False


@dataclass(slots=True)
class _Item:
    """An item in the making; *needs* is the expression that says whether it is made."""

    index: int
    needs: str
    attributes: dict[str, Node]
    texts: list[str]
    key: str
    name: str


def write_way(seen: Seen, job: Job) -> Way | None:
    """Write the function for records such as were *seen*; None if they are not for this way."""
    try:
        return _Writer(seen, job).compiled()
    except (UnfitError, UnknownError, ValueError):  # msgspec's, of a name that no struct can have
        return None


class _Writer:
    """Writes the source of one function; texts of strangers are in it as literals alone."""

    def __init__(self, seen: Seen, job: Job) -> None:
        self._job = job
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
            *_returned(items),
        ]:
            self._code.line(2, line)
        known = {**KNOWN, **self._code.constants}
        head = [f"def make({', '.join(known)}):", "    def fused(raw):"]
        source = "\n".join([*head, *self._code.lines, "    return fused"])
        names: dict[str, Any] = {}
        exec(compile(source, "<fused>", "exec"), names)  # noqa: S102 - our own words; strangers' are in it by repr
        way: Way = names["make"](**known)
        return way

    def _decode(self) -> None:
        """Write what decodes a record, and gives up on one that breaks a rule of the source."""
        struct = struct_of(self._root)
        if self._job.decoded:
            made = f"{self._code.constant(msgspec.convert)}(raw, {self._code.constant(struct)})"
        else:
            decode = msgspec.json.Decoder(struct, float_hook=Decimal).decode
            made = f"{self._code.constant(decode)}(raw)"
        self._code.line(2, f"{self._root.var} = {made}")
        structs = {
            node.var: self._code.constant(struct) for node, struct in _structs(self._root, struct)
        }
        write_unpacking(self._root, structs, self._code)
        if not self._job.decoded:
            write_counts(self._root, self._code)
        write_checks(self._root, self._code)

    def _item(self, plan: ItemPlan) -> _Item | None:
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
        return _Item(plan.index, needs, attributes, texts, f"k{plan.index}", str(plan.index))

    def _finish(self, item: _Item) -> list[str]:
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

    def _escape(self, items: Sequence[_Item]) -> list[str]:
        """
        Return the lines that escape all texts where one may need it.

        By how much that makes a request longer is counted in its ``e…``.
        """
        texts = {item.name: found for item in items if (found := self._texts(item))}
        if not texts:
            return []
        every = ", ".join(dict.fromkeys(one for found in texts.values() for one in found))
        bare = not (self._job.decoded or self._sources.escapes)  # JSON escapes what needs it
        return [
            f"{' = '.join(f'e{name}' for name in texts)} = 0",
            f"if {_BACKSLASH} in raw:" if bare else "if True:",
            *(f"    e{name} = longer(({', '.join(found)},))" for name, found in texts.items()),
            f"    if {' or '.join(f'e{name}' for name in texts)}:",
            f"        {every}, = escaped(({every},))",
        ]

    def _texts(self, item: _Item) -> list[str]:
        """Return the variables of the texts and lists of an item, each as often as it is in it."""
        return [
            one.var
            for node in item.attributes.values()
            for one in (node, *node.inner())
            if one.kind in ("str", "list", "set")
        ]


def _structs(node: Node, struct: Any) -> list[tuple[Node, Any]]:
    """Pair the objects of a shape with their structs."""
    found = [(node, struct)]
    for child, kind in zip(node.fields.values(), msgspec.structs.fields(struct), strict=True):
        if child.kind == "map":
            options = getattr(kind.type, "__args__", (kind.type,))
            inner = next(
                one for one in options if isinstance(one, type) and issubclass(one, msgspec.Struct)
            )
            found += _structs(child, inner)
    return found


def _returned(items: Sequence[_Item]) -> list[str]:
    made = [f"({item.index}, {item.key}, b{item.name}, z{item.name})" for item in items]
    if not any(item.needs for item in items):
        return [f"return ({', '.join(made)},)"]
    lines = ["made = []"]
    for item, one in zip(items, made, strict=True):
        lines.append(
            f"if {item.needs}: made.append({one})" if item.needs else f"made.append({one})"
        )
    return [*lines, "return made"]
