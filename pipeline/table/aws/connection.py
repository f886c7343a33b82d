"""Connection: one AWS client, configured for bulk writes, with credentials found or refused."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pipeline.errors import PreflightError
from pipeline.table.aws.scrub import scrub
from pipeline.table.plain import MADE_UP
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiobotocore.session import AioSession
    from botocore.credentials import Credentials
    from types_aiobotocore_dynamodb import DynamoDBClient

    from pipeline.table.aws.credentials import RenewableCredentials

__all__ = ["ConnectionSettings", "Sdk", "connect", "shown_url"]

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_NOTHING_CONFIGURED: Final = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
"""botocore's session variables, as (configuration name, variable, default, conversion)."""

_CONNECT_TIMEOUT = 5


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """
    Where to connect; *endpoint* None is AWS in *region* (None: the SDK's own chain decides).

    *rehearsal* says that the endpoint is our own engine and takes any credentials. *timeout* are
    seconds without a byte; the table bounds whole requests by the same number.
    """

    region: str | None
    endpoint: str | None
    connections: int
    rehearsal: bool = False
    timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class Sdk:
    """
    A client, and what was found out for it.

    *credentials* None are the made-up ones of a local engine. *cafile* names certificates to trust,
    None the usual ones.
    """

    client: DynamoDBClient
    credentials: RenewableCredentials | None
    cafile: str | None


@asynccontextmanager
async def connect(settings: ConnectionSettings) -> AsyncIterator[Sdk]:
    """
    Yield a DynamoDB client of the SDK; credentials come from the SDK's own chain.

    The SDK's retries are off (they would multiply ours: 10 x 8 requests a batch) and so is its
    parameter validation (60 % of its processor time; the validator has checked every item). No
    redirect is followed. Credentials that the service refuses to a write are looked for again.
    Raise `PreflightError` where region or credentials are missing.
    """
    await _import_sdk()
    from aiobotocore.config import AioConfig  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    from pipeline.table.aws.transport import Transport  # noqa: PLC0415

    session = _session(settings)
    try:
        region, credentials = await _region_and_credentials(session, settings)
    except (BotoCoreError, OSError, ValueError) as error:
        raise PreflightError(
            f"the AWS configuration cannot be used: {scrub(str(error))}; see `aws configure list`, "
            "or log in again (`aws sso login`)"
        ) from None
    config = AioConfig(
        retries={"mode": "standard", "total_max_attempts": 1},
        parameter_validation=False,
        max_pool_connections=settings.connections,
        connect_timeout=_CONNECT_TIMEOUT,
        read_timeout=settings.timeout,
        tcp_keepalive=True,
        user_agent_extra="dynamodb-pipeline",
        http_session_cls=Transport,
    )
    made_up = MADE_UP if credentials is None else None
    async with session.create_client(
        "dynamodb",
        region_name=region,
        endpoint_url=settings.endpoint,
        config=config,
        aws_access_key_id=made_up,
        aws_secret_access_key=made_up,
    ) as client:
        if credentials is not None:
            hooks: Any = client.meta.events  # whose stubs do not know that handlers are awaited
            hooks.register("after-call.dynamodb", credentials.after_call)
        yield Sdk(client, credentials, session.get_config_variable("ca_bundle"))


def _session(settings: ConnectionSettings) -> AioSession:
    from aiobotocore.session import get_session  # noqa: PLC0415 - as in `connect`

    logger = logging.getLogger("aiobotocore")
    if not logger.handlers:
        # Else its warnings, with the texts of credential providers, go to stderr past our log.
        logger.addHandler(logging.NullHandler())
    # The embedded engine needs nothing of the user's AWS configuration, not even a sound one.
    return get_session(_NOTHING_CONFIGURED if settings.rehearsal else None)


async def _import_sdk() -> None:
    """
    Import what takes half a second, only for those who need it.

    In a thread, so that the event loop stays awake. Imports make no garbage, and looking for it
    takes a tenth of their time.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        await asyncio.to_thread(import_module, "pipeline.table.aws.transport")
    finally:
        if collecting:
            gc.enable()


async def _region_and_credentials(
    session: AioSession, settings: ConnectionSettings
) -> tuple[str, RenewableCredentials | None]:
    """Return region and credentials, None where a local engine takes made-up ones; use them."""
    region = (
        settings.region or os.environ.get("AWS_REGION") or session.get_config_variable("region")
    )
    if not _is_local(settings) and region is None:
        raise PreflightError(
            "no AWS region is set: state target.region in the definition, or set AWS_REGION"
        )
    # A local engine sorts tables by the access key: always the same one, or the user's own.
    found = None if settings.rehearsal else await _find(settings)
    if found is None:
        if not _is_local(settings):
            raise PreflightError(
                "no AWS credentials were found: log in (`aws configure`, `aws sso login`), set "
                "AWS_PROFILE, or run where a role is attached"
            )
        return region or "us-east-1", None
    from pipeline.table.aws.credentials import RenewableCredentials  # noqa: PLC0415

    credentials = RenewableCredentials(found, lambda: _find(settings))
    if not _is_local(settings):
        # Some providers look for their token only now.
        await credentials.get_frozen_credentials()
    session.register_component("credential_provider", _Found(credentials))
    return region or "us-east-1", credentials


async def _find(settings: ConnectionSettings) -> Credentials | None:
    """Look for credentials along the SDK's chain, with nothing remembered from before."""
    session = _session(settings)
    if _is_local(settings):
        # A laptop has no instance role to wait for.
        session.get_component("credential_provider").remove("iam-role")
    found: Credentials | None = await session.get_credentials()
    return found


class _Found:
    """A chain of credential providers that has found what it looks for."""

    def __init__(self, credentials: RenewableCredentials) -> None:
        self._credentials = credentials

    async def load_credentials(self) -> RenewableCredentials:
        return self._credentials


def _is_local(settings: ConnectionSettings) -> bool:
    return settings.rehearsal or _is_loopback(settings.endpoint)


def shown_url(url: str) -> str:
    """Return *url* as reports and messages may show it: without a user's name and password."""
    parts = urlsplit(url)
    if parts.username is None and parts.password is None:
        return url
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _is_loopback(endpoint: str | None) -> bool:
    return endpoint is not None and urlsplit(endpoint).hostname in _LOOPBACK
