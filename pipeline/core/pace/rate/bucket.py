"""Bucket: units that come at a rate and may be owed. Knows no clock but what it is told."""

from __future__ import annotations

__all__ = ["Bucket"]

_CRUMB = 1e-6
"""Units that may be owed without notice: rounding must not make a wait too short to pass."""


class Bucket:
    """
    Let units pass at *rate* a second on average, one debt at a time.

    Something may be taken as soon as nothing is owed, however large it is; it is owed from then on.
    What nobody takes is kept for *depth* seconds and no longer. Only where somebody waited for it
    and was woken late, the machine being busy, up to *late* seconds are made up for. It begins when
    it is first asked, with nothing owed.
    """

    __slots__ = ("_at", "_awaited", "_level", "depth", "late", "rate")

    def __init__(self, rate: float, *, depth: float, late: float = 0.0) -> None:
        self.rate = rate
        self.depth = depth
        self.late = max(depth, late)
        self._awaited = False
        self._level = 0.0
        self._at: float | None = None

    def wait(self, now: float) -> float:
        """Return the seconds until something may be taken: 0 if it may be at *now*."""
        self._fill(now)
        self._awaited = self._level < -_CRUMB
        return -self._level / self.rate if self._awaited else 0.0

    def take(self, units: float) -> None:
        """Take *units*; negative ones are given back."""
        self._level -= units

    def hold(self, seconds: float, now: float) -> None:
        """Let nothing pass for *seconds* from *now*, if it is not longer anyway."""
        self._fill(now)
        self._level = min(self._level, -seconds * self.rate)

    def change(self, rate: float, now: float) -> None:
        """Let units come at another rate from *now* on; what is owed is owed for as long."""
        self._fill(now)
        self._level *= rate / self.rate
        self.rate = rate

    def _fill(self, now: float) -> None:
        if self._at is None:
            self._at = now
        elif now > self._at:
            level = self._level + (now - self._at) * self.rate
            self._level = min(level, self.rate * (self.late if self._awaited else self.depth))
            self._at = now
