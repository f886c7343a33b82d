"""What a rehearsal can set: capacity, latency, unprocessed items, throttling."""

from __future__ import annotations

import math

from pipeline.values import dataclass

__all__ = ["EngineSettings"]


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """
    How the engine behaves beside storing items; by default it is never short of anything.

    Reads are never throttled: this rehearses loads. Everything is per table and in seconds.

    - *wcu*: write units a second of every table, whatever its own throughput says; None: no limit.
    - *partition_wcu*: of one partition; None: 1,000 once *wcu* is set. Items are spread over the
      partitions by the hash of their partition key, so that a hot key is limited by this alone.
    - *index_wcu*: of every global secondary index; None: as *wcu*. An item that lacks units in an
      index is not written at all. Local indexes take theirs from the table.
    - *burst*: how many seconds of unused capacity are kept.
    - *latency*, *jitter*: an answer comes at least *latency* after its request, and up to *jitter*
      later, evenly spread.
    - *unprocessed*: share of a BatchWriteItem's items handed back at random.
    - *throttle*: share of write requests refused with ProvisionedThroughputExceededException.
    - *seed*: of the random choices; they are drawn in the order of the requests.

    :raises ValueError: a number out of range, naming the setting.
    """

    wcu: float | None = None
    partition_wcu: float | None = None
    index_wcu: float | None = None
    burst: float = 1.0
    latency: float = 0.0
    jitter: float = 0.0
    unprocessed: float = 0.0
    throttle: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("wcu", "partition_wcu", "index_wcu"):
            rate = getattr(self, name)
            if rate is not None and not (rate > 0 and math.isfinite(rate)):
                raise ValueError(f"{name!r} must be above 0 units a second, not {rate!r}")
        for name in ("burst", "latency", "jitter"):
            seconds = getattr(self, name)
            if not (seconds >= 0 and math.isfinite(seconds)):
                raise ValueError(f"{name!r} must be 0 seconds or more, not {seconds!r}")
        for name in ("unprocessed", "throttle"):
            share = getattr(self, name)
            if not 0 <= share <= 1:
                raise ValueError(f"{name!r} is a share from 0 to 1, not {share!r}")

    @property
    def limits_capacity(self) -> bool:
        """Say whether write units are counted against anything."""
        return not (self.wcu is None and self.partition_wcu is None and self.index_wcu is None)
