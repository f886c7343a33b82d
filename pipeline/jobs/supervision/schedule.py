"""Which jobs begin now: a pure decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pipeline.jobs.model import Job

__all__ = ["startable"]


def startable(
    waiting: Iterable[Job], running: Collection[str], held: Collection[str], most: int
) -> list[Job]:
    """
    Return the jobs that may begin, of those *waiting* in their order.

    *running* are the pipelines of jobs that run, once each: of one pipeline one job runs at a time.
    *held* are pipelines that cannot begin now; the others pass them by. At most *most* run at once.
    """
    chosen: list[Job] = []
    taken = set(running) | set(held)
    for job in waiting:
        if len(running) + len(chosen) >= most:
            break
        # One that must wait holds back what comes after it in its pipeline: their order stays.
        if job.pipeline not in taken:
            chosen.append(job)
            taken.add(job.pipeline)
    return chosen
