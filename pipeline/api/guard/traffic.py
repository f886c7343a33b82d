"""Traffic: how many requests came, by route and status, and how long they took."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Final

__all__ = ["BOUNDS", "Traffic"]

BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histogram's buckets, in seconds; 0.05 is what the 202 is promised in."""

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})


class Traffic:
    """
    Count requests.

    A label is one of ours, never a stranger's text: a path that no route has is ``unknown``, a
    method that nobody uses ``other``, so that the number of series is bounded.
    """

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, int]] = Counter()
        self.buckets: dict[str, list[int]] = {}
        self.seconds: Counter[str] = Counter()

    def note(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """Count one request; a *status* of 0 is one that was never answered."""
        route = route or "unknown"
        self.requests[method if method in _METHODS else "other", route, status] += 1
        buckets = self.buckets.setdefault(route, [0] * (len(BOUNDS) + 1))
        buckets[bisect_left(BOUNDS, seconds)] += 1
        self.seconds[route] += seconds  # type: ignore[assignment]  # Counter is typed for int alone
