"""
Dialing: from an endpoint to an open connection, whichever of its addresses answers.

And whom to trust there: found where the SDK finds it, without importing the SDK.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from contextlib import suppress
from importlib.util import find_spec
from itertools import chain, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import PreflightError
from pipeline.table.http.connection import Connection
from pipeline.table.http.response import ExchangeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.table.http.endpoint import Endpoint

__all__ = ["bundle", "context", "dial", "spread"]

_PATIENCE: Final = 5.0
"""Seconds for name, connection and TLS handshake together; as the SDK's transport has it."""

_HEAD_START: Final = 0.25
"""Seconds that an address has before the next one is tried beside it (RFC 8305, section 5)."""

Address = tuple[socket.AddressFamily, Any]


def bundle(cafile: str | None) -> str | None:
    """
    Return the file with the certificates to trust; None: those of the system.

    *cafile* (the profile's ``ca_bundle``, or what a test made), else AWS_CA_BUNDLE, else
    REQUESTS_CA_BUNDLE, else certifi's file where it is installed, else the one that botocore
    brings: the SDK's own order, so that both transports trust the same servers.
    """
    named = cafile or os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE")
    if named:
        return named
    for package in ("certifi", "botocore"):
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            found = Path(folder, "cacert.pem")
            if found.is_file():
                return str(found)
    return None


def context(cafile: str | None) -> ssl.SSLContext:
    """
    Return how to speak TLS (1.2 at least): the server's certificate and name are checked.

    Reads a file; call it in a thread. Raise `PreflightError` for one that cannot be used.
    """
    trusted = bundle(cafile)
    try:
        folder = trusted if trusted is not None and Path(trusted).is_dir() else None
        made = ssl.create_default_context(cafile=None if folder else trusted, capath=folder)
    except OSError as error:  # ssl.SSLError is one
        raise PreflightError(
            f"the certificates in {trusted!r} cannot be used ({type(error).__name__}); check "
            "AWS_CA_BUNDLE, REQUESTS_CA_BUNDLE and ca_bundle of the AWS profile"
        ) from None
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


async def dial(
    endpoint: Endpoint,
    tls: ssl.SSLContext | None,
    turn: int,
    gone: Callable[[Connection], None],
) -> Connection:
    """
    Open a connection to *endpoint*, whose name is looked up each time.

    The *turn*-th connection begins with the *turn*-th address, so that a pool spreads over all of
    them. Raise `OSError`: `ConnectionRefusedError`, `socket.gaierror`,
    `ssl.SSLCertVerificationError`, `ExchangeError` after 5 s.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_PATIENCE) as patience:
            addresses = spread(await _resolve(loop, endpoint), turn)
            sock = await _race(loop, addresses)
            _tune(sock)
            connection = Connection(loop, gone)
            await loop.create_connection(
                lambda: connection,
                sock=sock,
                ssl=tls,
                server_hostname=endpoint.host if tls is not None else None,
            )
    except TimeoutError:
        if not patience.expired():
            raise
        raise ExchangeError(f"no connection within {_PATIENCE:g} s", "connect") from None
    connection.on_socket(sock)
    return connection


async def _resolve(loop: asyncio.AbstractEventLoop, endpoint: Endpoint) -> list[Address]:
    host, port = endpoint.host, endpoint.port
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):
            socket.inet_pton(family, host)
            return [(family, (host, port))]
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


def spread(addresses: Sequence[Address], turn: int) -> list[Address]:
    """
    Return *addresses* in the order to try them: families by turns, each begun at *turn*.

    The family that the system prefers stays first.
    """
    families: dict[socket.AddressFamily, list[Address]] = {}
    for address in dict.fromkeys(addresses):
        families.setdefault(address[0], []).append(address)
    turned = [[*same[turn % len(same) :], *same[: turn % len(same)]] for same in families.values()]
    return [one for one in chain.from_iterable(zip_longest(*turned)) if one is not None]


async def _race(loop: asyncio.AbstractEventLoop, addresses: Sequence[Address]) -> socket.socket:
    """Return a socket that is connected to the first of *addresses* that answers."""
    if len(addresses) == 1:
        return await _connect(loop, addresses[0])
    failed = [asyncio.Event() for _ in addresses]
    faults: list[OSError] = []
    won: list[socket.socket] = []

    async def run(lane: int) -> None:
        if lane:
            with suppress(TimeoutError):
                async with asyncio.timeout(_HEAD_START * lane):
                    await failed[lane - 1].wait()
        try:
            won.append(await _connect(loop, addresses[lane]))
        except OSError as error:
            faults.append(error)
            failed[lane].set()
            return
        for other in lanes:
            other.cancel()

    try:
        async with asyncio.TaskGroup() as group:
            lanes = [group.create_task(run(lane)) for lane in range(len(addresses))]
    except BaseException:
        for sock in won:
            sock.close()
        raise
    if not won:
        raise faults[0]
    return won[0]  # the one: who wins cancels the others in the same step


async def _connect(loop: asyncio.AbstractEventLoop, address: Address) -> socket.socket:
    family, place = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(0)
        await loop.sock_connect(sock, place)
    except BaseException:
        sock.close()
        raise
    return sock


def _tune(sock: socket.socket) -> None:
    """Send small requests at once, and notice a peer that is gone while a connection rests."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
