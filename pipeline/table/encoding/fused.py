"""
The fast way to an item's typed form: types, sizes and doubts in one pass.

A size is not added up from its texts. In its typed form any value takes eight bytes of JSON,
``{"S":""}``, and its content; the serializer measures all contents at once by making the bytes, and
what is added up here is only by how much a value that is no text differs: its *excess*, DynamoDB's
size of it less the JSON beyond those eight bytes.

Whatever is doubtful raises one of `DOUBTS`, never for its message, and goes the plain way. A
property test holds that the two agree.
"""

from __future__ import annotations

import binascii
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.model import TypedSet
from pipeline.table.encoding.figures import measured
from pipeline.table.rules import MAX_NAME_BYTES, MAX_NESTING
from pipeline.table.size import text_size, value_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.table.size import WireValue

__all__ = ["DOUBTS", "LARGEST", "typed", "typed_items", "typed_json"]

DOUBTS = (ValueError, TypeError, AttributeError, LookupError)

LARGEST = MAX_NAME_BYTES
"""Items up to this size hold no name that is too long, and no more values than can be counted."""

_TRUE = ({"BOOL": True}, -4)
_FALSE = ({"BOOL": False}, -5)
_NULL = ({"NULL": True}, -4)
_EMPTY = 3
_TYPED = len('{"S":""}')
_MEMBER = -8
_ENTRY = -11


def typed_items(item: Mapping[str, Any]) -> tuple[dict[str, WireValue], int]:
    """
    Give the attributes' typed form, and the sum of their excesses.

    :raises DOUBTS: in doubt. Names and texts are the serializer's to judge, and lengths the size's.
    """
    wire: dict[str, WireValue] = {}
    excess = 0
    for name, value in item.items():
        kind = type(value)
        if kind is str:
            wire[name] = {"S": value}
        elif kind is int or kind is Decimal:
            text, size = measured(value)
            wire[name] = {"N": text}
            excess += size - len(text)
        elif kind is bool:
            wire[name], more = _TRUE if value else _FALSE
            excess += more
        else:
            wire[name], more = typed(value, kind, 0)
            excess += more
    if "" in wire:
        raise ValueError
    return wire, excess


def typed(value: Any, kind: type, depth: int) -> tuple[WireValue, int]:  # noqa: PLR0911 - the hot path, unrolled
    """
    Give the typed form of a value of type *kind* inside *depth* lists and maps, and its excess.

    :raises DOUBTS: in doubt.
    """
    if kind is list:
        return _typed_list(value, depth + 1)
    if kind is dict:
        return _typed_map(value, depth + 1)
    if kind is int or kind is Decimal:
        text, size = measured(value)
        return {"N": text}, size - len(text)
    if kind is bool:
        return _TRUE if value else _FALSE
    if value is None:
        return _NULL
    if kind is bytes:
        text = binascii.b2a_base64(value, newline=False).decode()
        return {"B": text}, len(value) - len(text)
    if kind is TypedSet:
        return _typed_set(value)
    raise ValueError


def typed_json(value: Any, depth: int) -> tuple[str, int]:
    """
    Give the JSON of a value's typed form and its size by itself; *depth* as for `typed`.

    :raises DOUBTS: in doubt.
    """
    kind = type(value)
    if value is None:
        return '{"NULL":true}', 1
    if kind is str:
        return f'{{"S":{orjson.dumps(value).decode()}}}', text_size(value)
    wire, excess = typed(value, kind, depth)
    line = orjson.dumps(wire)
    return line.decode(), value_size(wire) if b"\\" in line else len(line) - _TYPED + excess


def _typed_list(value: list[Any], depth: int) -> tuple[WireValue, int]:
    if depth > MAX_NESTING or len(value) > LARGEST:
        raise ValueError
    excess = _EMPTY + 1 + _MEMBER * len(value) if value else _EMPTY
    members: list[WireValue] = []
    for member in value:
        kind = type(member)
        if kind is str:
            members.append({"S": member})
        else:
            wire, more = typed(member, kind, depth)
            members.append(wire)
            excess += more
    return {"L": members}, excess


def _typed_map(value: dict[str, Any], depth: int) -> tuple[WireValue, int]:
    if depth > MAX_NESTING or len(value) > LARGEST or "" in value:
        raise ValueError
    excess = _EMPTY + 1 + _ENTRY * len(value) if value else _EMPTY
    entries: dict[str, WireValue] = {}
    for name, member in value.items():
        kind = type(member)
        if kind is str:
            entries[name] = {"S": member}
        else:
            entries[name], more = typed(member, kind, depth)
            excess += more
    return {"M": entries}, excess


def _typed_set(value: TypedSet) -> tuple[WireValue, int]:
    """Give a set's typed form if no member is there twice; ``{"SS":[…]}`` is a byte longer."""
    kind, members = value.type, value.members
    count = len(members)
    excess = -3 * count
    texts: list[str]
    if kind == "SS":
        texts = [member for member in members if type(member) is str]
    elif kind == "BS":
        blobs = [member for member in members if type(member) is bytes]
        texts = [binascii.b2a_base64(blob, newline=False).decode() for blob in blobs]
        excess += sum(map(len, blobs)) - sum(map(len, texts))
    elif kind == "NS":
        figures: list[Any] = [member for member in members if type(member) in (int, Decimal)]
        sizes = [measured(member) for member in figures]
        texts = [text for text, _ in sizes]
        excess += sum(size - len(text) for text, size in sizes)
    else:
        raise ValueError
    if not count or len(set(texts)) < count:  # also where a member is of another type
        raise ValueError
    return {kind: texts}, excess
