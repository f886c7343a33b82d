"""Learnt: the rate that a table turns out to take, from what it accepts and what it refuses."""

from __future__ import annotations

import math
from bisect import bisect_right

from pipeline.core.pace.rate.noise import Noise

__all__ = ["LearntRate"]


class _Sliding:
    """What was counted in the last ten seconds, to a hundredth of a second."""

    __slots__ = ("_times", "_totals", "total")

    SLOT = 0.01
    KEPT = 10.0

    def __init__(self) -> None:
        self.total = 0.0
        self._times: list[float] = []
        self._totals: list[float] = []  # before the slot of the same place

    def add(self, units: float, now: float) -> None:
        """Count *units*."""
        times = self._times
        if not times or now - times[-1] >= self.SLOT:
            if len(times) > 2 * self.KEPT / self.SLOT:
                old = bisect_right(times, now - self.KEPT) - 1
                del times[:old], self._totals[:old]
            times.append(now)
            self._totals.append(self.total)
        self.total += units

    def rate(self, seconds: float, now: float, least: float = 0.05) -> float:
        """
        Return units a second over the last *seconds*, but over *least* seconds at least.

        What follows a silence is measured from its end.
        """
        times = self._times
        place = bisect_right(times, now - seconds)
        if place == len(times):
            return 0.0
        steady = place and times[place - 1] >= now - 1.5 * seconds
        passed = seconds if steady else now - times[place]
        return (self.total - self._totals[place]) / max(passed, least)


class LearntRate:
    """
    Follow the capacity of a table that says no word about it but by refusing.

    While nothing was ever refused there is no limit (*rate* is infinite). A first refusal tells
    what the table takes: what it accepted since the refusal before, when it had nothing left
    either (of a bucket that is exact; where nothing like that is known: of the last second). The
    rate goes a little below that (*anchor*), up to it within a few seconds, and past it: by little
    for a moment, then boldly, so that a table that grew is found out within ten seconds. How long
    it stays below depends on what a refusal costs: few requests of a hundred are to be refused.
    Where requests that were sent at the lower rate are refused too, it falls with each round trip.
    Where that is in vain (see `Noise`) it goes back to where it was.
    """

    BELOW = 0.985
    """Where the rate begins after a refusal, as a share of the anchor."""
    BUDGET = 0.012
    """The share of requests that may be refused, for the sake of knowing."""
    SHORTEST, LONGEST = 2.5, 5.0
    """Seconds below the anchor."""
    BACK = 0.5
    """Seconds in which the rate comes back from a deep fall."""
    STEP, TAU = 0.01, 0.9
    """Past the anchor: this share, and the time in which the excess grows e-fold."""
    QUIET = 0.5
    """Seconds after a fall within which another refusal belongs to the same trouble..."""
    FEW = 3
    """...and as many answers after it."""
    RECENT = 0.05
    """The weight of one answer in the share that is refused lately."""
    CALM = 20
    """Answers after a fall without which the next one belongs to the same series."""
    SILENCE = 0.25
    LEAST = 2.0
    """Units a second; less would be no sign of life."""

    def __init__(self) -> None:
        self.rate = math.inf
        self.anchor = math.inf
        self._accepted = _Sliding()
        self._answers = _Sliding()
        self._noise = Noise()
        self._share = 0.0  # of units, refused lately
        self._start = math.inf  # the rate after the newest fall
        self._grown = 0.0  # seconds for which it has been growing since
        self._ticked = 0.0
        self._fell_at = -math.inf
        self._fell_total = 0.0  # units accepted until then
        self._trouble_at = -math.inf  # the first of some falls in a row
        self._trouble_total = 0.0  # units accepted until then
        self._before = math.inf  # the anchor before this series of falls
        self._first = 0.0  # the anchor when the trouble began
        self._marks = 0  # refusing answers since the trouble began
        self._held = False  # whether the rate held something back since then
        self._taken = self._lost = 0.0  # units of requests sent since the newest fall
        self._since = 0  # and their number
        self._steps = 0  # falls of this trouble beyond the first

    @property
    def limited(self) -> bool:
        """Whether there is a limit."""
        return self.rate < math.inf

    def tick(self, now: float, *, waited: bool) -> float:
        """Let time pass; *waited* tells that the rate did hold something back. Return the rate."""
        # A silence is no time in which the table was seen to take the rate.
        passed, self._ticked = min(now - self._ticked, self.SILENCE), now
        self._held = self._held or waited
        if self.limited and (waited or self._grown < self.LONGEST):
            self._grown += passed
            self.rate = self._curve(self._grown, self._hold(now))
        return self.rate

    def _hold(self, now: float) -> float:
        """Return the seconds below the anchor that pay for what was refused."""
        answers = self._answers.rate(2.0, now, 0.5)
        hold = self._marks / (self.BUDGET * answers) if answers else self.LONGEST
        return min(self.LONGEST, max(self.SHORTEST, hold))

    def _curve(self, grown: float, hold: float) -> float:
        below = self.anchor * self.BELOW
        if self._start < below:
            if grown < self.BACK:
                return float(self._start * (below / self._start) ** (grown / self.BACK))
            grown -= self.BACK
        if grown < hold:
            return self.anchor - (self.anchor - below) * (1 - grown / hold) ** 3
        return self.anchor * (1 + self.STEP * math.expm1(min(50.0, (grown - hold) / self.TAU)))

    def answered(self, sent: float, accepted: float, refused: float, now: float) -> bool:
        """
        Note how a request ended that was sent at *sent*; True if the rate changes at once.

        *accepted* and *refused* are its units, without what a hot partition explains.
        """
        self._accepted.add(accepted, now)
        self._answers.add(1.0, now)
        newer = sent >= self._fell_at
        if newer:
            self._taken += accepted
            self._lost += refused
            self._since += 1
        self._share += self.RECENT * (refused / (accepted + refused or 1.0) - self._share)
        if not refused or self._share < self._noise.tolerated(now):
            return False
        self._marks += 1
        if not newer or (self._marks < self.FEW and not self.limited):
            return False
        self._judge(now)
        return True

    def _judge(self, now: float) -> None:
        """Fall, or see that this is in vain."""
        calm = self._since >= self.CALM and self._grown >= self._hold(now)
        accepted, passed = self._accepted.total - self._fell_total, now - self._fell_at
        self._fell_total = self._accepted.total
        if calm or not self.limited:
            self._noise.begin()
            self._before = self.anchor
        elif self._noise.in_vain(self.rate, accepted, passed):
            self._forgive(now)
            return
        again = now - self._fell_at < self.QUIET or self._since <= self.FEW
        if again and self.limited:
            self._fall_again(now)
        else:
            self._fall(now)
        self._begin(now)

    def _begin(self, now: float) -> None:
        """Begin to grow from the rate of now."""
        self._start, self._grown = self.rate, 0.0
        self._fell_at = self._ticked = now
        self._taken = self._lost = self._since = 0

    def _forgive(self, now: float) -> None:
        """Go back to where this series of falls began: they were in vain."""
        self._noise.tolerate(self._share, now)
        self.anchor = self.rate = self._before
        self._marks = 0
        self._begin(now)
        self._grown = self.LONGEST + self.BACK

    def _fall(self, now: float) -> None:
        """Fall a little below what the table was just found to take."""
        found = self._found(now)
        if self.limited:
            found = min(self.rate, max(found, self.rate / 2))
        self.anchor = self._first = max(self.LEAST, found)
        self.rate = self.anchor * self.BELOW
        self._trouble_at, self._trouble_total = now, self._accepted.total
        self._marks, self._held, self._steps = 1, False, 0

    def _found(self, now: float) -> float:
        """
        Return what the table turned out to take between two refusals.

        Whole seconds of it, so that it is the same where the service counts by the second.
        """
        span = now - self._trouble_at
        if self.QUIET / 2 <= span < 1.0:
            return (self._accepted.total - self._trouble_total) / span
        recent = self._accepted.rate(1.0, now, 1.0 if self.limited else 0.02)
        if not self._held or not 1.0 <= span < math.inf:
            return recent
        found = self._accepted.rate(min(math.floor(span), _Sliding.KEPT), now)
        return found if found > 0.95 * recent else 0.97 * recent

    def _fall_again(self, now: float) -> None:
        """Fall by what was refused at the rate before."""
        share = self._taken / (self._taken + self._lost)
        least = 0.8 if self._steps == 0 else 0.5
        self._steps += 1
        self.rate = max(self.LEAST, self.rate * min(0.95, max(least, share)))
        # Where nothing at all is accepted the table is not slow, but down.
        if now - self._trouble_at >= 1.0 and self._taken:
            self.anchor = max(self.LEAST, min(self.anchor, self._found(now)))
        self.rate = min(self.rate, self.anchor)

    def revive(self, now: float) -> None:
        """Go back to what was known before an outage, from half of it on."""
        if self.limited:
            self.anchor = max(self.anchor, self._first)
            self.rate = max(self.LEAST, self.anchor / 2)
            self._begin(now)
            self._marks = 0
            self._trouble_at = -math.inf
            self._noise.begin()
