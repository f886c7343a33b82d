"""The command line: arguments, exit codes, signals; no logic."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from pipeline import __version__
from pipeline.streams import is_terminal, open_missing, show_report

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from pipeline.config import Definition
    from pipeline.core.flow import StopSignal
    from pipeline.observe.report import Report

__all__ = ["main"]

T = TypeVar("T")

_WRITTEN, _WITH_ERRORS, _USAGE, _FAILED = 0, 1, 2, 3
_SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143}

_CONFIG = click.argument("config", type=click.Path(path_type=Path))
_SET = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a key of the definition, e.g. --set write.workers=10. May be repeated.",
)
_RUNS = click.option(
    "--runs-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Where every run keeps its log, report and dead letters.",
)


def main() -> None:
    """Run the command line; the process ends here, with an exit code of the contract."""
    open_missing()
    try:
        code = commands(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted before the run began")
        code = _SIGNALS[signal.SIGINT]
    except Exception:  # noqa: BLE001 - a bug; Python's own exit code would say "finished"
        import traceback  # noqa: PLC0415 - as in run

        _say(f"{traceback.format_exc()}this is a bug of the pipeline; please report it")
        code = _FAILED
    sys.exit(code)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: python -m pipeline run configs/users.yaml",
)
@click.version_option(__version__, prog_name="pipeline")
def commands() -> None:
    """
    Stream records into Amazon DynamoDB, and account for every one.

    A YAML definition names a source, a record's schema, the items that a record becomes, and a
    table.

    \b
    Exit codes:
      0         all records were written
      1         finished, but some records were not written
      2         wrong command line or definition, or anything found before the first write
      3         stopped by a failure
      130, 143  stopped by SIGINT, SIGTERM
    """  # noqa: D301 - click wants the backspace character itself


@commands.command(
    epilog="Example: python -m pipeline run configs/users.yaml --set write.workers=10"
)
@_CONFIG
@_SET
@_RUNS
@click.option("--limit", type=click.IntRange(min=0), help="Read no more than this many records.")
@click.option("--dry-run", is_flag=True, help="Do everything but the writes.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on a terminal too.")
def run(**arguments: Any) -> None:
    """
    Run the whole pipeline of CONFIG.

    stdout carries the final report alone: a table on a terminal, JSON otherwise. stderr carries a
    progress bar on a terminal, JSON log lines otherwise. Ctrl-C stops softly: what is in flight is
    finished; a second one stops at once.
    """
    definition = _load(arguments["config"], arguments["overrides"])
    _refuse_terminal_input(definition)
    from pipeline.run import Options, run_pipeline  # noqa: PLC0415 - heavy; not for --help

    options = Options(
        folder=arguments["config"].absolute().parent,
        runs=arguments["runs_dir"],
        limit=arguments["limit"],
        dry_run=arguments["dry_run"],
        bar=is_terminal(sys.stderr),
    )
    report = _end_to_end(lambda stop: run_pipeline(definition, options, stop))
    show_report(report, arguments["runs_dir"], as_json=arguments["as_json"])
    sys.exit(_exit_code(report))


@commands.command(epilog="Example: python -m pipeline validate configs/users.yaml --source")
@_CONFIG
@_SET
@_RUNS
@click.option("--source", "with_source", is_flag=True, help="Check every record of the source too.")
@click.option("--limit", type=click.IntRange(min=0), help="Check no more than this many records.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on a terminal too.")
def validate(**arguments: Any) -> None:
    """
    Check CONFIG, and with --source every record, without touching the table.

    The keys of the table and of its indexes are checked as `target.create` describes them.
    """
    definition = _load(arguments["config"], arguments["overrides"])
    if not arguments["with_source"]:
        if arguments["as_json"] or arguments["limit"] is not None:
            raise click.UsageError("--limit and --json go with --source")
        click.echo(f"{arguments['config']}: the definition is right")
        return
    _refuse_terminal_input(definition)
    from pipeline.run import Options, check_source  # noqa: PLC0415 - as in run

    options = Options(
        folder=arguments["config"].absolute().parent,
        runs=arguments["runs_dir"],
        limit=arguments["limit"],
        dry_run=True,
        bar=is_terminal(sys.stderr),
    )
    report = _end_to_end(lambda stop: check_source(definition, options, stop))
    show_report(report, arguments["runs_dir"], as_json=arguments["as_json"])
    sys.exit(_exit_code(report))


@commands.command(
    "create-table", epilog="Example: python -m pipeline create-table configs/users.yaml"
)
@_CONFIG
@_SET
@_RUNS
def create_table(config: Path, overrides: tuple[str, ...], runs_dir: Path) -> None:
    """
    Create the table of CONFIG's target.create, and wait until it is active.

    Where it exists already nothing is changed: it is as described (exit code 0), or the
    differences are shown (exit code 2).
    """
    definition = _load(config, overrides)
    from pipeline.compose.tables import ensure_table  # noqa: PLC0415 - as in run

    outcome = _end_to_end(lambda _: ensure_table(definition, runs_dir))
    click.echo(outcome.text)
    sys.exit(_WRITTEN if outcome.fits else _USAGE)


@commands.command(epilog="Example: python -m pipeline schema > configs/pipeline.schema.json")
def schema() -> None:
    """Print the JSON Schema of a definition, for editors."""
    import json  # noqa: PLC0415 - as in run

    from pipeline.config import definition_schema  # noqa: PLC0415 - as in run

    click.echo(json.dumps(definition_schema(), indent=2, ensure_ascii=False))


@commands.command(epilog="Example: python -m pipeline embedded --port 8000")
@_RUNS
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option("--path", type=click.Path(path_type=Path, dir_okay=False), help="SQLite file.")
@click.option("--memory", is_flag=True, help="Keep the tables in memory only.")
def embedded(runs_dir: Path, port: int, path: Path | None, *, memory: bool) -> None:
    """
    Serve the embedded engine alone, on 127.0.0.1, until Ctrl-C.

    The AWS CLI or boto3 can then look inside: aws dynamodb scan --table-name Users --endpoint-url
    http://127.0.0.1:8000 (with any region and credentials).
    """
    from pipeline.compose.tables import serve_engine  # noqa: PLC0415 - as in run

    file = None if memory else path or runs_dir / "embedded.sqlite"
    _end_to_end(lambda stop: serve_engine(file, port, stop, click.echo))


def _load(config: Path, overrides: tuple[str, ...]) -> Definition:
    import os  # noqa: PLC0415 - as in run

    from pipeline.config import load  # noqa: PLC0415 - as in run
    from pipeline.errors import UsageError  # noqa: PLC0415 - as in run

    try:
        return load(config, overrides=overrides, environment=dict(os.environ))
    except UsageError as error:
        _refuse(error)


def _say(text: str) -> None:
    """Tell a person something on stderr, if there is one."""
    if sys.stderr is not None:
        click.echo(text, err=True)


def _refuse(error: Exception | str) -> NoReturn:
    _say(str(error))
    sys.exit(_USAGE)


def _refuse_terminal_input(definition: Definition) -> None:
    if definition.source.type == "stdin" and (sys.stdin is None or is_terminal(sys.stdin)):
        _refuse("source.type is stdin, but nothing is piped in: put `cat data.jsonl |` before it")


def _end_to_end(work: Callable[[StopSignal], Coroutine[Any, Any, T]]) -> T:
    from pipeline.errors import UsageError  # noqa: PLC0415 - as in run
    from pipeline.runner import Interrupted, drive  # noqa: PLC0415 - as in run

    try:
        return drive(work)
    except UsageError as error:
        _refuse(error)
    except Interrupted as interrupted:
        _say("interrupted before the run began: nothing was written")
        sys.exit(_SIGNALS[interrupted.signal])


def _exit_code(report: Report) -> int:
    if report.status == "stopped":
        return _SIGNALS[signal.SIGTERM if report.reason == "sigterm" else signal.SIGINT]
    if report.status == "failed":
        return _FAILED
    return _WITH_ERRORS if report.status == "completed_with_errors" else _WRITTEN
