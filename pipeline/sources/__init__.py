"""Where records come from."""

from __future__ import annotations

from pipeline.sources.base import (
    Compression,
    CsvSpec,
    Cut,
    FileSpec,
    Format,
    GenerateSpec,
    Part,
    ReplaySpec,
    Source,
    SourceSpec,
    StdinSpec,
    Verified,
)
from pipeline.sources.registry import open_source

__all__ = [
    "Compression",
    "CsvSpec",
    "Cut",
    "FileSpec",
    "Format",
    "GenerateSpec",
    "Part",
    "ReplaySpec",
    "Source",
    "SourceSpec",
    "StdinSpec",
    "Verified",
    "open_source",
]
