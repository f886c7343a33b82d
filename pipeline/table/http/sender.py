"""Sender: BatchWriteItem over our own transport, with keys that can be replaced meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.errors import DeniedError
from pipeline.table.aws import codes
from pipeline.table.aws.faults import translate
from pipeline.table.http.answers import fault_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.table.http.pool import Pool
    from pipeline.table.http.response import Response
    from pipeline.table.http.signing import Credentials

__all__ = ["HttpSender"]

_TARGET: Final = "DynamoDB_20120810.BatchWriteItem"

_OK: Final = 200


class HttpSender:
    """Send writes through *pool*, signed with what *credentials* give; see `client.Sender`."""

    def __init__(self, pool: Pool, credentials: Credentials) -> None:
        self._pool = pool
        self._credentials = credentials

    async def send(self, body: bytes, wires: Sequence[bytes], /) -> Response:
        """Send one request and return its answer, which is a 200; see `client.Sender`."""
        try:
            keys = await self._credentials.current()
            response = await self._pool.send(_TARGET, body, keys)
        except Exception as error:  # noqa: BLE001 - `translate` raises what it does not know
            fault = translate(error, wires)
        else:
            if response.status == _OK:
                return response
            fault = fault_of(response, keys, wires)
            if isinstance(fault, DeniedError) and fault.code in codes.CREDENTIAL:
                trouble = await self._credentials.refused(keys.generation)
                if trouble:
                    fault = fault_of(response, keys, wires, trouble)
        # Raised here, its traceback has no texts of others in it, which may quote requests.
        raise fault
