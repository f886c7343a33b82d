"""What stands around an item on its way: the request, the key, the size."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pipeline.model import Key
    from pipeline.table.rules import KeyAttribute

__all__ = ["WIDEST_CHARACTER", "Encoded", "Frame"]

WIDEST_CHARACTER = 4
"""The most bytes that a character has in UTF-8."""


class Encoded(NamedTuple):
    """
    One write, ready to be sent.

    *wire* is the UTF-8 JSON of one WriteRequest. *size* is the item's size in bytes by DynamoDB's
    arithmetic, or of a delete its key's.
    """

    key: Key
    wire: bytes
    size: int


class Frame(NamedTuple):
    """
    What is the same for all items of a table.

    *verb* and *noun* are the names around the item in its request. *key* is the table's, *optional*
    are its indexes' keys. *budget* is the size up to which an item is no matter of doubt. Of an
    item whose *key_alone* is sent nothing else is looked at.
    """

    verb: str
    noun: str
    key: tuple[KeyAttribute, ...]
    optional: tuple[KeyAttribute, ...]
    budget: int
    key_alone: bool

    @property
    def head(self) -> str:
        """The JSON before the item's attributes."""
        return f'{{"{self.verb}":{{"{self.noun}":{{'

    @property
    def tail(self) -> str:
        """The JSON after the item's attributes."""
        return "}}}"
