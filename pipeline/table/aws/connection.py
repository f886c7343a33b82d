"""Connection: one AWS client, configured for bulk writes, with credentials found or refused."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pipeline.errors import PreflightError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiobotocore.session import AioSession
    from types_aiobotocore_dynamodb import DynamoDBClient

__all__ = ["ConnectionSettings", "connect", "shown_url"]

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


@asynccontextmanager
async def connect(settings: ConnectionSettings) -> AsyncIterator[DynamoDBClient]:
    """
    Yield a DynamoDB client; credentials come from the SDK's own chain.

    The SDK's retries are off (they would multiply ours: 10 x 8 requests a batch) and so is its
    parameter validation (60 % of its processor time; the validator has checked every item).
    Raise `PreflightError` where region or credentials are missing.
    """
    # 1.5 s that only a command which talks to a table needs to pay.
    from aiobotocore.config import AioConfig  # noqa: PLC0415
    from aiobotocore.session import get_session  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    # The embedded engine needs nothing of the user's AWS configuration, not even a sound one.
    session = get_session(_NOTHING_CONFIGURED if settings.rehearsal else None)
    try:
        region, made_up = await _region_and_keys(session, settings)
    except (BotoCoreError, OSError, ValueError) as error:
        raise PreflightError(
            f"the AWS configuration cannot be used: {error}; see `aws configure list`, or log in "
            "again (`aws sso login`)"
        ) from error
    config = AioConfig(
        retries={"mode": "standard", "total_max_attempts": 1},
        parameter_validation=False,
        max_pool_connections=settings.connections,
        connect_timeout=_CONNECT_TIMEOUT,
        read_timeout=settings.timeout,
        tcp_keepalive=True,
        user_agent_extra="dynamodb-pipeline",
    )
    async with session.create_client(
        "dynamodb",
        region_name=region,
        endpoint_url=settings.endpoint,
        config=config,
        aws_access_key_id=made_up,
        aws_secret_access_key=made_up,
    ) as client:
        yield client


async def _region_and_keys(
    session: AioSession, settings: ConnectionSettings
) -> tuple[str, str | None]:
    """Return the region, and made-up credentials where a local engine takes any: else None."""
    local = settings.rehearsal or _is_loopback(settings.endpoint)
    region = (
        settings.region or os.environ.get("AWS_REGION") or session.get_config_variable("region")
    )
    if not local:
        if region is None:
            raise PreflightError(
                "no AWS region is set: state target.region in the definition, or set AWS_REGION"
            )
        await _require_credentials(session)
        return region, None
    # A local engine sorts tables by the access key: always the same one, or the user's own.
    made_up = settings.rehearsal or not await _has_own_credentials(session)
    return region or "us-east-1", "local" if made_up else None


async def _require_credentials(session: AioSession) -> None:
    credentials = await session.get_credentials()
    if credentials is None:
        raise PreflightError(
            "no AWS credentials were found: log in (`aws configure`, `aws sso login`), set "
            "AWS_PROFILE, or run where a role is attached"
        )
    # Some providers look for their token only now.
    await credentials.get_frozen_credentials()


async def _has_own_credentials(session: AioSession) -> bool:
    """Tell whether the user has credentials at hand; a laptop has no instance role to wait for."""
    session.get_component("credential_provider").remove("iam-role")
    return await session.get_credentials() is not None


def shown_url(url: str) -> str:
    """Return *url* as reports and messages may show it: without a user's name and password."""
    parts = urlsplit(url)
    if parts.username is None and parts.password is None:
        return url
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _is_loopback(endpoint: str | None) -> bool:
    return endpoint is not None and urlsplit(endpoint).hostname in _LOOPBACK
