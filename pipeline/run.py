"""The composition root: a definition becomes a flow, and a flow a report."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.compose import specs
from pipeline.compose.columns import check_columns, known_columns
from pipeline.compose.endings import unreadable
from pipeline.compose.execution import Execution, Plan
from pipeline.compose.pace import given_rate, share_of
from pipeline.compose.preflight import check_items, find_table, open_table
from pipeline.compose.resumption.beginning import claimed
from pipeline.compose.resumption.earlier import fingerprint
from pipeline.compose.resumption.verify import check_expectation
from pipeline.compose.stages import Input, Output
from pipeline.errors import SourceCorruptError
from pipeline.sources import open_source
from pipeline.table.aws.admin import describe
from pipeline.table.aws.client import DynamoTable
from pipeline.table.aws.connection import shown_url
from pipeline.table.dry import DryTable
from pipeline.table.encoding import Encoder
from pipeline.values import dataclass

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.compose.resumption.beginning import Claim
    from pipeline.config import Definition
    from pipeline.core.flow import StopSignal
    from pipeline.observe.prometheus.port import Exporter
    from pipeline.observe.report import Report
    from pipeline.sources.base import Source
    from pipeline.table.access import Access
    from pipeline.table.base import Table

__all__ = ["Options", "check_source", "replay_letters", "run_pipeline"]


@dataclass(frozen=True, slots=True)
class Options:
    """
    What the command line adds to a definition.

    *folder* is the definition's. *bar* shows a progress bar on stderr, else log lines go there.
    *fresh* starts over where an unfinished run stands; *verify* reads compressed parts as a whole
    before the first write. *run* is the id of the one run that is begun, or gone on with if it is
    unfinished; other unfinished runs stay as they are, and *fresh* says nothing then. *engine* is
    the URL of an embedded engine that is served already: a definition that asks for one gets it.
    *exporter* shows the metrics of the run to whoever asks.
    """

    folder: Path
    runs: Path
    limit: int | None = None
    dry_run: bool = False
    bar: bool = False
    fresh: bool = False
    verify: bool = True
    run: str | None = None
    engine: str | None = None
    exporter: Exporter | None = None


async def run_pipeline(definition: Definition, options: Options, stop: StopSignal) -> Report:
    """
    Run *definition* to its end, a failure, or a stop; report in every case.

    An unfinished run of the same job is gone on with. Raise `UsageError` for what is found before
    the first write: then there is no report.
    """
    source = open_source(specs.source_spec(definition, options.folder))
    return await _load(definition, options, source, stop)


async def replay_letters(
    letters: Path, definition: Definition, options: Options, stop: StopSignal
) -> Report:
    """
    Load the records of the dead-letter file *letters* again, as a job of their own.

    Like `run_pipeline` otherwise: what is refused again is in that run's dead letters.
    """
    from pipeline.sources.replay import ReplaySource  # noqa: PLC0415 - only for a replay

    source = ReplaySource(specs.replay_spec(definition, letters))
    await source.require_letters()
    # What is expected of the source is not expected of its letters.
    expect = {} if definition.source.type == "generate" else {"expect": None}
    origin = definition.source.changed(**expect)
    name = f"{definition.name}-replay"
    job = definition.changed(name=name, source=origin)
    return await _load(job, options, source, stop)


async def check_source(definition: Definition, options: Options, stop: StopSignal) -> Report:
    """
    Check every record of the source as a run would, without a table.

    Keys are checked as ``target.create`` describes them; without it, the attributes that the first
    item has under ``key`` are taken for the table's key, as text.
    """
    source = open_source(specs.source_spec(definition, options.folder))
    with claimed(options.runs, definition.name, locked=False, kept=False, fresh=False) as claim:
        try:
            read = await _open(definition, source)
        except SourceCorruptError as error:
            return unreadable(_plan(definition, options, claim), error)
        description, items = specs.assumed_table(definition), specs.item_specs(definition)
        check_items(description, items, definition.record_schema, known_columns(read.parts))
        encoder = Encoder(description, definition.write.mode)
        written = Output(DryTable(encoder), encoder, description)
        plan = _plan(definition, options, claim)
        return await Execution(plan, read, written, stop).report(await claim.begin(read, {}))


async def _load(
    definition: Definition, options: Options, source: Source, stop: StopSignal
) -> Report:
    kept = definition.checkpoint.enabled and source.resumable and not options.dry_run
    locked = not options.dry_run
    with claimed(
        options.runs,
        definition.name,
        locked=locked,
        kept=kept,
        fresh=options.fresh,
        given=options.run,
    ) as claim:
        try:
            read = await _open(definition, source)
        except SourceCorruptError as error:
            return unreadable(_plan(definition, options, claim), error)
        async with open_table(definition, options.runs, options.engine) as access:
            await claim.require_table(access.calls, definition.target.table)
            written = await _target(definition, options, access, read)
            wanted = fingerprint(definition, read, written)
            beginning = await claim.begin(read, wanted, options.limit)
            plan = _plan(definition, options, claim, wanted)
            return await Execution(plan, read, written, stop).report(beginning)


def _plan(
    definition: Definition, options: Options, claim: Claim, wanted: dict[str, object] | None = None
) -> Plan:
    return Plan(
        definition,
        claim,
        wanted or {},
        limit=options.limit,
        dry_run=options.dry_run,
        bar=options.bar,
        verify=options.verify,
        exporter=options.exporter,
    )


async def _open(definition: Definition, source: Source) -> Input:
    """Look at the source, and check that its columns, where it has any, fill the items."""
    parts = await source.parts()
    check_columns(parts, specs.item_specs(definition))
    read = Input(source, parts)
    check_expectation(read, specs.expected_digest(definition))
    return read


async def _target(definition: Definition, options: Options, access: Access, read: Input) -> Output:
    """Find the table, or make it, and what writes to it."""
    columns, calls = known_columns(read.parts), access.calls
    description = await find_table(calls, definition, columns, may_create=not options.dry_run)
    encoder = Encoder(description, definition.write.mode)
    table: Table = DryTable(encoder)
    if not options.dry_run:
        table = DynamoTable(access.sender(description.name), description.name, encoder)
    endpoint = shown_url(calls.endpoint_url)
    written = Output(table, encoder, description, endpoint, access.transport, access.fallback)
    if options.dry_run:
        return written
    return replace(
        written,
        rate=given_rate(definition, description),
        current=share_of(definition, lambda: describe(calls, description.name)),
    )
