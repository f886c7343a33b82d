"""Hot partitions: the pace of one partition value that is at its own limit."""

from __future__ import annotations

from math import log
from typing import Any, Protocol

__all__ = ["RULE", "HotPartition", "Keyed", "Recent", "units_of"]

RULE = 1_000.0
"""Write units a second that the service lets one partition take: where every pace begins."""

_HALVES_IN = 1.0
"""Seconds after which what was seen counts half."""

_FLOOR = 10.0
"""Write units a second that a partition is asked for at least: else nobody would see it recover."""

_CAREFUL, _BOLD = 0.01, 0.10
"""Share by which a pace grows in a second: near what was refused, and later (it may be split)."""

_REVIVING = 1.0
"""The same for one that took nothing for a while, and takes all again."""

_HOLDS = 10.0
"""Seconds after a refusal for which a pace grows with care."""

_LOOKS = 0.4
"""Seconds for which is counted what becomes of a partition's items, from a refusal on."""

_BELOW, _DEEPEST = 0.97, 0.5
"""A pace falls a little below the share that was taken, but not to less than half at once."""

_SAMPLE = 25.0
"""Units refused in a row, or half a second's, after which a partition is left alone."""

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


class Recent:
    """What became of items lately: counts that halve every second."""

    __slots__ = ("_at", "returned", "sent", "taken")

    def __init__(self) -> None:
        self.sent = self.returned = self.taken = 0.0
        self._at = 0.0

    def note(self, sent: float, returned: float, taken: float, now: float) -> None:
        """Count items sent and returned, and the write units taken."""
        if now > self._at:
            fade = 0.5 ** ((now - self._at) / _HALVES_IN)
            self._at = now
            self.sent *= fade
            self.returned *= fade
            self.taken *= fade
        self.sent += sent
        self.returned += returned
        self.taken += taken

    def less(self, other: Recent) -> None:
        """Take *other*, which was noted here too, out again."""
        self.sent = max(0.0, self.sent - other.sent)
        self.returned = max(0.0, self.returned - other.returned)

    @property
    def share(self) -> float:
        """The share of what was sent that was returned."""
        return self.returned / self.sent if self.sent else 0.0

    @property
    def rate(self) -> float:
        """Write units taken a second, lately."""
        return self.taken * log(2) / _HALVES_IN


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
        "_judged_at",
        "_lost",
        "_settled_at",
        "_taken",
        "_tokens",
        "_used",
        "_was_dead",
        "laned",
        "rate",
        "recent",
    )

    def __init__(self, now: float, *, refused: bool) -> None:
        self.rate = RULE
        self.recent = Recent()
        self.laned = False  # whether items wait for it, in a line of their own
        self._tokens = 0.0
        self._used = now  # until when the bucket is filled; in the future while it is paused
        self._settled_at = now + _SETTLES if refused else now
        self._grown_at = self._fell_at = self._settled_at
        self._failures = 0
        self._was_dead = False
        self._taken = self._lost = 0.0  # since the first refusal after it had settled
        self._judged_at: float | None = None

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
        if self._judged_at is None:
            if not refused:
                self._grow(now)
                return
            self._judged_at = now + _LOOKS
        self._taken += accepted
        self._lost += refused
        dead = not self._taken and self._lost >= min(_SAMPLE, self.rate / 2)
        if dead or now >= self._judged_at:
            self._fall(now)

    def _grow(self, now: float) -> None:
        share = _CAREFUL if now - self._fell_at < _HOLDS else _BOLD
        if self._was_dead and self.rate < RULE:
            share = _REVIVING
        self.rate *= 1 + share * min(1.0, max(0.0, now - self._grown_at))
        self._grown_at = now

    def _fall(self, now: float) -> None:
        taken, share = self._taken, self._lost / (self._taken + self._lost)
        self.rate = max(_FLOOR, self.rate * max(_DEEPEST, (1 - share) * _BELOW))
        self._tokens = min(self._tokens, 0.0)
        pause = 0.0
        self._was_dead = not taken
        if not taken:
            pause = min(_LAST_PAUSE, _FIRST_PAUSE * 2.0**self._failures)
            self._failures = min(self._failures + 1, 30)
        self._used = max(self._used, now + pause)
        self._settled_at = now + pause + _SETTLES
        self._grown_at = self._fell_at = self._settled_at
        self._taken = self._lost = 0.0
        self._judged_at = None
