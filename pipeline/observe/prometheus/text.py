"""Text: samples of the timeline, in the words and the format of Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from prometheus_client import Metric

__all__ = ["CONTENT_TYPE", "Labelled", "Samples", "exposition"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Labelled = tuple["Mapping[str, str]", "Mapping[str, Any]"]
"""A sample, as JSON has it, with the labels of its run."""

_PREFIX: Final = "dynamodb_pipeline_"
_LABELS: Final = ("pipeline", "run")

_COUNTERS: Final = (
    ("records_read", "read", "Records read from the source."),
    ("requests", "requests", "Write requests sent to the table."),
    ("retries", "retries", "Write requests beyond the first of a batch."),
    (
        "throttled_requests",
        "throttled",
        "Answers that refused items for want of capacity, all or some.",
    ),
    ("consumed_write_units", "consumed_wcu", "Write units that the table says it took."),
)
_GAUGES: Final = (
    ("pace_write_units", "pace", "Write units a second that are allowed just now."),
    ("in_flight_limit", "in_flight", "Requests at once that are allowed just now."),
    ("source_bytes_consumed", "source_bytes", "Bytes of the source that are settled, as on disk."),
    ("source_bytes", "source_bytes_total", "Bytes of the whole source, as on disk."),
    ("run_duration_seconds", "elapsed_s", "Seconds of work, over all attempts."),
)
_OUTCOMES: Final = ("succeeded", "superseded", "rejected", "failed")
_QUANTILES: Final = (("0.5", "p50_ms"), ("0.99", "p99_ms"))


def exposition(samples: Iterable[Labelled]) -> bytes:
    """
    Return *samples*, of different runs, as the text that Prometheus reads (`CONTENT_TYPE`).

    The labels are ``pipeline`` and ``run``. What a sample does not have, or has as null, has no
    line.
    """
    found = list(samples)
    return generate_latest(Samples(lambda: found))


class Samples(Collector):
    """The metrics of what *current* returns, asked anew each time they are collected."""

    def __init__(self, current: Callable[[], Sequence[Labelled]]) -> None:
        self._current = current

    def collect(self) -> Iterator[Metric]:
        """Yield every metric, with a line for each sample that has it."""
        samples = self._current()
        for name, field, meaning in _COUNTERS:
            counter = CounterMetricFamily(_PREFIX + name, meaning, labels=_LABELS)
            for labels, value in _values(samples, field):
                counter.add_metric(labels, value)
            yield counter
        yield _items(samples)
        yield _latency(samples)
        for name, field, meaning in _GAUGES:
            gauge = GaugeMetricFamily(_PREFIX + name, meaning, labels=_LABELS)
            for labels, value in _values(samples, field):
                gauge.add_metric(labels, value)
            yield gauge


def _items(samples: Sequence[Labelled]) -> Metric:
    items = CounterMetricFamily(
        f"{_PREFIX}items", "Items settled, by what became of them.", labels=(*_LABELS, "outcome")
    )
    for outcome in _OUTCOMES:
        for labels, value in _values(samples, outcome):
            items.add_metric([*labels, outcome], value)
    return items


def _latency(samples: Sequence[Labelled]) -> Metric:
    name = f"{_PREFIX}request_latency_seconds"
    latency = SummaryMetricFamily(
        name, "Seconds of the write requests that were answered last.", labels=_LABELS
    )
    for quantile, field in _QUANTILES:
        for labels, value in _values(samples, field):
            named = dict(zip(_LABELS, labels, strict=True))
            latency.add_sample(name, {**named, "quantile": quantile}, value / 1000)
    return latency


def _values(samples: Sequence[Labelled], field: str) -> Iterator[tuple[list[str], float]]:
    for labels, sample in samples:
        value = sample.get(field)
        if value is not None:
            yield [labels.get(name, "") for name in _LABELS], value
