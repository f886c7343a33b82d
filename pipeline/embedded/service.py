"""What every operation works with, and the mishaps that a rehearsal asks for."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.embedded.settings import EngineSettings
    from pipeline.embedded.storage.catalog import Catalog
    from pipeline.embedded.storage.database import Database
    from pipeline.embedded.tuning.behaviours import Behaviours

__all__ = ["Mishaps", "Service"]


class Mishaps:
    """Random refusals, the same for the same seed and order of requests."""

    def __init__(self, settings: EngineSettings) -> None:
        self._throttle = settings.throttle
        self._unprocessed = settings.unprocessed
        self._random = random.Random(settings.seed)  # noqa: S311 - no secret, but repeatable

    def refuses_request(self) -> bool:
        """Say whether a write request meets a ProvisionedThroughputExceededException."""
        return self._throttle > 0 and self._random.random() < self._throttle

    def hands_back(self) -> bool:
        """Say whether one item of a batch comes back unprocessed."""
        return self._unprocessed > 0 and self._random.random() < self._unprocessed


@dataclass(frozen=True, slots=True)
class Service:
    """The engine's parts; used in its one thread only. *monotonic* and *wall* are in seconds."""

    database: Database
    catalog: Catalog
    behaviours: Behaviours
    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
