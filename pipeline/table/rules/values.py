"""
What DynamoDB demands of any attribute value, wherever in an item it stands.

The plain way, which names every fault. `pipeline.table.rules.sound` is the fast one, which only
tells sound values from doubtful ones; a property test holds the two against each other.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pipeline.model import Violation
from pipeline.table import numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "MAX_NAME_BYTES",
    "MAX_NESTING",
    "TYPES",
    "Rule",
    "decoded",
    "examine",
    "identity",
    "name_faults",
    "shown",
    "violation",
]

Rule: TypeAlias = Literal[
    "type_none",
    "type_many",
    "type_unknown",
    "type_mismatch",
    "type_unsupported",
    "attribute_null",
    "null_false",
    "text_surrogate",
    "base64",
    "number_syntax",
    "number_precision",
    "number_overflow",
    "number_underflow",
    "set_empty",
    "set_duplicates",
    "nesting",
    "name_empty",
    "name_too_long",
    "name_surrogate",
    "key_missing",
    "key_extra",
    "key_not_scalar",
    "key_type",
    "key_empty",
    "key_too_long",
    "index_key_not_scalar",
    "index_key_type",
    "index_key_empty",
    "index_key_too_long",
    "item_size",
]
"""
The constant names of all rules.

type_none: ``{}`` or ``{"S": null}``. type_many: two types. type_unknown: a type that DynamoDB does
not have. type_mismatch: the JSON below a type is of another kind, ``{"L": "x"}``. attribute_null:
JSON null in place of a value. type_unsupported: a Python value that has
no exact counterpart in DynamoDB, such as a float. The others say themselves.
"""

TYPES = frozenset({"S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M"})
MAX_NESTING = 31
"""How many lists and maps may stand inside each other below an attribute."""
MAX_NAME_BYTES = 65_535

_SHOWN = 64
_JSON_KINDS: dict[type, str] = {
    str: "text",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}
_EXPECTED: dict[str, type] = {"S": str, "N": str, "B": str, "BOOL": bool, "L": list, "M": dict}


def examine(value: Any, path: str, depth: int = 0) -> Iterator[Violation]:
    """Name every fault of a value, in the order in which it is read; nothing if it is sound."""
    if value is None:
        yield violation("attribute_null", path, "is null; DynamoDB's null is {'NULL': true}")
        return
    if not isinstance(value, dict):
        yield _mismatch(path, value, "an object such as {'S': '…'}")
        return
    typed = {kind: content for kind, content in value.items() if content is not None}
    if not typed:
        yield violation("type_none", path, "has no type; it must have exactly one")
        return
    if len(typed) > 1:
        yield violation("type_many", path, f"has {len(typed)} types; it must have exactly one")
        return
    ((kind, content),) = typed.items()
    if kind not in TYPES:
        yield violation("type_unknown", path, "has a type that DynamoDB does not know")
        return
    expected = _EXPECTED.get(kind, list)
    if kind != "NULL" and not isinstance(content, expected):
        yield _mismatch(path, content, f"{_JSON_KINDS[expected]} below {kind!r}")
        return
    yield from _examine_content(kind, content, path, depth)


def _examine_content(kind: str, content: Any, path: str, depth: int) -> Iterator[Violation]:
    if kind in {"S", "N", "B"}:
        yield from _examine_scalar(kind, content, path)
    elif kind == "NULL":
        if content is not True:
            yield violation("null_false", path, "is a NULL that is not true")
    elif kind in {"L", "M"}:
        if depth >= MAX_NESTING:
            text = f"stands inside {depth} lists and maps; a scalar may, a list or map may not"
            yield violation("nesting", path, text)
        else:
            yield from _examine_members(content, path, depth)
    elif kind != "BOOL":
        yield from _examine_set(kind, content, path)


def _examine_members(content: Any, path: str, depth: int) -> Iterator[Violation]:
    if isinstance(content, list):
        for index, member in enumerate(content):
            yield from examine(member, f"{path}[{index}]", depth + 1)
        return
    for name, member in content.items():
        inner = f"{path}.{shown(name)}"
        yield from name_faults(name, inner)
        yield from examine(member, inner, depth + 1)


def _examine_scalar(kind: str, content: str, path: str) -> Iterator[Violation]:
    if kind == "N":
        try:
            numbers.parse(content)
        except numbers.NumberRefusedError as refused:
            yield violation(refused.rule, path, str(refused))
    elif kind == "B":
        try:
            decoded(content)
        except ValueError:
            yield violation("base64", path, "is not padded base64 text")
    elif _has_surrogate(content):
        text = "holds half of a surrogate pair, which has no encoding in UTF-8"
        yield violation("text_surrogate", path, text)


def _examine_set(kind: str, members: list[Any], path: str) -> Iterator[Violation]:
    if not members:
        yield violation("set_empty", path, f"is an empty {kind}; leave the attribute out")
        return
    faults: list[Violation] = []
    for index, member in enumerate(members):
        inner = f"{path}[{index}]"
        if isinstance(member, str):
            faults.extend(_examine_scalar(kind[0], member, inner))
        else:
            faults.append(_mismatch(inner, member, f"text in {kind}"))
    yield from faults
    if not faults:
        different = len({identity(kind, member) for member in members})
        if different < len(members):
            text = (
                f"is a set with duplicates: {different} different values in {len(members)} members"
            )
            yield violation("set_duplicates", path, text)


def name_faults(name: str, path: str) -> Iterator[Violation]:
    """Name the faults of one attribute's name."""
    if not name:
        yield violation("name_empty", path, "has an empty name")
    elif _has_surrogate(name):
        text = "has half of a surrogate pair in its name, which has no encoding in UTF-8"
        yield violation("name_surrogate", path, text)
    elif (size := len(name.encode())) > MAX_NAME_BYTES:
        text = f"has a name of {size:,} bytes; the limit is {MAX_NAME_BYTES:,}"
        yield violation("name_too_long", path, text)


def violation(rule: Rule, path: str, predicate: str) -> Violation:
    """Make a violation whose message is the path and what is wrong with it."""
    return Violation("rule", rule, f"{path!r} {predicate}", path)


def shown(name: str) -> str:
    """Make an attribute's name fit for a path: of bounded length, and encodable."""
    if len(name) > _SHOWN:
        name = f"{name[:_SHOWN]}…"
    return name if name.isascii() else name.encode("utf-8", "backslashreplace").decode()


def _mismatch(path: str, value: object, expected: str) -> Violation:
    found = _JSON_KINDS.get(type(value), "something else")
    return violation("type_mismatch", path, f"is {found}, where the wire form has {expected}")


def identity(kind: str, member: str) -> object:
    """Give what makes two members of a set the same to the service."""
    if kind == "NS":
        return numbers.parse(member)
    return decoded(member) if kind == "BS" else member


def decoded(text: str) -> bytes:
    """
    Decode a B.

    :raises ValueError: it is no base64 text, or not padded, or something follows the padding.
    """
    return binascii.a2b_base64(text, strict_mode=True)


def _has_surrogate(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
