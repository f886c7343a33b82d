"""Stages: the five of them, built from a definition for one run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from pipeline.compose import specs
from pipeline.compose.fused import FusedRows, fuse
from pipeline.compose.pace import make_crew, make_pace
from pipeline.core.batching import Batching
from pipeline.core.breaker import Breaker
from pipeline.core.pace.lanes import Lanes
from pipeline.sources.formats.json_decode import decode_object
from pipeline.stages.accounts import Accounts
from pipeline.stages.batcher import Batcher
from pipeline.stages.producer import Producer, Reading
from pipeline.stages.sink import Keeping, Sink, Totals
from pipeline.stages.validator import Rules, Shortcuts, Validator, show_key
from pipeline.stages.writer import Delivery, Writer
from pipeline.transform.compose import compile_transform
from pipeline.transform.straight.cells import straight_rows

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pipeline.config import Definition
    from pipeline.core.flow import StopSignal
    from pipeline.core.pace.gate import Pace
    from pipeline.model import Chunk, Item
    from pipeline.observe.logs import Log
    from pipeline.observe.metrics import Metrics
    from pipeline.sources.base import Part, Source
    from pipeline.stages.checkpoints import Checkpoints
    from pipeline.state.deadletter import DeadLetters
    from pipeline.table.base import Table
    from pipeline.table.description import TableDescription
    from pipeline.table.encoding import Encoder

__all__ = ["Input", "Observed", "Output", "Stages", "build_stages"]

_OPEN_CHUNKS = 256
"""Chunks that may be unsettled at once; the memory budget is usually met first."""

_REQUEST_BYTES = 16 * 1024 * 1024 - 1024
"""Encoded items of one request: BatchWriteItem takes 16 MB on the wire, less the envelope."""


@dataclass(frozen=True, slots=True)
class Input:
    """Where records come from."""

    source: Source
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class Output:
    """
    Where items go, and how they are encoded for it.

    *endpoint* None: nowhere, for a check. *fallback* says why *transport* is not our own, although
    the definition leaves it open. *rate* are the write units a second that are allowed, None for
    any number; *current* asks the table for them anew, where they are a share of its capacity.
    """

    table: Table
    encoder: Encoder
    description: TableDescription
    endpoint: str | None = None
    transport: str | None = None
    fallback: str = ""
    rate: float | None = None
    current: Callable[[], Awaitable[float | None]] | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """
    Where a run leaves its traces; *totals* are those of an earlier attempt that it goes on from.

    *log_failure* tells why the log cannot be written, if so.
    """

    metrics: Metrics
    log: Log
    dead_letters: DeadLetters
    checkpoints: Checkpoints | None = None
    totals: Totals | None = None
    log_failure: Callable[[], str | None] = lambda: None


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages of one run."""

    producer: Producer
    validator: Validator
    batcher: Batcher
    writer: Writer
    sink: Sink
    accounts: Accounts
    pace: Pace


def build_stages(
    definition: Definition,
    read: Input,
    written: Output,
    observed: Observed,
    stop: StopSignal,
) -> Stages:
    """Build the stages."""
    write, metrics, log = definition.write, observed.metrics, observed.log
    totals = observed.totals or Totals()
    accounts = Accounts(chunks=_OPEN_CHUNKS, memory=definition.queues.memory)
    delivery = _delivery(definition, written, metrics, log)
    policy: Batching[Item] = Batching(
        max_items=write.batch_size,
        max_bytes=_REQUEST_BYTES,
        linger=write.linger,
        lanes=Lanes(delivery.partitions),
    )
    batcher = Batcher(policy, metrics)

    def begins(chunk: Chunk) -> bool:
        if not stop.requested:
            accounts.begin(chunk.number)
        return not stop.requested

    keeping, limit = _keeping(definition, observed), specs.reject_limit(definition)
    reading, gate = _reading(definition, read, totals), delivery.breaker.wait_closed
    return Stages(
        Producer(reading, accounts, metrics, log, gate),
        Validator(_rules(definition, read.source, written), begins),
        batcher,
        Writer(delivery, batcher.release, batcher.hand_back),
        Sink(accounts, metrics, log, keeping=keeping, limit=limit, totals=totals),
        accounts,
        delivery.pace,
    )


def _keeping(definition: Definition, observed: Observed) -> Keeping:
    return Keeping(
        observed.dead_letters if definition.errors.dead_letter else None,
        observed.checkpoints,
        observed.log_failure,
        hash_keys=definition.log.hash_keys,
    )


def _delivery(definition: Definition, written: Output, metrics: Metrics, log: Log) -> Delivery:
    policy = specs.retry_policy(definition)
    dice = Random()  # noqa: S311 - it spreads pauses, it keeps no secret
    breaker = Breaker(policy, dice)
    # What an earlier attempt wrote proves as well that the table takes such items.
    breaker.progress.count = metrics.settled.succeeded
    pace = make_pace(definition, written.rate, written.description)
    crew = make_crew(definition)
    metrics.pace, metrics.crew = pace, crew
    return Delivery(written.table, policy, breaker, metrics, dice, log, pace=pace, crew=crew)


def _reading(definition: Definition, read: Input, totals: Totals) -> Reading:
    expect = getattr(definition.source, "expect", None)  # nothing is expected of a generator
    return Reading(
        read.source,
        read.parts,
        start=totals.position,
        records=totals.tally.records,
        expected=None if expect is None else expect.records,
    )


def _rules(definition: Definition, source: Source, written: Output) -> Rules:
    key = written.description.key
    given = (
        definition.record_schema,
        specs.item_specs(definition),
        {attribute.name: attribute.type for attribute in key},
        definition.write.mode,
    )
    compiled = partial(compile_transform, *given)
    frame = written.encoder.frame
    fused = None if specs.coerces(definition) else fuse(*given, frame)
    nulls = specs.null_values(definition)
    read = straight_rows(definition.record_schema, nulls)
    of_rows = fuse(*given, frame, nulls=nulls)
    rows = None if of_rows is None else FusedRows(of_rows, read)
    return Rules(
        decode=source.decode,
        transform=compiled(coerce=specs.coerces(definition)),
        transform_cells=compiled(coerce=True),
        encode=written.encoder.encode,
        show_key=partial(show_key, [attribute.name for attribute in key]),
        short=Shortcuts(
            text=decode_object if fused is None else fused.decode,
            rows=read if rows is None else rows.rows,
            typed=compiled(coerce=False),
            whole=None if fused is None else fused.run,
            whole_rows=(lambda _: None) if rows is None else rows.run,
        ),
    )
