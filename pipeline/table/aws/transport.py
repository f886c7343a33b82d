"""
Transport: writes through the SDK, and the SDK's HTTP session made fit for them.

Imported only where a client is opened, since it brings the SDK with it. What it adds to the session
hooks two methods that aiobotocore does not document; ``tests/integration/test_answers.py`` fails if
they move.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import orjson
from aiobotocore.httpsession import AIOHTTPSession

from pipeline.errors import TransientError
from pipeline.table.aws.faults import translate
from pipeline.table.http.answers import read_error
from pipeline.table.http.response import Response
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_aiobotocore_dynamodb import DynamoDBClient

    from pipeline.errors import PipelineError

__all__ = ["SdkSender", "Transport"]

_CHECKSUM = "x-amz-crc32"

_FINAL = 200
"""The lowest status of an answer to a request; below are announcements."""

_OK, _TOO_LARGE = 200, 413


@dataclass(slots=True)
class _Exchange:
    """One request's body on its way in, and the answer on its way out."""

    body: bytes
    answer: Response | None = None


_exchange: ContextVar[_Exchange] = ContextVar("exchange")


class SdkSender:
    """
    Send writes to the table *name* through an AWS client; see `client.Sender`.

    Items come encoded; botocore would encode them a second time, at five times the price and with
    every non-ASCII character escaped to six bytes. So the request's body is put in place through
    botocore's documented events (``before-call``), before it is signed, and the answer is taken
    there too (``before-parse``): botocore returns a truncated, empty or HTML body with status 200
    as a success.

    *timeout* are seconds for a whole exchange. It is generous by default, because a request that is
    given up may still be applied, later than its successor.
    """

    def __init__(self, client: DynamoDBClient, name: str, *, timeout: float = 60.0) -> None:
        self.timeout = timeout
        self._client = client
        self._name = name
        events = client.meta.events
        events.register("before-call.dynamodb.BatchWriteItem", _put_body)
        events.register("before-parse.dynamodb.BatchWriteItem", _take_body)

    async def send(self, body: bytes, wires: Sequence[bytes], /) -> Response:
        """Send one request and return its answer, which is a 200; see `client.Sender`."""
        exchange = _Exchange(body)
        fault = await self._send(exchange, wires)
        if fault is not None:
            # Raised here, its traceback has no texts of the client in it, which quote requests.
            raise fault
        if exchange.answer is None:
            raise TransientError("the answer was not read: 200 without a body", code="unread")
        return exchange.answer

    async def _send(self, exchange: _Exchange, wires: Sequence[bytes]) -> PipelineError | None:
        token = _exchange.set(exchange)
        try:
            # A request that is abandoned here has its connection closed, never used again.
            async with asyncio.timeout(self.timeout) as deadline:
                await self._client.batch_write_item(RequestItems={self._name: []})
        except Exception as error:  # noqa: BLE001 - `translate` raises what it does not know
            if deadline.expired():
                text = f"no whole answer within {self.timeout:g} s"
                return TransientError(text, code="timeout")
            return translate(error, wires)
        finally:
            _exchange.reset(token)
        return None


def _put_body(params: dict[str, Any], **_: object) -> None:
    params["body"] = _exchange.get().body


def _take_body(response_dict: dict[str, Any], **_: object) -> None:
    """Take a 200 away from botocore's parser, and of an error all that it would break on."""
    status: int = response_dict["status_code"]
    headers, body = response_dict["headers"], response_dict["body"]
    if status == _OK:
        plain = {name.lower(): text for name, text in headers.items()}
        _exchange.get().answer = Response(status, plain, body)
        response_dict["body"] = b"{}"
    elif status != _TOO_LARGE:
        response_dict["body"] = orjson.dumps(read_error(status, body, headers))


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
