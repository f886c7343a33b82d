"""Specs: what the definition says, in the terms of the packages that do it. Nothing runs yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.backoff import RetryPolicy
from pipeline.errors import PreflightError
from pipeline.sources.base import CsvSpec, Cut, FileSpec, GenerateSpec, ReplaySpec, StdinSpec
from pipeline.stages.accounts import RejectLimit
from pipeline.table.creation import IndexSpec, TableSpec
from pipeline.table.description import TableDescription
from pipeline.transform.specs import FromField, ItemSpec, Literal, SetSpec, TemplateText

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.config import Definition
    from pipeline.config.model.items import ItemDefinition, SetValue
    from pipeline.config.model.source import FileSource, StdinSource
    from pipeline.embedded import EngineSettings
    from pipeline.sources.base import SourceSpec
    from pipeline.table.rules import KeyType

__all__ = [
    "assumed_table",
    "coerces",
    "engine_path",
    "engine_settings",
    "expected_digest",
    "has_own_engine",
    "item_specs",
    "null_values",
    "reject_limit",
    "replay_spec",
    "retry_policy",
    "source_spec",
    "table_spec",
]


def source_spec(definition: Definition, folder: Path) -> SourceSpec:
    """Return where the records come from; *folder* is the definition's."""
    source, cut = definition.source, Cut(records=definition.queues.chunk)
    if source.type == "generate":
        return GenerateSpec(count=source.count, seed=source.seed, cut=cut)
    csv = _csv_spec(source)
    if source.type == "stdin":
        return StdinSpec(
            format=source.format,
            compression=source.compression,
            csv=csv,
            max_record=source.max_record,
            cut=cut,
            digest=expected_digest(definition) is not None,
        )
    written = source.path.text
    return FileSpec(
        # As it was written, so that the report names files as the user knows them.
        pattern=str(source.path.resolved) if written.startswith("~") else written,
        root=folder,
        format=source.format,
        compression=source.compression,
        csv=csv,
        max_record=source.max_record,
        cut=cut,
    )


def replay_spec(definition: Definition, letters: Path) -> ReplaySpec:
    """Return the dead letters of *letters* as a source; rows are read as the definition says."""
    source, cut = definition.source, Cut(records=definition.queues.chunk)
    if source.type == "generate":
        return ReplaySpec(letters, cut=cut)
    return ReplaySpec(letters, csv=_csv_spec(source), max_record=source.max_record, cut=cut)


def _csv_spec(source: FileSource | StdinSource) -> CsvSpec:
    given = "delimiter" in source.csv.given
    return CsvSpec(source.csv.delimiter if given else None, tuple(source.csv.null_values))


def expected_digest(definition: Definition) -> str | None:
    """Return the SHA-256 that the source is said to have, in hex."""
    source = definition.source
    expect = None if source.type == "generate" else source.expect
    return None if expect is None else expect.sha256


def null_values(definition: Definition) -> frozenset[str]:
    """Return the CSV cells that count as absent."""
    source = definition.source
    return frozenset(() if source.type == "generate" else source.csv.null_values)


def coerces(definition: Definition) -> bool:
    """Tell whether JSON texts are turned into the types that the schema states."""
    return definition.source.type != "generate" and definition.source.coerce


def item_specs(definition: Definition) -> list[ItemSpec]:
    """Return what a record becomes."""
    return [_item_spec(item) for item in definition.items]


def _item_spec(item: ItemDefinition) -> ItemSpec:
    return ItemSpec(
        key=dict(item.key),
        set={name: _set_spec(value) for name, value in item.set.items()},
        omit=tuple(item.omit),
        only=None if item.only is None else tuple(item.only),
        optional=item.optional,
    )


def _set_spec(value: SetValue) -> SetSpec:
    from pipeline.config.model import items  # noqa: PLC0415 - only once a file is read

    if isinstance(value, items.FromField):
        return FromField(
            value.field, value.type, as_epoch=value.convert == "epoch", required=value.required
        )
    if isinstance(value, items.Constant):
        return Literal(value.value)
    if isinstance(value, str):
        return TemplateText(value)
    return Literal(value)


def table_spec(definition: Definition) -> TableSpec | None:
    """Return the table as ``target.create`` describes it."""
    create = definition.target.create
    if create is None:
        return None
    spec = TableSpec(
        name=definition.target.table,
        key=dict(create.key),
        billing=create.billing,
        wcu=create.wcu,
        rcu=create.rcu,
        indexes=tuple(
            IndexSpec(
                name=index.name,
                kind="gsi" if index.type == "global" else "lsi",
                key=dict(index.key),
                projection=index.projection,
                wcu=index.wcu,
                rcu=index.rcu,
            )
            for index in create.indexes
        ),
        ttl=create.ttl,
    )
    if problems := spec.problems():
        raise PreflightError("target.create: " + "; ".join(problems))
    return spec


def retry_policy(definition: Definition) -> RetryPolicy:
    """Return how failed requests are tried again."""
    retry = definition.write.retry
    return RetryPolicy(retry.attempts, retry.base_delay, retry.max_delay, retry.max_outage)


def reject_limit(definition: Definition) -> RejectLimit:
    """Return how much may be rejected; a whole number is a count, a Decimal a share."""
    limit = definition.errors.max_rejected
    if limit is None:
        return RejectLimit()
    if isinstance(limit, int):
        return RejectLimit(count=limit)
    return RejectLimit(share=float(limit))


def engine_settings(definition: Definition) -> EngineSettings:
    """Return how the embedded engine behaves."""
    from pipeline.embedded import EngineSettings  # noqa: PLC0415 - only where it is asked for

    given = definition.target.embedded
    if given is None:
        return EngineSettings()
    return EngineSettings(
        wcu=given.wcu,
        partition_wcu=given.partition_wcu,
        latency=given.latency,
        unprocessed=float(given.unprocessed),
        throttle=float(given.throttle),
        seed=given.seed,
    )


def has_own_engine(definition: Definition) -> bool:
    """Tell whether the definition names a file of its own for the embedded engine's tables."""
    given = definition.target.embedded
    return given is not None and given.path is not None


def engine_path(definition: Definition, runs: Path) -> Path:
    """Return the file that keeps the embedded engine's tables."""
    given = definition.target.embedded
    if given is not None and given.path is not None:
        return given.path.resolved
    return runs / "embedded.sqlite"


def assumed_table(definition: Definition) -> TableDescription:
    """
    Return the table as the definition alone describes it.

    Without ``target.create`` the attributes that the first item has under ``key`` are taken for the
    table's key, as text. Raise `PreflightError` if there are none.
    """
    spec = table_spec(definition)
    if spec is None:
        keys: dict[str, KeyType] = dict.fromkeys(definition.items[0].key, "S")
        spec = TableSpec(name=definition.target.table, key=keys)
    if not spec.key:
        raise PreflightError(
            "the definition does not say what the table's key is: state it in target.create, or "
            "under items[].key, so that keys can be checked without the table"
        )
    return TableDescription.from_response({**spec.request(), "TableStatus": "ACTIVE"})
