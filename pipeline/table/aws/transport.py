"""
Transport: the SDK's HTTP session, made fit for signed writes.

Imported only where a client is opened, since it brings the SDK with it. What it adds hooks two
methods that aiobotocore does not document; ``tests/integration/test_answers.py`` fails if they
move.
"""

from __future__ import annotations

from typing import Any

from aiobotocore.httpsession import AIOHTTPSession

__all__ = ["Transport"]

_CHECKSUM = "x-amz-crc32"

_FINAL = 200
"""The lowest status of an answer to a request; below are announcements."""


class Transport(AIOHTTPSession):
    """
    Send requests as the SDK does, but follow no redirect, and read no answer before its request.

    A signed body goes to the host that it was signed for and to no other: a redirect is an answer
    like others. And a connection on which bytes arrived while nobody waited for any is dropped;
    its next answer would belong to a request that was sent before.
    """

    def __init__(self, *, max_pool_connections: int, **options: Any) -> None:
        super().__init__(max_pool_connections=max_pool_connections, **options)
        self._pool = max_pool_connections

    async def _get_session(self, proxy_url: str | None) -> _OneHop:
        return _OneHop(await super()._get_session(proxy_url))  # type: ignore[misc]  # not in stubs

    async def _create_connector(self, proxy_url: str | None) -> Any:
        connector: Any = await super()._create_connector(proxy_url)  # type: ignore[misc]  # as above
        connect = connector.connect

        async def connect_in_step(*wanted: Any, **how: Any) -> Any:
            connection = await connect(*wanted, **how)
            for _ in range(self._pool):
                if not connection.protocol.should_close:
                    break
                connection.close()
                connection = await connect(*wanted, **how)
            return connection

        connector.connect = connect_in_step
        return connector


class _OneHop:
    """A client session of aiohttp, as far as the SDK uses it, that follows no redirect."""

    def __init__(self, session: Any) -> None:
        self._session = session

    async def request(self, method: str, **options: Any) -> Any:
        response = await self._session.request(method, allow_redirects=False, **options)
        if response.status < _FINAL:
            # "Switching Protocols": aiohttp would wait for the new protocol to end, for ever.
            response.close()
        if len(set(response.headers.getall(_CHECKSUM, ()))) > 1:
            # The SDK keeps one of them, and that may be the one that matches.
            response.close()
            raise ConnectionError("an answer with two checksums")
        return response
