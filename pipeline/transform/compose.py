"""The whole way of one record: text to types, the schema, the items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.errors import Refused
from pipeline.transform.coerce import compile_coercion
from pipeline.transform.mapping import compile_items
from pipeline.transform.schema import compile_schema
from pipeline.transform.straight.items import compile_straight

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline.model import Value, WriteMode
    from pipeline.transform.keys import KeyType
    from pipeline.transform.mapping import ItemSpec, MapRecord

__all__ = ["compile_transform"]


def compile_transform(
    schema: Mapping[str, Any] | None,
    items: Sequence[ItemSpec],
    key_types: Mapping[str, KeyType],
    mode: WriteMode,
    *,
    coerce: bool,
) -> MapRecord:
    """
    Compile what turns a record's fields into its items' attributes.

    With *coerce* text becomes the types that the schema states, first of all. A schema of None
    allows every record. The result raises `Refused` with every violation of the first step that
    finds one, and never returns a part of a record's items.

    :raises ValueError: the schema, a template or a conversion is none.
    """
    plain = compile_items(items, key_types=key_types, mode=mode)
    straight = compile_straight(items, key_types=key_types, mode=mode) or plain
    if schema is None:
        return _first_way(straight, plain)
    checked = compile_schema(schema)
    typed = compile_coercion(schema) if coerce else None

    def judged(fields: dict[str, Value]) -> list[tuple[int, dict[str, Value]]]:
        checked.check(fields)
        return plain(fields)

    way = _first_way(straight, judged, checked.passes)
    return way if typed is None else lambda fields: way(typed(fields))


def _first_way(
    straight: MapRecord,
    plain: MapRecord,
    quick: Callable[[dict[str, Value]], bool] = lambda _: True,
) -> MapRecord:
    """
    Return the way by straight code; what it does not make of a record is left to the *plain* one.

    That one judges anew, and says why a record is refused.
    """

    def way(fields: dict[str, Value]) -> list[tuple[int, dict[str, Value]]]:
        if quick(fields):
            try:
                if made := straight(fields):
                    return made
            except Refused:
                pass
        return plain(fields)

    return way
