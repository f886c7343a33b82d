"""Hot partitions: the pace of one partition value that is at its own limit."""

from __future__ import annotations

from typing import Any, Protocol

__all__ = ["HotPartition", "Keyed", "units_of"]

_RULE = 1_000.0
"""Write units a second that the service lets one partition take: where every pace begins."""

_FLOOR = 1.0
"""Write units a second that a partition is asked for at least: else nobody would see it recover."""

_CAREFUL, _BOLD = 0.01, 0.10
"""Share by which a pace grows in a second: near what was refused, and later (it may be split)."""

_HOLDS = 10.0
"""Seconds after a refusal for which a pace grows with care."""

_BELOW, _DEEPEST = 0.99, 0.5
"""A pace falls a little below the share that was taken, but not to less than half at once."""

_SAMPLE = 25.0
"""Units that are seen, if there are so many in half a second, before a refusal counts."""

_SETTLES = 0.25
"""Seconds in which answers to what was sent at an older pace still come in."""

_BURST = 0.1
"""Seconds of a pace that may be saved up while the writers are busy."""

_FIRST_PAUSE, _LAST_PAUSE = 0.05, 5.0
"""Seconds for which a partition that takes nothing is left alone, doubling."""


class Keyed(Protocol):
    """What is known of an item here: its primary key, the partition value first, and sizes."""

    @property
    def key(self) -> tuple[Any, ...]:
        """The primary key."""

    @property
    def size(self) -> int:
        """The item's size in bytes, by the service's arithmetic."""

    @property
    def wire(self) -> bytes:
        """The encoded write."""


def units_of(item: Keyed) -> int:
    """Return the write units that *item* costs: one for each started kilobyte."""
    return max(1, (item.size + 1023) >> 10)


class HotPartition:
    """
    The pace of one partition value, in write units a second, learnt from what is refused of it.

    It begins at the service's rule, falls with the share that is refused, and grows slowly while
    nothing is. What is sent is paid from a bucket that may be overdrawn by one item.
    """

    __slots__ = (
        "_failures",
        "_fell_at",
        "_grown_at",
        "_lost",
        "_settled_at",
        "_taken",
        "_tokens",
        "_used",
        "laned",
        "rate",
    )

    def __init__(self, now: float) -> None:
        self.rate = _RULE
        self.laned = False  # whether items wait for it, in a line of their own
        self._tokens = 0.0
        self._used = now  # until when the bucket is filled; in the future while it is paused
        self._settled_at = now + _SETTLES
        self._grown_at = self._fell_at = self._settled_at
        self._failures = 0
        self._taken = self._lost = 0.0  # of what was sent since it settled

    def __repr__(self) -> str:
        return f"<HotPartition {self.rate:.0f} units/s, {self._tokens:.0f} saved>"

    def ready(self, now: float) -> float:
        """Return the write units that may be sent now."""
        if now > self._used:
            self._tokens = min(
                self._tokens + (now - self._used) * self.rate, max(1.0, self.rate * _BURST)
            )
            self._used = now
        return self._tokens if now >= self._used else 0.0

    def spend(self, units: float) -> None:
        """Pay for an item."""
        self._tokens -= units

    def due_in(self, units: float, now: float) -> float:
        """Return the seconds until *units* may be sent, no more than can be saved up."""
        wanted = min(units, max(1.0, self.rate * _BURST))
        paused = max(0.0, self._used - now)
        return paused + max(0.0, wanted - self.ready(now)) / self.rate

    @property
    def settled(self) -> float:
        """From when on the answers are to what was sent at this pace."""
        return self._settled_at

    def learn(self, accepted: float, refused: float, now: float) -> None:
        """Note that of a request *accepted* units of this partition were taken, *refused* not."""
        if accepted:
            self._failures = 0
        if now < self._settled_at:
            return
        self._taken += accepted
        self._lost += refused
        if not self._lost:
            self._grow(now)
        elif self._taken + self._lost >= min(_SAMPLE, self.rate / 2):
            self._fall(now)

    def _grow(self, now: float) -> None:
        share = _CAREFUL if now - self._fell_at < _HOLDS else _BOLD
        self.rate *= 1 + share * min(1.0, max(0.0, now - self._grown_at))
        self._grown_at = now

    def _fall(self, now: float) -> None:
        taken, share = self._taken, self._lost / (self._taken + self._lost)
        self.rate = max(_FLOOR, self.rate * max(_DEEPEST, (1 - share) * _BELOW))
        self._tokens = min(self._tokens, 0.0)
        pause = 0.0
        if not taken:
            pause = min(_LAST_PAUSE, _FIRST_PAUSE * 2.0**self._failures)
            self._failures = min(self._failures + 1, 30)
        self._used = max(self._used, now + pause)
        self._settled_at = now + pause + _SETTLES
        self._grown_at = self._fell_at = self._settled_at
        self._taken = self._lost = 0.0
