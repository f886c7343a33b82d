"""Find a key that stands twice in one JSON object, which decoders pass over in silence."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["members", "path_of_duplicate"]

_SHOWN = 80


class _Twice:
    """Stands in the parsed tree where an object has *key* more than once."""

    __slots__ = ("key",)

    def __init__(self, key: str) -> None:
        self.key = key


def members(value: Any) -> int:
    """Count the members of all objects in the decoded *value*."""
    count = 0
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        if type(holder) is dict:
            count += len(holder)
            holder = holder.values()
        waiting += [child for child in holder if type(child) is dict or type(child) is list]
    return count


def path_of_duplicate(raw: bytes) -> tuple[str, str] | None:
    """
    Find the first key that stands twice in an object of the valid JSON *raw*: (its path, the key).

    None if no key does. The path is written like ``address.city`` or ``tags[3].name``; very long
    names are cut in it, because a record is as long as the name of its longest field, and has as
    many values.
    """
    tree = json.loads(raw.decode(), object_pairs_hook=_object, parse_int=str, parse_float=str)
    waiting = [("", tree)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, _Twice):
            return _join(path, value.key), value.key
        if isinstance(value, dict):
            inner = [(_join(path, key), child) for key, child in value.items()]
        elif isinstance(value, list):
            inner = [(f"{path}[{index}]", child) for index, child in enumerate(value)]
        else:
            continue
        waiting.extend(reversed(inner))
    return None


def _join(path: str, key: str) -> str:
    if len(key) > _SHOWN:
        key = f"{key[:_SHOWN]}…"
    return f"{path}.{key}" if path else key


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Twice:
    keys = dict(pairs)
    if len(keys) == len(pairs):
        return keys
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            return _Twice(key)
        seen.add(key)
    raise AssertionError  # a shorter dict has lost a key
