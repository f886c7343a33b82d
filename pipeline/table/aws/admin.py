"""Table calls around a load: describe, create, wait until active. Errors say what to do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pipeline.errors import (
    DeniedError,
    IsolateError,
    PreflightError,
    RetryError,
    TableStopError,
    TransientError,
    UnreachedError,
)
from pipeline.table.aws.calls import UNREACHABLE
from pipeline.table.aws.connection import shown_url
from pipeline.table.description import TableDescription

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pipeline.table.aws.calls import TableCalls
    from pipeline.table.creation import TableSpec

__all__ = ["create", "describe", "wait_until_active"]

_POLL = 1.0
"""Seconds between two looks at a table that is being created."""

_NO_TABLE = "ResourceNotFoundException"

_TRIES = 4
"""Requests in all for a table call that the network or the service failed."""


async def describe(
    calls: TableCalls, name: str, *, with_ttl: bool = False
) -> TableDescription | None:
    """
    Return what the service says of table *name*, None if there is none.

    *with_ttl* asks for the TTL setting too, which needs one more permission.
    """
    response = await _call(calls, lambda: _described(calls, name))
    if response is None:
        return None
    ttl = None
    if with_ttl:
        ttl = await _call(calls, lambda: calls.call("DescribeTimeToLive", TableName=name))
    return TableDescription.from_response(response["Table"], ttl)


async def _described(calls: TableCalls, name: str) -> dict[str, Any]:
    """Describe a table; raise `TransientError` for what is no description, whoever wrote it."""
    response = await calls.call("DescribeTable", TableName=name)
    try:
        TableDescription.from_response(response["Table"])
    except (KeyError, TypeError, AttributeError, ValueError):
        raise TransientError("an answer that describes no table") from None
    return response


async def create(calls: TableCalls, spec: TableSpec) -> TableDescription:
    """Create the table of *spec*, wait until it is active, set its TTL, and describe it."""
    request = spec.request()
    await _call(calls, lambda: calls.call("CreateTable", **request))
    await wait_until_active(calls, spec.name)
    if spec.ttl is not None:
        setting = {"Enabled": True, "AttributeName": spec.ttl}
        await _call(
            calls,
            lambda: calls.call(
                "UpdateTimeToLive", TableName=spec.name, TimeToLiveSpecification=setting
            ),
        )
    description = await describe(calls, spec.name, with_ttl=spec.ttl is not None)
    if description is None:
        raise PreflightError(f"table {spec.name!r} was created and is gone again")
    return description


async def wait_until_active(
    calls: TableCalls, name: str, patience: float = 600.0
) -> TableDescription:
    """
    Return the description of table *name* once it takes writes.

    A new table is ACTIVE only with all its indexes; one that is UPDATING (its capacity, or an index
    that is added) takes writes too.
    """
    clock = asyncio.get_running_loop().time
    gives_up = clock() + patience
    while clock() < gives_up:
        description = await describe(calls, name)
        if description is not None and description.status in {"ACTIVE", "UPDATING"}:
            return description
        await asyncio.sleep(_POLL if description is not None else _POLL / 4)
    raise PreflightError(
        f"table {name!r} is not active after {patience:g} s; look at it in the console"
    )


async def _call(
    calls: TableCalls, request: Callable[[], Awaitable[dict[str, Any]]]
) -> dict[str, Any] | None:
    """Make one table call; None if the table does not exist, PreflightError if it cannot be."""
    last: RetryError | None = None
    for attempt in range(_TRIES):
        if attempt:
            await asyncio.sleep(0.2 * 2**attempt)
        try:
            return await request()
        except (TableStopError, IsolateError) as fault:
            raise PreflightError(str(fault)) from None
        except RetryError as fault:
            if fault.code == _NO_TABLE:
                return None
            expired = fault.code.startswith("ExpiredToken")
            if isinstance(fault, DeniedError) and not (
                expired and not attempt  # the client looks for new credentials by itself
            ):
                raise PreflightError(str(fault)) from None
            last = fault
        if last.code == UNREACHABLE:
            break
    raise UnreachedError(_unreached(shown_url(calls.endpoint_url), last))


def _unreached(endpoint: str, fault: RetryError | None) -> str:
    """Say what did not answer, and where to look."""
    why = str(fault)
    if "Proxy" in why:
        return (
            f"the proxy on the way to {endpoint} does not answer ({why}); check HTTP_PROXY and "
            "HTTPS_PROXY, or name the host in NO_PROXY if it can be reached without"
        )
    if "SSLError" in why:
        return (
            f"{endpoint} does not answer in TLS ({why}); check target.endpoint: does the server "
            "want http:// instead of https://?"
        )
    if endpoint.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        advice = "check the network, a proxy (HTTPS_PROXY) and AWS_CA_BUNDLE"
    elif "gaierror" in why or "DNS" in why:
        advice = "no address is known for its name: check target.endpoint, and the network"
    else:
        advice = "check target.endpoint; DynamoDB Local is started with `docker compose up -d`"
    return f"{endpoint} does not answer ({why}); {advice}"
