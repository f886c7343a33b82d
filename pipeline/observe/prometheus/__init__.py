"""Metrics for Prometheus: what they are called, and the port of one run."""

from __future__ import annotations

from pipeline.observe.prometheus.text import CONTENT_TYPE, exposition

__all__ = ["CONTENT_TYPE", "exposition"]
