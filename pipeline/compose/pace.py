"""Pace: how fast a run may write, from its definition and from what the table says of itself."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pipeline.core.pace.crew import Crew
from pipeline.core.pace.flight import InFlight
from pipeline.core.pace.gate import Pace
from pipeline.errors import PipelineError, PreflightError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pipeline.config import Definition
    from pipeline.observe.logs import Log
    from pipeline.table.description import TableDescription

__all__ = ["following", "given_rate", "make_crew", "make_pace", "most_workers", "share_of"]

_MOST_AUTO = 128
"""Requests in flight at most, where their number is to be found."""

_EVERY = 60.0
"""Seconds between two looks at a table of which a share is taken."""


def most_workers(definition: Definition) -> int:
    """Return how many requests may be in flight at most."""
    workers = definition.write.workers
    return workers if isinstance(workers, int) else _MOST_AUTO


def make_crew(definition: Definition) -> Crew:
    """Return what says how many writers work."""
    auto = definition.write.workers == "auto"
    return Crew(InFlight(most=_MOST_AUTO) if auto else None)


def make_pace(definition: Definition, rate: float | None, description: TableDescription) -> Pace:
    """
    Return the pace of all writers; *rate* is what `given_rate` gave, None for as fast as it goes.

    A share is one of the table's own capacity: where global indexes report what they take with it,
    units are counted by the items' sizes alone.
    """
    wanted = definition.write.rate
    counted = wanted is not None and wanted.share is not None and description.has_global_indexes
    learns = definition.write.retry.max_outage > 0
    return Pace(rate=rate, learns=learns, corrected=not counted)


def given_rate(definition: Definition, description: TableDescription) -> float | None:
    """
    Return the write units a second that the definition allows, None for any number.

    Raise `PreflightError` for a share of a table that says no number.
    """
    wanted = definition.write.rate
    if wanted is None:
        return None
    if wanted.units is not None:
        return float(wanted.units)
    if wanted.share is None:
        return None
    capacity = description.write_capacity
    if capacity is None:
        raise PreflightError(
            f"write.rate is a share, but table {description.name!r} is on-demand and has no "
            "maximum to take a share of; state units, such as `rate: {wcu: 2000}` (a new "
            "on-demand table takes about 4,000 a second), or set a maximum on the table"
        )
    return float(wanted.share * capacity)


def share_of(
    definition: Definition, describe: Callable[[], Awaitable[TableDescription | None]]
) -> Callable[[], Awaitable[float | None]] | None:
    """Return what asks the table for the rate that a share of it comes to; None without a share."""
    wanted = definition.write.rate
    if wanted is None or wanted.share is None:
        return None

    async def current() -> float | None:
        description = await describe()
        return None if description is None else given_rate(definition, description)

    return current


@asynccontextmanager
async def following(
    current: Callable[[], Awaitable[float | None]] | None, pace: Pace, log: Log
) -> AsyncIterator[None]:
    """Follow the table's capacity while the body runs, where a share of it is taken."""
    if current is None:
        yield
        return
    async with asyncio.TaskGroup() as beside:
        follower = beside.create_task(_follow(current, pace, log), name="pace")
        try:
            yield
        finally:
            follower.cancel()


async def _follow(current: Callable[[], Awaitable[float | None]], pace: Pace, log: Log) -> None:
    while True:
        await asyncio.sleep(_EVERY)
        try:
            rate = await current()
        except PipelineError as error:  # it is looked at again soon enough
            log.debug("pace.not_described", error=type(error).__name__)
            continue
        if rate and rate != pace.given:
            log.info("pace.rate_changed", before=pace.given, units_per_s=rate)
            pace.set_given(rate, asyncio.get_running_loop().time())
