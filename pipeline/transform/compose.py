"""The whole way of one record: text to types, the schema, the items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.transform.coerce import compile_coercion
from pipeline.transform.mapping import compile_items
from pipeline.transform.plan import plan_items
from pipeline.transform.schema import compile_schema
from pipeline.transform.straight.items import compile_way

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
    plain = compile_items(items, key_types=key_types, mode=mode)
    plans = plan_items(items, key_types, mode)
    if schema is None:
        return compile_way(plans, None, plain)
    checked = compile_schema(schema)
    typed = compile_coercion(schema) if coerce else None

    def judged(fields: dict[str, Value]) -> list[tuple[int, dict[str, Value]]]:
        checked.check(fields)
        return plain(fields)

    way = compile_way(plans, checked.passes, judged)
    return way if typed is None else lambda fields: way(typed(fields))
