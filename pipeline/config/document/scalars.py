"""
Nodes become plain values, by the core schema of YAML 1.2 and exactly.

`true` and `false` are the only booleans (`NO`, `on` and `yes` are text), `null`, `~` and nothing at
all are null, there are no dates and no base-60 numbers. A number with a point or an exponent is a
Decimal with every digit that was written: 1.10 stays 1.10. One departure from YAML 1.2: a number
with a leading zero (``010``) is text, because it is a post code or an account far more often than
the ten (or, before YAML 1.2, the eight) that a parser would make of it.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Final, TypeAlias

from pipeline.config.document.nodes import ListNode, MapNode, Node, ScalarNode
from pipeline.config.problems import DocumentPath, Problem, Problems

__all__ = ["Plain", "construct", "number", "resolve"]

Plain: TypeAlias = str | int | Decimal | bool | list["Plain"] | dict[str, "Plain"] | None

_CONSTANTS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_OCTAL: Final = re.compile(r"0o[0-7]+")
_HEXADECIMAL: Final = re.compile(r"0x[0-9a-fA-F]+")
_DECIMAL: Final = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MAX_NUMBER: Final = 200  # characters; DynamoDB itself holds 38 digits
_MAX_EXPONENT: Final = 400  # of a power of ten; DynamoDB goes to 125, and a double to 308

_TEXT_PATHS: Final[frozenset[DocumentPath]] = frozenset(
    {
        ("name",),
        ("source", "path"),
        ("source", "csv", "delimiter"),
        ("source", "csv", "null_values", "*"),
        ("source", "expect", "sha256"),
        ("target", "table"),
        ("items", "*", "key", "*"),
        ("items", "*", "omit", "*"),
        ("items", "*", "only", "*"),
    }
)
"""Where only text can be meant, so that `null_values: [null, -999]` needs no quotes."""

_TEXT_HEADS: Final = frozenset(pattern[:1] for pattern in _TEXT_PATHS)


def resolve(text: str) -> str | int | Decimal | bool | None:
    """
    Return the value of an unquoted scalar.

    :raises ValueError: it is a number that no attribute can hold; the message does not show it.
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _NOT_FINITE.fullmatch(text):
        raise ValueError("infinity and NaN cannot be stored; for the text, use quotes")
    for pattern, base in ((_OCTAL, 8), (_HEXADECIMAL, 16)):
        if pattern.fullmatch(text):
            return int(_short(text)[2:], base)
    return number(text) if _DECIMAL.fullmatch(text) else text


def number(text: str) -> int | Decimal:
    """
    Return the number that *text* is, exactly; a sign, a point and an exponent may be in it.

    :raises ValueError: no attribute can hold it, and to calculate with it would take long; the
        message does not show it.
    """
    value = int(text) if _INTEGER.fullmatch(_short(text)) else _decimal(text)
    if isinstance(value, Decimal) and value and abs(value.adjusted()) > _MAX_EXPONENT:
        raise ValueError(f"a number beyond 10 to the power of {_MAX_EXPONENT}, or so near to zero")
    return value


def _short(text: str) -> str:
    if len(text) > _MAX_NUMBER:
        raise ValueError(f"a number of {len(text):,} characters; for the text, use quotes")
    return text


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("a number with an impossible exponent; for the text, use quotes") from None


def construct(node: Node, problems: Problems, path: DocumentPath = ()) -> Plain:
    """Return the plain value of *node*; a scalar that has none is null and in *problems*."""
    if isinstance(node, MapNode):
        return {
            key: construct(entry.value, problems, (*path, key))
            for key, entry in node.entries.items()
        }
    if isinstance(node, ListNode):
        return [construct(item, problems, (*path, i)) for i, item in enumerate(node.items)]
    return _scalar(node, problems, path)


def _scalar(node: ScalarNode, problems: Problems, path: DocumentPath) -> Plain:
    if not node.plain or (node.text and _is_text(path)):
        return node.text
    try:
        return resolve(node.text)
    except ValueError as error:
        problems.spoil(Problem(node.place, path, str(error)))
        return None


def _is_text(path: DocumentPath) -> bool:
    return path[:1] in _TEXT_HEADS and any(
        len(pattern) == len(path)
        and all(wanted in ("*", part) for wanted, part in zip(pattern, path, strict=True))
        for pattern in _TEXT_PATHS
    )
