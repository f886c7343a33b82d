"""From a specification to its source; to add a source, add a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.sources.base import FileSpec, GenerateSpec, ReplaySpec

if TYPE_CHECKING:
    from pipeline.sources.base import Source, SourceSpec

__all__ = ["open_source"]


def open_source(spec: SourceSpec) -> Source:
    """Make the source of *spec*; nothing is opened or read before its methods are called."""
    # Imported where they are needed: decoders cost a fifth of a second of start-up.
    if isinstance(spec, GenerateSpec):
        from pipeline.sources.generate import GenerateSource  # noqa: PLC0415 - lazy, as above

        return GenerateSource(spec)
    if isinstance(spec, FileSpec):
        from pipeline.sources.file import FileSource  # noqa: PLC0415 - lazy, as above

        return FileSource(spec)
    if isinstance(spec, ReplaySpec):
        from pipeline.sources.replay import ReplaySource  # noqa: PLC0415 - lazy, as above

        return ReplaySource(spec)
    from pipeline.sources.stdin import StdinSource  # noqa: PLC0415 - lazy, as above

    return StdinSource(spec)
