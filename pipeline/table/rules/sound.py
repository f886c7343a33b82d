"""
The fast way through DynamoDB's rules for a value: a size, or a doubt.

One pass and no details; this runs for every attribute of a load. Whatever it doubts goes to the
plain way, `pipeline.table.rules.values`, and a property test holds that it doubts all that is
refused there. Argument types are not checked first: the doubt is what a wrong one raises.
"""

from __future__ import annotations

from typing import Any

from pipeline.table.numbers import MAX_DIGITS
from pipeline.table.numbers import size as number_size
from pipeline.table.rules.values import MAX_NAME_BYTES, MAX_NESTING, decoded, identity

__all__ = ["DOUBTS", "sound_name", "sound_value"]

DOUBTS = (ValueError, TypeError, AttributeError, LookupError)
"""What the functions here raise in doubt; never for their message."""


def sound_value(kind: str, content: Any, depth: int = 0) -> int:  # noqa: C901, PLR0911, PLR0912 - the hot path, unrolled
    """
    Size a value that breaks no rule; *depth* is how many lists and maps stand around it.

    :raises ValueError, TypeError, AttributeError: in doubt; `examine` knows. Never for its value.
    """
    if kind == "S":
        return len(content) if content.isascii() else len(content.encode())
    if kind == "N":
        if (
            content.isdigit()
            and content.isascii()
            and content[0] != "0" != content[-1]
            and len(content) <= MAX_DIGITS
        ):
            return 1 + (len(content) + 1) // 2  # no zero at either end: pairs from the right
        return number_size(content)
    if kind in ("BOOL", "NULL"):
        if content is True or (content is False and kind == "BOOL"):
            return 1
    elif kind == "M":
        if depth < MAX_NESTING:
            total = 3
            for name, value in content.items():
                ((inner, member),) = value.items()
                total += 1 + sound_name(name) + sound_value(inner, member, depth + 1)
            return total
    elif kind == "L":
        if depth < MAX_NESTING and type(content) is list:
            total = 3
            for value in content:
                ((inner, member),) = value.items()
                total += 1 + sound_value(inner, member, depth + 1)
            return total
    elif kind == "B":
        return len(decoded(content))
    elif type(content) is list and content:
        return _sound_set(kind, content)
    raise ValueError


def sound_name(name: str) -> int:
    """
    Size an attribute's name that breaks no rule.

    :raises ValueError: in doubt.
    """
    size = len(name) if name.isascii() else len(name.encode())
    if not 0 < size <= MAX_NAME_BYTES:
        raise ValueError
    return size


def _sound_set(kind: str, members: list[Any]) -> int:
    if len({identity(kind, member) for member in members}) == len(members):
        if kind == "SS":
            return sum(len(member.encode()) for member in members)
        if kind == "NS":
            return sum(map(number_size, members))
        if kind == "BS":
            return sum(len(decoded(member)) for member in members)
    raise ValueError
