r"""
Regular expressions of ECMA-262, as ``pattern`` means them, for the two engines that run them.

Read strictly (the ``u`` mode, but any punctuation may be escaped) and written anew for Rust, where
``.`` matches a carriage return, ``\b`` knows all of Unicode and ``[`` nests; and for Python, where
``$`` matches before a last line feed and ``\d`` is any digit of the world.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pipeline.transform.schema.charclass import DOT, ESCAPE, character, read_class, shorthand, write
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["QUICK_LENGTH", "Translation", "translate"]

QUICK_LENGTH: Final = 256
"""
The longest text that Python's `re` is given.

It backtracks, Rust's engine does not; so a pattern goes to Python only where the steps on a text of
this length are bounded by `_MAX_STEPS`, and a longer text goes to Rust.
"""

_WORD: Final = "[A-Za-z0-9_]"
_BOUNDARY: Final = f"(?:(?<={_WORD})(?!{_WORD})|(?<!{_WORD})(?={_WORD}))"
_NO_BOUNDARY: Final = f"(?:(?<={_WORD})(?={_WORD})|(?<!{_WORD})(?!{_WORD}))"

_MAX_STEPS: Final = QUICK_LENGTH**2

_TOKEN: Final = re.compile(
    rf"""
      (?P<escape>\\(?:[bB]|k<\w+>|[1-9]\d*|{ESCAPE}))
    | (?P<open>\((?:\?(?:[:=!]|<[=!]|<[A-Za-z_$][\w$]*>|[ims]+(?:-[ims]+)?:|-[ims]+:))?)(?!\?)
    | (?P<close>\))
    | (?P<class>\[\^?)
    | (?P<count>(?:[*+?]|\{{\d+(?:,\d*)?\}})\??)
    | (?P<bar>\|)
    | (?P<edge>[\^$])
    | (?P<dot>\.)
    | (?P<plain>[^\\()\[{{|^$.*+?])
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Translation:
    """A pattern for the Rust engine, and for `re` (with its ASCII flag) where that is safe."""

    rust: str
    python: str | None


@dataclass(slots=True)
class _Part:
    """One token: its two spellings, and for `low` ≠ `high` how often it may repeat."""

    kind: str
    rust: str
    python: str | None
    low: int = 1
    high: int = 1


def translate(pattern: str) -> Translation:
    """
    Translate a pattern.

    :raises ValueError: it is no regular expression of ECMA-262; the message says where.
    """
    parts: list[_Part] = []
    at = 0
    depth = 0
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:
            raise ValueError(_unreadable(pattern, at))
        at = token.end()
        kind = str(token.lastgroup)
        depth += (kind == "open") - (kind == "close")
        if depth < 0:
            raise ValueError(f"')' at character {at} closes no group")
        if kind == "count":
            _repeat(parts, token[0], at)
        elif kind == "class":
            rust, python, at = read_class(pattern, at, negated=token[0] == "[^")
            parts.append(_Part(kind, rust, python))
        else:
            parts.append(_part(kind, token[0]))
    if depth:
        raise ValueError("a group is never closed: ')' is missing")
    return Translation("".join(part.rust for part in parts), _python(parts))


def _part(kind: str, text: str) -> _Part:
    if kind == "open":
        if text in {"(?=", "(?!"}:
            return _Part(kind, text, text)
        grouping = text in {"(", "(?:"} or (text.startswith("(?<") and text[3] not in "=!")
        return _Part(kind, text, "(?:" if grouping else None)
    if kind == "dot":
        return _Part(kind, DOT, DOT)
    if kind == "edge":
        return _Part(kind, text, r"\Z" if text == "$" else text)
    if kind == "escape":
        return _escaped(text)
    if kind == "plain":
        text = write(text)
    return _Part(kind, text, text)


def _escaped(text: str) -> _Part:
    letter = text[1]
    if letter in "bB":
        return _Part("edge", _BOUNDARY if letter == "b" else _NO_BOUNDARY, text)
    if letter in "pPk" or letter in "123456789":
        return _Part("class", text, None)
    inside = f"[{shorthand(text)}]"
    if inside != "[]":
        return _Part("class", inside, inside)
    one = write(character(text))
    return _Part("plain", one, one)


def _repeat(parts: list[_Part], text: str, at: int) -> None:
    if not parts or parts[-1].kind in {"open", "bar", "edge", "count"}:
        raise ValueError(f"{text!r} before character {at + 1} repeats nothing")
    greedy = text if len(text) == 1 else text.removesuffix("?")
    bounds = {"*": "0,", "+": "1,", "?": "0,1"}.get(greedy, greedy.strip("{}"))
    low, comma, high = bounds.partition(",")
    top = int(high or low) if high or not comma else max(QUICK_LENGTH, int(low))
    if top < int(low):
        raise ValueError(f"{text!r} before character {at + 1} repeats at most less than at least")
    parts.append(_Part("count", text, text, int(low), top))


def _python(parts: Sequence[_Part]) -> str | None:
    """Join the Python spellings; None where there is none or the steps are not bounded."""
    if any(part.python is None for part in parts):
        return None
    bars = sum(part.kind == "bar" for part in parts)
    anchored = bool(parts) and parts[0].rust == "^" and not _bar_outside(parts)
    steps = 2**bars if anchored else QUICK_LENGTH * 2**bars
    for index, part in enumerate(parts):
        if part.kind != "count":
            continue
        if parts[index - 1].kind == "close" and part.high > 1:
            return None  # what is repeated may itself repeat, and the steps multiply
        if part.low != part.high and not _determined(parts, index):
            steps *= part.high - part.low + 1
    return "".join(str(part.python) for part in parts) if steps <= _MAX_STEPS else None


def _bar_outside(parts: Sequence[_Part]) -> bool:
    """Say whether some alternative of the whole pattern is not behind its first token."""
    depth = 0
    for part in parts:
        depth += (part.kind == "open") - (part.kind == "close")
        if part.kind == "bar" and depth == 0:
            return True
    return False


def _determined(parts: Sequence[_Part], index: int) -> bool:
    """Say whether the repetition ends at a character that it cannot itself contain."""
    following = parts[index + 1 : index + 3]
    if not following or following[0].kind != "plain" or parts[index - 1].kind == "close":
        return False
    if len(following) > 1 and following[1].kind == "count":
        return False
    end = str(following[0].python)
    one = chr(int(end.removeprefix(r"\x"), base=16)) if len(end) > 1 else end
    return re.fullmatch(str(parts[index - 1].python), one, re.ASCII) is None


def _unreadable(pattern: str, at: int) -> str:
    rest = pattern[at : at + 12]
    advice = ""
    if re.match(r"\(\?[imsx]+\)", rest):
        advice = f"; write '{rest[: rest.index(')')]}:...)' around what it is for"
    elif rest.startswith("(?P<"):
        advice = "; a named group is written '(?<name>...)'"
    elif rest[0] == "{":
        advice = r"; a plain brace is written '\{'"
    elif rest[:2] in {r"\A", r"\Z", r"\z"}:
        advice = "; the edges of a text are '^' and '$'"
    return f"character {at + 1} starts {rest!r}, which it does not have{advice}"
