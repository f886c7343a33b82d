"""Back-off: how long to wait before the next attempt, and when to give up."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from pipeline.values import dataclass

if TYPE_CHECKING:
    from random import Random

__all__ = ["Attempts", "Fault", "Progress", "RetryPolicy", "Verdict"]

_MAX_DOUBLINGS = 62
"""Past this the doubled delay is over any cap; a float would overflow at 1,024."""

_CUT_AFTER = 3
"""
Server faults in a row after which a request is cut in halves.

One item may break the server (DynamoDB Local answers 500 to bad base64); its neighbours must not
pay for it. A cut costs a few small requests, so it need not wait for proof.
"""

_GRACE = 30.0
"""Seconds for which a job must be denied before that is the end, whatever its attempts."""

_SUSPECT = 2
"""Counted faults that make one item a suspect: it failed, others were taken, it failed again."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """
    How long a request is tried; delays in seconds.

    *attempts* counts requests in all, the first included. They are used up by server faults,
    ambiguous answers and broken connections, and matter only while other items are accepted; when
    nothing is accepted anywhere for *max_outage* the run ends instead. ``max_outage=0`` gives the
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
    What the table accepts and refuses, over all writers of a run.

    *sent* counts requests; *newest* is the number of the newest one that had an item accepted.
    Numbers tell before from after where a clock's ticks are too coarse. *refused_since* is when, in
    seconds of one clock, the first request failed after the last sign of life: the beginning of an
    outage, None if there is none. A source that is quiet for an hour is no outage. *denied_for* is
    for how many seconds the job has been denied without an item accepted.
    """

    def __init__(self) -> None:
        self.denied_for = 0.0
        self._denied_since: float | None = None
        self.count = 0
        self.sent = 0
        self.newest = 0
        self.refused_since: float | None = None

    def sends(self) -> int:
        """Count a request that is about to be sent; return its number, from 1."""
        self.sent += 1
        return self.sent

    def accepted(self, number: int) -> None:
        """Note that an item of request *number* was accepted."""
        self.count += 1
        self.newest = max(self.newest, number)
        self.refused_since = None
        self._denied_since, self.denied_for = None, 0.0

    def refused(self, now: float) -> None:
        """Note that a request failed."""
        if self.refused_since is None:
            self.refused_since = now

    def denied(self, now: float) -> None:
        """Note that the whole job was refused."""
        if self._denied_since is None:
            self._denied_since = now
        self.denied_for = now - self._denied_since

    def answered(self) -> None:
        """Note that an item was judged for good, if not in its favour: nothing waits for it."""
        self.refused_since = None


class Fault(Enum):
    """What kept a request from succeeding."""

    CAPACITY = "throttled, or every item handed back"
    SERVER = "a server fault, a broken connection, or an ambiguous answer"
    DENIED = "the whole job was refused"


class Verdict(Enum):
    """What to do about a request that did not succeed."""

    RETRY = "send it again after a pause"
    CUT = "send its halves"
    GIVE_UP = "its attempts are used up, and the table takes other items"
    STOP = "the whole job is refused, and stays so"


class Attempts:
    """
    The attempts of one request, and the verdict after each that failed. Knows no I/O.

    An attempt *counted* when the table was seen, since the one before, to accept something that was
    sent after it: then this request is at fault, and not the table. In an outage attempts are not
    used up, so that it costs no good item; what was sent before proves nothing, since at the
    beginning of an outage answers of better times are still on their way. *counted_at* is how many
    requests had been sent when the newest one counted. *tries* are server faults in a row, proved
    or not. *pauses* grows with each failure in a row and sets the next pause.

    A part of a larger request inherits one failure, which its siblings can then prove.
    """

    def __init__(
        self, policy: RetryPolicy, progress: Progress, parent: Attempts | None = None
    ) -> None:
        self._policy = policy
        self._progress = progress
        self.counted: int = 0 if parent is None else min(1, parent.counted)
        self.counted_at: int | None = None if parent is None else parent.counted_at
        self.tries = 0
        self.pauses = 0
        self.denied = 0
        self._denied_at = 0

    def advanced(self) -> None:
        """Note that some of the request's items were accepted: pauses are short again."""
        self.tries = self.pauses = 0

    @property
    def suspect(self) -> bool:
        """Whether this request fails although the table accepts others."""
        return self.counted >= _SUSPECT and not self._policy.plain

    @property
    def stuck(self) -> bool:
        """Whether this request would be cut if it had more than one item."""
        return self.tries >= min(_CUT_AFTER, self._policy.attempts)

    def failed(self, fault: Fault, *, single: bool, alone: bool = False) -> Verdict:
        """
        Judge a request that failed, *single* if it has one item.

        *alone* says that nothing but suspects is left in the whole run, and has been for a while:
        then nothing can prove anything any more, and every try counts.
        """
        self.pauses += 1
        if fault is Fault.DENIED:
            return self._after_denial()
        if self._policy.plain:
            return self._after_plain_failure()
        if fault is Fault.CAPACITY:
            return Verdict.RETRY
        self.tries += 1
        if self.counted_at is None or self._progress.newest > self.counted_at:
            self.counted += 1
            self.counted_at = self._progress.sent
        if single:
            # The first fault counts unproved, so that one alone is never the end.
            used_up = (self.tries if alone else self.counted) >= max(self._policy.attempts, 2)
            return Verdict.GIVE_UP if used_up else Verdict.RETRY
        return Verdict.CUT if self.stuck else Verdict.RETRY

    def _after_plain_failure(self) -> Verdict:
        self.counted += 1
        used_up = self.counted + self.denied >= self._policy.attempts
        return Verdict.GIVE_UP if used_up else Verdict.RETRY

    def _after_denial(self) -> Verdict:
        """Count it, from the first one after the newest sign that the job is allowed."""
        if not self.denied or self._progress.newest > self._denied_at:
            self.denied, self._denied_at = 0, self._progress.sent
        self.denied += 1
        if self._policy.plain:
            used_up = self.denied + self.counted >= self._policy.attempts
        else:
            # Many writers use up eight attempts in less time than a token takes to be renewed.
            used_up = self.denied >= self._policy.attempts and self._progress.denied_for >= _GRACE
        return Verdict.STOP if used_up else Verdict.RETRY
