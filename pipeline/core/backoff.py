"""Back-off: how long to wait before the next attempt, and when to give up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

__all__ = ["Attempts", "Progress", "RetryPolicy", "Verdict"]

_MAX_DOUBLINGS = 62
"""Past this the doubled delay is over any cap; a float would overflow at 1,024."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """
    How long a request is tried; delays in seconds.

    *attempts* counts requests in all, the first included. They are used up by server faults,
    ambiguous answers and broken connections, and matter only while other batches succeed; when
    nothing succeeds anywhere for *max_outage* the run ends instead. ``max_outage=0`` gives the
    plain policy: every answer that is no success counts, and *attempts* of them are the end.
    """

    attempts: int = 8
    base_delay: float = 0.05
    max_delay: float = 20.0
    max_outage: float = 900.0

    @property
    def plain(self) -> bool:
        """Whether every failure counts, throttling and unprocessed items included."""
        return self.max_outage == 0

    def delay(self, retry: int, random: Random) -> float:
        """
        Return the pause before retry number *retry* (from 0): exponential with full jitter.

        Uniform between 0 and ``min(max_delay, base_delay * 2**retry)``, so that writers which were
        refused together do not come back together.
        """
        ceiling = min(self.max_delay, self.base_delay * 2.0 ** min(retry, _MAX_DOUBLINGS))
        return random.uniform(0, ceiling)


class Progress:
    """
    What the table accepts and refuses, over all writers of a run; times in seconds of one clock.

    *newest* is when the newest request was sent that had an item accepted. *refused_since* is when
    the first request failed after the last acceptance: the beginning of an outage, None if there
    is none. A source that is quiet for an hour is no outage.
    """

    def __init__(self) -> None:
        self.count = 0
        self.newest = float("-inf")
        self.refused_since: float | None = None

    def accepted(self, sent: float) -> None:
        """Note that an item of a request sent at *sent* was accepted."""
        self.count += 1
        self.newest = max(self.newest, sent)
        self.refused_since = None

    def refused(self, now: float) -> None:
        """Note that a request failed."""
        if self.refused_since is None:
            self.refused_since = now

    def answered(self) -> None:
        """Note that the table judged a request, if not in its favour: it is not down."""
        self.refused_since = None

    def outage(self, now: float) -> float:
        """Return for how long everything has been refused."""
        return 0.0 if self.refused_since is None else now - self.refused_since


class Verdict(Enum):
    """What to make of a request that did not succeed."""

    RETRY = "retry"
    USED_UP = "used up"
    OUTAGE = "outage"


class Attempts:
    """
    The attempts of one request, and the verdict after each that failed. Knows no I/O.

    *pauses* grows with each failure in a row and starts anew when some of the request's items were
    accepted; it sets the length of the next pause and is not the count that gives up. *since* is
    when this request first failed in a way that counts, or *parent*, the larger one that this is a
    part of.
    """

    def __init__(
        self, policy: RetryPolicy, progress: Progress, parent: Attempts | None = None
    ) -> None:
        self._policy = policy
        self._progress = progress
        self.since: float | None = None if parent is None else parent.since
        self.counted = 0
        self.pauses = 0

    def advanced(self) -> None:
        """Note that some of the request's items were accepted: the next pause is short again."""
        self.pauses = 0

    @property
    def others_advanced(self) -> bool:
        """
        Whether the table accepted anything that was sent after the first counted failure.

        Then it is not down, and this request is at fault. What was sent before proves nothing: at
        the beginning of an outage answers of better times are still on their way.
        """
        return self.since is not None and self._progress.newest > self.since

    def failed(self, now: float, *, counts: bool) -> Verdict:
        """
        Judge a request that failed; *counts* is false for throttling and unprocessed items.

        USED_UP says that the attempts are: under the plain policy that is the end; else items are
        given up only one by one and only if `others_advanced`, or an outage would cost good ones.
        """
        self.pauses += 1
        self._progress.refused(now)
        if counts or self._policy.plain:
            self.counted += 1
            if self.since is None:
                self.since = now
        if not self._policy.plain and self._progress.outage(now) >= self._policy.max_outage:
            return Verdict.OUTAGE
        return Verdict.USED_UP if self.counted >= self._policy.attempts else Verdict.RETRY
