"""A table that takes everything and keeps nothing: the target of a dry run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.table.base import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.model import Item, Key
    from pipeline.table.encoding import Encoder

__all__ = ["DryTable"]


class DryTable:
    """Accept every item without a request."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    async def write(self, _: Sequence[Item], /) -> Answer:
        """Take the items; nothing is sent."""
        return Answer(())

    def show_key(self, key: Key, /) -> Mapping[str, str]:
        """Return *key* by attribute name, for reports."""
        return self._encoder.show_key(key)
