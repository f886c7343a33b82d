"""aiodynamo over aiohttp, with five writers."""

from __future__ import annotations

from typing import Any

import aiohttp
import uvloop
from aiodynamo.client import Client  # type: ignore[import-not-found]  # in the peers' environment
from aiodynamo.credentials import (  # type: ignore[import-not-found]  # as above
    EnvironmentCredentials,
)
from aiodynamo.http.aiohttp import AIOHTTP  # type: ignore[import-not-found]  # as above
from aiodynamo.models import BatchWriteRequest  # type: ignore[import-not-found]  # as above
from yarl import URL

from bench.throughput.peers.source import ENDPOINT, REGION, TABLE, five_writers


async def load() -> None:
    """Write all items."""
    async with aiohttp.ClientSession() as session:
        credentials = EnvironmentCredentials()
        client = Client(AIOHTTP(session), credentials, REGION, endpoint=URL(ENDPOINT))

        async def write(batch: list[dict[str, Any]]) -> None:
            left = await client.batch_write({TABLE: BatchWriteRequest(items_to_put=batch)})
            assert not left

        await five_writers(write)


if __name__ == "__main__":
    uvloop.run(load())
