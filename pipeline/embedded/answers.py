"""What the service says when it says no: error types and texts, AWS's own where they are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "ServiceError",
    "foreign_host",
    "internal_failure",
    "missing_token",
    "no_such_table",
    "provisioned_exceeded",
    "serialization",
    "table_exists",
    "throttling",
    "too_large",
    "unknown_operation",
    "unsupported",
    "validation",
]

_DYNAMODB = "com.amazonaws.dynamodb.v20120810#"
_CORAL = "com.amazon.coral."


class ServiceError(Exception):
    """A request is answered with an error; *fields* join ``__type`` and ``message`` in its body."""

    def __init__(
        self, kind: str, message: str, *, status: int = 400, fields: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"__type": kind, "message": message, **(fields or {})}


def validation(message: str) -> ServiceError:
    """Refuse what the service holds to be invalid."""
    return ServiceError(f"{_CORAL}validate#ValidationException", message)


def unsupported(operation: str, names: Iterable[str]) -> ServiceError:
    """Refuse what the service can do and this engine cannot, rather than ignore it."""
    listed = ", ".join(sorted(names))
    return validation(
        f"The embedded engine does not support {listed} in {operation}; use DynamoDB Local or AWS"
    )


def serialization(message: str) -> ServiceError:
    """Refuse a body that is no JSON, or whose JSON has the wrong shape."""
    return ServiceError(f"{_CORAL}service#SerializationException", message)


def unknown_operation(operation: str) -> ServiceError:
    """Refuse an operation that this engine (or the service) does not have."""
    return ServiceError(
        f"{_CORAL}service#UnknownOperationException",
        f"The embedded engine has no operation {operation!r}; use DynamoDB Local or AWS",
    )


def missing_token() -> ServiceError:
    """Refuse a request without an Authorization header."""
    return ServiceError(
        f"{_CORAL}service#MissingAuthenticationTokenException",
        "Request is missing Authentication Token",
    )


def foreign_host() -> ServiceError:
    """Refuse a request that was sent to another host's name."""
    return ServiceError(
        f"{_DYNAMODB}AccessDeniedException",
        "The embedded engine answers only as 127.0.0.1 or localhost",
        status=403,
    )


def internal_failure() -> ServiceError:
    """Answer for a bug of the engine; the reason goes to the engine's log."""
    return ServiceError(
        f"{_DYNAMODB}InternalServerError",
        "The embedded engine failed at this request; its log has the traceback",
        status=500,
    )


def too_large() -> ServiceError:
    """Refuse a body above 16 MB; as with the service there is no ``__type``."""
    error = ServiceError("", "", status=413)
    error.body = {"message": ""}
    return error


def no_such_table(*, described: str | None = None) -> ServiceError:
    """Refuse a table that is not there; DescribeTable and DeleteTable name it (*described*)."""
    message = "Requested resource not found"
    if described is not None:
        message = f"{message}: Table: {described} not found"
    return ServiceError(f"{_DYNAMODB}ResourceNotFoundException", message)


def table_exists(name: str) -> ServiceError:
    """Refuse to create a table that is there."""
    return ServiceError(f"{_DYNAMODB}ResourceInUseException", f"Table already exists: {name}")


def provisioned_exceeded(reasons: Sequence[Mapping[str, str]], *, index: bool) -> ServiceError:
    """Refuse for want of provisioned capacity, of the table or (*index*) of a global index."""
    where = "one or more global secondary indexes of the table" if index else "the table"
    which = " for the under-provisioned global secondary indexes" if index else ""
    return ServiceError(
        f"{_DYNAMODB}ProvisionedThroughputExceededException",
        f"The level of configured provisioned throughput for {where} was exceeded. Consider "
        f"increasing your provisioning level{which} with the UpdateTable API.",
        fields={"ThrottlingReasons": list(reasons)},
    )


def throttling(reasons: Sequence[Mapping[str, str]]) -> ServiceError:
    """Refuse for want of on-demand capacity."""
    return ServiceError(
        f"{_CORAL}availability#ThrottlingException",
        "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically "
        "scaling your table or index so please try again shortly. If exceptions persist, check if "
        "you have a hot key: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/"
        "bp-partition-key-design.html.",
        fields={"throttlingReasons": list(reasons)},
    )
