"""The table as the stages see it: one write call, and what it may answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.model import Item, Key

__all__ = ["Answer", "Table"]


@dataclass(frozen=True, slots=True)
class Answer:
    """
    A successful answer to one request.

    *unprocessed* are those of the items sent that the table handed back, in the order in which
    they were sent. *consumed* are write units, as far as the service reports them.
    """

    unprocessed: Sequence[Item]
    consumed: float = 0.0


class Table(Protocol):
    """Where batches go."""

    async def write(self, items: Sequence[Item], /) -> Answer:
        """
        Send one BatchWriteItem request with *items*; one HTTP request, no retry inside.

        Raise `RetryError` (throttled, transient or denied: send again), `IsolateError` (an item
        poisons the request) or `TableStopError` (nothing will help). No message of theirs holds an
        item's value or a credential.
        """

    def show_key(self, key: Key, /) -> Mapping[str, str]:
        """Return *key* by attribute name, for reports."""
