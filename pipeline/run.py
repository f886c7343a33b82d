"""The composition root: a definition becomes a flow, and a flow a report."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.compose import specs
from pipeline.compose.columns import check_columns, column_warnings, known_columns
from pipeline.compose.endings import failed, first_leaf
from pipeline.compose.preflight import check_items, find_table, open_client
from pipeline.compose.stages import Input, Observed, Output, Stages, build_stages
from pipeline.core.flow import Flow, StopSignal
from pipeline.errors import PipelineError
from pipeline.observe.logs import open_log
from pipeline.observe.metrics import Metrics
from pipeline.observe.progress import Goal, watched
from pipeline.observe.report import Ending, make_report
from pipeline.sources import open_source
from pipeline.state.deadletter import DeadLetters
from pipeline.state.rundir import make_run_folder, new_run_id, write_report
from pipeline.table.aws.client import DynamoTable
from pipeline.table.aws.connection import shown_url
from pipeline.table.creation import differences
from pipeline.table.dry import DryTable
from pipeline.table.encoding import Encoder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.config import Definition
    from pipeline.core.channel import Channel
    from pipeline.model import Checked, Outcome
    from pipeline.observe.logs import Log
    from pipeline.observe.report import Report
    from pipeline.table.base import Table

__all__ = ["Options", "check_source", "run_pipeline"]


@dataclass(frozen=True, slots=True)
class Options:
    """
    What the command line adds to a definition.

    *folder* is the definition's. *bar* shows a progress bar on stderr, else log lines go there.
    """

    folder: Path
    runs: Path
    limit: int | None = None
    dry_run: bool = False
    bar: bool = False


async def run_pipeline(definition: Definition, options: Options, stop: StopSignal) -> Report:
    """
    Run *definition* to its end, a failure, or a stop; report in every case.

    Raise `UsageError` for what is found before the first write: then there is no report.
    """
    read = await _open(definition, options)
    columns = known_columns(read.parts)
    async with open_client(definition, options.runs) as client:
        description = await find_table(client, definition, columns, may_create=not options.dry_run)
        encoder = Encoder(description, definition.write.mode)
        table: Table = DynamoTable(client, description.name, encoder)
        if options.dry_run:
            table = DryTable(encoder)
        run = _Run(definition, options, stop)
        written = Output(table, encoder, description, shown_url(client.meta.endpoint_url))
        return await run.report(read, written)


async def check_source(definition: Definition, options: Options, stop: StopSignal) -> Report:
    """
    Check every record of the source as a run would, without a table.

    Keys are checked as ``target.create`` describes them; without it, the attributes that the first
    item has under ``key`` are taken for the table's key, as text.
    """
    read = await _open(definition, options)
    description, items = specs.assumed_table(definition), specs.item_specs(definition)
    check_items(description, items, definition.record_schema, known_columns(read.parts))
    encoder = Encoder(description, definition.write.mode)
    run = _Run(definition, options, stop)
    return await run.report(read, Output(DryTable(encoder), encoder, description))


async def _open(definition: Definition, options: Options) -> Input:
    """Look at the source, and check that its columns, where it has any, fill the items."""
    source = open_source(specs.source_spec(definition, options.folder))
    parts = await source.parts()
    check_columns(parts, specs.item_specs(definition))
    return Input(source, parts)


def _keep(folder: Path, report: Report, log: Log) -> None:
    """Leave the report in the run's folder; what that does not take is still printed."""
    document = report.as_json()
    try:
        write_report(folder, document)
    except OSError as error:
        log.warning("report.unwritable", reason=error.strerror)
    del document["errors"]
    log.info("run.finished", **document)


class _Run:
    """One execution, from its folder to its report."""

    def __init__(self, definition: Definition, options: Options, stop: StopSignal) -> None:
        self._definition = definition
        self._options = options
        self._stop = stop
        self._metrics = Metrics()
        self._id = new_run_id()

    async def _flow(self, stages: Stages) -> None:
        """Run producer → validator → batcher → writers → sink; refusals go straight to the sink."""
        workers, limit = self._definition.write.workers, self._options.limit
        async with asyncio.TaskGroup() as group:
            flow = Flow(group, capacity=self._definition.queues.capacity)
            settlements: Channel[Checked | Outcome] = flow.channel(senders=workers + 1)
            chunks = flow.source("producer", lambda: stages.producer.chunks(limit), self._stop)
            items = flow.fork("validator", stages.validator, chunks, side=settlements)
            batches = flow.stage("batcher", stages.batcher, items)
            flow.stage("writer", stages.writer, batches, workers=workers, into=settlements)
            flow.sink("sink", stages.sink, settlements)

    def _warnings(self, read: Input, written: Output) -> Iterator[str]:
        """Yield what is allowed, but may be a mistake."""
        definition = self._definition
        yield from column_warnings(
            read.parts, specs.item_specs(definition), definition.record_schema
        )
        wanted = specs.table_spec(definition)
        if wanted is not None:
            for difference in differences(wanted, written.description):
                yield f"target.create is for a new table, and this one differs: {difference}"

    def _identity(self, written: Output, dead_letters: DeadLetters) -> dict[str, Any]:
        return {
            "name": self._definition.name,
            "run": self._id,
            "table": written.description.name,
            "endpoint": written.endpoint,
            "dead_letter": str(dead_letters.path) if dead_letters.count else None,
            "dry_run": self._options.dry_run,
        }

    async def report(self, read: Input, written: Output) -> Report:
        """Run, and write ``report.json`` whatever happens."""
        definition, options, metrics = self._definition, self._options, self._metrics
        folder = make_run_folder(options.runs, definition.name, self._id)
        dead_letters = DeadLetters(folder / "dead-letter.jsonl")
        goal = Goal(read.parts, options.limit)
        with open_log(folder, definition.log.level, stderr=not options.bar) as log:
            traces = Observed(metrics, log, dead_letters)
            stages = build_stages(definition, read, written, traces, self._stop)
            log.info(
                "run.started",
                name=definition.name,
                table=written.description.name,
                endpoint=written.endpoint,
                parts=len(read.parts),
                workers=definition.write.workers,
                dry_run=options.dry_run,
            )
            for warning in self._warnings(read, written):
                metrics.warnings.append(warning)
                log.warning("run.warning", message=warning)
            with watched(definition.name, goal, metrics, log, bar=options.bar):
                ending = await self._drive(stages, log)
            dead_letters.close()
            report = make_report(
                self._identity(written, dead_letters),
                ending,
                stages.sink.totals.tally,
                metrics,
                cpu_s=time.process_time(),
                samples=stages.sink.totals.samples,
            )
            _keep(folder, report, log)
        return report

    async def _drive(self, stages: Stages, log: Log) -> Ending:
        """Run the flow; turn every way it can end into an `Ending`."""
        failure: BaseException | None = None
        unsettled = 0
        try:
            async with self._stop.limits():
                await self._flow(stages)
                stages.sink.judge_end()
        except* Exception as group:  # noqa: BLE001 - a run reports every way to fail
            failure = first_leaf(group)
        failure = failure or stages.producer.failure
        left_out = stages.accounts.left_out
        try:
            unsettled = await stages.sink.fold_unfinished()
        except PipelineError as error:  # the dead letters cannot be written, now or still
            failure = failure or error
            unsettled = stages.sink.unsettled
        if failure is not None:
            return failed(failure, unsettled, log)
        if unsettled or left_out or not stages.producer.exhausted:
            reason = self._stop.reason
            return Ending("stopped", reason, f"stopped by {reason}", unsettled=unsettled)
        tally = stages.sink.totals.tally
        return Ending("completed_with_errors" if tally.rejected or tally.failed else "succeeded")
