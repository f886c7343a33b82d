"""pydynox (a Rust core behind Python), with five writers."""

from __future__ import annotations

from typing import Any

import uvloop
from pydynox import DynamoDBClient  # type: ignore[import-not-found]  # in the peers' environment

from bench.throughput.peers.source import ENDPOINT, REGION, TABLE, five_writers


async def load() -> None:
    """Write all items."""
    client = DynamoDBClient(region=REGION, endpoint_url=ENDPOINT)

    async def write(batch: list[dict[str, Any]]) -> None:
        await client.batch_write(TABLE, put_items=batch)

    await five_writers(write)


if __name__ == "__main__":
    uvloop.run(load())
