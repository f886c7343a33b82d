"""Channels end exactly once for everybody, and never lose a message."""

from __future__ import annotations

import asyncio
import random

import pytest

from pipeline.core.channel import Channel, ChannelClosed, EndOfStream
from tests.clock import Deadlock, run


def test_messages_arrive_in_order_and_then_the_end() -> None:
    """A receiver gets every message in order, and EndOfStream for ever after."""

    async def main() -> list[int]:
        channel: Channel[int] = Channel(10)
        for number in range(3):
            await channel.send(number)
        channel.close()
        received = [message async for message in channel]
        with pytest.raises(EndOfStream):
            await channel.receive()
        return received

    assert run(main()) == [0, 1, 2]


def test_one_close_ends_any_number_of_receivers() -> None:
    """Every waiting receiver ends when the last sender closes."""

    async def main() -> None:
        channel: Channel[int] = Channel(1)

        async def drain() -> None:
            async for _ in channel:
                pass

        async with asyncio.TaskGroup() as group:
            for _ in range(7):
                group.create_task(drain())
            await channel.send(1)
            channel.close()

    run(main())


def test_the_stream_ends_with_the_last_sender_only() -> None:
    """One of two senders closing does not end the stream."""

    async def main() -> None:
        channel: Channel[int] = Channel(1, senders=2)
        channel.close()
        await channel.send(1)
        assert await channel.receive() == 1
        await channel.receive()

    with pytest.raises(Deadlock):
        run(main())


async def fill(channel: Channel[int]) -> None:
    """Send for ever."""
    while True:
        await channel.send(0)


def test_a_full_channel_makes_its_sender_wait() -> None:
    """Backpressure: the third message of a channel for two is not taken."""

    async def main() -> int:
        channel: Channel[int] = Channel(2)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await fill(channel)
        return channel.depth

    assert run(main()) == 2


def test_closing_never_waits_and_sending_afterwards_fails() -> None:
    """Close is synchronous even on a full channel; a later send is a bug and says so."""

    async def main() -> None:
        channel: Channel[int] = Channel(1)
        await channel.send(1)
        channel.close()
        with pytest.raises(ChannelClosed):
            await channel.send(2)
        with pytest.raises(ChannelClosed):
            channel.close()

    run(main())


async def race(dice: random.Random) -> None:
    """Let two senders and many receivers run into the end together."""
    channel: Channel[int] = Channel(3, senders=2)
    received: list[int] = []
    counts = (dice.randrange(6), dice.randrange(6))

    async def pause(likely: float) -> None:
        if dice.random() < likely:
            await asyncio.sleep(0)

    async def send(count: int) -> None:
        for number in range(count):
            await channel.send(number)
            await pause(0.3)
        channel.close()

    async def receive() -> None:
        async for message in channel:
            received.append(message)
            await pause(0.5)

    async with asyncio.TaskGroup() as group:
        for _ in range(dice.randrange(1, 8)):
            group.create_task(receive())
        for count in counts:
            group.create_task(send(count))
    assert len(received) == sum(counts)
    assert channel.ended


def test_random_close_races_end_and_lose_nothing() -> None:
    """Two senders, many receivers, any interleaving: all end, every message arrives once."""
    dice = random.Random(5)

    async def main() -> None:
        for _ in range(500):
            await race(dice)

    run(main())
