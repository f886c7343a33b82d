"""Metrics: plain counters that stages bump and that progress and report read."""

from __future__ import annotations

from collections import Counter
from dataclasses import field, fields, replace
from typing import TYPE_CHECKING, Any

from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.core.pace.crew import Crew
    from pipeline.core.pace.gate import Pace

__all__ = ["Histogram", "Metrics", "Tally"]

_BUCKETS_PER_OCTAVE = 8

_EFFORTS = ("batches", "requests", "retries", "throttled", "consumed_wcu")
"""Counts of what was done, not of what the source holds: they add up over attempts."""


@dataclass(slots=True)
class Tally:
    """How records and items ended. Exact: `total` is the sum of its parts by construction."""

    records: int = 0
    succeeded: int = 0
    superseded: int = 0
    rejected: int = 0
    failed: int = 0
    failed_batches: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Tally:
        """Read what `as_json` gave."""
        return cls(**{**document, "by_kind": Counter(document["by_kind"])})

    def as_json(self) -> dict[str, Any]:
        """Return the counts for a checkpoint."""
        counts = {one.name: getattr(self, one.name) for one in fields(self)}
        return {**counts, "by_kind": dict(self.by_kind)}

    def copy(self) -> Tally:
        """Return the same counts, to be counted on apart."""
        return replace(self, by_kind=self.by_kind.copy())

    @property
    def total(self) -> int:
        """Items settled; a record that was refused before it became items counts as one."""
        return self.succeeded + self.superseded + self.rejected + self.failed

    def refuse(self, kind: str) -> None:
        """Count something that will not be in the table: failed if its attempts ran out."""
        if kind == "retry_exhausted":
            self.failed += 1
        else:
            self.rejected += 1
        self.by_kind[kind] += 1

    def add(self, other: Tally) -> None:
        """Add *other* to this."""
        self.records += other.records
        self.succeeded += other.succeeded
        self.superseded += other.superseded
        self.rejected += other.rejected
        self.failed += other.failed
        self.failed_batches += other.failed_batches
        self.by_kind.update(other.by_kind)


class Histogram:
    """Count durations in eight buckets an octave: constant memory, quantiles within 7 %."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.count = 0

    @classmethod
    def from_json(cls, counts: Mapping[str, int]) -> Histogram:
        """Read what `as_json` gave."""
        histogram = cls()
        histogram._counts = Counter({int(bucket): count for bucket, count in counts.items()})
        histogram.count = histogram._counts.total()
        return histogram

    def as_json(self) -> dict[str, int]:
        """Return the counts for a checkpoint; the names are the buckets' numbers."""
        return {str(bucket): count for bucket, count in self._counts.items()}

    def copy(self) -> Histogram:
        """Return the same counts, to be kept."""
        return self.since(Histogram())

    def since(self, earlier: Histogram) -> Histogram:
        """Return what was counted after *earlier*, a copy of this from then."""
        later = Histogram()
        before = earlier._counts
        later._counts = Counter(
            {bucket: count - before[bucket] for bucket, count in self._counts.items()}
        )
        later.count = self.count - earlier.count
        return later

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self._counts[_bucket(seconds)] += 1
        self.count += 1

    def quantile(self, share: float) -> float | None:
        """Return the duration in seconds below which *share* of all lie; None without any."""
        if not self.count:
            return None
        rank = share * (self.count - 1)
        seen = 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen > rank:
                octave, within = divmod(bucket, _BUCKETS_PER_OCTAVE)
                return (1 << octave) * (1 + (within + 0.5) / _BUCKETS_PER_OCTAVE) / 1e6
        raise AssertionError("the ranks of a histogram end within its counts")


def _bucket(seconds: float) -> int:
    microseconds = max(1, int(seconds * 1e6))
    # log2 by bit length and a linear share of the octave: no import of math, no float surprises.
    octave = microseconds.bit_length() - 1
    within = (microseconds - (1 << octave)) * _BUCKETS_PER_OCTAVE >> octave
    return octave * _BUCKETS_PER_OCTAVE + within


@dataclass(slots=True)
class Metrics:
    """
    What happens during a run, as it happens; *settled* runs ahead of the report's watermark.

    *read* are records. At the watermark, *passed* are records and *consumed* bytes of the source as
    it lies on disk; ahead of it, *settled_records* and *settled_bytes* are estimated now and then.
    *batches* counts batches that the batcher made, *requests* what went over the
    wire, *retries* requests beyond a batch's first. *throttled* counts answers that refused for
    capacity, wholly or in part. *warnings* are sentences for the person who started the run, about
    what is allowed but may be a mistake. Of a run that was resumed, *carried* items, *carried_s*
    seconds and *carried_cpu_s* of processor time are those of its earlier attempts.
    *activity* is what keeps the run from loading just now, in a few words. *pace* and *crew* say
    how fast may be written.
    """

    consumed: int = 0
    read: int = 0
    passed: int = 0
    settled_records: int = 0
    settled_bytes: int = 0
    settled: Tally = field(default_factory=Tally)
    batches: int = 0
    requests: int = 0
    retries: int = 0
    throttled: int = 0
    consumed_wcu: float = 0.0
    latency: Histogram = field(default_factory=Histogram)
    throttling_reasons: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)
    first_read_at: float | None = None
    last_settled_at: float | None = None
    carried: int = 0
    carried_s: float = 0.0
    carried_cpu_s: float = 0.0
    activity: str | None = None
    pace: Pace | None = None
    crew: Crew | None = None

    def done(self, *, in_bytes: bool) -> int:
        """Return how many bytes of the source, or records, are settled, as far as can be told."""
        if in_bytes:
            return max(self.consumed, self.settled_bytes)
        return max(self.passed, self.settled_records)

    @property
    def duration(self) -> float:
        """Seconds from the first read to the last settlement, over all attempts."""
        begun, ended = self.first_read_at, self.last_settled_at
        this = max(0.0, ended - begun) if begun is not None and ended is not None else 0.0
        return self.carried_s + this

    def copy(self) -> Metrics:
        """Return what a sample is made of as it is now, to be looked at later."""
        return replace(self, settled=self.settled.copy(), latency=self.latency.copy())

    def efforts(self, cpu_s: float) -> dict[str, Any]:
        """Return, for a checkpoint, what was done so far; *cpu_s* is this process's time."""
        return {
            **{name: getattr(self, name) for name in _EFFORTS},
            "latency": self.latency.as_json(),
            "throttling_reasons": dict(self.throttling_reasons),
            "duration_s": self.duration,
            "cpu_s": self.carried_cpu_s + cpu_s,
        }

    def carry_on(self, efforts: Mapping[str, Any], tally: Tally, consumed: int) -> None:
        """Count on from an earlier attempt, which had settled *tally* by its checkpoint."""
        for name in _EFFORTS:
            setattr(self, name, efforts[name])
        self.latency = Histogram.from_json(efforts["latency"])
        self.throttling_reasons = Counter(efforts["throttling_reasons"])
        self.carried_s, self.carried_cpu_s = efforts["duration_s"], efforts["cpu_s"]
        self.settled, self.carried = tally.copy(), tally.total
        self.read = self.passed = tally.records
        self.consumed = consumed
