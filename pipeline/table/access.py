"""Access: how a run reaches its table, by our own transport or by the SDK's, and why."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pipeline.table.aws.calls import HttpCalls, SdkCalls
from pipeline.table.aws.connection import connect
from pipeline.table.http.dialing import context
from pipeline.table.http.pool import open_pool
from pipeline.table.http.sender import HttpSender
from pipeline.table.http.signing import Fixed, Keys
from pipeline.table.plain import MADE_UP, choose, obstacle_of, plain_keys
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pipeline.table.aws.calls import TableCalls
    from pipeline.table.aws.client import Sender
    from pipeline.table.aws.connection import ConnectionSettings, Sdk
    from pipeline.table.http.signing import Credentials
    from pipeline.table.plain import Transport, Wanted

__all__ = ["Access", "open_access"]

_LOCAL_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Access:
    """
    Table calls and writes, over *transport*.

    *fallback* says why it is the SDK's although nobody asked for that. *sender* returns what sends
    to the table of a name.
    """

    calls: TableCalls
    sender: Callable[[str], Sender]
    transport: Transport
    fallback: str = ""


@asynccontextmanager
async def open_access(settings: ConnectionSettings, wanted: Wanted) -> AsyncIterator[Access]:
    """
    Yield access to the service of *settings*; the SDK is imported only where it is needed.

    It is not where keys and endpoint are plain to see (`plain.plain_keys`) and our own transport
    can go there. Raise `PreflightError` where region, credentials or transport cannot be had.
    """
    keys = None if wanted == "sdk" else plain_keys(settings, os.environ)
    if keys is not None and settings.endpoint is not None:
        obstacle = "" if settings.rehearsal else obstacle_of(settings.endpoint)
        if choose(wanted, obstacle)[0] == "http":
            async with _over_http(settings, settings.endpoint, Fixed(keys)) as access:
                yield access
            return
    async with connect(settings) as sdk:
        transport, fallback = choose(wanted, _obstacle_of(sdk))
        if transport == "sdk":
            if sdk.client.meta.endpoint_url.startswith("https:"):
                # Certificates that cannot be read are told as such, not as a table that is down.
                await asyncio.to_thread(context, sdk.cafile)
            yield _through(sdk, settings.timeout, fallback)
            return
        async with _beside(sdk, settings) as access:
            yield access


def _obstacle_of(sdk: Sdk) -> str:
    meta = sdk.client.meta
    config = meta.config
    if meta.region_name == "local":  # which the SDK signs for another one
        return "the region is local"
    if getattr(config, "account_id_endpoint_mode", None) == "required":
        return "the AWS configuration asks for account_id_endpoint_mode: required"
    signer = getattr(config, "signature_version", None)
    if signer != "v4":
        return f"requests are signed by {signer!r} here"
    if getattr(config, "client_cert", None) is not None:
        return "the SDK is set up with a client certificate"
    return obstacle_of(meta.endpoint_url)


def _through(sdk: Sdk, timeout: float, fallback: str) -> Access:
    from pipeline.table.aws.transport import SdkSender  # noqa: PLC0415 - it comes with the client

    def sender(table: str) -> Sender:
        return SdkSender(sdk.client, table, timeout=timeout)

    return Access(SdkCalls(sdk.client), sender, "sdk", fallback)


@asynccontextmanager
async def _beside(sdk: Sdk, settings: ConnectionSettings) -> AsyncIterator[Access]:
    """Yield access whose table calls are the SDK's and whose writes are our own."""
    from pipeline.table.aws.credentials import Renewed  # noqa: PLC0415 - as in `_through`

    found = sdk.credentials
    made_up = Fixed(Keys(MADE_UP, MADE_UP))
    credentials: Credentials = made_up if found is None else Renewed(found)
    async with open_pool(
        sdk.client.meta.endpoint_url,
        region=sdk.client.meta.region_name,
        connections=settings.connections,
        timeout=settings.timeout,
        cafile=sdk.cafile,
    ) as pool:
        sender = HttpSender(pool, credentials)
        yield Access(SdkCalls(sdk.client), lambda _: sender, "http")


@asynccontextmanager
async def _over_http(
    settings: ConnectionSettings, url: str, credentials: Credentials
) -> AsyncIterator[Access]:
    async with open_pool(
        url,
        region=settings.region or _LOCAL_REGION,
        connections=settings.connections,
        timeout=settings.timeout,
    ) as pool:
        sender = HttpSender(pool, credentials)
        yield Access(HttpCalls(pool, credentials, url), lambda _: sender, "http")
