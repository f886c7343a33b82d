"""Partitions: which partition keys are at their own limit, whatever the table as a whole takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

__all__ = ["Partitions"]


class Keyed(Protocol):
    """What is known of an item here: its primary key, the partition value first."""

    @property
    def key(self) -> tuple[Any, ...]:
        """The primary key."""


class Partitions:
    """The partition keys of a run that the table refuses while it takes others."""

    def judge(
        self,
        sent: Sequence[Keyed],
        returned: Sequence[Keyed],
        reasons: Sequence[str],
        now: float,
    ) -> frozenset[Hashable]:
        """
        Note how a request ended, and tell which partition values of *returned* are hot themselves.

        *sent* are all its items, *returned* those that were handed back (all of them if it was
        throttled as a whole), *reasons* the ThrottlingReasons that came with it, *now* the loop's
        time. What is returned of other partitions is the table's own limit.
        """
        del sent, returned, reasons, now
        return frozenset()
