"""Beginnings: a run of its own, or one that is gone on with; never two at once."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.compose.resumption.earlier import pick, require_same_table
from pipeline.errors import PreflightError
from pipeline.state.checkpoint import CheckpointFiles
from pipeline.state.joblock import job_lock
from pipeline.state.rundir import make_run_folder, new_run_id, reopen_run_folder
from pipeline.state.unfinished import (
    abandon_run,
    begun_run,
    mark_unfinished,
    require_run_id,
    unfinished_runs,
)
from pipeline.table.aws.admin import describe
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from pipeline.compose.resumption.earlier import Earlier
    from pipeline.compose.stages import Input
    from pipeline.state.unfinished import Unfinished
    from pipeline.table.aws.calls import TableCalls

__all__ = ["Beginning", "Claim", "claimed"]


@dataclass(frozen=True, slots=True)
class Beginning:
    """
    A run that is about to begin: *earlier* is what it goes on from, if anything.

    *kept* says whether checkpoints are kept; *given_up* are the unfinished runs that it replaces,
    *ignored* those that stay as they are since this one keeps no checkpoint.
    """

    run: str
    folder: Path
    earlier: Earlier | None
    kept: bool
    given_up: Sequence[Unfinished] = ()
    ignored: Sequence[Unfinished] = ()

    @property
    def files(self) -> CheckpointFiles | None:
        """Where checkpoints are kept, if they are."""
        return CheckpointFiles(self.folder) if self.kept else None

    def warnings(self, *, once: bool) -> Iterator[str]:
        """Yield what the person who started the run should know; *once*: a source read once."""
        if once:
            yield (
                "standard input can be read only once: it was not verified before the first write, "
                "and this run cannot be resumed"
            )
        if self.earlier is not None and self.earlier.fell_back:
            yield (
                "the newest checkpoint is torn or missing; the run goes on from the one before "
                "and writes what lies between once more"
            )
        if self.ignored:
            yield (
                f"run {self.ignored[0].run} is unfinished; this one keeps no checkpoint, so it "
                "starts over and leaves that one as it is"
            )

    def mark(self) -> None:
        """Note that this run is unfinished, and the ones that it replaces are not any more."""
        mark_unfinished(self.folder)
        for one in self.given_up:
            abandon_run(one.folder, self.run)


@dataclass(frozen=True, slots=True)
class Claim:
    """
    The right to run a job, and what stands of it; *kept* says that checkpoints are kept.

    *given*: the run is this one and no other, whether it is begun now or gone on with.
    """

    root: Path
    name: str
    run: str
    unfinished: Sequence[Unfinished]
    kept: bool
    fresh: bool
    given: bool = False

    def make_folder(self) -> Path:
        """Make the folder of the run that begins."""
        return make_run_folder(self.root, self.name, self.run, again=self.given)

    async def require_table(self, calls: TableCalls, table: str) -> None:
        """Refuse to go on with a run whose table is gone, instead of making an empty one."""
        if not self._goes_on:
            return
        require_same_table(self.unfinished, table)
        if await describe(calls, table) is not None:
            return
        raise PreflightError(
            f"run {self.unfinished[0].run} is unfinished, and its table {table!r} is gone; "
            "start over with --fresh, which writes every item again"
        )

    async def begin(
        self, read: Input, wanted: Mapping[str, Any], limit: int | None = None
    ) -> Beginning:
        """
        Go on with the unfinished run that has the *wanted* fingerprint, or begin a new one.

        Raise `PreflightError` if none has it, or if *limit* would end one that was begun without.
        """
        earlier = await pick(self.unfinished, wanted, read) if self._goes_on else None
        if earlier is not None:
            _keep_whole(earlier, limit)
            folder = reopen_run_folder(self.root, self.name, earlier.run)
            # Left by a --fresh that crashed before it gave them up; nothing else leaves two.
            older = [one for one in self.unfinished if one.run < earlier.run]
            return Beginning(earlier.run, folder, earlier, self.kept, older)
        folder = self.make_folder()
        beginning = Beginning(self.run, folder, None, self.kept)
        if not self.kept:
            return replace(beginning, ignored=self.unfinished)
        return replace(beginning, given_up=self.unfinished if self.fresh else ())

    @property
    def _goes_on(self) -> bool:
        return self.kept and not self.fresh and bool(self.unfinished)


def _keep_whole(earlier: Earlier, limit: int | None) -> None:
    """Refuse to close the unfinished run of a whole source for the sake of a quick look."""
    settled = earlier.totals.tally.records
    if limit is None or not settled or (earlier.limit is not None and limit >= settled):
        return
    raise PreflightError(
        f"run {earlier.run} is unfinished, with {settled:,} records settled, and --limit {limit} "
        "would end it there: run without --limit to go on, look with --dry-run --limit, "
        "or start over with --fresh"
    )


@contextmanager
def claimed(
    root: Path, name: str, *, locked: bool, kept: bool, fresh: bool, given: str | None = None
) -> Iterator[Claim]:
    """
    Claim the job *name*, or of its runs the one with the *given* id, while the body runs.

    Raise `PreflightError` if another process has it, or if that one run is finished. Without
    *locked* (a dry run, which keeps nothing) any number may run, but of one given run only one.
    """
    if given is not None:
        require_run_id(given)
        with job_lock(root, name, given) if locked else job_lock(root / name, given, given):
            yield _given(root, name, given, kept=kept)
        return
    run = new_run_id()
    if not locked:
        yield Claim(root, name, run, (), kept=False, fresh=fresh)
        return
    with job_lock(root, name, run) as lock:
        found = unfinished_runs(root, name)
        if kept and not fresh and found:
            lock.name_run(found[0].run)  # so that a second process is told the right one
        yield Claim(root, name, run, found, kept=kept, fresh=fresh)


def _given(root: Path, name: str, run: str, *, kept: bool) -> Claim:
    """Claim the one run *run*: others of the job stay as they are, unfinished or not."""
    found = begun_run(root, name, run)
    if found is not None and not kept:
        raise PreflightError(
            f"run {run} is unfinished, and can be gone on with only as it was begun: not as a dry "
            "run, nor without checkpoints (checkpoint.enabled, a source that is read once)"
        )
    unfinished = () if found is None else (found,)
    return Claim(root, name, run, unfinished, kept=kept, fresh=False, given=True)
