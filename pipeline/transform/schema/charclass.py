"""Character classes and escapes of ECMA-262, read and written anew for Rust and Python."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["DOT", "ESCAPE", "SPACES", "character", "read_class"]

ESCAPE: Final = (
    r"u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}"
    r"|u\{[0-9A-Fa-f]{1,6}\}|u(?![dD][89a-fA-F])[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|c[A-Za-z]"
    r"|[pP]\{[\w=]+\}|0(?!\d)|[dDwWsStnvfr]|[^\w\s]|_"
)
"""What may stand after a backslash, inside a class and outside; a lone surrogate may not."""

SPACES: Final = (
    "\\t\\n\\v\\f\\r \\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff"
)
DOT: Final = r"[^\n\r\u2028\u2029]"

_NAMED: Final = {"t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "0": "\0", "b": "\b"}
_MEMBER: Final = re.compile(
    rf"(?P<end>\])|(?P<escape>\\(?:b|{ESCAPE}))|(?P<one>[^\\\]])", re.DOTALL
)
_SPECIAL: Final = frozenset(r"\[]^-&~")
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
            both = f"{_write(low)}-{_write(high)}"
            rust.append(both)
            python.append(both)
            index += 3
            continue
        if _is_set(member):
            rust.append(member)
            python.append(SPACES if member[1] == "s" else member)
            speaks = speaks and member[1] not in "SpP"
        else:
            rust.append(_write(_single(member)))
            python.append(rust[-1])
        index += 1
    return "".join(rust), "".join(python) if speaks else None


def _is_set(member: str) -> bool:
    return len(member) > 1 and member[1] in _SETS


def _single(member: str) -> str:
    if _is_set(member):
        raise ValueError(f"{member!r} is no end of a range in a class; write the '-' as '\\-'")
    return member if len(member) == 1 else character(member)


def _write(one: str) -> str:
    """Write one character so that both engines read it as itself."""
    if one in _SPECIAL or not one.isprintable():
        code = ord(one)
        return f"\\x{code:02x}" if code < 256 else one  # noqa: PLR2004 - two hex digits
    return one
