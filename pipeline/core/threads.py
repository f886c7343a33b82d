"""Threads: work that goes to its end, and whose result is not lost, whoever stops waiting."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["outlasted", "settled"]

T = TypeVar("T")


async def settled(work: Callable[[], T], then: Callable[[T], None] | None = None) -> T:
    """
    Do *work* in a thread and return its result; a cancellation is put off until it has ended.

    *then* is called with the result first, also if the caller is cancelled and never hears of it:
    what was made is then known, if only to be undone. For what writes state above all: left
    running, it could meet the next one to write, or outlive the lock.
    """
    return await outlasted(asyncio.get_running_loop().run_in_executor(None, work), then)


async def outlasted(future: asyncio.Future[T], then: Callable[[T], None] | None = None) -> T:
    """Return what *future* comes to; see `settled`."""
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError as error:
            cancelled = error
    failure = future.exception()
    if failure is None and then is not None:
        then(future.result())
    if cancelled is not None:
        raise cancelled
    return future.result()
