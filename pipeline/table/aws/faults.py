"""
Faults: what the service and the network answer, translated into what to do about it.

One table, `_BY_CODE`. Sources: AWS "Error handling with DynamoDB" (Programming.Errors), botocore's
``retries/standard.py`` and service model; measured answers in ``docs/dynamodb-rules.md``. A code
that is not in the table stops the run: going on with an unknown refusal could lose records.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import (
    IsolateError,
    PipelineError,
    TableStopError,
    ThrottledError,
    TransientError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CREDENTIAL_CODES", "translate", "translate_answer"]

_THROTTLED: Final = frozenset(
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

_TRANSIENT: Final = frozenset(
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

_ISOLATE: Final = frozenset(
    {
        "413",
        "ItemCollectionSizeLimitExceededException",
        "RequestEntityTooLarge",
        "SerializationException",
        "ValidationException",
    }
)

CREDENTIAL_CODES: Final = frozenset(
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

_ADVICE: Final[Mapping[str, str]] = {
    "AccessDeniedException": "allow dynamodb:BatchWriteItem and dynamodb:DescribeTable on the "
    "table (the README has the policy)",
    "ExpiredToken": "renew the session's credentials and run again",
    "ExpiredTokenException": "renew the session's credentials and run again",
    "IncompleteSignatureException": "the credentials are incomplete: see `aws configure list`",
    "InvalidSignatureException": "the secret key is wrong, or this machine's clock is",
    "MissingAuthenticationTokenException": "no credentials were sent: see `aws configure list`",
    "ResourceNotFoundException": "the table is gone; create it with `create-table` and run again",
    "UnrecognizedClientException": "the access key is not known there: see `aws configure list`",
}


def translate_answer(
    status: int, code: str, message: str, body: Mapping[str, Any]
) -> PipelineError:
    """
    Return what to raise for an error answer.

    *code* is the service's error code without its namespace, or the HTTP status as text where the
    body has none. Messages are bounded: some of the service's texts echo the whole request.
    """
    text = f"{code}: {_bounded(message)}" if message else code
    if code in _THROTTLED or status == 429:  # noqa: PLR2004 - Too Many Requests
        return ThrottledError(text, reasons=_reasons(body))
    if code in _ISOLATE:
        return IsolateError(code, _bounded(message) or f"the service answered {code}")
    if code in _TRANSIENT or status >= 500:  # noqa: PLR2004 - server fault
        return TransientError(text)
    if 300 <= status < 400:  # noqa: PLR2004 - a proxy or a portal answered, not DynamoDB
        return TransientError(f"HTTP {status} instead of an answer of DynamoDB")
    advice = _ADVICE.get(code, "this is not known to pass by itself; nothing more was sent")
    return TableStopError(f"{text}; {advice}")


def translate(error: Exception) -> PipelineError:
    """Return what to raise for an exception of the AWS client or of the network below it."""
    from botocore import exceptions as aws  # noqa: PLC0415 - the client's import is lazy as a whole

    if isinstance(error, PipelineError):
        return error
    if isinstance(error, aws.ClientError):
        answer: Mapping[str, Any] = error.response
        details = answer.get("Error", {})
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return translate_answer(
            status, str(details.get("Code", status)), str(details.get("Message", "")), answer
        )
    if isinstance(error, aws.SSLError) and _is_certificate(error):
        return TableStopError(
            "the endpoint's TLS certificate is not trusted; check target.endpoint, "
            "or point AWS_CA_BUNDLE to the right certificates"
        )
    if isinstance(
        error, aws.NoCredentialsError | aws.PartialCredentialsError | aws.CredentialRetrievalError
    ):
        return TableStopError(f"{error}; see `aws configure list` for where credentials come from")
    if isinstance(error, aws.HTTPClientError | aws.ConnectionError | OSError | TimeoutError):
        return TransientError(_network_text(error))
    if isinstance(error, aws.BotoCoreError):
        return TableStopError(f"the AWS client refused: {type(error).__name__}")
    raise error


def _network_text(error: Exception) -> str:
    """Name the fault, not its text: botocore's repeats URLs and request details."""
    return type(error).__name__


def _is_certificate(error: Exception) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return True
        seen = seen.__cause__ or seen.__context__
    return "CERTIFICATE_VERIFY_FAILED" in str(error)


def _reasons(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Read ThrottlingReasons, which DynamoDB returns since 2025, as `reason`s."""
    listed = body.get("ThrottlingReasons") or body.get("throttlingReasons") or ()
    return tuple(
        str(one.get("reason") or one.get("Reason"))
        for one in listed
        if isinstance(one, dict) and (one.get("reason") or one.get("Reason"))
    )


def _bounded(message: str, limit: int = 300) -> str:
    text = " ".join(message.split())
    return text if len(text) <= limit else text[:limit] + "…"
