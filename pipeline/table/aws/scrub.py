"""
Scrub: what the service says, without what it should not repeat: items' values, credentials.

The service's texts are for people, and some of them quote the request: the elements of a set, the
whole of ``requestItems``, the canonical string of a signature. Nobody who reads a log, a report or
a traceback may learn from them what stands in an item, or how to sign a request.
"""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["redact", "scrub"]

_LIMIT: Final = 300
"""Characters of a text that are shown."""

_SHORTEST: Final = 3
"""Characters of a value that are looked for: what is shorter is everywhere."""

_WINDOW: Final = 8
"""Characters in a row that a text shares with a value only if it quotes it, if in part."""

_SEED, _STRIDE = 5, 4
"""Each window has a seed at a multiple of the stride: few searches rule most of a text out."""

_MOST: Final = 1_000_000
"""Bytes of items that a text is compared with; beyond it, nothing of the text is shown."""

_GONE: Final = "…"

_ECHOES: Final = (
    # `Value '...' at 'requestItems' failed to satisfy constraint`: the path may stay.
    (re.compile(r"(?is)\bvalue '.*?'(?= at )|\bvalue \".*?\"(?= at )"), f"Value '{_GONE}'"),
    (re.compile(r"(?is)the canonical string.*"), _GONE),
    (re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z0-9]{8,}\b"), _GONE),
    (
        re.compile(
            r"(?i)((?:x-amz-)?security-token|signature|credential|secret[-_ ]?(?:access[-_ ]?)?key|"
            r"authorization|password|session[-_ ]?token)(\"?'?\s*[=:]\s*)(?:AWS4-HMAC-SHA256\s+)?"
            r"[^\s,&;]+"
        ),
        rf"\1\2{_GONE}",
    ),
    # `Input collection [x, x] contains duplicates`, and whatever else is quoted in brackets.
    (re.compile(r"(?s)\[.*\]"), f"[{_GONE}]"),
    (re.compile(r"(?s)\{.*\}"), f"{{{_GONE}}}"),
)


def scrub(text: str, wires: Iterable[bytes] = ()) -> str:
    """
    Return *text* on one line, bounded, without credentials, and without values of the writes sent.

    *wires* are WriteRequests as they were sent (`Item.wire`). Of their strings, numbers, binaries
    and nested names, in every spelling that a quotation may have, nothing is left that has three
    characters, nor eight in a row of a longer one. Quotations in brackets go as a whole.
    """
    sent = list(wires)
    if sum(map(len, sent)) > _MOST:
        return ""
    text = _one_line(redact(text))[: _LIMIT + _LIMIT // 3]
    if sent:
        text = _without(text, _spellings(sent))
    return text if len(text) <= _LIMIT else text[:_LIMIT] + _GONE


def redact(text: str, secrets: Iterable[str | None] = ()) -> str:
    """Return *text* without *secrets*, what looks like a credential, and bracketed quotations."""
    for secret in secrets:
        if secret and len(secret) >= _SHORTEST:
            text = text.replace(secret, _GONE)
    for pattern, instead in _ECHOES:
        text = pattern.sub(instead, text)
    return text


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _without(text: str, values: set[str]) -> str:
    short = sorted((one for one in values if len(one) < _WINDOW), key=len, reverse=True)
    long = "\0".join(one for one in values if len(one) >= _WINDOW)
    quoted = [False] * len(text)
    for seed in range(0, len(text), _STRIDE):
        if text[seed : seed + _SEED] not in long:
            continue
        for start in range(max(0, seed + _SEED - _WINDOW), seed + 1):
            if start + _WINDOW <= len(text) and text[start : start + _WINDOW] in long:
                quoted[start : start + _WINDOW] = [True] * _WINDOW
    for value in short:
        start = text.find(value)
        while start >= 0:
            quoted[start : start + len(value)] = [True] * len(value)
            start = text.find(value, start + 1)
    return _fold(text, quoted)


def _fold(text: str, quoted: Sequence[bool]) -> str:
    """Replace each stretch of *text* that is *quoted* by one sign."""
    kept = "".join("\0" if gone else one for one, gone in zip(text, quoted, strict=True))
    return re.sub("\0+", _GONE, kept)


def _spellings(wires: Sequence[bytes]) -> set[str]:
    """Return every value of the writes as it may be quoted: plain, on one line, escaped."""
    found: set[str] = set()
    for wire in wires:
        for value in _leaves(orjson.loads(wire)):
            found.add(_one_line(value))
            if not value.isascii() or not value.isprintable() or '"' in value or "\\" in value:
                found.add(orjson.dumps(value).decode()[1:-1])
                found.add(value.encode("unicode_escape").decode())
    return {value for value in found if len(value) >= _SHORTEST}


def _leaves(request: dict[str, Any]) -> Iterator[str]:
    """Yield the values of one WriteRequest, and the names inside maps, which may be data too."""
    ((_, body),) = request.items()
    ((_, attributes),) = body.items()
    for typed in attributes.values():
        yield from _of(typed)


def _of(typed: dict[str, Any]) -> Iterator[str]:
    ((kind, content),) = typed.items()
    if kind == "M":
        for name, member in content.items():
            yield name
            yield from _of(member)
    elif kind == "L":
        for member in content:
            yield from _of(member)
    elif kind in ("S", "N", "B"):
        yield from _scalar(kind, content)
    elif kind in ("SS", "NS", "BS"):
        for member in content:
            yield from _scalar(kind[0], member)


def _scalar(kind: str, content: str) -> Iterator[str]:
    yield content
    if kind == "B":
        yield binascii.a2b_base64(content).decode("utf-8", "replace")
