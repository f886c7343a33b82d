"""The list of pipelines: what the definitions say, and what their jobs do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.jobs.model import Pipeline

if TYPE_CHECKING:
    from pipeline.jobs.catalogue.catalogue import Catalogue
    from pipeline.jobs.store.roster import Roster

__all__ = ["listing"]


def listing(catalogue: Catalogue, roster: Roster) -> list[Pipeline]:
    """Return every pipeline by name; of a broken one only its problem and its jobs are known."""
    found = []
    active, newest = roster.active(), roster.newest()
    for one in catalogue.listed:
        entry, sound = one.entry, one.problem is None
        pipeline = Pipeline(
            name=one.name,
            source=entry.source if sound else None,
            table=entry.table if sound else None,
            endpoint=entry.endpoint if sound else None,
            valid=sound,
            problem=one.problem,
            active_jobs=tuple(active.get(one.name, ())),
            last_job=newest.get(one.name),
        )
        found.append(pipeline)
    return found
