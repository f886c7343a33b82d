"""The batcher's loop: linger, release from outside, and an end that waits for keys in flight."""

from __future__ import annotations

import asyncio

from pipeline.core.batching import Batching
from pipeline.core.channel import Channel
from pipeline.model import Batch, Item
from pipeline.observe.metrics import Metrics
from pipeline.stages.batcher import Batcher
from tests.clock import run
from tests.fakes import make_item


def test_a_slow_source_gets_its_items_through_after_the_linger() -> None:
    """A lone item leaves after the linger, not when the batch is full."""

    async def main() -> tuple[float, int]:
        loop = asyncio.get_running_loop()
        policy: Batching[Item] = Batching(max_items=25, max_bytes=1_000, linger=30.0)
        inbox, outbox = Channel[list[Item]](1), Channel[Batch](1)
        async with asyncio.TaskGroup() as group:
            group.create_task(Batcher(policy, Metrics())(inbox, outbox))
            await inbox.send([make_item("a")])
            batch = await outbox.receive()
            arrived = loop.time()
            inbox.close()
        return arrived, len(batch.items)

    assert run(main()) == (30.0, 1)


def test_the_end_waits_for_the_keys_in_flight_and_a_release_wakes_it() -> None:
    """After the inbox has ended, an item that waits for its key leaves on release, at once."""

    async def main() -> tuple[float, list[bytes]]:
        loop = asyncio.get_running_loop()
        policy: Batching[Item] = Batching(max_items=1, max_bytes=1_000, linger=3_600.0)
        batcher = Batcher(policy, Metrics())
        inbox, outbox = Channel[list[Item]](1), Channel[Batch](10)
        async with asyncio.TaskGroup() as group:
            group.create_task(batcher(inbox, outbox))
            await inbox.send([make_item("a", "v1"), make_item("a", "v2")])
            inbox.close()
            first = await outbox.receive()
            loop.call_later(100, batcher.release, [("a",)])
            second = await outbox.receive()
            at = loop.time()
            batcher.release([("a",)])
        return at, [first.items[0].wire, second.items[0].wire]

    assert run(main()) == (100.0, [b"v1", b"v2"])
