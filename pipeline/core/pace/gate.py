"""Gate: the one door that every request of a run passes; it keeps the pace."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Protocol

from pipeline.core.pace.rate.bucket import Bucket
from pipeline.core.pace.rate.learnt import LearntRate

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Pace", "units_of"]

_UNIT = 1024
"""Bytes of an item that one write unit pays for."""

_REQUEST = 0.05
"""Seconds' worth of a pace that one request holds at most, so that a slow pace is even too."""

_SLICE = 0.1
"""Seconds after which a writer that waits looks again: the pace may have changed."""

_TICK = 0.01
"""Seconds between two looks at a learnt rate, which grows."""

_GIVEN_DEPTH, _LEARNT_DEPTH = 0.05, 0.1
"""Seconds of a pace that are kept for the next request."""

_LATE = 0.5
"""Seconds by which a busy machine may be late without a given rate being missed."""

_KNOWN = 1.0
"""Seconds after which requests are cut to fit a rate that was just learnt."""

_HOLD = 0.1
"""Seconds for which nothing is sent after a refusal, at most; about a round trip."""


class Sized(Protocol):
    """What is known of an item here."""

    @property
    def size(self) -> int:
        """The item's size in bytes, by the service's arithmetic."""


class Downtime(Protocol):
    """What is known of an outage here; see `Breaker`."""

    @property
    def is_open(self) -> bool:
        """Whether the table is taken to be down."""

    def within_outage(self, now: float, pause: float) -> float:
        """Return *pause*, but no more than what is left until an outage is over."""


def units_of(items: Sequence[Sized]) -> float:
    """Return the write units of *items*: one for each started kilobyte, at least one an item."""
    sizes = [item.size for item in items]
    if max(sizes, default=0) <= _UNIT:  # as mostly
        return float(len(sizes))
    return float(sum([-(-size // _UNIT) or 1 for size in sizes]))


class Pace:
    """
    Keep, over all writers of a run, the rate that was given and the one that is learnt.

    *rate* are write units a second, None for no limit; *learns* whether the sending adapts to what
    the table refuses. Units are estimated from the items' sizes and, if they are to be *corrected*,
    by what the service reports as consumed, which knows of indexes too. Writers are let through one
    by one, in the order in which they came.
    """

    def __init__(
        self, *, rate: float | None = None, learns: bool = True, corrected: bool = True
    ) -> None:
        self.given = rate
        self.learnt = LearntRate() if learns else None
        self._given = None if rate is None else Bucket(rate, depth=_GIVEN_DEPTH, late=_LATE)
        self._learnt: Bucket | None = None
        self._line = asyncio.Lock()
        self._corrected = corrected
        self._factor = 1.0  # units consumed for one that was estimated
        self._learnt_since = self._ticked = 0.0
        self._waited = False
        self._latency = 0.02

    @property
    def rate(self) -> float | None:
        """The write units a second that may be sent now; None while there is no limit."""
        rate = math.inf if self.given is None else self.given
        if self._learnt is not None:
            rate = min(rate, self._learnt.rate)
        return None if rate == math.inf else rate

    @property
    def free(self) -> bool:
        """Whether nothing keeps a request now, of whatever size."""
        return self._given is None and self._learnt is None

    @property
    def adapts(self) -> bool:
        """Whether a rate is learnt just now, which sees to what is sent again too."""
        return self._learnt is not None

    @property
    def shown(self) -> float | None:
        """The rate as people read it, None for none."""
        return None if self.rate is None else round(self.rate, 1)

    def set_given(self, rate: float, now: float) -> None:
        """Change the rate that was given, for the table's capacity has changed."""
        if self._given is not None:
            self.given = rate
            self._given.change(rate, now)

    def fitting(self, items: Sequence[Sized]) -> int:
        """Return how many of *items*, from the first, should go in one request; one at least."""
        rate = math.inf if self.given is None else self.given
        if self._learnt is not None and self._ticked - self._learnt_since >= _KNOWN:
            rate = min(rate, self._learnt.rate)
        if rate == math.inf:
            return len(items)
        room = rate * _REQUEST / self._factor
        if room >= len(items) and units_of(items) <= room:
            return len(items)
        count = 0
        for item in items:
            room -= -(-item.size // _UNIT) or 1
            if room < 0:
                break
            count += 1
        return max(1, count)

    async def enter(self, units: float, down: Downtime) -> bool:
        """
        Wait until a request of *units* may be sent; True if it had to wait.

        An outage is not waited in: there the breaker says whose turn it is.
        """
        if self._given is None and self._learnt is None:
            return False
        waited = False
        async with self._line:
            clock = asyncio.get_running_loop().time
            while (wait := self._wait(now := clock())) > 0:
                pause = 0.0 if down.is_open else down.within_outage(now, min(wait, _SLICE))
                if pause <= 0:
                    break
                self._waited = waited = True
                await asyncio.sleep(pause)
            self._charge(units * self._factor)
        return waited

    def _wait(self, now: float) -> float:
        wait = 0.0 if self._given is None else self._given.wait(now)
        if self._learnt is not None:
            self._tick(now)
            wait = max(wait, self._learnt.wait(now))
        return wait

    def _charge(self, units: float) -> None:
        if self._given is not None:
            self._given.take(units)
        if self._learnt is not None:
            self._learnt.take(units)

    def _tick(self, now: float) -> None:
        if self._learnt is None or self.learnt is None or now - self._ticked < _TICK:
            return
        self._learnt.change(self.learnt.tick(now, waited=self._waited), now)
        self._ticked, self._waited = now, False

    def answered(
        self, sent: float, now: float, accepted: float, refused: float, consumed: float = 0.0
    ) -> bool:
        """
        Note the answer to a request that was sent at *sent*; True if the pace falls for it.

        *accepted* and *refused* are units as estimated, those that a hot partition explains left
        out of *refused*; *consumed* what the service reports, 0 if it does not.
        """
        if not self._corrected:
            consumed = 0.0
        charged = accepted * self._factor
        if self._given is not None:
            # What was refused was not consumed.
            self._given.take((consumed or charged) - charged - refused * self._factor)
        if consumed and accepted:
            self._factor += 0.1 * (consumed / accepted - self._factor)
        if self.learnt is None:
            return False
        if not refused:
            self._latency += 0.05 * (now - sent - self._latency)
        factor = self._factor
        if not self.learnt.answered(sent, consumed or charged, refused * factor, now):
            return False
        if not self.learnt.limited:
            self._learnt = None
            return True
        if self._learnt is None:
            self._learnt = Bucket(self.learnt.rate, depth=_LEARNT_DEPTH)
            self._learnt_since = now
        self._learnt.change(self.learnt.rate, now)
        self._learnt.hold(min(_HOLD, max(0.05, self._latency)), now)
        return True

    def revived(self, now: float) -> None:
        """Note that an outage is over: what was learnt before it counts again."""
        if self.learnt is not None and self._learnt is not None:
            self.learnt.revive(now)
            self._learnt.change(self.learnt.rate, now)
