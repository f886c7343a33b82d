"""The whole definition of a pipeline."""
# ruff: noqa: TC001, TC003 - the annotations are read when a definition is checked

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pipeline.config.declare.marks import Field
from pipeline.config.declare.section import Section
from pipeline.config.model.items import ItemDefinition
from pipeline.config.model.pace import Rate, Units, Workers
from pipeline.config.model.section import Flag, Text, Whole
from pipeline.config.model.source import Source
from pipeline.config.model.target import Target
from pipeline.config.model.units import Duration, Limit, Size, written
from pipeline.model import WriteMode

__all__ = ["Checkpoint", "Definition", "Errors", "Log", "Queues", "Retry", "Write"]


class Retry(Section):
    """What happens to items that were not written, though they may be."""

    attempts: Annotated[Whole, Field(ge=1, le=100)] = Field(
        default=8,
        description="Requests in all for a batch that meets faults; throttling is not counted.",
    )
    base_delay: Annotated[float, Duration("1ms", "1m")] = Field(
        default=written("50ms"),
        description="The longest pause before the second attempt; it doubles from there.",
    )
    max_delay: Annotated[float, Duration("1ms", "10m")] = Field(
        default=written("20s"), description="No pause is longer."
    )
    max_outage: Annotated[float, Duration("0s", "24h")] = Field(
        default=written("15m"),
        description="The run ends when nothing was written for this long. 0: every batch has its "
        "attempts and no more.",
    )


class Write(Section):
    """How items are written."""

    mode: WriteMode = Field(
        default="put", description="put: write or replace. delete: delete by key."
    )
    workers: Annotated[int | Literal["auto"], Workers()] = Field(
        default=5,
        description="Requests in flight at once. auto: as many as bring more, up to 128.",
        examples=[5, "auto"],
    )
    rate: Annotated[Rate | None, Units()] = Field(
        default=None,
        description="Write units a second: a number, {wcu: 1000}, or {share: 60%} of what the "
        "table has. Left out: as fast as the table takes it.",
        examples=[1000, {"wcu": 1000}, {"share": "60%"}],
    )
    batch_size: Annotated[Whole, Field(ge=1, le=25)] = Field(
        default=25, description="Items of one request; DynamoDB takes 25 at most."
    )
    linger: Annotated[float, Duration("0s", "1m")] = Field(
        default=written("50ms"),
        description="How long a batch waits to become full when the source is slow.",
    )
    timeout: Annotated[float, Duration("1s", "10m")] = Field(
        default=written("60s"),
        description="How long one request may take in all; then nobody knows whether it was "
        "carried out, and it is sent again.",
    )
    retry: Retry = Field(default_factory=Retry, description="When writing fails.")


class Queues(Section):
    """How much is kept in memory between the stages."""

    capacity: Annotated[Whole, Field(ge=1, le=1024)] = Field(
        default=8, description="Chunks or batches that a queue holds."
    )
    memory: Annotated[int, Size("1MB", "64GiB")] = Field(
        default=written("32MB"),
        description="Bytes of records in the pipeline at once.",
        examples=["32MB", "256MiB"],
    )
    chunk: Annotated[Whole, Field(ge=1, le=100_000)] = Field(
        default=1_000,
        description="Records that are read together at most; checkpoints move in such steps.",
    )


class Errors(Section):
    """What happens to records that cannot be written."""

    dead_letter: Flag = Field(
        default=True, description="Keep rejected records, with their reasons, in dead-letter.jsonl."
    )
    max_rejected: Annotated[int | Decimal | None, Limit()] = Field(
        default=None,
        description="Stop when more than this is rejected: a count, or a share (judged after 1,000 "
        "records and at the end). Left out: never.",
        examples=[100, "1%"],
    )


class Checkpoint(Section):
    """What an interrupted run needs to be resumed."""

    enabled: Flag = Field(
        default=True,
        description="Keep checkpoints, so that the next run resumes where this one was stopped.",
    )
    every: Annotated[float, Duration("0s", "10m")] = Field(
        default=written("5s"),
        description="The time between two checkpoints. 0: whenever there is progress to keep.",
        examples=["5s", "1m"],
    )


class Log(Section):
    """What is logged."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least important events that are logged."
    )
    hash_keys: Flag = Field(
        default=False,
        description="Show an item's key in log, report and dead letters as the beginning of its "
        "SHA-256 only.",
    )


class Definition(Section):
    """A pipeline: from a source, by way of a schema, to a table."""

    name: Annotated[Text, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")] = Field(
        # As a factory's, editors do not show it: left out, the name is the file's.
        default_factory=lambda: "pipeline",
        description="Letters, digits, '-' and '_'; names the folder of the runs. Left out: the "
        "file's name.",
    )
    source: Source = Field(description="Where the records come from.")
    record_schema: dict[str, Any] = Field(
        default_factory=dict,
        alias="schema",
        description="A JSON Schema (2020-12) for one record, inline or {$ref: user.schema.json}. "
        "Left out: any object.",
    )
    items: Annotated[tuple[ItemDefinition, ...], Field(min_length=1, max_length=100)] = Field(
        default_factory=lambda: (ItemDefinition(),),
        description="What one record becomes: one item or several. Left out: one, with all fields.",
    )
    target: Target = Field(description="The table.")
    write: Write = Field(default_factory=Write, description="How items are written.")
    queues: Queues = Field(default_factory=Queues, description="Bounds of what is held in memory.")
    errors: Errors = Field(default_factory=Errors, description="What happens to bad records.")
    checkpoint: Checkpoint = Field(
        default_factory=Checkpoint, description="What an interrupted run needs to be resumed."
    )
    log: Log = Field(default_factory=Log, description="What is logged.")
