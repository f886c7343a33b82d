"""Endings: what a failure means, in the words of the report."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pipeline.errors import PipelineError, SourceCorruptError, StopRunError
from pipeline.observe.logs import open_log
from pipeline.observe.metrics import Metrics, Tally
from pipeline.observe.report import Ending, make_report
from pipeline.state.rundir import write_report, write_report_page

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.compose.execution import Plan
    from pipeline.compose.resumption.beginning import Beginning
    from pipeline.compose.stages import Output
    from pipeline.observe.logs import Log
    from pipeline.observe.report import Report
    from pipeline.state.deadletter import DeadLetters

__all__ = [
    "attempt_of",
    "failed",
    "first_leaf",
    "identity",
    "keep_report",
    "stopped",
    "tell_report",
    "unreadable",
]


def attempt_of(beginning: Beginning) -> int:
    """Return the number of the attempt that is beginning, from 1."""
    return 1 if beginning.earlier is None else beginning.earlier.attempts + 1


def identity(
    plan: Plan, beginning: Beginning, written: Output, dead_letters: DeadLetters
) -> dict[str, Any]:
    """Return what the report says of the run itself; see `make_report`."""
    earlier = beginning.earlier
    return {
        "name": plan.definition.name,
        "run": beginning.run,
        "table": written.description.name,
        "endpoint": written.endpoint,
        "dead_letter": str(dead_letters.path) if dead_letters.mark.count else None,
        "dry_run": plan.dry_run,
        "resumed_from": None if earlier is None else earlier.resumed_from,
        "attempts": attempt_of(beginning),
    }


def first_leaf(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of *group*, however deep: what made the task group cancel the rest."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def stopped(reason: str | None, unsettled: int, *, resumable: bool) -> Ending:
    """Return how a run ended that was asked to."""
    onwards = "run the same command again to go on" if resumable else "it cannot be resumed"
    message = f"stopped by {reason}; {onwards}"
    return Ending("stopped", reason, message, unsettled=unsettled, resumable=resumable)


def failed(failure: BaseException, unsettled: int, log: Log, *, kept: bool) -> Ending:
    """Log *failure* and return how the run ended because of it; *kept*: a checkpoint stands."""
    notes = [note for note in getattr(failure, "__notes__", ()) if note.startswith("stage: ")]
    stage = notes[0].removeprefix("stage: ") if notes else None
    if isinstance(failure, PipelineError):
        reason = failure.reason if isinstance(failure, StopRunError) else "failed"
        message = str(failure)
        if kept and _is_another_source(failure):
            # Its checkpoint is for the file as it was; a mended one is another.
            kept, message = False, f"{message}; then start over with --fresh"
        log.error("run.failed", reason=reason, stage=stage, message=message)
    else:
        # Foreign text may carry an item's values: the type goes into the report, the traceback
        # (without values of variables) into the log.
        reason = "internal_error"
        message = f"{type(failure).__name__} in the pipeline itself; log.jsonl has the traceback"
        log.error("run.failed", reason=reason, stage=stage, exc_info=failure)
    return Ending("failed", reason, message, stage, unsettled, kept)


def _is_another_source(failure: BaseException) -> bool:
    """Tell whether the source has to be mended; one that cannot be read just now is the same."""
    cause: BaseException | None = failure
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__
    return isinstance(failure, SourceCorruptError) and cause is None


def keep_report(folder: Path, report: Report, log: Log) -> None:
    """
    Leave *report* in the run's folder, for people and for programs; it is printed anyhow.

    The page comes first, so that the report tells if the disk did not take it.
    """
    try:
        from pipeline.observe.report_page import report_page  # noqa: PLC0415 - only now

        write_report_page(folder, report_page(folder, report.as_json()))
    except Exception as error:  # no page is worth a report
        reason = error.strerror if isinstance(error, OSError) else type(error).__name__
        log.warning("report_page.unwritable", reason=reason, exc_info=error)
        report.warnings.append(
            f"report.html could not be written: {reason}; report.json says the same"
        )
    try:
        write_report(folder, report.as_json())
    except OSError as error:
        log.warning("report.unwritable", reason=error.strerror)


def tell_report(report: Report, log: Log) -> None:
    """Log *report*, but for its samples, which were logged one by one."""
    document = report.as_json()
    del document["errors"]
    log.info("run.finished", **document)


def unreadable(plan: Plan, error: SourceCorruptError) -> Report:
    """Report a source that is damaged where it begins: nothing was read, nothing written."""
    definition, claim = plan.definition, plan.claim
    folder = claim.make_folder()
    identity = {
        "name": definition.name,
        "run": folder.name,
        "table": definition.target.table,
        "endpoint": None,
        "dead_letter": None,
        "dry_run": plan.dry_run,
    }
    with open_log(folder, definition.log.level, stderr=not plan.bar) as log:
        ending = failed(error, 0, log, kept=False)
        cpu_s = time.process_time()
        report = make_report(identity, ending, Tally(), Metrics(), cpu_s=cpu_s, samples=())
        keep_report(folder, report, log)
        tell_report(report, log)
    return report
