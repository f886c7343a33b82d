"""What whoever runs jobs works with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.values import dataclass

if TYPE_CHECKING:
    from pipeline.jobs.catalogue.catalogue import Catalogue
    from pipeline.jobs.model import Job, Settings
    from pipeline.jobs.spool import Spool
    from pipeline.jobs.store.roster import Roster
    from pipeline.jobs.supervision.engine import Engine
    from pipeline.observe.logs import Log

__all__ = ["Desk"]


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts of a job service that jobs are run with."""

    settings: Settings
    roster: Roster
    catalogue: Catalogue
    spool: Spool
    engine: Engine
    log: Log

    async def release(self, job: Job) -> None:
        """Remove the upload of a job that is over and has no use for it any more."""
        if job.upload is not None and not job.resumable:
            await self.spool.remove(job.upload)
