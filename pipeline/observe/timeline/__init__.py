"""The timeline: how a run went, a line a second, to draw and to follow."""

from __future__ import annotations

from pipeline.observe.timeline.reading import read_samples
from pipeline.observe.timeline.sample import Meter, Sample

__all__ = ["Meter", "Sample", "read_samples"]
