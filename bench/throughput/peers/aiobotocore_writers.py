"""aiobotocore with five writers, and boto3's TypeSerializer."""

from __future__ import annotations

from typing import Any

import uvloop
from aiobotocore.session import get_session
from boto3.dynamodb.types import (  # type: ignore[import-not-found]  # in the peers' environment
    TypeSerializer,
)

from bench.throughput.peers.source import ENDPOINT, REGION, TABLE, five_writers


async def load() -> None:
    """Write all items."""
    serialize = TypeSerializer().serialize
    session = get_session()
    async with session.create_client(
        "dynamodb", region_name=REGION, endpoint_url=ENDPOINT
    ) as client:

        async def write(batch: list[dict[str, Any]]) -> None:
            puts: list[Any] = [
                {"PutRequest": {"Item": {name: serialize(value) for name, value in item.items()}}}
                for item in batch
            ]
            answer = await client.batch_write_item(RequestItems={TABLE: puts})
            assert not answer["UnprocessedItems"]

        await five_writers(write)


if __name__ == "__main__":
    uvloop.run(load())
