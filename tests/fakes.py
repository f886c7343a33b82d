"""Fakes that ship with the tests: a scripted table, items by hand, a log that keeps its events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import PipelineError
from pipeline.model import Item, Key, Position, Record
from pipeline.table.base import Answer

__all__ = ["FakeTable", "ListLog", "Sent", "make_item", "make_record"]

Sent = tuple[float, list[tuple[str, str]]]
"""When a request arrived on the loop's clock, and its items as (key, wire)."""

Script = Callable[[int, Sequence[Item]], PipelineError | Sequence[Item] | None]
"""Given the request's number and items: an error, the items to hand back, or None: all taken."""


def make_record(ordinal: int = 0) -> Record:
    """Make a record that stands on line *ordinal* + 1."""
    return Record(ordinal, ordinal + 1, ordinal * 10, 2, b"{}")


def make_item(key: str, version: str = "", *, chunk: int = 0, ordinal: int = 0) -> Item:
    """Make an item whose wire is its *version*."""
    wire = version.encode() or key.encode()
    return Item((key,), wire, len(wire), make_record(ordinal), chunk, "part")


def make_position(offset: int = 0) -> Position:
    """Make a position."""
    return Position("part", offset, offset, offset)


@dataclass
class FakeTable:
    """
    A table that answers by *script* after *latency* seconds and remembers what it was sent.

    *rows* is what it holds at the end; a request is applied when it is answered.
    """

    script: Script = lambda _number, _items: None
    latency: Callable[[int], float] = lambda _number: 0.0
    requests: list[Sent] = field(default_factory=list)
    rows: dict[str, str] = field(default_factory=dict)

    async def write(self, items: Sequence[Item], /) -> Answer:
        """Answer by the script."""
        number = len(self.requests)
        now = asyncio.get_running_loop().time()
        self.requests.append((now, [(str(item.key[-1]), item.wire.decode()) for item in items]))
        verdict = self.script(number, items)
        await asyncio.sleep(self.latency(number))
        if isinstance(verdict, PipelineError):
            raise verdict
        left = list(verdict or ())
        for item in items:
            if item not in left:
                self.rows[str(item.key[-1])] = item.wire.decode()
        return Answer(left, float(len(items) - len(left)))

    def show_key(self, key: Key, /) -> Mapping[str, str]:
        """Show the key as attribute ``id``."""
        return {"id": str(key[-1])}


class ListLog:
    """A log that keeps its events."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def _note(self, event: str, /, **facts: Any) -> None:
        self.events.append((event, facts))

    debug = info = warning = error = _note
