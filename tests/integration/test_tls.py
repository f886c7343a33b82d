"""
TLS: only a server that is trusted, and is the one that was asked for, gets a request.

The certificates beside this file were made by ``tls/make.sh`` and are good until 2126.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import PreflightError, TableStopError, TransientError
from pipeline.table.http.pool import open_pool
from tests.integration.raw_server import OK, Exchange, RawServer, http, say
from tests.integration.test_answers import items
from tests.integration.test_http import LARGE, bulky
from tests.integration.test_wire import BROKEN, DEADLINE, HANGING, deliver, table_at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.raw_server import Script
    from tests.integration.senders import Where

FOLDER = Path(__file__).parent / "tls"
AUTHORITY = str(FOLDER / "ca.pem")
OURS_ALONE = pytest.mark.parametrize("where", ["http"], indirect=True)


@asynccontextmanager
async def secured(
    certificate: str = "good", script: Script | None = None
) -> AsyncIterator[RawServer]:
    """Run a server with one of the certificates, which answers that all is written."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(FOLDER / f"{certificate}.pem")
    async with RawServer(script or say(http(OK))).running(context) as server:
        yield server


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
async def test_a_server_that_the_environment_trusts_is_written_to(
    where: Where, variable: str
) -> None:
    """Both variables that the SDK honours; and the connection is kept."""
    where.monkeypatch.setenv(variable, AUTHORITY)
    async with secured() as server, table_at(server.url, where) as table:
        for number in range(3):
            await table.write(items(number))

    assert [exchange.connection for exchange in server.requests] == [1, 1, 1]


@OURS_ALONE
async def test_certificates_that_are_given_come_before_the_environment(where: Where) -> None:
    """As the profile's ``ca_bundle`` is given; a variable that stands there too is not asked."""
    where.monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere")
    where.cafile = AUTHORITY
    async with secured() as server, table_at(server.url, where) as table:
        await table.write(items(1))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_name_is_checked_as_well_as_an_address(where: Where, host: str) -> None:
    """The certificate is for both."""
    where.monkeypatch.setenv("AWS_CA_BUNDLE", AUTHORITY)
    async with secured() as server:
        url = server.url.replace("127.0.0.1", host)
        async with table_at(url, where) as table:
            await table.write(items(1))


@pytest.mark.parametrize("certificate", ["expired", "elsewhere", "stranger"])
async def test_a_certificate_that_is_not_good_stops_the_run(where: Where, certificate: str) -> None:
    """Out of date, for another host, or signed by nobody known: no request is sent."""
    where.monkeypatch.setenv("AWS_CA_BUNDLE", AUTHORITY)
    async with secured(certificate) as server, table_at(server.url, where) as table:
        with pytest.raises(TableStopError, match=r"certificate is not trusted.*AWS_CA_BUNDLE"):
            await table.write(items(1))

    assert server.requests == []


async def test_by_default_only_public_authorities_are_trusted(where: Where) -> None:
    """A private one has to be named."""
    async with secured() as server, table_at(server.url, where) as table:
        with pytest.raises(TableStopError, match="certificate is not trusted"):
            await table.write(items(1))

    assert server.requests == []


async def test_a_server_without_tls_is_a_broken_connection(where: Where) -> None:
    """It may be a balancer that is being set up; nobody learns what it said."""
    async with RawServer(say(http(OK))).running() as server:
        url = server.url.replace("http:", "https:")
        async with table_at(url, where) as table:
            with pytest.raises(TransientError):
                await table.write(items(1))

    assert server.requests == []


@OURS_ALONE
async def test_a_handshake_that_never_ends_is_given_up(where: Where) -> None:
    """The deadline is for connecting too."""
    let_go = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        await let_go.wait()
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with table_at(url, where, deadline=DEADLINE) as table:
        with pytest.raises(TransientError, match=r"no whole answer within 0\.4 s"):
            await table.write(items(1))
    let_go.set()
    server.close()
    await server.wait_closed()


@OURS_ALONE
@pytest.mark.parametrize("bundle", ["/nowhere/ca.pem", __file__])
async def test_certificates_that_cannot_be_read_are_told(where: Where, bundle: str) -> None:
    """Before the first request, with the place to look at."""
    where.monkeypatch.setenv("AWS_CA_BUNDLE", bundle)
    with pytest.raises(PreflightError, match="AWS_CA_BUNDLE"):
        async with open_pool("https://localhost:1", region="x", connections=1, timeout=1):
            pass


@LARGE
async def test_a_large_request_arrives_whole(where: Where) -> None:
    """It is encrypted as the server takes it."""
    where.monkeypatch.setenv("AWS_CA_BUNDLE", AUTHORITY)
    big = bulky()
    async with secured() as server, table_at(server.url, where) as table:
        for batch in (items(1), big, items(2)):
            await table.write(batch)

    assert {exchange.connection for exchange in server.requests} == {1}
    assert all(item.wire in server.requests[1].body for item in big)


@OURS_ALONE
@pytest.mark.parametrize("broken", BROKEN)
async def test_a_broken_exchange_is_repeated_and_counted_once(broken: str, where: Where) -> None:
    """What holds for bare connections holds for secured ones: see `test_wire`."""
    where.monkeypatch.setenv("AWS_CA_BUNDLE", AUTHORITY)

    async def script(exchange: Exchange) -> None:
        await (BROKEN[broken] if exchange.number < 2 else say(http(OK)))(exchange)

    sent, deadline = items(1, 2), DEADLINE if broken in HANGING else 20.0
    async with (
        secured(script=script) as server,
        table_at(server.url, where, deadline=deadline) as table,
    ):
        written, metrics = await deliver(table, [sent])

    assert written == sent
    assert metrics.requests == len(server.requests) == 3 or broken in HANGING
