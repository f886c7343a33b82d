"""Report: what became of every record; a table for a person, JSON for a program."""

from __future__ import annotations

from dataclasses import asdict, field
from typing import TYPE_CHECKING, Any, Literal

from pipeline.core.text import shown_key
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.model import Rejection
    from pipeline.observe.metrics import Histogram, Metrics, Tally

__all__ = ["Ending", "Report", "Status", "error_sample", "make_report"]

Status = Literal["succeeded", "completed_with_errors", "failed", "stopped"]


@dataclass(frozen=True, slots=True)
class Ending:
    """
    How a run ended.

    *reason* is a constant name (``outage``, ``source_corrupt``, ``sigint``), *message* says it in a
    sentence, *stage* names the stage that failed, and *unsettled* counts the items whose fate is
    open: they may or may not be in the table. *resumable* says that the same command goes on.
    """

    status: Status
    reason: str | None = None
    message: str | None = None
    stage: str | None = None
    unsettled: int = 0
    resumable: bool = False

    @property
    def finished(self) -> bool:
        """Whether all of the source was read and settled."""
        return self.status in {"succeeded", "completed_with_errors"}


@dataclass(frozen=True, slots=True)
class Report:
    """
    The account of one run; design 1.3 explains each field.

    ``total = succeeded + superseded + rejected + failed``, always. *rate* are the write units a
    second that were allowed, *pace* those that were at the end, what the table takes included, and
    *in_flight* the requests that `write.workers: auto` found worth it; None where nothing limits.
    """

    name: str
    run: str
    table: str
    endpoint: str | None
    status: Status
    records: int
    total: int
    succeeded: int
    superseded: int
    rejected: int
    failed: int
    failed_batches: int
    batches: int
    requests: int
    retries: int
    throttled: int
    consumed_wcu: float
    duration_s: float
    items_per_s: float
    cpu_s: float
    latency_ms: Mapping[str, float | None]
    errors_by_kind: Mapping[str, int]
    errors: list[Mapping[str, Any]]
    dead_letter: str | None
    resumed_from: Mapping[str, Any] | None = None
    attempts: int = 1
    dry_run: bool = False
    warnings: list[str] = field(default_factory=list)
    throttling_reasons: Mapping[str, int] = field(default_factory=dict)
    rate: float | None = None
    pace: float | None = None
    in_flight: int | None = None
    reason: str | None = None
    message: str | None = None
    stage: str | None = None
    unsettled: int | None = None
    resumable: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON; what only an early end has is left out otherwise."""
        document = asdict(self)
        early = ("reason", "message", "stage", "unsettled", "resumable")
        for name in early:
            if document[name] is None:
                del document[name]
        return document


def make_report(
    identity: Mapping[str, Any],
    ending: Ending,
    tally: Tally,
    metrics: Metrics,
    *,
    cpu_s: float,
    samples: Sequence[Mapping[str, Any]],
) -> Report:
    """
    Put the report together.

    *identity* holds ``name``, ``run``, ``table``, ``endpoint``, ``dead_letter``, ``dry_run``,
    ``resumed_from`` and ``attempts``. *cpu_s* is this process's time. The duration is from the
    first read to the last settlement, in each attempt; the rate counts every settled item in it.
    """
    duration, early = metrics.duration, ending.status in {"failed", "stopped"}
    return Report(
        **identity,
        status=ending.status,
        records=tally.records,
        total=tally.total,
        succeeded=tally.succeeded,
        superseded=tally.superseded,
        rejected=tally.rejected,
        failed=tally.failed,
        failed_batches=tally.failed_batches,
        batches=metrics.batches,
        requests=metrics.requests,
        retries=metrics.retries,
        throttled=metrics.throttled,
        consumed_wcu=round(metrics.consumed_wcu, 1),
        duration_s=round(duration, 3),
        items_per_s=round(tally.total / duration, 1) if duration else 0.0,
        cpu_s=round(metrics.carried_cpu_s + cpu_s, 3),
        latency_ms={"p50": _ms(metrics.latency, 0.5), "p99": _ms(metrics.latency, 0.99)},
        errors_by_kind=dict(tally.by_kind),
        errors=list(samples),
        warnings=metrics.warnings,
        throttling_reasons=dict(metrics.throttling_reasons),
        **_speed(metrics),
        reason=ending.reason,
        message=ending.message,
        stage=ending.stage,
        unsettled=ending.unsettled if early else None,
        resumable=ending.resumable if early else None,
    )


def error_sample(rejection: Rejection, *, hash_keys: bool = False) -> dict[str, Any]:
    """Return what report and log say of one rejection: where, which key, which rule, why."""
    first = rejection.violations[0]
    return {
        "source": rejection.part,
        "line": rejection.record.line,
        "key": shown_key(rejection.key, hashed=hash_keys),
        "item": rejection.index,
        "kind": rejection.kind,
        "rule": first.rule,
        "field": first.field,
        "message": rejection.message,
    }


def _speed(metrics: Metrics) -> dict[str, Any]:
    pace, crew = metrics.pace, metrics.crew
    return {
        "rate": None if pace is None else pace.given,
        "pace": None if pace is None else pace.shown,
        "in_flight": None if crew is None else crew.limit,
    }


def _ms(durations: Histogram, share: float) -> float | None:
    seconds = durations.quantile(share)
    return None if seconds is None else round(seconds * 1000, 2)
