"""Pool: a bounded number of kept-alive connections to one endpoint, shared by all who write."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from pipeline.table.http.dialing import context, dial
from pipeline.table.http.endpoint import Endpoint
from pipeline.table.http.response import DeadlineError
from pipeline.table.http.signing import Scope, Signer

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from pipeline.table.http.connection import Connection
    from pipeline.table.http.response import Response
    from pipeline.table.http.signing import Credentials, Keys

__all__ = ["Pool", "open_pool"]

_REST: Final = 20.0
"""
Seconds that a connection may have rested and still be used: a server or a balancer that closes it
meanwhile would turn a request into one of which nobody knows whether it was carried out.
"""


class Pool:
    """Exchanges with one endpoint, at most *connections* at a time; made by `open_pool`."""

    def __init__(
        self,
        endpoint: Endpoint,
        scope: Scope,
        tls: ssl.SSLContext | None,
        connections: int,
        timeout: float,
    ) -> None:
        self.timeout = timeout
        self._endpoint = endpoint
        self._tls = tls
        self._signer = Signer(endpoint.name, endpoint.path, scope)
        self._loop = asyncio.get_running_loop()
        self._free = connections
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._ended = asyncio.Event()
        self._dialed = 0

    async def exchange(self, target: str, body: bytes, credentials: Credentials) -> Response:
        """
        Sign a call with the current keys of *credentials*, send it, and return its answer.

        *target* is the operation as the service names it, ``DynamoDB_20120810.DescribeTable``;
        *body* its JSON. One HTTP request, never a second one, no redirect followed; any status is
        an answer. Raise `ExchangeError` or another `OSError` where there is none:
        `ConnectionRefusedError` and `socket.gaierror` if nothing listens,
        `ssl.SSLCertVerificationError` if the server is not trusted; `faults.translate` knows all
        of them.
        """
        return await self.send(target, body, await credentials.current())

    async def send(self, target: str, body: bytes, keys: Keys) -> Response:
        """Exchange, as above, with a request that *keys* sign."""
        deadline = self._loop.time() + self.timeout
        if self._free:
            self._free -= 1
        else:
            async with _limit(deadline, self.timeout):
                await self._turn()
        try:
            connection = self._rested()
            if connection is None:
                async with _limit(deadline, self.timeout):
                    connection = await self._dial()
            head = self._signer.head(target, body, keys)
            response = await connection.exchange(head, body, deadline, self.timeout)
            if connection.usable:
                connection.idle_since = self._loop.time()
                self._idle.append(connection)
            return response
        finally:
            self._give_way()

    async def _turn(self) -> None:
        """Wait, first come first served, for one of those who exchange to give way."""
        turn = self._loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._give_way()  # it came, too late
            raise

    def _give_way(self) -> None:
        """Let the next one who waits exchange, or anybody who comes."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _rested(self) -> Connection | None:
        """Take the connection that was used last, if it can be used again; close what cannot."""
        idle = self._idle
        if not idle:
            return None
        oldest = self._loop.time() - _REST
        while idle and idle[0].idle_since < oldest:
            idle.pop(0).close()
        while idle:
            connection = idle.pop()
            if connection.quiet():
                return connection
            connection.close()
        return None

    async def _dial(self) -> Connection:
        turn, self._dialed = self._dialed, self._dialed + 1
        connection = await dial(self._endpoint, self._tls, turn, self._gone)
        if connection.usable:  # else it has ended already, and says so
            self._open.add(connection)
        return connection

    def _gone(self, connection: Connection) -> None:
        self._open.discard(connection)
        with suppress(ValueError):
            self._idle.remove(connection)
        if not self._open:
            self._ended.set()

    async def close(self) -> None:
        """End every connection, and wait until the event loop has let go of them."""
        for connection in tuple(self._open):
            connection.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                while self._open:
                    self._ended.clear()
                    await self._ended.wait()


@asynccontextmanager
async def _limit(deadline: float, seconds: float) -> AsyncIterator[None]:
    """End what takes until *deadline* with `DeadlineError`."""
    try:
        async with asyncio.timeout_at(deadline) as limit:
            yield
    except TimeoutError:
        if limit.expired():
            raise DeadlineError(seconds) from None
        raise


@asynccontextmanager
async def open_pool(
    url: str,
    *,
    region: str,
    connections: int,
    timeout: float,  # noqa: ASYNC109 - of each exchange, not of opening
    cafile: str | None = None,
) -> AsyncIterator[Pool]:
    """
    Yield a pool of connections to *url*; nothing is connected before the first exchange.

    *timeout* are seconds for a whole exchange, from waiting for a connection to the answer's last
    byte. It is best generous, because a request that is given up may still be applied, later than
    its successor. *cafile* names the certificates to trust, before those of `dialing.bundle`. Raise
    `PreflightError` for a URL or certificates that cannot be used. No proxy is used: see
    `endpoint.proxied`.
    """
    endpoint = Endpoint.from_url(url)
    tls = None
    if endpoint.secure:
        tls = await asyncio.to_thread(context, cafile)
    pool = Pool(endpoint, Scope(region), tls, connections, timeout)
    try:
        yield pool
    finally:
        await pool.close()
