"""Look into an engine's tables as a stranger would: with the plain AWS client."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from types_aiobotocore_dynamodb.client import DynamoDBClient

__all__ = ["REGION", "connect", "credentials_of", "new_access_key", "scan_all"]

REGION = "us-east-1"


def new_access_key() -> str:
    """Give an access key id that nobody used: DynamoDB Local keeps each one's tables apart."""
    return f"TEST{uuid4().hex}"


def credentials_of(access_key: str) -> dict[str, str]:
    """Give the environment variables with which the SDK's own chain finds *access_key*."""
    return {
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": REGION,
    }


@asynccontextmanager
async def connect(endpoint: str, access_key: str) -> AsyncIterator[DynamoDBClient]:
    """Open a client that tries each call once, so that a test sees what the engine said."""
    from aiobotocore.config import AioConfig
    from aiobotocore.session import get_session

    once = AioConfig(retries={"mode": "standard", "total_max_attempts": 1})
    async with get_session().create_client(
        "dynamodb",
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key="secret",
        config=once,
    ) as client:
        yield client


async def scan_all(client: DynamoDBClient, table: str) -> list[Mapping[str, Any]]:
    """Read the whole of *table*, strongly consistent: items as typed values, {"PK": {"S": "a"}}."""
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return [item async for page in pages for item in page["Items"]]
