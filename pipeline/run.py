"""The composition root: a definition becomes a flow, and a flow a report."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import orjson

from pipeline import assembly
from pipeline.core.backoff import Progress
from pipeline.core.batching import Batching
from pipeline.core.flow import Flow, StopSignal
from pipeline.endings import failed, first_leaf
from pipeline.observe.logs import open_log
from pipeline.observe.metrics import Metrics
from pipeline.observe.progress import Goal, watched
from pipeline.observe.report import Ending, make_report
from pipeline.preflight import check_items, find_table, open_client
from pipeline.sources import open_source
from pipeline.stages.accounts import Accounts
from pipeline.stages.batcher import Batcher
from pipeline.stages.producer import Producer
from pipeline.stages.sink import Sink
from pipeline.stages.validator import Rules, Validator, show_key
from pipeline.stages.writer import Delivery, Writer
from pipeline.state.deadletter import DeadLetters
from pipeline.state.rundir import make_run_folder, new_run_id
from pipeline.table.aws.client import DynamoTable
from pipeline.table.dry import DryTable
from pipeline.table.encoding import Encoder
from pipeline.transform.compose import compile_transform

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.config import Definition
    from pipeline.core.channel import Channel
    from pipeline.model import Checked, Item, Outcome
    from pipeline.observe.logs import Log
    from pipeline.observe.report import Report
    from pipeline.sources.base import Part, Source
    from pipeline.table.base import Table
    from pipeline.table.description import TableDescription

__all__ = ["Options", "check_source", "run_pipeline"]

_OPEN_CHUNKS = 256
"""Chunks that may be unsettled at once; the memory budget is usually met first."""

_REQUEST_BYTES = 16 * 1024 * 1024
"""What BatchWriteItem takes in one request, in bytes on the wire (DynamoDB Local: exactly this)."""


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


@dataclass(frozen=True, slots=True)
class _Stages:
    producer: Producer
    validator: Validator
    batcher: Batcher
    writer: Writer
    sink: Sink


async def run_pipeline(definition: Definition, options: Options, stop: StopSignal) -> Report:
    """
    Run *definition* to its end, a failure, or a stop; report in every case.

    Raise `UsageError` for what is found before the first write: then there is no report.
    """
    async with AsyncExitStack() as stack:
        source = open_source(assembly.source_spec(definition, options.folder))
        parts = await source.parts()
        client = await stack.enter_async_context(open_client(definition, options.runs))
        description = await find_table(client, definition, may_create=not options.dry_run)
        encoder = Encoder(description, definition.write.mode)
        table: Table = DynamoTable(client, description.name, encoder)
        if options.dry_run:
            table = DryTable(encoder)
        run = _Run(definition, options, stop, source, parts)
        return await run.report(table, encoder, description)


async def check_source(definition: Definition, options: Options, stop: StopSignal) -> Report:
    """
    Check every record of the source as a run would, without a table.

    Keys are checked as ``target.create`` describes them; without it, the attributes that the first
    item has under ``key`` are taken for the table's key, as text.
    """
    source = open_source(assembly.source_spec(definition, options.folder))
    parts = await source.parts()
    description = assembly.assumed_table(definition)
    check_items(description, assembly.item_specs(definition), definition.record_schema)
    encoder = Encoder(description, definition.write.mode)
    run = _Run(definition, options, stop, source, parts)
    return await run.report(DryTable(encoder), encoder, description)


class _Run:
    """One execution, from its folder to its report."""

    def __init__(
        self,
        definition: Definition,
        options: Options,
        stop: StopSignal,
        source: Source,
        parts: Sequence[Part],
    ) -> None:
        self._definition = definition
        self._options = options
        self._stop = stop
        self._source = source
        self._parts = parts
        self._metrics = Metrics()
        self._id = new_run_id()

    async def report(self, table: Table, encoder: Encoder, description: TableDescription) -> Report:
        """Run, and write ``report.json`` whatever happens."""
        definition, options = self._definition, self._options
        folder = make_run_folder(options.runs, definition.name, self._id)
        log_path, level = folder / "log.jsonl", definition.log.level
        dead_letters = DeadLetters(folder / "dead-letter.jsonl")
        with open_log(log_path, level=level, stderr=not options.bar, run=self._id) as log:
            stages = self._assemble(table, encoder, description, log, dead_letters)
            log.info(
                "run.started",
                name=definition.name,
                table=description.name,
                parts=len(self._parts),
                workers=definition.write.workers,
                dry_run=options.dry_run,
            )
            with watched(definition.name, self._goal(), self._metrics, log, bar=options.bar):
                ending = await self._drive(stages, log)
            totals = stages.sink.totals
            report = make_report(
                {
                    "name": definition.name,
                    "run": self._id,
                    "table": description.name,
                    "dead_letter": str(dead_letters.path) if dead_letters.count else None,
                    "dry_run": options.dry_run,
                },
                ending,
                totals.tally,
                self._metrics,
                cpu_s=time.process_time(),
                samples=totals.samples,
            )
            dead_letters.close()
            document = report.as_json()
            (folder / "report.json").write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
            del document["errors"]
            log.info("run.finished", **document)
        return report

    async def _drive(self, stages: _Stages, log: Log) -> Ending:
        """Run the flow; turn every way it can end into an `Ending`."""
        failure: BaseException | None = None
        try:
            async with self._stop.limits():
                await self._flow(stages)
                stages.sink.judge_end()
        except* Exception as group:  # noqa: BLE001 - a run reports every way to fail
            failure = first_leaf(group)
        unsettled = 0
        if failure is not None or not stages.producer.exhausted or self._stop.requested:
            unsettled = await stages.sink.fold_unfinished()
        if failure is not None:
            return failed(failure, unsettled, log)
        tally = stages.sink.totals.tally
        if unsettled or not stages.producer.exhausted:
            reason = self._stop.reason
            return Ending("stopped", reason, f"stopped by {reason}", unsettled=unsettled)
        if tally.rejected or tally.failed:
            return Ending("completed_with_errors")
        return Ending("succeeded")

    def _goal(self) -> Goal:
        sizes = tuple(part.size for part in self._parts)
        return Goal(sizes, tuple(part.records for part in self._parts), self._options.limit)

    async def _flow(self, stages: _Stages) -> None:
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

    def _assemble(
        self,
        table: Table,
        encoder: Encoder,
        description: TableDescription,
        log: Log,
        dead_letters: DeadLetters,
    ) -> _Stages:
        definition, metrics = self._definition, self._metrics
        write = definition.write
        rules = Rules(
            decode=self._source.decode,
            transform=compile_transform(
                definition.record_schema,
                assembly.item_specs(definition),
                {attribute.name: attribute.type for attribute in description.key},
                write.mode,
                coerce=assembly.coerces(definition),
            ),
            encode=encoder.encode,
            show_key=partial(show_key, [attribute.name for attribute in description.key]),
        )
        accounts = Accounts(chunks=_OPEN_CHUNKS, memory=definition.queues.memory)
        policy: Batching[Item] = Batching(
            max_items=write.batch_size, max_bytes=_REQUEST_BYTES - 1024, linger=write.linger
        )
        batcher = Batcher(policy, metrics)
        progress = Progress(asyncio.get_running_loop().time())
        delivery = Delivery(
            table,
            assembly.retry_policy(definition),
            progress,
            metrics,
            Random(),  # noqa: S311 - it spreads pauses, it keeps no secret
            log,
        )
        keep = dead_letters if definition.errors.dead_letter else None
        limit = assembly.reject_limit(definition)
        return _Stages(
            Producer(self._source, self._parts, accounts, metrics, log),
            Validator(rules),
            batcher,
            Writer(delivery, batcher.release),
            Sink(accounts, metrics, log, dead_letters=keep, limit=limit),
        )
