"""Dead letters as whoever watches a job may see them: where and why, without the record."""

from __future__ import annotations

from typing import Any, Final

import orjson

__all__ = ["shown_letter"]

_SHOWN: Final = ("part", "line", "record", "item", "kind", "rule", "field", "message", "key")
_BODIES: Final = (b',"raw":', b',"raw_b64":')
"""What stands behind everything that is shown, however long; see `state.deadletter`."""


def shown_letter(line: bytes) -> dict[str, Any]:
    """Return what may be seen of a dead letter, of which the end may be missing; {} of garbage."""
    letter = _letter(line)
    return {name: letter.get(name) for name in _SHOWN} if letter else {}


def _letter(line: bytes) -> dict[str, Any]:
    """
    Return a letter up to its record's body, which is not even parsed: it may be megabytes.

    An attribute of the key may be called like the body. So each place that could be its beginning
    is tried: what stands before the right one, and no other, is a whole object once it is closed.
    """
    start = 0
    while True:
        places = [place for name in _BODIES if (place := line.find(name, start)) >= 0]
        if not places:
            return _parsed(line)
        start = min(places) + 1
        letter = _parsed(line[: start - 1] + b"}")
        if letter:
            return letter


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
