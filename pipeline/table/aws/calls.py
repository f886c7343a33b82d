"""Table calls: everything that is asked of the service beside the writes, over either transport."""

from __future__ import annotations

from socket import gaierror
from typing import TYPE_CHECKING, Any, Final, Protocol

import orjson

from pipeline.errors import TransientError
from pipeline.table.aws.faults import translate
from pipeline.table.http.answers import fault_of, read_object

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

    from pipeline.table.http.pool import Pool
    from pipeline.table.http.signing import Credentials

__all__ = ["UNREACHABLE", "HttpCalls", "SdkCalls", "TableCalls"]

UNREACHABLE: Final = "unreachable"
"""The code of the fault where nothing listens, or the name is unknown: no use in asking again."""

_OK: Final = 200

_METHODS: Final = {
    "CreateTable": "create_table",
    "DescribeTable": "describe_table",
    "DescribeTimeToLive": "describe_time_to_live",
    "UpdateTimeToLive": "update_time_to_live",
}


class TableCalls(Protocol):
    """Calls to the service at *endpoint_url*, one request each."""

    @property
    def endpoint_url(self) -> str:
        """Where they go; may hold a user's name and password (see `shown_url`)."""

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """
        Call *operation*, as the service names it, and return its answer.

        Raise what `faults.translate` returns where there is none; its *code* is `UNREACHABLE` if
        nothing listens.
        """


class SdkCalls:
    """Table calls through an AWS client; see `TableCalls`."""

    def __init__(self, client: DynamoDBClient) -> None:
        self._client = client

    @property
    def endpoint_url(self) -> str:
        """Where the client's calls go."""
        return self._client.meta.endpoint_url

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Call *operation*; see `TableCalls.call`."""
        try:
            answer: dict[str, Any] = await getattr(self._client, _METHODS[operation])(**parameters)
        except Exception as error:
            fault = translate(error)
            if fault is error:
                raise
            if _no_connector(error):
                fault = TransientError(str(fault), code=UNREACHABLE)
        else:
            return answer
        # Raised here, its traceback has no texts of the client in it, which quote requests.
        raise fault


def _no_connector(error: Exception) -> bool:
    """Tell whether the connection was refused or the name is unknown."""
    from botocore.exceptions import EndpointConnectionError  # noqa: PLC0415 - with the client

    # The SDK says the same of a connection that was reset; the library below it does not.
    cause = error.__context__ or error.__cause__
    return isinstance(error, EndpointConnectionError) and "Connector" in type(cause).__name__


class HttpCalls:
    """Table calls over our own transport, which need no SDK; see `TableCalls`."""

    def __init__(self, pool: Pool, credentials: Credentials, endpoint_url: str) -> None:
        self._pool = pool
        self._credentials = credentials
        self._endpoint_url = endpoint_url

    @property
    def endpoint_url(self) -> str:
        """Where the pool's calls go."""
        return self._endpoint_url

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Call *operation*; see `TableCalls.call`."""
        target = f"DynamoDB_20120810.{operation}"
        try:
            keys = await self._credentials.current()
            response = await self._pool.send(target, orjson.dumps(parameters), keys)
            if response.status == _OK:
                return read_object(response)
            fault = fault_of(response, keys)
        except Exception as error:
            fault = translate(error)
            if fault is error:
                raise
            if isinstance(error, ConnectionRefusedError | gaierror):
                fault = TransientError(str(fault), code=UNREACHABLE)
        # Raised here, as above.
        raise fault
