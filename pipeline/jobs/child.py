"""
``python -m pipeline.jobs.child``: one job's process.

It reads one JSON line on stdin (`pipeline.jobs.processes.spec.Spec`) and loads as ``pipeline run``
does, with its exit codes; log, report and the rest are in the run's folder alone. On stderr stands
only why there was no run. The end of stdin stops it softly, as SIGTERM does.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from typing import TYPE_CHECKING, Final

from pipeline.errors import UnreachedError, UsageError
from pipeline.jobs.processes.lifeline import CODES, EndedEarly, Lifeline, quiet, say
from pipeline.jobs.processes.spec import UNREACHED, parse_spec

if TYPE_CHECKING:
    from pipeline.config import Definition
    from pipeline.core.flow import StopSignal
    from pipeline.jobs.processes.spec import Spec
    from pipeline.observe.report import Report

__all__ = ["main"]

_WRITTEN, _WITH_ERRORS, _USAGE, _FAILED = 0, 1, 2, 3
_FINISHED: Final = {"succeeded": _WRITTEN, "completed_with_errors": _WITH_ERRORS}
_NICENESS: Final = 5
"""How far a load stands behind the server that started it."""

_PATIENCE: Final = 15.0
"""Seconds for an attempt that is ending to give its lock back."""
_PAUSE: Final = 0.1


def main() -> None:
    """Load what stdin says; the process ends here."""
    gc.disable()  # as in `pipeline.cli.main`
    quiet()
    lifeline = Lifeline()
    try:
        lifeline.install()
        code = _loaded(lifeline)
    except EndedEarly as early:
        code = early.code
    except Exception as error:  # noqa: BLE001 - a bug; Python's own exit code would say "finished"
        from pipeline.observe.tracebacks import safe_traceback  # noqa: PLC0415 - hardly ever

        say(f"{safe_traceback(error)}\nthis is a bug of the pipeline; please report it")
        code = _FAILED
    lifeline.let_go()
    sys.exit(code)


def _loaded(lifeline: Lifeline) -> int:
    from pipeline.observe.tracebacks import install_hooks  # noqa: PLC0415 - signals are taken first

    install_hooks(say)
    os.nice(_NICENESS)
    try:
        spec = parse_spec(lifeline.read_line())
    except (OSError, ValueError) as error:
        say(f"this process is started by the job server, with one line on stdin: {error}")
        return _USAGE
    from pipeline.state.unfinished import RunFinishedError  # noqa: PLC0415 - as above

    try:
        definition = _definition(spec)
        return _exit_code(lifeline.drive(lambda stop: _load(definition, spec, stop)))
    except UsageError as error:
        # An attempt had come to its end when the server died that would have been told.
        if isinstance(error, RunFinishedError) and error.status in _FINISHED:
            return _FINISHED[error.status]
        say(error.discreet)
        return UNREACHED if isinstance(error, UnreachedError) else _USAGE


def _definition(spec: Spec) -> Definition:
    from pipeline.config import load  # noqa: PLC0415 - as above
    from pipeline.jobs.processes.overriding import overridden  # noqa: PLC0415 - as above

    return overridden(load(spec.config, environment=dict(os.environ)), spec)


async def _load(definition: Definition, spec: Spec, stop: StopSignal) -> Report:
    """Load; wait a little for a lock that an attempt before this one is about to give back."""
    from pipeline.run import Options, run_pipeline  # noqa: PLC0415 - as above
    from pipeline.state.joblock import JobBusyError  # noqa: PLC0415 - as above

    options = Options(
        folder=(spec.config.absolute() if spec.source is None else spec.source.path).parent,
        runs=spec.runs,
        limit=spec.limit,
        dry_run=spec.dry_run,
        run=spec.run,
        engine=spec.engine,
    )
    clock = asyncio.get_running_loop().time
    deadline = clock() + _PATIENCE
    while True:
        try:
            return await run_pipeline(definition, options, stop)
        except JobBusyError:
            if clock() >= deadline:
                raise
        await asyncio.sleep(_PAUSE)


def _exit_code(report: Report) -> int:
    if report.status == "stopped":
        return CODES[signal.SIGTERM if report.reason == "sigterm" else signal.SIGINT]
    if report.status == "failed":
        say(report.message or report.reason or "it failed")  # where its report cannot be kept
        return _FAILED
    return _WITH_ERRORS if report.status == "completed_with_errors" else _WRITTEN


if __name__ == "__main__":
    main()
