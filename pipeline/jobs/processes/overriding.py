"""What a job changes of a definition, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import PreflightError

if TYPE_CHECKING:
    from pipeline.config import Definition
    from pipeline.jobs.processes.spec import Spec, Spooled

__all__ = ["overridden"]

_MOST_UNITS: Final = 100_000_000
"""What a definition may say at most."""


def overridden(definition: Definition, spec: Spec) -> Definition:
    """Return *definition* with the rate and the source of *spec*, where it has any."""
    if spec.source is not None:
        definition = definition.changed(source=_source(definition, spec.source))
    elif definition.source.type == "stdin":
        raise PreflightError(
            "source.type is stdin, and a job of the server has none: send the records with the "
            "request, or name a file in the definition"
        )
    if spec.rate is None:
        return definition
    from pipeline.config.model.pace import Rate  # noqa: PLC0415 - comes with a definition

    # Whole units, as in a definition: what is allowed at most is not rounded up.
    rate = Rate(units=min(int(spec.rate), _MOST_UNITS))
    return definition.changed(write=definition.write.changed(rate=rate))


def _source(definition: Definition, spooled: Spooled) -> Any:
    """Return the spooled file as a source that is read as the definition reads its own."""
    from pipeline.config.model.section import ResolvedPath  # noqa: PLC0415 - as above
    from pipeline.config.model.source import FileSource  # noqa: PLC0415 - as above

    before = definition.source
    # By its name alone: letters and errors need not tell where on this machine the spool is.
    path = ResolvedPath(spooled.path.name, spooled.path)
    kept = {}
    if before.type != "generate":
        kept = {"csv": before.csv, "coerce": before.coerce, "max_record": before.max_record}
    fresh = FileSource(type="file", path=path)
    return fresh.changed(format=spooled.format, compression=spooled.compression, **kept)
