"""Flight: how many requests are worth having on their way at once, found by trying."""

from __future__ import annotations

from enum import Enum

__all__ = ["InFlight"]


class _Trial(Enum):
    """What the stretch that is being measured is for."""

    UP = "more in flight than before"
    STAY = "as many as before"
    DOWN = "fewer than before"


class InFlight:
    """
    Find how many requests in flight bring the most, from *least* to *most*; *limit* is it, so far.

    While writers lack nothing but leave to send, the limit doubles, for as long as that brings at
    least a part (`WORTH`) of what as many more could bring: by Little's law throughput grows with
    it until the table, the pace or the processor is full, and then only latency does. From then on
    more, and fewer, are tried now and then, at growing distances.
    """

    WORTH = 0.3
    """The share of the gain that could be had, from which more in flight is worth keeping."""
    LOSS = 0.03
    """The share of throughput that may be lost to fewer in flight."""
    STRETCH = 0.1
    """Seconds that are measured at least, and two answers for each request in flight."""
    FIRST_REST, LAST_REST = 2.0, 16.0
    """Seconds between two trials."""

    def __init__(self, *, least: int = 5, most: int = 128) -> None:
        self.limit = least
        self._least, self._most = least, most
        self._kept = least
        self._best = 0.0  # units a second at `_kept`, 0 if unknown
        self._slow = 0.0  # seconds of latency then
        self._trial = _Trial.UP
        self._up_next = True
        self._growth = 2.0
        self._rest = self.FIRST_REST
        self._rests_until = 0.0
        self._begin(0.0)

    def _begin(self, now: float) -> None:
        self._began = now
        self._answers = 0
        self._units = self._latency = 0.0
        self._short = 0

    def answered(self, units: float, latency: float, now: float, *, short: bool) -> bool:
        """
        Note an answer that accepted *units* after *latency* seconds; True if the limit changed.

        *short* tells that its writer had a batch at once and did not wait for the pace, so that
        nothing but the limit kept requests back.
        """
        if not self._answers and now - self._began > 1.0:
            self._began = now - latency  # nothing was sent meanwhile
        self._answers += 1
        self._units += units
        self._latency += latency
        self._short += short
        passed = now - self._began
        if passed < self.STRETCH or self._answers < 2 * self.limit:
            return False
        before = self.limit
        self._judge(self._units / passed, self._latency / self._answers, now)
        self._begin(now)
        return self.limit != before

    def _judge(self, rate: float, latency: float, now: float) -> None:
        if self._short < self._answers / 2:
            self._trial, self._best, self.limit = _Trial.STAY, 0.0, self._kept
            return
        if self._trial is _Trial.UP:
            self._judge_up(rate, latency, now)
        elif self._trial is _Trial.DOWN:
            self._judge_down(rate, latency, now)
        else:
            self._judge_stay(rate, latency, now)

    def _judge_up(self, rate: float, latency: float, now: float) -> None:
        hoped = self.limit / self._kept - 1
        if not self._best or self.limit == self._kept:
            self._best, self._slow = rate, latency
            self._try_more()
            if self.limit == self._kept:
                self._pause(now)
        elif rate / self._best - 1 >= self.WORTH * hoped:
            self._keep(self.limit)
            self._best, self._slow = rate, latency
            self._rest = self.FIRST_REST
            self._try_more()
            if self.limit == self._kept:
                self._pause(now)
        else:
            self.limit, self._growth = self._kept, 1.5
            self._pause(now)

    def _judge_down(self, rate: float, latency: float, now: float) -> None:
        if rate >= (1 - self.LOSS) * self._best:
            self._keep(self.limit)
            self._slow = latency
            self._rest = self.FIRST_REST
        self.limit = self._kept
        self._pause(now)

    def _judge_stay(self, rate: float, latency: float, now: float) -> None:
        known = self._best
        self._best = rate if not known else known + 0.3 * (rate - known)
        if not known:
            self._slow = latency
            self._rests_until = now
        elif latency > 2 * self._slow or latency < self._slow / 2:
            self._slow, self._rest, self._rests_until = latency, self.FIRST_REST, now
        if now < self._rests_until:
            return
        if self._kept == self._least or (self._up_next and self._kept < self._most):
            self._trial = _Trial.UP
            self._try_more()
        else:
            self._trial = _Trial.DOWN
            self.limit = max(self._least, int(self._kept * 0.75))
        self._up_next = not self._up_next

    def _try_more(self) -> None:
        self.limit = min(self._most, max(self._kept + 1, int(self._kept * self._growth)))

    def _keep(self, limit: int) -> None:
        self._kept = self.limit = limit

    def _pause(self, now: float) -> None:
        self._trial = _Trial.STAY
        self._rests_until = now + self._rest
        self._rest = min(self.LAST_REST, self._rest * 2)
