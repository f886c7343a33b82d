"""Checkpoints: when to note where a run stands, and what the note says."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline.core.threads import settled
from pipeline.errors import SourceCorruptError, StorageError
from pipeline.model import Position
from pipeline.observe.metrics import Tally
from pipeline.stages.sink import Totals
from pipeline.state.deadletter import LettersMark
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.observe.logs import Log
    from pipeline.observe.metrics import Metrics
    from pipeline.sources.base import Part, Source
    from pipeline.state.checkpoint import CheckpointFiles

__all__ = ["Checkpoints", "Job", "restored_totals"]

_TRIES = 3
"""Times that a checkpoint may fail in a row before the run stops: a full disk may be emptied."""

_RETRY_AFTER = 1.0

_FIRST_PAUSE = 0.1
"""Seconds to the first checkpoint; the next ones come at twice that, up to the usual time."""


@dataclass(slots=True)
class Job:
    """
    What a checkpoint says beside how far it is.

    *fingerprint* is what a resume must find unchanged, *verified* the SHA-256 of each part that was
    read as a whole before the first write, *attempts* how often the run was begun, this time
    included, *limit* the most records that it is to read.
    """

    run: str
    fingerprint: Mapping[str, Any]
    verified: dict[str, str]
    attempts: int = 1
    limit: int | None = None


class Checkpoints:
    """
    Keep a run's checkpoint: at most one every *every* seconds, and only when the watermark moved.

    The first ones come sooner, so that a process that is killed again and again gets on. A
    checkpoint says how things stood when the watermark was at its position: counters, samples,
    length of the dead-letter file. Whoever saves has synced the dead letters before. *due_at* is
    None while there is nothing new to keep; *exist* says whether one stands on the disk.
    """

    def __init__(
        self,
        files: CheckpointFiles,
        job: Job,
        source: Source,
        parts: Sequence[Part],
        traces: tuple[Metrics, Log],
        *,
        every: float,
    ) -> None:
        self._files = files
        self._job = job
        self._source = source
        self._parts = {part.name: part for part in parts}
        self._metrics, self._log = traces
        self._every = every
        self._pause = min(_FIRST_PAUSE, every)
        self._failures = 0
        self._source_changed = False
        self._saved_at = float("-inf")
        self.due_at: float | None = None
        self.exist = job.attempts > 1

    def moved(self) -> None:
        """Note that the watermark has moved."""
        if self.due_at is None:
            now = asyncio.get_running_loop().time()
            self.due_at = max(now, self._saved_at + self._pause)

    async def save(self, totals: Totals, *, last: bool = False) -> None:
        """
        Save *totals*.

        Nothing is saved that could not be compared when the run is resumed: of a source that has
        changed. A disk that does not take it is tried again a little later, and stops the run with
        `StorageError` the third time, or at once if this is the *last* chance.
        """
        try:
            document = self.document(totals, await self._stretch(totals))
        except SourceCorruptError as error:
            # Whoever reads it says so; if all of it was read, nothing of it is needed any more.
            if not self._source_changed:
                self._log.warning("checkpoint.source_changed", message=str(error))
            self._source_changed = True
            self.due_at = None
            return
        clock = asyncio.get_running_loop().time
        try:
            await settled(partial(self._files.save, document))
        except StorageError as error:
            self._failures += 1
            if last or self._failures >= _TRIES:
                raise
            self._log.warning("checkpoint.unwritable", message=str(error))
            self.due_at = clock() + _RETRY_AFTER
            return
        self._failures = 0
        self.exist = True
        self._saved_at = clock()
        self._pause = min(self._every, self._pause * 2)
        self.due_at = None
        self._log.debug("checkpoint.saved", records=totals.tally.records, total=totals.tally.total)

    def verified(self, digests: Mapping[str, str]) -> None:
        """Note the SHA-256 of parts that were read as a whole."""
        self._job.verified.update(digests)

    def document(
        self, totals: Totals, stretch: Mapping[str, int | str] | None = None
    ) -> dict[str, Any]:
        """Return the checkpoint's text, as JSON; *stretch* tells the bytes before the position."""
        position = totals.position
        job = self._job
        return {
            "run": job.run,
            "fingerprint": job.fingerprint,  # not copied: it may tell of thousands of parts
            "verified": job.verified,
            "attempts": job.attempts,
            "limit": job.limit,
            "finished": False,
            "position": None if position is None else asdict(position),
            "stretch": stretch,
            "consumed": totals.consumed,
            "in_part": totals.in_part,
            "letters": None if totals.letters is None else asdict(totals.letters),
            "tally": totals.tally.as_json(),
            "samples": list(totals.samples),
            "efforts": self._metrics.efforts(time.process_time()),
        }

    async def _stretch(self, totals: Totals) -> Mapping[str, int | str] | None:
        position = totals.position
        if position is None:
            return None
        return await self._source.stretch(self._parts[position.part], position, totals.in_part)


def restored_totals(document: Mapping[str, Any]) -> Totals:
    """Return the totals that a checkpoint's *document* holds."""
    position, letters = document["position"], document["letters"]
    return Totals(
        tally=Tally.from_json(document["tally"]),
        samples=list(document["samples"]),
        position=None if position is None else Position(**position),
        consumed=document["consumed"],
        in_part=document["in_part"],
        letters=None if letters is None else LettersMark(**letters),
    )
