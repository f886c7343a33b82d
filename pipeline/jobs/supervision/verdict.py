"""What the end of a job's process means: a pure decision."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from pipeline.jobs.processes.spec import UNREACHED
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.jobs.model import Job, State

__all__ = ["REFUSED", "Asked", "Ended", "concluded", "finished_by"]

Asked: TypeAlias = Literal["stop", "close"] | None
"""What the job's process was asked for: to stop the job, or because the service closes."""

_WRITTEN, _WITH_ERRORS, REFUSED, _FAILED = 0, 1, 2, 3
"""Exit codes of `pipeline run`; `REFUSED`: there was nothing written in this attempt."""
_STOPPED: Final = frozenset({130, 143, -signal.SIGINT, -signal.SIGTERM})

_FINISHED: Final[dict[str, State]] = {
    "succeeded": "succeeded",
    "completed_with_errors": "completed_with_errors",
}

_Meaning: TypeAlias = "tuple[State, bool, str | None]"
"""A job's state, whether it can be resumed, and why for a person."""


@dataclass(frozen=True, slots=True)
class Ended:
    """
    How a process ended.

    *code* is its exit code, negative for a signal. *said* is what it wrote to stderr. *report* is
    the run's, if there is one. *killed*: it did not end when it was asked to. *begun*: this attempt
    or one before it may have written to the table.
    """

    code: int
    said: str
    report: Mapping[str, Any] | None
    asked: Asked = None
    killed: bool = False
    begun: bool = False


def concluded(job: Job, ended: Ended, at: float) -> Job:
    """Return *job* as it is after its process ended, at the moment *at*."""
    state, resumable, message = _meaning(ended)
    return replace(
        job,
        state=state,
        ended_at=at,
        exit_code=REFUSED if ended.code == UNREACHED else ended.code,
        message=message,
        resumable=resumable,
    )


def finished_by(job: Job, report: Mapping[str, Any] | None) -> Job | None:
    """
    Return *job* as finished if its run's *report* says so, whoever saw it end; else None.

    A run that is finished is never gone on with, so that such a report is the last word.
    """
    state = _FINISHED.get(_status(report))
    if state is None:
        return None
    code = _WRITTEN if state == "succeeded" else _WITH_ERRORS
    return replace(job, state=state, exit_code=code, message=_text(report), resumable=False)


def _meaning(ended: Ended) -> _Meaning:
    code, report = ended.code, ended.report
    if code in (_WRITTEN, _WITH_ERRORS):
        return ("succeeded" if code == _WRITTEN else "completed_with_errors"), False, _text(report)
    if ended.asked is not None and (code in _STOPPED or code < 0 or code == UNREACHED):
        return _asked(ended)
    if code in _STOPPED:
        resumable = _resumable(report)
        agreed = report is not None and report.get("resumable") is resumable
        text = _text(report) if agreed and _status(report) == "stopped" else None
        return "stopped", resumable, text or "its process was stopped from outside"
    if code < 0:
        name = _signal_name(-code)
        why = ", perhaps for want of memory" if -code == signal.SIGKILL else ""
        return "interrupted", True, f"its process was ended by {name}{why}; resume goes on with it"
    return _failed(ended)


def _failed(ended: Ended) -> _Meaning:
    report = ended.report
    if ended.code == _FAILED:
        return "failed", _resumable(report), _text(report) or ended.said or "it failed"
    if ended.code not in {REFUSED, UNREACHED}:
        text = ended.said or f"its process ended with the unknown exit code {ended.code}"
        return "failed", True, text
    state = _FINISHED.get(_status(report))
    if state is not None:  # an attempt of a server before this one had come to the end
        return state, False, _text(report)
    # It was refused before it wrote: a table that does not answer, a missing file. What earlier
    # attempts loaded, and an upload, wait until that is mended.
    resumable, text = _resumable(report), ended.said or "it was refused before it began"
    if ended.code == UNREACHED and ended.begun and resumable:
        return "interrupted", True, text
    return "failed", resumable, text


def _asked(ended: Ended) -> _Meaning:
    if ended.asked == "close":
        return "interrupted", True, "the server was stopped; resume goes on with it"
    if ended.killed:
        text = "it did not end in time and was killed; resume goes on from its last checkpoint"
        return "stopped", True, text
    resumable = _resumable(ended.report)
    onwards = "resume goes on with it" if resumable else "it cannot be gone on with"
    return "stopped", resumable, f"stopped on request; {onwards}"


def _resumable(report: Mapping[str, Any] | None) -> bool:
    """
    Tell what *report* says; without one nothing was written yet, or its disk is full.

    A run that has sent nothing says no, for want of a checkpoint; it begins again under its id.
    """
    if report is None or "resumable" not in report or report.get("requests") == 0:
        return True
    return report["resumable"] is True


def _status(report: Mapping[str, Any] | None) -> str:
    return str(report.get("status", "")) if report is not None else ""


def _text(report: Mapping[str, Any] | None) -> str | None:
    message = report.get("message") if report is not None else None
    return message if isinstance(message, str) else None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
