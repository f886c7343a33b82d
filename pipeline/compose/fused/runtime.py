"""What the written function calls, by the names that it has there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import orjson
from msgspec import UNSET

from pipeline.compose.fused.pieces import SMALL, json_text
from pipeline.errors import Refused
from pipeline.model import Item
from pipeline.sources.formats.duplicate_keys import members
from pipeline.table.encoding.figures import measured
from pipeline.table.encoding.fused import DOUBTS, typed_json
from pipeline.table.size import text_size
from pipeline.transform.schema.predicate import NAMES
from pipeline.transform.template import scalar_text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["GIVES_UP", "KNOWN"]

GIVES_UP: Final = (*DOUBTS, Refused, RecursionError, ArithmeticError)
"""What the written functions may raise of a record that is for the general way."""


def _written(value: Any) -> str:
    """Return a scalar as a template shows it; raise one of `DOUBTS` if it is none."""
    text = scalar_text(value)
    if text is None:
        raise ValueError
    return text


def _within(value: Any) -> int:
    """Count the members of all objects in any value."""
    return members(value) if type(value) is dict or type(value) is list else 0


def _anything(value: Any, depth: int) -> tuple[str, int]:
    """Return the typed JSON of any value, and its excess."""
    text, size = typed_json(value, depth)
    return text, size - len(text.encode())


def _longer(values: Sequence[Any]) -> int:
    """Count by how many bytes the texts and lists of texts in *values* are longer in JSON."""
    parts = [one if type(one) is str else "".join(one) for one in values if one]
    text = "".join(parts)
    return len(orjson.dumps(text)) - len('""') - text_size(text)


def _odd(text: str) -> bool:
    """Say whether JSON must escape anything of *text*."""
    size = len(text) if text.isascii() else text_size(text)
    return len(orjson.dumps(text)) - len('""') != size


def _escaped(values: Sequence[Any]) -> list[Any]:
    """Write texts and lists of texts as in JSON; leave alone what is absent or null."""
    return [
        json_text(one)
        if type(one) is str
        else [json_text(member) for member in one]
        if type(one) is list
        else one
        for one in values
    ]


def _ends(dense: bytes) -> int:
    """
    Count what can be the end of a key in valid JSON without white space; -1 in doubt.

    That is a quote and a colon, unless the quote is escaped. It is where one backslash stands
    before it; but not where the backslash itself is.
    """
    if b'\\\\"' in dense:
        return -1
    return dense.count(b'":') - dense.count(b'\\":')


KNOWN: Final[dict[str, Any]] = {
    **NAMES,
    "ABSENT": UNSET,  # of the schema's code: the same as the decoder's
    "BLANK": b" ",
    "BETWEEN": '"},{"S":"',
    "COMMA": '","',
    "CURLY": b"{",
    "FALSE": "false",
    "FIGURES": [measured(whole) for whole in range(SMALL)],
    "PAIR": b'":',
    "QUOTE": b'"',
    "SPACE": b" \t\r\n",
    "SQUARE": b"[",
    "TRUE": "true",
    "UNSET": UNSET,
    "anything": _anything,
    "astuple": msgspec.structs.astuple,
    "ends": _ends,
    "GIVES_UP": GIVES_UP,
    "Item": Item,
    "escaped": _escaped,
    "longer": _longer,
    "measured": measured,
    "odd": _odd,
    "within": _within,
    "written": _written,
}
