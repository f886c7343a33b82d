"""
Codes: what the service's error codes stand for.

Sources: AWS "Error handling with DynamoDB" (Programming.Errors), botocore's ``retries/standard.py``
and service model; measured answers in ``docs/dynamodb-rules.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ADVICE", "CREDENTIAL", "DENIED", "ISOLATE", "THROTTLED", "TOKEN_CALLS", "TRANSIENT"]

THROTTLED: Final = frozenset(
    {
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)

TRANSIENT: Final = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "ReplicatedWriteConflictException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "TransactionInProgressException",
    }
)

ISOLATE: Final = frozenset(
    {
        "413",
        "ItemCollectionSizeLimitExceededException",
        "RequestEntityTooLarge",
        "SerializationException",
        "ValidationException",
    }
)

CREDENTIAL: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClient",
        "UnrecognizedClientException",
    }
)
"""What other credentials may mend."""

ADVICE: Final[Mapping[str, str]] = {
    "AccessDeniedException": "allow dynamodb:BatchWriteItem and dynamodb:DescribeTable on the "
    "table (the README has the policy)",
    "IncompleteSignatureException": "the credentials are incomplete: see `aws configure list`",
    "InvalidSignatureException": "the secret key is wrong, or this machine's clock is",
    "MissingAuthenticationTokenException": "no credentials were sent: see `aws configure list`",
    "ResourceNotFoundException": "the table is gone; create it with `create-table` and run again",
    "SignatureDoesNotMatch": "the secret key is wrong, or this machine's clock is",
    "UnrecognizedClientException": "the access key is not known there: see `aws configure list`",
}
"""What to do about a refusal of the whole job, beside renewing the credentials."""

DENIED: Final = CREDENTIAL | {"AccessDenied", *ADVICE}
"""What refuses the whole job."""

TOKEN_CALLS: Final = frozenset(
    {
        "AssumeRole",
        "AssumeRoleWithSAML",
        "AssumeRoleWithWebIdentity",
        "CreateOAuth2Token",
        "CreateToken",
        "GetRoleCredentials",
    }
)
"""Calls that the SDK makes by itself, for credentials."""
