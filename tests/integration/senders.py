"""A table over either transport: what holds for one holds for the other."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pipeline.table.aws import connection
from pipeline.table.aws.client import DynamoTable
from pipeline.table.aws.connection import ConnectionSettings, connect
from pipeline.table.aws.credentials import RenewableCredentials, Renewed
from pipeline.table.aws.transport import SdkSender
from pipeline.table.http.pool import open_pool
from pipeline.table.http.sender import HttpSender
from pipeline.table.http.signing import Fixed, Keys
from tests.engine import tables

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from pipeline.table.aws.client import Sender
    from pipeline.table.encoding import Encoder
    from pipeline.table.http.signing import Credentials

__all__ = ["TRANSPORTS", "Where", "open_sender", "open_table"]

TRANSPORTS = ("sdk", "http")


class Where:
    """Over which transport a test writes, and with whose keys."""

    def __init__(self, transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.transport = transport
        self.monkeypatch = monkeypatch
        self.own_keys = False
        self.cafile: str | None = None


@asynccontextmanager
async def open_sender(
    url: str, where: Where, *, deadline: float = 20.0, connections: int = 2
) -> AsyncIterator[Sender]:
    """Yield what sends to the service at *url*, with made-up keys unless the test has its own."""
    if not where.own_keys:
        for name, value in tables.credentials_of("TESTKEY").items():
            where.monkeypatch.setenv(name, value)
    settings = ConnectionSettings("us-east-1", url, connections, timeout=30.0)
    if where.transport == "sdk":
        async with connect(settings) as sdk:
            yield SdkSender(sdk.client, "Users", timeout=deadline)
        return
    async with open_pool(
        url, region="us-east-1", connections=connections, timeout=deadline, cafile=where.cafile
    ) as pool:
        yield HttpSender(pool, await _credentials(settings, where))


async def _credentials(settings: ConnectionSettings, where: Where) -> Credentials:
    if not where.own_keys:
        return Fixed(Keys(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]))
    first = await connection._find(settings)
    assert first is not None
    return Renewed(RenewableCredentials(first, lambda: connection._find(settings)))


@asynccontextmanager
async def open_table(
    url: str, where: Where, encoder: Encoder, *, deadline: float = 20.0, connections: int = 2
) -> AsyncIterator[DynamoTable]:
    """Yield the table ``Users`` of the service at *url*."""
    async with open_sender(url, where, deadline=deadline, connections=connections) as sender:
        yield DynamoTable(sender, "Users", encoder)
