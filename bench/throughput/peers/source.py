"""What all of these programs do before they write: read records, make items, gather batches."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

__all__ = ["ENDPOINT", "REGION", "TABLE", "batches", "five_writers", "items"]

TABLE = "Users"
REGION = "us-east-1"
ENDPOINT = os.environ.get("THROUGHPUT_ENDPOINT", "")


def items() -> Iterator[dict[str, Any]]:
    """Yield the items of the file that the command line names."""
    with Path(sys.argv[1]).open("rb") as file:
        for line in file:
            record = json.loads(line, parse_float=Decimal)
            yield {
                "PK": f"USER#{record['user_id']}",
                "SK": "PROFILE",
                **record,
                "entity": "User",
            }


def batches(size: int = 25) -> Iterator[list[dict[str, Any]]]:
    """Yield the items of the file, *size* at a time."""
    whole = items()
    while batch := list(islice(whole, size)):
        yield batch


async def five_writers(write: Callable[[list[dict[str, Any]]], Awaitable[None]]) -> None:
    """Write all batches, five at a time."""
    left = batches()

    async def writer() -> None:
        for batch in left:
            await write(batch)

    async with asyncio.TaskGroup() as writers:
        for _ in range(5):
            writers.create_task(writer())
