"""Invocation: from a command's arguments to its exit code; a chapter of the command line."""

from __future__ import annotations

import signal
import sys
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pipeline.streams import is_terminal, say, say_event, show_report

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping
    from pathlib import Path

    from pipeline.config import Definition
    from pipeline.core.flow import StopSignal
    from pipeline.observe.prometheus.port import Exporter
    from pipeline.observe.report import Report
    from pipeline.run import Options

__all__ = [
    "FAILED",
    "SIGNALS",
    "USAGE",
    "WRITTEN",
    "end_to_end",
    "exporting",
    "load_definition",
    "options_of",
    "profiling",
    "refuse_terminal_input",
    "report_and_exit",
    "tell_transport",
]

T = TypeVar("T")

WRITTEN, WITH_ERRORS, USAGE, FAILED = 0, 1, 2, 3
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143}


def load_definition(config: Path, overrides: tuple[str, ...]) -> Definition:
    """Load the definition of a command, or refuse it: exit code 2, with every mistake told."""
    import os  # noqa: PLC0415 - as in run

    from pipeline.config import load  # noqa: PLC0415 - as in run
    from pipeline.errors import UsageError  # noqa: PLC0415 - as in run

    try:
        return load(config, overrides=overrides, environment=dict(os.environ))
    except UsageError as error:
        refuse(error)


def refuse(error: Exception | str) -> NoReturn:
    say(str(error))
    sys.exit(USAGE)


def refuse_terminal_input(definition: Definition) -> None:
    """Refuse to wait for somebody to type in records."""
    if definition.source.type == "stdin" and (sys.stdin is None or is_terminal(sys.stdin)):
        refuse("source.type is stdin, but nothing is piped in: put `cat data.jsonl |` before it")


@contextmanager
def profiling(path: Path | None) -> Iterator[None]:
    """Profile the body into *path*, if one is given; refuse one that cannot be written."""
    if path is None:
        yield
        return
    from pipeline.observe.profiling import profiled, require_writable  # noqa: PLC0415 - as in run

    try:
        require_writable(path)
    except OSError as error:
        refuse(
            f"--profile: {str(path)!r} cannot be written: {error.strerror}; name a file in a "
            "folder that is there and is yours"
        )
    with profiled(path, " ".join(["pipeline", *sys.argv[1:]]), partial(_tell_profile, path)):
        yield


def _tell_profile(path: Path, failure: str | None) -> None:
    if failure is not None:
        say_event("warning", "profile.failed", f"{path} could not be written: {failure}")
    else:
        say_event("info", "profile.written", f"the profile is in {path}")


@contextmanager
def exporting(arguments: Mapping[str, Any]) -> Iterator[Exporter | None]:
    """Show Prometheus how the run in the body goes, if a port is given; refuse one in use."""
    port, address = arguments["metrics_port"], arguments["metrics_address"]
    if port is None:
        if address is not None:
            refuse("--metrics-address goes with --metrics-port")
        yield None
        return
    from pipeline.observe.prometheus.port import serving  # noqa: PLC0415 - as in run

    address = address or "127.0.0.1"
    with ExitStack() as stack:
        try:
            exporter = stack.enter_context(serving(address, port))
        except OSError as error:
            refuse(
                f"--metrics-port: nobody can listen on port {port} of {address!r}: "
                f"{error.strerror}; choose another port, 0 for any that is free, or another "
                "--metrics-address"
            )
        say_event("info", "metrics.served", f"Prometheus finds the metrics at {exporter.url}")
        yield exporter


def end_to_end(work: Callable[[StopSignal], Coroutine[Any, Any, T]]) -> T:
    """Do *work* to its end; what ends it before its first write ends the process."""
    from pipeline.errors import UsageError  # noqa: PLC0415 - as in run
    from pipeline.observe.tracebacks import install_hooks  # noqa: PLC0415 - as in run
    from pipeline.runner import Interrupted, drive  # noqa: PLC0415 - as in run

    install_hooks(say)
    try:
        return drive(work)
    except UsageError as error:
        refuse(error)
    except Interrupted as interrupted:
        say("interrupted before the run began: nothing was written")
        sys.exit(SIGNALS[interrupted.signal])


def tell_transport(definition: Definition) -> None:
    """
    Say where batches would go through the SDK although nobody asked for that.

    Known is what the environment says of the endpoint, no more.
    """
    from pipeline.errors import PreflightError  # noqa: PLC0415 - as in run
    from pipeline.table.plain import choose, obstacle_of  # noqa: PLC0415 - as in run

    target = definition.target
    if target.endpoint == "embedded":
        return
    url = target.endpoint or f"https://dynamodb.{target.region or 'us-east-1'}.amazonaws.com"
    try:
        _, fallback = choose(target.transport, obstacle_of(url))
    except PreflightError as error:
        refuse(error)
    if fallback:
        say(
            "target.transport: batches will go through the AWS SDK, at many times the processor "
            f"time: {fallback}"
        )


def options_of(arguments: Mapping[str, Any], exporter: Exporter | None = None) -> Options:
    """Return what a command's arguments add to the definition."""
    from pipeline.run import Options  # noqa: PLC0415 - as in run

    return Options(
        folder=arguments["config"].absolute().parent,
        runs=arguments["runs_dir"],
        limit=arguments["limit"],
        dry_run=arguments["dry_run"],
        bar=is_terminal(sys.stderr),
        fresh=arguments.get("fresh", False),
        verify=arguments.get("verify_source", True),
        exporter=exporter,
    )


def report_and_exit(
    work: Callable[[StopSignal], Coroutine[Any, Any, Report]], arguments: Mapping[str, Any]
) -> NoReturn:
    """Do *work*, show its report, and end the process with the exit code that it means."""
    report = end_to_end(work)
    show_report(report, arguments["runs_dir"], as_json=arguments["as_json"])
    sys.exit(_exit_code(report))


def _exit_code(report: Report) -> int:
    if report.status == "stopped":
        return SIGNALS[signal.SIGTERM if report.reason == "sigterm" else signal.SIGINT]
    if report.status == "failed":
        return FAILED
    return WITH_ERRORS if report.status == "completed_with_errors" else WRITTEN
