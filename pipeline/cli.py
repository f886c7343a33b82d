"""The command line: arguments, exit codes, signals; no logic."""

from __future__ import annotations

import gc
import signal
import sys
from pathlib import Path
from typing import Any

import click

from pipeline import __version__, options
from pipeline.invocation import (
    FAILED,
    SIGNALS,
    USAGE,
    WRITTEN,
    end_to_end,
    exporting,
    load_definition,
    options_of,
    profiling,
    refuse_terminal_input,
    report_and_exit,
    tell_transport,
)
from pipeline.streams import open_missing, say, say_event

__all__ = ["main"]


def main() -> None:
    """Run the command line; the process ends here, with an exit code of the contract."""
    # Imports make no garbage, and looking for it takes a tenth of their time; `drive` does again.
    gc.disable()
    open_missing()
    try:
        code = commands(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        say("interrupted before the run began")
        code = SIGNALS[signal.SIGINT]
    except Exception as error:  # noqa: BLE001 - a bug; Python's own exit code would say "finished"
        from pipeline.observe.tracebacks import safe_traceback  # noqa: PLC0415 - as in run

        say(f"{safe_traceback(error)}\nthis is a bug of the pipeline; please report it")
        code = FAILED
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
      3         stopped by a failure; the same command goes on if the report says resumable
      130, 143  stopped by SIGINT, SIGTERM; the same command goes on
    """  # noqa: D301 - click wants the backspace character itself


@commands.command(
    epilog="Example: python -m pipeline run configs/users.yaml --set write.workers=10"
)
@options.CONFIG
@options.SET
@options.RUNS
@options.LIMIT
@options.DRY
@options.FRESH
@click.option(
    "--verify-source/--no-verify-source",
    default=True,
    show_default=True,
    help="Read compressed files as a whole, and check them, before the first write.",
)
@options.JSON
@options.PROFILE
@options.METRICS_PORT
@options.METRICS_ADDRESS
def run(**arguments: Any) -> None:
    """
    Run the whole pipeline of CONFIG; go on where an unfinished run of the same job stands.

    stdout carries the final report alone: a table on a terminal, JSON otherwise. stderr carries a
    progress bar on a terminal, JSON log lines otherwise. Ctrl-C stops softly: what is in flight is
    finished; a second one stops at once. The same command then goes on.
    """
    with profiling(arguments["profile"]), exporting(arguments) as exporter:
        definition = load_definition(arguments["config"], arguments["overrides"])
        refuse_terminal_input(definition)
        from pipeline.run import run_pipeline  # noqa: PLC0415 - heavy; not for --help

        wanted = options_of(arguments, exporter)
        report_and_exit(lambda stop: run_pipeline(definition, wanted, stop), arguments)


@commands.command(
    epilog="Example: python -m pipeline replay runs/users/latest/dead-letter.jsonl "
    "--config configs/users.yaml"
)
@click.argument("dead_letter", type=click.Path(path_type=Path))
@options.BASE
@options.SET
@options.RUNS
@options.LIMIT
@options.DRY
@options.FRESH
@options.JSON
@options.METRICS_PORT
@options.METRICS_ADDRESS
def replay(**arguments: Any) -> None:
    """
    Load the records of the DEAD_LETTER file again, by the definition of --config.

    For after the definition was mended, or the table was down. It is a job of its own, NAME-replay,
    with its own report and dead letters; the old file is left as it is. Replay before newer records
    of the same keys are loaded: an older record would replace them.
    """
    with exporting(arguments) as exporter:
        definition = load_definition(arguments["config"], arguments["overrides"])
        from pipeline.run import replay_letters  # noqa: PLC0415 - as in run

        wanted, letters = options_of(arguments, exporter), arguments["dead_letter"]
        report_and_exit(lambda stop: replay_letters(letters, definition, wanted, stop), arguments)


@commands.command(epilog="Example: python -m pipeline validate configs/users.yaml --source")
@options.CONFIG
@options.SET
@options.RUNS
@click.option("--source", "with_source", is_flag=True, help="Check every record of the source too.")
@options.LIMIT
@options.JSON
@options.PROFILE
def validate(**arguments: Any) -> None:
    """
    Check CONFIG, and with --source every record, without touching the table.

    The keys of the table and of its indexes are checked as `target.create` describes them.
    """
    if not arguments["with_source"]:
        if (
            any(arguments[name] for name in ("as_json", "profile"))
            or arguments["limit"] is not None
        ):
            raise click.UsageError("--limit, --json and --profile go with --source")
        definition = load_definition(arguments["config"], arguments["overrides"])
        tell_transport(definition)
        click.echo(f"{arguments['config']}: the definition is right")
        return
    with profiling(arguments["profile"]):
        definition = load_definition(arguments["config"], arguments["overrides"])
        refuse_terminal_input(definition)
        from pipeline.run import check_source  # noqa: PLC0415 - as in run

        wanted = options_of({**arguments, "dry_run": True})
        report_and_exit(lambda stop: check_source(definition, wanted, stop), arguments)


@commands.command(
    "create-table", epilog="Example: python -m pipeline create-table configs/users.yaml"
)
@options.CONFIG
@options.SET
@options.RUNS
def create_table(config: Path, overrides: tuple[str, ...], runs_dir: Path) -> None:
    """
    Create the table of CONFIG's target.create, and wait until it is active.

    Where it exists already nothing is changed: it is as described (exit code 0), or the
    differences are shown (exit code 2).
    """
    definition = load_definition(config, overrides)
    from pipeline.compose.tables import ensure_table  # noqa: PLC0415 - as in run

    outcome = end_to_end(lambda _: ensure_table(definition, runs_dir))
    click.echo(outcome.text)
    sys.exit(WRITTEN if outcome.fits else USAGE)


@commands.command(epilog="Example: python -m pipeline schema > configs/pipeline.schema.json")
def schema() -> None:
    """Print the JSON Schema of a definition, for editors."""
    import json  # noqa: PLC0415 - as in run

    from pipeline.config import definition_schema  # noqa: PLC0415 - as in run

    click.echo(json.dumps(definition_schema(), indent=2, ensure_ascii=False))


@commands.command(epilog="Example: python -m pipeline embedded --port 8000")
@options.RUNS
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
    end_to_end(lambda stop: serve_engine(file, port, stop, click.echo))


@commands.command(epilog="Example: python -m pipeline serve configs --port 8080")
@options.FOLDER
@options.HOST
@options.PORT
@options.RUNS
@options.JOBS
@options.QUEUE
@options.RESUME
@options.TOKEN
@options.NAMES
@options.BODY
def serve(**arguments: Any) -> None:
    """
    Offer the pipelines of FOLDER over HTTP: jobs that are started, watched and stopped from there.

    A page is at the address that is shown at the start, the interface under /openapi.json. Ctrl-C
    stops the running jobs softly; they can be resumed.
    """
    from pipeline.api.server import serving  # noqa: PLC0415 - a web framework

    def ready(url: str) -> None:
        say_event("info", "serve.started", f"{arguments['folder']} is served at {url}")

    end_to_end(serving(arguments, ready))
