"""Group: items that travel together, and what batching must know of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = ["Batchable", "Group", "ItemT"]


class Batchable(Protocol):
    """What batching must know of an item."""

    @property
    def key(self) -> tuple[Any, ...]:
        """
        The item's identity, its partition value first.

        Two items of one key must not be in flight together.
        """

    @property
    def wire(self) -> bytes:
        """The encoded write; its length counts against the request's limit."""

    @property
    def size(self) -> int:
        """The item's size by the service's arithmetic; it sets what the item costs."""

    superseded: list[Any] | tuple[()]
    """Older items of the same key, oldest first, that this one replaces."""


ItemT = TypeVar("ItemT", bound=Batchable)


class Group(list[ItemT]):
    """The items of one batch; *keys* are theirs, where these were at hand as a set."""

    __slots__ = ("keys",)

    def __init__(
        self, items: Iterable[ItemT], keys: Collection[tuple[Any, ...]] | None = None
    ) -> None:
        super().__init__(items)
        self.keys = keys
