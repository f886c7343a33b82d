"""The flow: complete or failed, never a hang and never a truncated success."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pipeline.core.flow import Flow, Stage, StopSignal
from pipeline.errors import StageError
from tests.clock import run

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from pipeline.core.channel import Receiver, Sender


async def numbers(count: int) -> AsyncGenerator[int, None]:
    """Yield numbers, giving up the loop before each."""
    for number in range(count):
        await asyncio.sleep(0)
        yield number


async def double(inbox: Receiver[int], outbox: Sender[int], /) -> None:
    """Send twice each number."""
    async for number in inbox:
        await outbox.send(2 * number)


class Collect:
    """A sink that keeps what it got and notes that it saw the end."""

    def __init__(self) -> None:
        self.received: list[int] = []
        self.finalised = False

    async def __call__(self, inbox: Receiver[int]) -> None:
        """Collect until the end."""
        async for number in inbox:
            self.received.append(number)
        self.finalised = True


async def drive(
    sink: Collect,
    *,
    source: Callable[[], AsyncGenerator[int, None]] = lambda: numbers(100),
    stage: Stage[int, int] = double,
    workers: int = 1,
    stop: StopSignal | None = None,
) -> None:
    """Run source → stage → sink."""
    stop = stop or StopSignal()
    async with stop.limits(), asyncio.TaskGroup() as group:
        flow = Flow(group, capacity=2)
        read = flow.source("read", source, stop)
        flow.sink("sink", sink, flow.stage("stage", stage, read, workers=workers))


def leaf(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@pytest.mark.parametrize("workers", [1, 3, 16])
def test_every_message_goes_through_every_stage(workers: int) -> None:
    """With any number of workers the sink gets each result once, and sees the end."""
    sink = Collect()

    run(drive(sink, workers=workers))

    assert sorted(sink.received) == [2 * number for number in range(100)]
    assert sink.finalised


def test_a_failing_stage_ends_the_run_and_is_named() -> None:
    """The error carries the stage's name, and the sink never believes the stream complete."""
    sink = Collect()

    async def fail(inbox: Receiver[int], outbox: Sender[int], /) -> None:
        async for number in inbox:
            if number == 49:
                raise ZeroDivisionError
            await outbox.send(number)

    with pytest.raises(ExceptionGroup) as caught:
        run(drive(sink, stage=fail, workers=4))

    error = leaf(caught.value)
    assert isinstance(error, ZeroDivisionError)
    assert error.__notes__[0].startswith("stage: stage-")
    assert not sink.finalised


def test_a_failing_source_is_no_end_of_input() -> None:
    """A source that breaks off fails the run; what it gave is not taken for all there is."""
    sink = Collect()

    async def broken() -> AsyncGenerator[int, None]:
        yield 1
        raise OSError("gone")

    with pytest.raises(ExceptionGroup) as caught:
        run(drive(sink, source=broken))

    assert isinstance(leaf(caught.value), OSError)
    assert not sink.finalised


def test_a_stage_that_cancels_itself_is_an_error_not_a_hang() -> None:
    """A stray CancelledError inside a stage (a library's bug) fails the run."""
    sink = Collect()

    async def stray(inbox: Receiver[int], _: Sender[int], /) -> None:
        async for _number in inbox:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            future.cancel()
            await future

    with pytest.raises(ExceptionGroup) as caught:
        run(drive(sink, stage=stray))

    assert isinstance(leaf(caught.value), StageError)


def test_a_stage_that_returns_early_is_an_error_not_a_hang() -> None:
    """A stage that leaves messages unread fails the run instead of blocking the source."""
    sink = Collect()

    async def quitter(inbox: Receiver[int], _: Sender[int], /) -> None:
        await inbox.receive()

    with pytest.raises(ExceptionGroup) as caught:
        run(drive(sink, stage=quitter))

    assert isinstance(leaf(caught.value), StageError)


def test_a_soft_stop_drains_what_was_read() -> None:
    """After a stop the source yields no more, and all that it yielded reaches the sink."""
    sink, stop = Collect(), StopSignal()

    async def endless() -> AsyncGenerator[int, None]:
        number = 0
        while True:
            yield number
            number += 1
            await asyncio.sleep(1)

    async def main() -> None:
        asyncio.get_running_loop().call_later(10.5, stop.request, "sigint")
        await drive(sink, source=endless, stop=stop)

    run(main())

    assert sink.received == [2 * number for number in range(11)]
    assert sink.finalised


def test_a_stop_outlasts_its_grace_by_nothing() -> None:
    """What does not drain within the grace is dropped: the body ends without an error."""
    sink, stop = Collect(), StopSignal(grace=8)

    async def stuck(inbox: Receiver[int], _: Sender[int], /) -> None:
        async for _number in inbox:
            await asyncio.sleep(3600)

    async def main() -> float:
        loop = asyncio.get_running_loop()
        loop.call_later(5, stop.request, "sigterm")
        await drive(sink, stage=stuck, stop=stop)
        return loop.time()

    assert run(main()) == pytest.approx(13)
    assert not sink.finalised


def test_a_second_stop_is_at_once() -> None:
    """Abort drops what is in flight without waiting for the grace."""
    sink, stop = Collect(), StopSignal(grace=8)

    async def stuck(inbox: Receiver[int], _: Sender[int], /) -> None:
        async for _number in inbox:
            await asyncio.sleep(3600)

    async def main() -> float:
        loop = asyncio.get_running_loop()
        loop.call_later(5, stop.request, "sigint")
        loop.call_later(6, stop.abort)
        await drive(sink, stage=stuck, stop=stop)
        return loop.time()

    assert run(main()) == pytest.approx(6)
