"""Make any wait of any stage fail: it is driven by hand, and struck at its n-th wait."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.core import flow
from pipeline.core.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterator

__all__ = ["Strike", "Waits", "striking"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Strike:
    """
    Where an error is raised: at the *number*-th wait (from 1) of *stage*.

    *late*: after what was waited for has come about, whose result is lost; else instead of waiting.
    """

    stage: str
    number: int
    error: Callable[[], BaseException]
    late: bool


@dataclass(slots=True)
class Waits:
    """How often each stage waited, and when (on the loop's clock) the strike fell, if it did."""

    strike: Strike | None = None
    counts: Counter[str] = field(default_factory=Counter)
    struck_at: float | None = None

    def falls(self, stage: str) -> bool:
        """Count a wait of *stage*; tell whether it is the one that fails."""
        self.counts[stage] += 1
        strike = self.strike
        if strike is None or stage != strike.stage or self.counts[stage] != strike.number:
            return False
        self.struck_at = asyncio.get_running_loop().time()
        return True


class _Struck:
    """An awaitable that does *work*, and has one of its waits fail."""

    def __init__(self, stage: str, work: Awaitable[T], waits: Waits) -> None:
        self._stage = stage
        self._work = work
        self._waits = waits

    def __await__(self) -> Generator[Any, Any, Any]:
        driven = self._work.__await__()
        step: Callable[[], Any] = lambda: next(driven)  # noqa: E731 - the first of many steps
        while True:
            try:
                waited = step()
            except StopIteration as ended:
                return ended.value
            strike = self._waits.strike if self._waits.falls(self._stage) else None
            if strike is not None and not strike.late:
                step = _thrower(driven, strike.error())
                continue
            try:
                told = yield waited
            except BaseException as error:  # noqa: BLE001 - a cancellation: it is passed on
                step = _thrower(driven, error)
                if strike is not None:  # nothing came about after which it could fall
                    self._waits.struck_at = None
            else:
                step = _sender(driven, told) if strike is None else _thrower(driven, strike.error())


def _thrower(driven: Generator[Any, Any, Any], error: BaseException) -> Callable[[], Any]:
    return lambda: driven.throw(error)


def _sender(driven: Generator[Any, Any, Any], told: Any) -> Callable[[], Any]:
    return lambda: driven.send(told)


@contextmanager
def striking(waits: Waits) -> Iterator[None]:
    """
    Drive every stage of a flow by hand while the body runs.

    Sending and receiving always wait, as they do when a channel is full or empty, so that those
    can be struck too.
    """
    attribute, send, receive = flow._attribute, Channel.send, Channel.receive  # noqa: SLF001

    async def attributed(name: str, work: Awaitable[None]) -> None:
        await attribute(name, _Struck(name, work, waits))

    async def sending(channel: Channel[T], message: T) -> None:
        await asyncio.sleep(0)
        await send(channel, message)

    async def receiving(channel: Channel[T]) -> T:
        await asyncio.sleep(0)
        return await receive(channel)

    flow._attribute = attributed  # noqa: SLF001 - the one place where a stage's work is awaited
    setattr(Channel, "send", sending)  # noqa: B010 - a method of a generic class: no plain way
    setattr(Channel, "receive", receiving)  # noqa: B010 - as above
    try:
        yield
    finally:
        flow._attribute = attribute  # noqa: SLF001 - as above
        setattr(Channel, "send", send)  # noqa: B010 - as above
        setattr(Channel, "receive", receive)  # noqa: B010 - as above
