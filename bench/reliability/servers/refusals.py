"""What the service says when it refuses: throttling, its own faults, what it will not take."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.reliability.servers.exchange import Exchange, Fault

__all__ = ["DENIALS", "POISONED", "TRANSIENT"]


def _saying(status: int, code: str, message: str, **more: Any) -> Fault:
    """Make a fault that refuses with *code*."""

    async def fault(exchange: Exchange) -> None:
        await exchange.refuse(status, code, message, **more)

    return fault


def _with_body(status: int, document: Mapping[str, Any]) -> Fault:
    """Make a fault that refuses with exactly this document."""

    async def fault(exchange: Exchange) -> None:
        await exchange.answer(json.dumps(document).encode(), status)

    return fault


async def _throttled(exchange: Exchange) -> None:
    """Throttle, in one of the service's ways."""
    codes = (
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
    )
    reason = {
        "reason": "TableWriteKeyRangeThroughputExceeded",
        "resource": "arn:aws:dynamodb:us-east-1:123456789012:table/Board",
    }
    await exchange.refuse(400, exchange.dice.choice(codes), "slow down", ThrottlingReasons=[reason])


async def _server_error_after(exchange: Exchange) -> None:
    """Carry the request out, then claim to have failed."""
    await exchange.forward()
    await exchange.refuse(500, "InternalServerError", "injected")


async def _validation_echo(exchange: Exchange) -> None:
    """Refuse with a message that repeats the whole request, as some of the service's do."""
    text = f"1 validation error detected: Value '{exchange.body.decode()}' at 'requestItems'"
    await exchange.refuse(400, "ValidationException", text)


TRANSIENT: Final[Mapping[str, Fault]] = {
    "throttled": _throttled,
    "server_error": _saying(500, "InternalServerError", "injected"),
    "server_error_after": _server_error_after,
    "unavailable": _saying(503, "ServiceUnavailableException", "injected"),
    "conflict": _saying(409, "ReplicatedWriteConflictException", "injected"),
}
"""What passes by itself."""

DENIALS: Final[Mapping[str, Fault]] = {
    "expired_token": _saying(400, "ExpiredTokenException", "The security token is expired"),
    "access_denied": _saying(400, "AccessDeniedException", "not authorized"),
}
"""What has nothing to do with the items."""

POISONED: Final[Mapping[str, Fault]] = {
    "validation": _saying(400, "ValidationException", "One or more parameter values were invalid"),
    "validation_coral": _with_body(
        400,
        {
            "__type": "com.amazon.coral.validate#ValidationException",
            "Message": "Type mismatch for Index Key",
        },
    ),
    "validation_echo": _validation_echo,
    "serialization": _saying(400, "SerializationException", "NUMBER_VALUE cannot be converted"),
    "serialization_coral": _with_body(
        400, {"__type": "com.amazon.coral.service#SerializationException"}
    ),
    "collection_size": _saying(
        400, "ItemCollectionSizeLimitExceededException", "Collection size exceeded"
    ),
    "too_large": _with_body(413, {"Message": ""}),
    "entity_too_large": _saying(413, "RequestEntityTooLarge", "Request body is too large"),
}
"""Refusals of a whole request because of one item; none of them says which."""
