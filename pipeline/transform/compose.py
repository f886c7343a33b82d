"""The whole way of one record: text to types, the schema, the items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.errors import Refused
from pipeline.transform.coerce import compile_coercion
from pipeline.transform.mapping import compile_items
from pipeline.transform.schema import compile_schema
from pipeline.transform.straight.items import compile_straight

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    map_record = _mapping(items, key_types, mode)
    if schema is None:
        return map_record
    check = compile_schema(schema).check
    typed = compile_coercion(schema) if coerce else None

    def transform(fields: dict[str, Value]) -> list[tuple[int, dict[str, Value]]]:
        if typed is not None:
            fields = typed(fields)
        check(fields)
        return map_record(fields)

    return transform


def _mapping(
    items: Sequence[ItemSpec], key_types: Mapping[str, KeyType], mode: WriteMode
) -> MapRecord:
    """Return the straight way of mapping a record, with the plain one for what it refuses."""
    plain = compile_items(items, key_types=key_types, mode=mode)
    straight = compile_straight(items, key_types=key_types, mode=mode)
    if straight is None:
        return plain

    def map_record(fields: dict[str, Value]) -> list[tuple[int, dict[str, Value]]]:
        try:
            made = straight(fields)
        except Refused:
            return plain(fields)
        return made or plain(fields)

    return map_record
