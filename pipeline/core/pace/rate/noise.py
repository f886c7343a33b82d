"""Noise: refusals that come at any pace, and so are none for capacity."""

from __future__ import annotations

import math

__all__ = ["Noise"]

_LESS = 0.65
"""
The table accepts less by this factor at half the rate.

One that is at its limit accepts as much as before.
"""

_FALLS = 4
"""Falls that are no chance, on either side."""

_LONG = 2.0
_LONG_UNITS = 300.0
"""
Seconds from one refusal to the next after which a table may have become another, and the units that
the rate lets through meanwhile: at a low rate refusals that mean nothing are far apart too.
"""

_SLOWEST = 4.0
"""Units a second that every table takes: below that there is no half to compare with."""

_MOST, _SPARE = 0.9, 0.05
"""What is tolerated is twice what was seen and this, as it comes in bursts; but never all."""


class Noise:
    """
    Tell, within one series of falls, whether they are in vain.

    Between two refusals a table that is at its limit accepts what it can, at whatever rate it is
    asked. Where half the rate only halves what is accepted, and as much is refused, it is not for
    capacity. Such a share is *tolerated* for a while.
    """

    HALF_LIFE = 60.0
    """Seconds in which the tolerance is halved, to see whether it is still needed."""

    def __init__(self) -> None:
        self._levels: dict[int, list[float]] = {}  # falls, units accepted, seconds
        self._tolerated = 0.0
        self._since = 0.0

    def tolerated(self, now: float) -> float:
        """Return the share of units that may be refused without meaning anything."""
        if not self._tolerated:
            return 0.0
        return float(self._tolerated * 0.5 ** ((now - self._since) / self.HALF_LIFE))

    def begin(self) -> None:
        """Begin a new series of falls; what was tolerated is not any more."""
        self._levels.clear()
        self._tolerated = 0.0

    def in_vain(self, rate: float, accepted: float, seconds: float) -> bool:
        """
        Note a refusal at *rate*, and tell whether to fall has been in vain.

        *accepted* are the units accepted in the *seconds* since the fall before.
        """
        if seconds > max(_LONG, _LONG_UNITS / rate):
            return False
        level = round(2 * math.log2(rate))
        seen = self._levels.setdefault(level, [0.0, 0.0, 0.0])
        seen[0] += 1
        seen[1] += accepted
        seen[2] += seconds
        if rate <= _SLOWEST and seen[0] >= 2 * _FALLS and seen[1]:
            return True
        here = self._accepted(-math.inf, level)
        before = self._accepted(level + 2, math.inf)
        return here is not None and before is not None and 0 < here <= _LESS * before

    def _accepted(self, first: float, last: float) -> float | None:
        """Return the units a second accepted at some levels, two for a doubling; None of few."""
        known = [seen for level, seen in self._levels.items() if first <= level <= last]
        seconds = sum(seen[2] for seen in known)
        if sum(seen[0] for seen in known) < _FALLS or not seconds:
            return None
        return sum(seen[1] for seen in known) / seconds

    def tolerate(self, refused: float, now: float) -> None:
        """Tolerate about the share *refused* from now on."""
        self.begin()
        self._tolerated, self._since = min(_MOST, 2 * refused + _SPARE), now
