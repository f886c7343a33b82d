"""Flow: wire stages together and drive them inside one task group."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

from pipeline.core.channel import Channel, Receiver, Sender
from pipeline.errors import StageError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

__all__ = ["Flow", "Stage", "StopSignal"]

T = TypeVar("T")
In = TypeVar("In")
Out = TypeVar("Out")
In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)


class Stage(Protocol[In_contra, Out_co]):
    """
    One step of the pipeline.

    Receive until the inbox ends, send results to the outbox, then return. Raise to stop the whole
    run. Never close a channel: the flow does.
    """

    async def __call__(self, inbox: Receiver[In_contra], outbox: Sender[Out_co], /) -> None:
        """Work until *inbox* ends."""


class StopSignal:
    """
    Ask a run to end early, in two tiers.

    Soft (`request`): read no more, then drain what is in flight, for *grace* seconds at most. Hard
    (`abort`, or the end of the grace): drop what is in flight.
    """

    def __init__(self, grace: float = 8.0) -> None:
        self.reason: str | None = None
        self.started = False
        self._grace = grace
        self._aborted = False
        self._reading: set[asyncio.Timeout] = set()
        self._running: set[asyncio.Timeout] = set()

    @property
    def requested(self) -> bool:
        """Whether the run was asked to end."""
        return self.reason is not None

    @property
    def running(self) -> bool:
        """Whether a body is running that `limits` guards, so that a stop has something to end."""
        return bool(self._running)

    def request(self, reason: str) -> None:
        """Stop softly; *reason* is a constant name for the report, the first one counts."""
        if self.requested:
            return
        self.reason = reason
        _end(self._reading, 0)
        _end(self._running, asyncio.get_running_loop().time() + self._grace)

    def abort(self) -> None:
        """Stop hard, now."""
        self._aborted = True
        _end(self._reading, 0)
        _end(self._running, 0)

    @asynccontextmanager
    async def interrupts(self) -> AsyncIterator[None]:
        """Leave the body, without an error, once a stop is requested."""
        async with self._scope(self._reading, 0 if self.requested else None):
            yield

    @asynccontextmanager
    async def limits(self) -> AsyncIterator[None]:
        """Leave the body, without an error, when a stop has outlasted its grace or is hard."""
        self.started = True
        async with self._scope(self._running, 0 if self._aborted else None):
            yield

    @asynccontextmanager
    async def _scope(
        self, scopes: set[asyncio.Timeout], deadline: float | None
    ) -> AsyncIterator[None]:
        # A timeout that fires on demand is the standard library's one cancel scope that can tell
        # its own cancellation from everybody else's.
        scope = asyncio.timeout_at(deadline)
        try:
            async with scope:
                scopes.add(scope)
                try:
                    yield
                finally:
                    scopes.discard(scope)
        except TimeoutError:
            if not scope.expired():
                raise


def _end(scopes: set[asyncio.Timeout], when: float) -> None:
    """End *scopes* at *when*; one that has fired, but has not unwound yet, takes no new time."""
    for scope in scopes:
        if not scope.expired():
            scope.reschedule(when)


class Flow:
    """
    Chain stages through channels that hold *capacity* messages each.

    A channel is closed only after its stage has succeeded, so a stream that ends is complete; a
    stage that fails cancels the others through the task group instead.
    """

    def __init__(self, group: asyncio.TaskGroup, *, capacity: int) -> None:
        self._group = group
        self._capacity = capacity

    def channel(self, *, senders: int) -> Channel[T]:
        """Make a channel where several stages meet; pass it as *into* and *reports*."""
        return Channel(self._capacity, senders=senders)

    def source(
        self, name: str, open_source: Callable[[], AsyncGenerator[T, None]], stop: StopSignal
    ) -> Channel[T]:
        """Feed the flow until the source is exhausted or *stop* is requested."""
        outbox: Channel[T] = Channel(self._capacity)

        async def read() -> None:
            async with stop.interrupts(), aclosing(open_source()) as messages:
                async for message in messages:
                    await outbox.send(message)

        self._spawn(name, read, closes=(outbox,))
        return outbox

    def stage(
        self,
        name: str,
        stage: Stage[In, Out],
        inbox: Channel[In],
        *,
        workers: int = 1,
        into: Channel[Out] | None = None,
    ) -> Channel[Out]:
        """Run *workers* copies of *stage*; return the channel they fill (*into*, if given)."""
        outbox = into if into is not None else Channel[Out](self._capacity, senders=workers)
        for number in range(workers):
            self._spawn(
                f"{name}-{number}" if workers > 1 else name,
                lambda: stage(inbox, outbox),
                drains=inbox,
                closes=(outbox,),
            )
        return outbox

    def fork(
        self,
        name: str,
        stage: Callable[[Receiver[In], Sender[Out], Sender[T]], Awaitable[None]],
        inbox: Channel[In],
        *,
        side: Channel[T],
    ) -> Channel[Out]:
        """Run a stage that has a second outlet, *side*, beside the channel that is returned."""
        outbox: Channel[Out] = Channel(self._capacity)
        self._spawn(
            name,
            lambda: stage(inbox, outbox, side),
            drains=inbox,
            closes=(outbox, side),
        )
        return outbox

    def sink(
        self, name: str, consume: Callable[[Receiver[In]], Awaitable[None]], inbox: Channel[In]
    ) -> None:
        """End the flow."""
        self._spawn(name, lambda: consume(inbox), drains=inbox)

    def _spawn(
        self,
        name: str,
        work: Callable[[], Awaitable[None]],
        *,
        drains: Channel[In] | None = None,
        closes: tuple[_Closable, ...] = (),
    ) -> None:
        async def drive() -> None:
            await _attribute(name, work())
            if drains is not None and not drains.ended:
                error = StageError(f"stage {name!r} returned before its inbox ended")
                error.add_note(f"stage: {name}")
                raise error
            # Only after success: a closed channel means "complete", never "broken".
            for channel in closes:
                channel.close()

        self._group.create_task(drive(), name=name)


class _Closable(Protocol):
    def close(self) -> None: ...


async def _attribute(name: str, work: Awaitable[None]) -> None:
    """Await *work*; make every way it can fail loud, and note the stage on the error."""
    try:
        await work
    except asyncio.CancelledError:
        # A task group forgets a child that cancelled itself, and whoever waits for its messages
        # would wait for ever.
        if _cancel_was_requested():
            raise
        error = StageError(f"stage {name!r} was cancelled from within")
        error.add_note(f"stage: {name}")
        raise error from None
    except Exception as error:
        error.add_note(f"stage: {name}")
        raise


def _cancel_was_requested() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
