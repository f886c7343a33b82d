"""
Faults: what the service and the network answer, translated into what to do about it.

A code that is not in the tables of `codes` stops the run: going on with an unknown refusal could
lose records.
"""

from __future__ import annotations

import math
import re
import ssl
import sys
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import (
    DeniedError,
    IsolateError,
    PipelineError,
    TableStopError,
    ThrottledError,
    TransientError,
)
from pipeline.table.aws import codes
from pipeline.table.aws.scrub import scrub
from pipeline.table.http.response import ExchangeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["asks_to_wait", "translate", "translate_answer"]

_RENEW: Final = "renew the credentials (`aws sso login`, or what gives them to you) and run again"

_UNTRUSTED: Final = (
    "the endpoint's TLS certificate is not trusted; check target.endpoint, "
    "or point AWS_CA_BUNDLE to the right certificates"
)

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")
"""What a code of the service looks like; a stranger's may hold anything."""

_SKEW: Final = 300.0
"""Seconds by which the service lets a signature's clock be wrong."""


def translate_answer(
    status: int,
    code: str,
    message: str,
    body: Mapping[str, Any],
    wires: Sequence[bytes] = (),
) -> PipelineError:
    """
    Return what to raise for an error answer to the writes *wires*.

    *code* is the service's error code without its namespace, or the HTTP status as text where the
    body has none. What is only waited out is told by its code, as nobody needs more; of all else
    the text is shown, scrubbed and bounded (see `scrub`).
    """
    headers = body.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    after = asks_to_wait(headers)
    if not _NAME.fullmatch(code):
        code = f"HTTP {status}"
    if code in codes.THROTTLED or status == 429:  # noqa: PLR2004 - Too Many Requests
        return ThrottledError(code, reasons=_reasons(body), code=code, after=after)
    if code in codes.ISOLATE:
        # Of several items nobody can say which one is meant: the text is that of the last, alone.
        text = scrub(message, wires) if len(wires) <= 1 else ""
        return IsolateError(code, text or f"the service answered {code}")
    if code in codes.TRANSIENT or status >= 500:  # noqa: PLR2004 - server fault
        return TransientError(code, code=code, after=after)
    if 300 <= status < 400:  # noqa: PLR2004 - a proxy or a portal answered, not DynamoDB
        text = f"HTTP {status} instead of an answer of DynamoDB"
        return TransientError(text, code=str(status), after=after)
    text = ": ".join(filter(None, [code, scrub(message, wires)]))
    if code in codes.DENIED:
        advice = (
            _skew(headers)
            or codes.ADVICE.get(code)
            or codes.ADVICE.get(f"{code}Exception")
            or _RENEW
        )
        return DeniedError(f"{text}; {advice}", code=code, after=after)
    return TableStopError(f"{text}; this is not known to pass by itself; nothing more was sent")


def asks_to_wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that ``Retry-After`` or ``x-amz-retry-after`` (milliseconds) ask for."""
    try:
        if "x-amz-retry-after" in headers:
            seconds = float(headers["x-amz-retry-after"]) / 1000
        else:
            seconds = float(headers["retry-after"])
    except (KeyError, ValueError):  # a date is no hint for a pause of seconds
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _skew(headers: Mapping[str, str]) -> str:
    """Say by how much this machine's clock differs from the service's, if by too much."""
    try:
        theirs = parsedate_to_datetime(headers["date"])
        ahead = (datetime.now(UTC) - theirs).total_seconds()
    except (KeyError, ValueError, TypeError):
        return ""
    if abs(ahead) < _SKEW:
        return ""
    return (
        f"this machine's clock is {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}: set it"
    )


def translate(error: Exception, wires: Sequence[bytes] = ()) -> PipelineError:
    """Return what to raise for an exception of either transport, or of the network below it."""
    if isinstance(error, PipelineError):
        return error
    if isinstance(error, ExchangeError):
        return TransientError(str(error), code=error.code)
    if isinstance(error, ssl.SSLError | OSError) and _is_certificate(error):
        return TableStopError(_UNTRUSTED)
    if isinstance(error, OSError | TimeoutError):
        return TransientError(_network_text(error), code=type(error).__name__)
    if "botocore.exceptions" not in sys.modules:
        raise error  # it is none of the SDK's, which nobody has imported
    return _translate_sdk(error, wires)


def _translate_sdk(error: Exception, wires: Sequence[bytes]) -> PipelineError:
    """Return what to raise for an exception of the AWS client."""
    from botocore import exceptions as aws  # noqa: PLC0415 - only where somebody has

    if isinstance(error, aws.ClientError) and error.operation_name not in codes.TOKEN_CALLS:
        answer: Mapping[str, Any] = error.response
        details = answer.get("Error", {})
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code, message = str(details.get("Code", status)), str(details.get("Message", ""))
        return translate_answer(status, code, message, answer, wires)
    if isinstance(error, aws.SSLError) and _is_certificate(error):
        return TableStopError(_UNTRUSTED)
    if isinstance(error, _credential_faults()):
        return DeniedError(
            f"no credentials to sign with ({type(error).__name__}); {_RENEW}; `aws configure list` "
            "shows where they come from",
            code=type(error).__name__,
        )
    if isinstance(error, aws.HTTPClientError | aws.ConnectionError):
        return TransientError(_network_text(error), code=type(error).__name__)
    if isinstance(error, aws.BotoCoreError):
        return TableStopError(f"the AWS client refused: {type(error).__name__}")
    raise error


def _credential_faults() -> tuple[type[Exception], ...]:
    """Return what the SDK raises where it finds no credentials, or cannot refresh them."""
    from botocore import exceptions as aws  # noqa: PLC0415 - as in `_translate_sdk`

    return (
        aws.NoCredentialsError,
        aws.PartialCredentialsError,
        aws.ClientError,  # of a call for credentials: the others are translated before
        aws.CredentialRetrievalError,
        aws.LoginError,
        aws.MetadataRetrievalError,
        aws.RefreshWithMFAUnsupportedError,
        aws.SSOError,
        aws.TokenRetrievalError,
    )


def _network_text(error: Exception) -> str:
    """Name the fault and its cause, not their texts: botocore's repeat URLs and request details."""
    cause = error.__cause__ or error.__context__
    named = type(error).__name__
    return f"{named} ({type(cause).__name__})" if cause is not None else named


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
    named = (one.get("reason") or one.get("Reason") for one in listed if isinstance(one, dict))
    return tuple(one for one in named if isinstance(one, str) and _NAME.fullmatch(one))
