"""Preflight: everything that can be known to be wrong before the first record is read."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from pipeline.compose.pace import most_workers
from pipeline.compose.specs import (
    assumed_table,
    engine_path,
    engine_settings,
    has_own_engine,
    item_specs,
    table_spec,
)
from pipeline.errors import PreflightError
from pipeline.table.access import open_access
from pipeline.table.aws.admin import create, describe, wait_until_active
from pipeline.table.aws.connection import ConnectionSettings, shown_url
from pipeline.transform.template import parse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from pipeline.config import Definition
    from pipeline.table.access import Access
    from pipeline.table.aws.calls import TableCalls
    from pipeline.table.description import TableDescription
    from pipeline.transform.specs import ItemSpec

__all__ = ["check_items", "find_table", "open_table"]


@asynccontextmanager
async def open_table(
    definition: Definition, runs: Path, engine: str | None = None
) -> AsyncIterator[Access]:
    """
    Yield access to the definition's endpoint.

    An embedded engine runs as long as it; *engine* is the URL of one that is served already, which
    learns the definition's settings for its table. A definition that names a file of its own for
    its tables gets an engine of its own all the same.
    """
    target = definition.target
    async with AsyncExitStack() as stack:
        url, rehearsal = target.endpoint, target.endpoint == "embedded"
        if rehearsal and engine is not None and not has_own_engine(definition):
            from pipeline.embedded import configure  # noqa: PLC0415 - only where it is asked for

            url = engine
            await configure(url, target.table, engine_settings(definition))
        elif rehearsal:
            from pipeline.embedded import serve  # noqa: PLC0415 - as above

            path = engine_path(definition, runs)
            served = serve(path, settings=engine_settings(definition))
            url = (await stack.enter_async_context(served)).url
        settings = ConnectionSettings(
            target.region,
            url,
            most_workers(definition) + 1,
            rehearsal=rehearsal,
            timeout=definition.write.timeout,
        )
        yield await stack.enter_async_context(open_access(settings, target.transport))


async def find_table(
    calls: TableCalls,
    definition: Definition,
    columns: Sequence[str] | None,
    *,
    may_create: bool,
) -> TableDescription:
    """
    Return the description of the target table, active and fit for the definition's items.

    A missing one is created if ``create.if_missing`` says so and *may_create*; without the latter
    (a dry run) the definition's own description stands in for it. *columns* are the fields that the
    source's records can have, where that is known.
    """
    target, spec = definition.target, table_spec(definition)
    description = await describe(calls, target.table)
    if description is None:
        if spec is None or target.create is None or not target.create.if_missing:
            raise PreflightError(_missing(definition, shown_url(calls.endpoint_url)))
        if not may_create:
            return assumed_table(definition)
        description = await create(calls, spec)
    elif description.status not in {"ACTIVE", "UPDATING"}:
        if description.status != "CREATING":
            raise PreflightError(
                f"table {target.table!r} is {description.status}; run again when it is ACTIVE"
            )
        description = await wait_until_active(calls, target.table)
    check_items(description, item_specs(definition), definition.record_schema, columns)
    return description


def _missing(definition: Definition, endpoint: str) -> str:
    target = definition.target
    if target.endpoint == "embedded":
        where, keys = "in the embedded engine", "target.table"
    elif target.endpoint is not None:
        where = f"at {target.endpoint}"
        keys = (
            "target.table, target.endpoint and the access key (DynamoDB Local sorts tables by it)"
        )
    else:
        where = f"at {endpoint}"
        keys = "target.table and target.region"
    if target.create is None:
        advice = f"check {keys}, or describe the table in target.create"
    else:
        advice = "run `create-table` with this definition, or set target.create.if_missing: true"
    return f"there is no table {target.table!r} {where}; {advice}"


def check_items(
    description: TableDescription,
    specs: Sequence[ItemSpec],
    schema: dict[str, object],
    columns: Sequence[str] | None = None,
) -> None:
    """Raise `PreflightError` if an item of the definition cannot have the table's key."""
    names = {attribute.name: attribute.type for attribute in description.key}
    shown = ", ".join(f"{name} ({kind})" for name, kind in names.items())
    for index, spec in enumerate(specs):
        where = f"items[{index}]"
        for name in spec.key:
            if name not in names:
                raise PreflightError(
                    f"{where}.key has {name!r}, but the key of table {description.name!r} is "
                    f"{shown}; other attributes belong under `set`"
                )
        for name, kind in names.items():
            text = spec.key.get(name)
            if text is None and not _may_come_from_elsewhere(name, spec, schema, columns):
                raise PreflightError(
                    f"{where} has no {name!r}, which is in the key of table "
                    f"{description.name!r} ({shown}); add it under `key`"
                )
            if text is not None and kind == "N" and not _may_be_a_number(text):
                raise PreflightError(
                    f"{where}.key.{name} makes text, but {name!r} is a number (N) in table "
                    f'{description.name!r}; use a single field, such as "{{{name.lower()}}}"'
                )


def _may_come_from_elsewhere(
    name: str, spec: ItemSpec, schema: dict[str, object], columns: Sequence[str] | None
) -> bool:
    """Tell whether a key attribute that `key` does not have can be a copied or a set attribute."""
    if name in spec.set:
        return True
    if name in spec.omit or (spec.only is not None and name not in spec.only):
        return False
    if columns is not None:
        return name in columns
    closed = schema.get("additionalProperties") is False
    properties = schema.get("properties")
    known = isinstance(properties, dict) and name in properties
    return known or not closed or "patternProperties" in schema


def _may_be_a_number(text: str) -> bool:
    """Tell whether a template's literal text leaves room for a number: digits, sign, point."""
    template = parse(text)
    sample = template.render(dict.fromkeys(template.fields, "1"))
    try:
        float(sample)
    except ValueError:
        return False
    return True
