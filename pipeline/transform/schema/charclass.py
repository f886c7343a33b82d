"""Character classes and escapes of ECMA-262, read and written anew for Rust and Python."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["DOT", "ESCAPE", "character", "read_class", "shorthand", "write"]

ESCAPE: Final = (
    r"u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}"
    r"|u\{[0-9A-Fa-f]{1,6}\}|u(?![dD][89a-fA-F])[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|c[A-Za-z]"
    r"|[pP]\{[\w=]+\}|0(?!\d)|[dDwWsStnvfr]|[^\w\s]|_"
)
"""What may stand after a backslash, inside a class and outside; a lone surrogate may not."""

_TOP: Final = 0x10FFFF
_RANGES: Final = {
    "d": ((0x30, 0x39),),
    "w": ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)),
    "s": (
        *((0x09, 0x0D), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A)),
        *((0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000)),
        (0xFEFF, 0xFEFF),
    ),
}
"""Digits, word characters and spaces of ECMA-262 as code points; either engine has its own."""

_NAMED: Final = {"t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "0": "\0", "b": "\b"}
_MEMBER: Final = re.compile(
    rf"(?P<end>\])|(?P<escape>\\(?:b|{ESCAPE}))|(?P<one>[^\\\]])", re.DOTALL
)
_SETS: Final = frozenset("dDwWsSpP")


def character(escape: str) -> str:
    """Return the one character that an escape stands for; it must not be one for a set of them."""
    letter, rest = escape[1], escape[2:]
    if letter == "u" and "\\u" in rest:
        high, low = (int(half, 16) for half in rest.split("\\u"))
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    if letter in "ux":
        return chr(int(rest.strip("{}"), 16))
    if letter == "c":
        return chr(ord(rest) % 32)
    return _NAMED.get(letter, letter)


def read_class(pattern: str, at: int, *, negated: bool) -> tuple[str, str | None, int]:
    """
    Read a class from behind its ``[`` or ``[^``.

    Return it for Rust and for Python (None where that has no word for it), and where it ends.

    :raises ValueError: it never ends, or has a range that is none.
    """
    members: list[str] = []
    while True:
        token = _MEMBER.match(pattern, at)
        if token is None:
            raise ValueError(
                f"character {at + 1} starts {pattern[at : at + 12]!r}, which a class does not have"
                if at < len(pattern)
                else "a class is never closed: ']' is missing"
            )
        at = token.end()
        if token.lastgroup == "end":
            break
        members.append(token[0])
    if not members:
        nothing = r"[\s\S]" if negated else r"[^\s\S]"
        return nothing, nothing, at
    rust, python = _members(members)
    edge = "[^" if negated else "["
    return f"{edge}{rust}]", None if python is None else f"{edge}{python}]", at


def _members(members: list[str]) -> tuple[str, str | None]:
    rust: list[str] = []
    python: list[str] = []
    speaks = True
    index = 0
    while index < len(members):
        member = members[index]
        if members[index + 1 : index + 2] == ["-"] and index + 2 < len(members):
            low, high = _single(member), _single(members[index + 2])
            if low > high:
                raise ValueError(
                    f"the range {member}-{members[index + 2]} in a class runs backwards"
                )
            both = f"{write(low)}-{write(high)}"
            rust.append(both)
            python.append(both)
            index += 3
            continue
        if _is_set(member):
            inside = shorthand(member)
            rust.append(inside or member)
            python.append(inside or member)
            speaks = speaks and bool(inside)
        else:
            rust.append(write(_single(member)))
            python.append(rust[-1])
        index += 1
    return "".join(rust), "".join(python) if speaks else None


def _is_set(member: str) -> bool:
    return len(member) > 1 and member[1] in _SETS


def _single(member: str) -> str:
    if _is_set(member):
        raise ValueError(f"{member!r} is no end of a range in a class; write the '-' as '\\-'")
    return member if len(member) == 1 else character(member)


def shorthand(escape: str) -> str:
    r"""Return the inside of a class for ``\d \D \w \W \s \S``; "" for any other escape."""
    ranges = list(_RANGES.get(escape[1].lower(), ()))
    if ranges and escape[1].isupper():
        edges = [-1, *(edge for pair in ranges for edge in pair), _TOP + 1]
        ranges = [
            (low + 1, high - 1)
            for low, high in zip(edges[::2], edges[1::2], strict=True)
            if low + 1 < high
        ]
    return "".join(f"{write(chr(low))}-{write(chr(high))}" for low, high in ranges)


def write(one: str) -> str:
    """Write one character so that both engines read it as itself, inside a class and outside."""
    code = ord(one)
    return one if one.isalnum() or code > 0xFF else f"\\x{code:02x}"  # noqa: PLR2004 - two hex digits


DOT: Final = f"[^{''.join(map(write, chr(10) + chr(13) + chr(0x2028) + chr(0x2029)))}]"
"""What ``.`` matches: anything but the four line ends of ECMA-262."""
