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


def test_a_release_in_the_very_turn_in_which_a_batch_falls_due_is_no_error() -> None:
    """The pause has fired, but the batcher has not run yet: the release must not trip over it."""

    async def main() -> list[bytes]:
        loop = asyncio.get_running_loop()
        policy: Batching[Item] = Batching(max_items=2, max_bytes=1_000, linger=5.0)
        batcher = Batcher(policy, Metrics())
        inbox, outbox = Channel[list[Item]](10), Channel[Batch](100)
        async with asyncio.TaskGroup() as group:
            group.create_task(batcher(inbox, outbox))
            await inbox.send([make_item(key, f"{key}1") for key in "ab"])
            await inbox.send([make_item("a", "a2"), make_item("c", "c1")])
            await asyncio.sleep(1)
            assert policy.due_at is not None
            errors: list[Exception] = []

            def release() -> None:
                try:
                    batcher.release([("a",)])
                except RuntimeError as error:
                    errors.append(error)

            for _ in range(3):
                loop.call_at(policy.due_at, release)
            await asyncio.sleep(10)
            inbox.close()
            batcher.release([("b",), ("c",), ("a",)])
        assert errors == []
        outbox.close()
        return [item.wire async for batch in outbox for item in batch.items]

    assert run(main()) == [b"a1", b"b1", b"c1", b"a2"]
