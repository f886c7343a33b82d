"""Breaker: while the table is down one writer asks, at growing pauses, and all others wait."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from pipeline.core.backoff import Progress
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from random import Random

    from pipeline.core.backoff import RetryPolicy

__all__ = ["Breaker", "Stake"]

_FAILURES = 5
"""Failed requests in a row, over all writers, that may be an outage: fewer are bad luck..."""

_SILENCE = 3.0
"""...and seconds since the first of them was sent: a slow, throttled table is quicker than that."""

_FIRST_PROBE = 0.5
_LAST_PROBE = 5.0
"""Seconds between two probes, doubling from the first to the last; the rate is back soon after."""

_RETURN = 1.0
"""Seconds over which the writers come back, so that they do not arrive as one."""

_PATIENCE = 20.0
"""Seconds for which suspects alone may wait for proof, which nothing that is left can give."""

_HINT = 5.0
"""Seconds beyond its own pause that a `Retry-After` may ask for (AWS SDK retry behaviour 2.1)."""


@dataclass(slots=True, eq=False)
class Stake:
    """What a writer holds; *suspect* if nothing but items that fail where others succeed."""

    suspect: bool = False


class Breaker:
    """
    Share among all writers of a run whether the table is down. Starts closed: all may send.

    It opens after five failed requests in a row, over three seconds without any item accepted:
    throttled, handed back as a whole, server faults, broken connections, ambiguous answers; not
    refused credentials, which are no question of load. While it is open one request at a time is
    sent, as a probe; reading waits (`wait_closed`). The first item that is accepted, or judged at
    all, closes it. With the plain policy it never opens.
    """

    def __init__(self, policy: RetryPolicy, random: Random) -> None:
        self._policy = policy
        self._random = random
        self._row = 0
        self._row_began = 0.0
        self._opened = asyncio.Event()
        self._closed = asyncio.Event()
        self._closed.set()
        self._line = asyncio.Lock()
        self._hint = 0.0
        self._stakes: set[Stake] = set()
        self._waits = 0
        self.progress = Progress()
        self.probes = 0

    @property
    def is_open(self) -> bool:
        """Whether the table is taken to be down."""
        return self._opened.is_set()

    async def wait_closed(self) -> None:
        """Wait until the table takes items again; return at once if it does."""
        await self._closed.wait()

    @contextmanager
    def stake(self) -> Iterator[Stake]:
        """Enter a writer that holds items; where nobody does, nothing is down."""
        stake = Stake()
        self.enter(stake)
        try:
            yield stake
        finally:
            self.leave(stake)

    def enter(self, stake: Stake) -> None:
        """Enter a writer that holds items, as `stake` does, until it is to `leave`."""
        self._stakes.add(stake)

    def leave(self, stake: Stake) -> None:
        """Let a writer go that holds nothing any more."""
        self._stakes.discard(stake)
        if not self._stakes:
            self.answered()

    def only_suspects(self, now: float) -> bool:
        """Tell whether every writer has held suspects alone, for long enough to believe it."""
        patience = min(_PATIENCE, self._policy.max_outage / 2)
        return self.outage(now) >= patience and all(stake.suspect for stake in self._stakes)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[int | None]:
        """
        Wait until a request may be sent; enter with the number of the probe that it is, or None.

        The body sends one request and tells its end by `accepted`, `answered` or `failed`. Writers
        wait in line, first come first served, so that what cannot be written at all does not stand
        before what can.
        """
        while self.is_open:
            async with self._line:
                if await self._next_probe():
                    self.probes += 1
                    self._waits += 1
                    yield self.probes
                    return
            await asyncio.sleep(self._random.uniform(0, _RETURN))
        yield None

    async def _next_probe(self) -> bool:
        """Wait until the next probe is due, the last one when the outage is over; False: closed."""
        clock = asyncio.get_running_loop().time
        longest = min(_LAST_PROBE, _FIRST_PROBE * 2.0 ** min(self._waits, 10))
        pause = self.hinted(self._random.uniform(longest / 2, longest), self._hint)
        try:
            async with asyncio.timeout(self.within_outage(clock(), pause)):
                await self._closed.wait()
        except TimeoutError:
            return True
        return False

    async def pause(self, seconds: float) -> None:
        """Sleep before the next attempt, no longer than until the breaker opens or the run ends."""
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self.within_outage(now, seconds)):
                await self._opened.wait()
        except TimeoutError:
            return

    @staticmethod
    def hinted(pause: float, hint: float) -> float:
        """Return *pause*, or what the service asks for, within reason."""
        return max(pause, min(hint, pause + _HINT))

    def within_outage(self, now: float, pause: float) -> float:
        """Return *pause*, but no more than what is left until an outage is over."""
        since = self.progress.refused_since
        if since is None or self._policy.plain:
            return pause
        return max(0.0, min(pause, since + self._policy.max_outage - now))

    def outage(self, now: float) -> float:
        """Return for how long everything has been refused."""
        since = self.progress.refused_since
        return 0.0 if since is None else now - since

    def is_over(self, now: float) -> bool:
        """Tell whether the outage has lasted for as long as the policy lets it."""
        return not self._policy.plain and self.outage(now) >= self._policy.max_outage > 0

    def accepted(self, number: int) -> float | None:
        """Note that an item of request *number* was accepted; see `answered`."""
        since = self._alive()
        self.progress.accepted(number)
        return since

    def answered(self) -> float | None:
        """
        Note that an item was refused for good.

        If that closes the breaker, return since when everything had been refused; else None.
        """
        since = self._alive()
        self.progress.answered()
        return since

    def given_up(self) -> None:
        """Note that an item was given up: what waits behind it need not wait as long."""
        self._waits = 0

    def failed(self, sent: float, now: float, *, hint: float = 0.0) -> bool:
        """Note that a request sent at *sent* failed, and asks to wait; True if that opens it."""
        self.progress.refused(now)
        self._hint = hint
        self._row_began = sent if not self._row else min(self._row_began, sent)
        self._row += 1
        if self.is_open or self._policy.plain:
            return False
        if self._row < _FAILURES or now - self._row_began < _SILENCE:
            return False
        self.probes = self._waits = 0
        self._closed.clear()
        self._opened.set()
        return True

    def _alive(self) -> float | None:
        self._row = 0
        self._hint = 0.0
        if not self.is_open:
            return None
        since = self.progress.refused_since
        self._opened.clear()
        self._closed.set()
        return since
