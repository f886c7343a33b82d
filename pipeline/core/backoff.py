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
    """When the table last accepted an item, over all writers of a run."""

    def __init__(self, now: float) -> None:
        self.last = now
        self.count = 0

    def made(self, now: float) -> None:
        """Note that an item was accepted."""
        self.last = now
        self.count += 1


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
    how much had been accepted anywhere at the first counted failure of this request, or of
    *parent*, the larger one that this is a part of.
    """

    def __init__(
        self, policy: RetryPolicy, progress: Progress, parent: Attempts | None = None
    ) -> None:
        self._policy = policy
        self._progress = progress
        self.since: int | None = None if parent is None else parent.since
        self.counted = 0
        self.pauses = 0

    def advanced(self) -> None:
        """Note that some of the request's items were accepted: the next pause is short again."""
        self.pauses = 0

    @property
    def others_advanced(self) -> bool:
        """Whether the table accepted anything since the first counted failure: it is not down."""
        return self.since is not None and self._progress.count > self.since

    def failed(self, now: float, *, counts: bool) -> Verdict:
        """
        Judge a request that failed; *counts* is false for throttling and unprocessed items.

        USED_UP says that the attempts are: under the plain policy that is the end; else items are
        given up only one by one and only if `others_advanced`, or an outage would cost good ones.
        """
        self.pauses += 1
        if counts or self._policy.plain:
            self.counted += 1
            if self.since is None:
                self.since = self._progress.count
        if not self._policy.plain and now - self._progress.last >= self._policy.max_outage:
            return Verdict.OUTAGE
        return Verdict.USED_UP if self.counted >= self._policy.attempts else Verdict.RETRY
