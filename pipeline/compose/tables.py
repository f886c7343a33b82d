"""What the table commands do: create a table or show how it differs, serve the embedded engine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pipeline.compose.preflight import open_table
from pipeline.compose.specs import table_spec
from pipeline.errors import PreflightError
from pipeline.table.aws.admin import create, describe
from pipeline.table.creation import differences
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.config import Definition
    from pipeline.core.flow import StopSignal

__all__ = ["TableOutcome", "ensure_table", "serve_engine"]


@dataclass(frozen=True, slots=True)
class TableOutcome:
    """Whether the table now is as the definition describes it, and that in words."""

    fits: bool
    text: str


async def ensure_table(definition: Definition, runs: Path) -> TableOutcome:
    """Create the table of ``target.create`` if there is none; else compare, and change nothing."""
    spec = table_spec(definition)
    if spec is None:
        raise PreflightError("the definition has no target.create, which describes the table")
    async with open_table(definition, runs) as access:
        description = await describe(access.calls, spec.name, with_ttl=spec.ttl is not None)
        if description is None:
            await create(access.calls, spec)
            return TableOutcome(fits=True, text=f"table {spec.name!r} was created and is active")
    found = differences(spec, description)
    if not found:
        return TableOutcome(fits=True, text=f"table {spec.name!r} exists and is as described")
    lines = [f"table {spec.name!r} exists and differs; nothing was changed:"]
    lines += [f"  {difference}" for difference in found]
    return TableOutcome(fits=False, text="\n".join(lines))


async def serve_engine(
    path: Path | None, port: int, stop: StopSignal, say: Callable[[str], None]
) -> None:
    """Serve the embedded engine until a stop is requested."""
    from pipeline.embedded import serve  # noqa: PLC0415 - aiohttp, only where it is asked for

    async with serve(path, port=port) as endpoint:
        say(f"embedded engine at {endpoint.url}, tables in {path or 'memory'}; Ctrl-C ends it")
        async with stop.limits(), stop.interrupts():
            await asyncio.get_running_loop().create_future()
