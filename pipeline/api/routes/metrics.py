"""Metrics: the active runs' own, as `run --metrics-port` has them, and the server's."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from pipeline.api.guard.traffic import BOUNDS
from pipeline.observe.prometheus import CONTENT_TYPE, exposition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.api.guard.traffic import Traffic
    from pipeline.jobs.service import JobService

__all__ = ["CONTENT_TYPE", "metrics_text"]

_PREFIX: Final = "dynamodb_pipeline_"
_ACTIVE: Final = ("running", "stopping")
_MOST_RUNS: Final = 100


async def metrics_text(service: JobService, traffic: Traffic) -> bytes:
    """Return all metrics in Prometheus' text format, which is `CONTENT_TYPE`."""
    samples: list[tuple[Mapping[str, str], Mapping[str, Any]]] = []
    for state in _ACTIVE:
        jobs, _ = await service.jobs(state=state, limit=_MOST_RUNS)
        for job in jobs:
            live = await service.live(job.id)
            if live:
                samples.append(({"pipeline": job.pipeline, "run": job.run or ""}, live))
    own = "\n".join([*_jobs(service), *_requests(traffic), *_durations(traffic)])
    return exposition(samples) + own.encode() + b"\n"


def _head(name: str, kind: str, meaning: str) -> list[str]:
    return [f"# HELP {_PREFIX}{name} {meaning}", f"# TYPE {_PREFIX}{name} {kind}"]


def _jobs(service: JobService) -> Iterator[str]:
    yield from _head("jobs", "gauge", "Jobs that are known, by state.")
    for state, number in service.counts().items():
        yield f'{_PREFIX}jobs{{state="{state}"}} {number}'


def _requests(traffic: Traffic) -> Iterator[str]:
    yield from _head("http_requests_total", "counter", "HTTP requests, by route and status.")
    for (method, route, status), number in sorted(traffic.requests.items()):
        labels = f'method="{method}",route="{route}",status="{status}"'
        yield f"{_PREFIX}http_requests_total{{{labels}}} {number}"


def _durations(traffic: Traffic) -> Iterator[str]:
    name = "http_request_duration_seconds"
    yield from _head(name, "histogram", "Seconds from a request's headers to its answer's.")
    for route, buckets in sorted(traffic.buckets.items()):
        counts = list(accumulate(buckets))
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), counts, strict=True):
            yield f'{_PREFIX}{name}_bucket{{route="{route}",le="{bound}"}} {count}'
        yield f'{_PREFIX}{name}_sum{{route="{route}"}} {traffic.seconds[route]:.6f}'
        yield f'{_PREFIX}{name}_count{{route="{route}"}} {counts[-1]}'
