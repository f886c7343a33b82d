"""An attempt: one job on its way through its process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.jobs.model import Job
    from pipeline.jobs.supervision.spawned import Spawned
    from pipeline.jobs.supervision.verdict import Asked

__all__ = ["Attempt"]


class Attempt:
    """One job on its way, from its turn in the queue to the end of its process."""

    def __init__(self, job: Job) -> None:
        self.id = job.id
        self.pipeline = job.pipeline
        self.asked: Asked = None
        self.killed = False
        self.spawned: Spawned | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._begun = asyncio.get_running_loop().time()

    def age(self) -> float:
        """Return for how many seconds it has been under way."""
        return asyncio.get_running_loop().time() - self._begun

    def ask(self, wish: Asked, grace: float) -> None:
        """Ask it to end softly, and after *grace* seconds no longer ask."""
        self.asked = self.asked or wish
        if self.spawned is not None and self._timer is None:
            self.spawned.terminate()
            self._timer = asyncio.get_running_loop().call_later(grace, self._kill)

    def _kill(self) -> None:
        if self.spawned is not None:
            self.killed = True
            self.spawned.kill()

    def over(self) -> None:
        """Kill nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
