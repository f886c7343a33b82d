"""Threads: work that may not be left half done when whoever waits for it is cancelled."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["to_the_end"]

T = TypeVar("T")


async def to_the_end(work: Callable[..., T], *arguments: object) -> T:
    """
    Do *work* in a thread and return its result; a cancellation is put off until it has ended.

    For what writes state: left running, it could meet the next one to write, or outlive the lock.
    """
    future = asyncio.get_running_loop().run_in_executor(None, work, *arguments)
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        future.exception()  # retrieved, so that nobody complains that it never was
        raise cancelled
    return future.result()
