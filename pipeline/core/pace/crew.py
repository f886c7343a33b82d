"""Crew: the writers of a run, of which as many work as requests in flight are worth it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.core.pace.flight import InFlight

__all__ = ["Crew"]


class Crew:
    """
    Let at most ``flight.limit`` writers work at a time; with *flight* None all of them.

    A writer that is one too many rests before it takes a batch, so that it holds nothing.
    """

    def __init__(self, flight: InFlight | None = None) -> None:
        self.flight = flight
        self._working = 0
        self._resting: deque[asyncio.Future[None]] = deque()
        self._over = False

    @property
    def limit(self) -> int | None:
        """How many may work; None for all of them."""
        return None if self.flight is None else self.flight.limit

    async def begin(self) -> None:
        """Join; wait until there is work for one more."""
        if self.flight is None:
            return
        self._working += 1
        await self.rest()

    async def rest(self) -> None:
        """Between two batches: wait while there are more at work than are worth it."""
        flight = self.flight
        while flight is not None and not self._over and self._working > flight.limit:
            turn = asyncio.get_running_loop().create_future()
            self._resting.append(turn)
            self._working -= 1
            try:
                await turn
            finally:
                self._working += 1

    def answered(self, units: float, latency: float, *, short: bool) -> bool:
        """Note an answer, see `InFlight.answered`; writers that rest are called if need be."""
        flight = self.flight
        if flight is None:
            return False
        now = asyncio.get_running_loop().time()
        changed = flight.answered(units, latency, now, short=short)
        if changed:
            self._call(flight.limit - self._working)
        return changed

    def disband(self) -> None:
        """Let all go on to the end: there is nothing more to write."""
        self._over = True
        self._call(len(self._resting))

    def _call(self, count: int) -> None:
        while count > 0 and self._resting:
            turn = self._resting.popleft()
            if not turn.done():
                turn.set_result(None)
                count -= 1
