"""Samples: what the counters of a run say at one moment, and how fast they moved until then."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pipeline.values import dataclass

if TYPE_CHECKING:
    from pipeline.observe.metrics import Histogram, Metrics
    from pipeline.observe.progress import Goal, Start

__all__ = ["Meter", "Sample"]

_HALF_LIFE: Final = 20.0
"""Seconds after which a pace counts half for the time that is left."""

_SETTLING_IN: Final = 2.0
"""Seconds of loading before which nobody can tell how long the rest takes."""

_SHORTEST: Final = 0.5
"""Seconds over which a pace means something: the last line may come right after another."""

_MOST_TEXT: Final = 200
"""Characters of what a run is busy with: a line of the timeline stays short."""


@dataclass(frozen=True, slots=True)
class Sample:
    """
    One line of the timeline.

    *n* numbers the lines of a run, over all its attempts. *at* is in seconds since 1970,
    *elapsed_s* in seconds of work, over all attempts, without the pauses between them. The counters
    add up over attempts; one that was killed is counted up to its last checkpoint, so that the
    first line of the next may be lower. *items_per_s*, *throttled_per_s* (requests), *p50_ms* and
    *p99_ms* (of the answers; None without any) are since the line before, of the same attempt; if
    that was only just now, since the one before it.

    *source_bytes* of *source_bytes_total*, as the source lies on disk, are settled; None where that
    is no measure of what is left. *records_total* is how many will be read, if that is known, and
    *records_settled* how many of them are settled. Both are estimates ahead of the watermark.
    *activity* says what keeps the run from loading, *eta_s* how long the rest takes at the pace of
    the last half minute. *pace* is in write units a second, *in_flight* in requests: what is
    allowed just now, None where nothing limits it.
    """

    n: int
    at: float
    attempt: int
    elapsed_s: float
    read: int
    settled: int
    succeeded: int
    superseded: int
    rejected: int
    failed: int
    requests: int
    retries: int
    throttled: int
    consumed_wcu: float
    source_bytes: int | None
    source_bytes_total: int | None
    records_total: int | None
    records_settled: int
    items_per_s: float
    throttled_per_s: float
    p50_ms: float | None
    p99_ms: float | None
    pace: float | None
    in_flight: int | None
    activity: str | None
    eta_s: float | None

    def as_json(self) -> dict[str, Any]:
        """Return the line, by the names of its fields."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where the counters stood when the line before was taken, and the pace up to there."""

    elapsed_s: float
    settled: int
    throttled: int
    latency: Histogram
    done: int
    recent: tuple[float, float] = (0.0, 0.0)
    """What was done lately and in how many seconds, both fading with `_HALF_LIFE`."""


class Meter:
    """Take samples from the *start* of an attempt on; *first* is the number of the first line."""

    def __init__(self, start: Start, goal: Goal, *, first: int) -> None:
        self._metrics = start.metrics
        # Once: a source may have many thousands of parts.
        self._by_bytes, self._total = goal.in_bytes, goal.total
        self._attempt = start.attempt
        self._n = first
        self._begun = start.begun
        self._carried_s = start.metrics.carried_s
        self._mark = self._before = self._marked(self._carried_s)

    def follow(self, metrics: Metrics) -> None:
        """Take the next samples of *metrics*, which have moved on from those before."""
        self._metrics = metrics

    def take(self, at: float, now: float) -> Sample:
        """Return a line of the timeline; the next one counts from here."""
        sample = self.look(at, now)
        recent = self._recent(sample.elapsed_s)
        self._before = self._mark
        self._mark = replace(self._marked(sample.elapsed_s), recent=recent)
        self._n += 1
        return sample

    def look(self, at: float, now: float) -> Sample:
        """Return what a line would say at this moment, and take none."""
        metrics, settled = self._metrics, self._metrics.settled
        elapsed = self._carried_s + now - self._begun
        mark = self._mark if elapsed - self._mark.elapsed_s >= _SHORTEST else self._before
        passed = max(elapsed - mark.elapsed_s, 1e-3)
        answers = metrics.latency.since(mark.latency)
        return Sample(
            n=self._n,
            at=round(at, 3),
            attempt=self._attempt,
            elapsed_s=round(elapsed, 3),
            read=metrics.read,
            settled=settled.total,
            succeeded=settled.succeeded,
            superseded=settled.superseded,
            rejected=settled.rejected,
            failed=settled.failed,
            requests=metrics.requests,
            retries=metrics.retries,
            throttled=metrics.throttled,
            consumed_wcu=round(metrics.consumed_wcu, 1),
            source_bytes=self._done if self._by_bytes else None,
            source_bytes_total=self._total if self._by_bytes else None,
            records_total=None if self._by_bytes else self._total,
            records_settled=metrics.done(in_bytes=False),
            items_per_s=round((settled.total - mark.settled) / passed, 1),
            throttled_per_s=round((metrics.throttled - mark.throttled) / passed, 2),
            p50_ms=_ms(answers, 0.5),
            p99_ms=_ms(answers, 0.99),
            pace=None if metrics.pace is None else _rounded(metrics.pace.shown),
            in_flight=None if metrics.crew is None else metrics.crew.limit,
            activity=None if metrics.activity is None else metrics.activity[:_MOST_TEXT],
            eta_s=self._eta(elapsed),
        )

    @property
    def _done(self) -> int:
        """How much of `_total` is done with."""
        return self._metrics.done(in_bytes=self._by_bytes)

    def _marked(self, elapsed: float) -> _Mark:
        metrics = self._metrics
        return _Mark(
            elapsed,
            metrics.settled.total,
            metrics.throttled,
            metrics.latency.copy(),
            self._done,
        )

    def _recent(self, elapsed: float) -> tuple[float, float]:
        """Return what was done lately, and in how many seconds, up to now."""
        mark = self._mark
        done, seconds = mark.recent
        passed = elapsed - mark.elapsed_s
        if self._metrics.first_read_at is None:
            return 0.0, 0.0  # checking the source is no measure of loading it
        fade = 0.5 ** (passed / _HALF_LIFE)
        return done * fade + self._done - mark.done, seconds * fade + passed

    def _eta(self, elapsed: float) -> float | None:
        total = self._total
        if total is None:
            return None
        left = total - self._done
        done, seconds = self._recent(elapsed)
        if left <= 0:
            return 0.0
        return round(left * seconds / done, 1) if done > 0 and seconds >= _SETTLING_IN else None


def _ms(durations: Histogram, share: float) -> float | None:
    seconds = durations.quantile(share)
    return None if seconds is None else round(seconds * 1000, 2)


def _rounded(pace: float | None) -> float | None:
    return None if pace is None else round(pace, 1)
