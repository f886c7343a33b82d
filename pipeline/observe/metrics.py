"""Metrics: plain counters that stages bump and that progress and report read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Histogram", "Metrics", "Tally"]

_BUCKETS_PER_OCTAVE = 8


@dataclass(slots=True)
class Tally:
    """How records and items ended. Exact: `total` is the sum of its parts by construction."""

    records: int = 0
    succeeded: int = 0
    superseded: int = 0
    rejected: int = 0
    failed: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)

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
        self.by_kind.update(other.by_kind)


class Histogram:
    """Count durations in eight buckets an octave: constant memory, quantiles within 7 %."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.count = 0

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
    it lies on disk. *batches* counts batches that the batcher made, *requests* what went over the
    wire, *retries* requests beyond a batch's first. *throttled* counts answers that refused for
    capacity, wholly or in part. *warnings* are sentences for the person who started the run, about
    what is allowed but may be a mistake.
    """

    consumed: int = 0
    read: int = 0
    passed: int = 0
    settled: Tally = field(default_factory=Tally)
    batches: int = 0
    requests: int = 0
    retries: int = 0
    throttled: int = 0
    failed_batches: int = 0
    consumed_wcu: float = 0.0
    latency: Histogram = field(default_factory=Histogram)
    throttling_reasons: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)
    first_read_at: float | None = None
    last_settled_at: float | None = None
