"""Which jobs begin now, and when one is tried again by itself: pure decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pipeline.jobs.model import Job

__all__ = ["Patience", "startable"]

_MOST_CRASHES: Final = 3
"""How often in a row a job is resumed by itself whose process is ended from outside."""

_LONGEST_PAUSE: Final = 60.0
"""Seconds between two tries of a job whose table does not answer, which are made for ever."""


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


class Patience:
    """What jobs have cost so far: crashes, and tries in which the table did not answer."""

    def __init__(self) -> None:
        self._crashes: dict[str, int] = {}
        self._silences: dict[str, int] = {}

    def crashed(self, identity: str) -> int | None:
        """Count a crash; return how many there were in a row if that is enough, else None."""
        self._silences.pop(identity, None)
        count = self._crashes[identity] = self._crashes.get(identity, 0) + 1
        return count if count > _MOST_CRASHES else None

    def unanswered(self, identity: str) -> float:
        """Count a try without an answer, which is no crash; return the seconds until the next."""
        self._crashes.pop(identity, None)
        count = self._silences[identity] = self._silences.get(identity, 0) + 1
        return min(2.0 ** (count - 1), _LONGEST_PAUSE)

    def forget(self, identity: str) -> None:
        """Begin anew with a job: it is over, or somebody has decided about it."""
        self._crashes.pop(identity, None)
        self._silences.pop(identity, None)
