"""One table says what every answer means: wait, try again, isolate, or stop."""

from __future__ import annotations

import ssl

import pytest
from botocore import exceptions as aws

from pipeline.errors import (
    DeniedError,
    IsolateError,
    PipelineError,
    TableStopError,
    ThrottledError,
    TransientError,
)
from pipeline.table.aws.connection import shown_url
from pipeline.table.aws.faults import translate, translate_answer

URL = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (400, "ProvisionedThroughputExceededException", ThrottledError),
        (400, "ThrottlingException", ThrottledError),
        (400, "RequestLimitExceeded", ThrottledError),
        (400, "LimitExceededException", ThrottledError),
        (429, "429", ThrottledError),
        (500, "InternalServerError", TransientError),
        (500, "InternalFailure", TransientError),
        (502, "502", TransientError),
        (503, "503", TransientError),
        (503, "ServiceUnavailable", TransientError),
        (504, "504", TransientError),
        (409, "ReplicatedWriteConflictException", TransientError),
        (301, "301", TransientError),
        (400, "ValidationException", IsolateError),
        (400, "ItemCollectionSizeLimitExceededException", IsolateError),
        (400, "SerializationException", IsolateError),
        (413, "413", IsolateError),
        (400, "ResourceNotFoundException", DeniedError),
        (400, "AccessDeniedException", DeniedError),
        (400, "AccessDenied", DeniedError),
        (400, "UnrecognizedClientException", DeniedError),
        (403, "InvalidSignatureException", DeniedError),
        (400, "ExpiredTokenException", DeniedError),
        (400, "ExpiredToken", DeniedError),
        (400, "MissingAuthenticationTokenException", DeniedError),
        (400, "MissingAuthenticationToken", DeniedError),
        (400, "IncompleteSignature", DeniedError),
        (400, "Something <html> 4111111111111111", TableStopError),
        (400, "SomethingNobodyHasHeardOf", TableStopError),
    ],
)
def test_every_code_has_one_meaning(status: int, code: str, verdict: type[PipelineError]) -> None:
    """An unknown refusal stops the run: going on could lose records."""
    assert type(translate_answer(status, code, "text", {})) is verdict


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (aws.EndpointConnectionError(endpoint_url=URL), TransientError),
        (aws.ConnectionClosedError(endpoint_url=URL), TransientError),
        (aws.ConnectTimeoutError(endpoint_url=URL), TransientError),
        (aws.ReadTimeoutError(endpoint_url=URL), TransientError),
        (aws.ProxyConnectionError(proxy_url=URL), TransientError),
        (aws.ResponseStreamingError(error="cut"), TransientError),
        (aws.SSLError(endpoint_url=URL, error=OSError("reset")), TransientError),
        (
            aws.SSLError(endpoint_url=URL, error=OSError("[SSL: CERTIFICATE_VERIFY_FAILED]")),
            TableStopError,
        ),
        (ConnectionResetError(), TransientError),
        (TimeoutError(), TransientError),
        (aws.NoCredentialsError(), DeniedError),
        (aws.PartialCredentialsError(provider="env", cred_var="secret"), DeniedError),
        (aws.CredentialRetrievalError(provider="process", error_msg="no route"), DeniedError),
        (aws.UnauthorizedSSOTokenError(), DeniedError),
        (aws.ClientError({"Error": {"Code": "AccessDenied"}}, "AssumeRole"), DeniedError),
        (aws.ParamValidationError(report="value: 4111111111111111"), TableStopError),
    ],
)
def test_every_failure_of_the_network_has_one_meaning(
    error: Exception, verdict: type[PipelineError]
) -> None:
    """What may have been applied is sent again; what no retry can mend stops the run."""
    assert type(translate(error)) is verdict


def test_a_certificate_that_is_not_trusted_is_found_in_the_chain_of_causes() -> None:
    """The verification error may hide below the client's."""
    error = aws.SSLError(endpoint_url=URL, error=OSError("handshake"))
    error.__cause__ = ssl.SSLCertVerificationError()

    assert type(translate(error)) is TableStopError


def test_messages_carry_no_values_and_are_bounded() -> None:
    """The client's text repeats an item's value; ours names the kind of fault alone."""
    leaking = translate(aws.ParamValidationError(report="value: 4111111111111111"))
    long = translate_answer(400, "ValidationException", "x" * 10_000, {})

    assert "4111" not in str(leaking)
    assert len(str(long)) < 400


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (500, "InternalServerError"),
        (400, "ProvisionedThroughputExceededException"),
        (400, "ValidationException"),
        (400, "AccessDeniedException"),
        (400, "NobodyKnows"),
        (400, "4111111111111111 is the card"),
        (302, "4111111111111111"),
    ],
)
@pytest.mark.parametrize("count", [1, 2])
def test_no_answer_repeats_a_value_of_the_request(status: int, code: str, count: int) -> None:
    """Whatever the service writes, where it says it, and however many items were sent."""
    secret = "4111111111111111"
    wire = b'{"PutRequest":{"Item":{"PK":{"S":"a"},"card":{"S":"%s"}}}}' % secret.encode()
    body = {"ThrottlingReasons": [{"reason": f"because of {secret}"}]}

    error = translate_answer(status, code, f"refused for {secret}", body, [wire] * count)

    shown = [str(error), getattr(error, "code", ""), *getattr(error, "reasons", ())]
    assert all(secret not in text or text == code for text in shown if text != str(status))


def test_a_refusal_of_the_job_says_what_to_do() -> None:
    """Advice by code, or to renew the credentials."""
    denied = translate_answer(400, "AccessDeniedException", "not authorized", {})
    expired = translate_answer(400, "ExpiredTokenException", "expired", {})

    assert "allow dynamodb:BatchWriteItem" in str(denied)
    assert "renew the credentials" in str(expired)
    assert (denied.code, expired.code) == (  # type: ignore[attr-defined]
        "AccessDeniedException",
        "ExpiredTokenException",
    )


def test_a_clock_that_is_wrong_is_told_by_how_much() -> None:
    """A signature from another time is refused; the answer's Date says whose clock it is."""
    headers = {"date": "Mon, 01 Jan 2024 00:00:00 GMT"}
    body = {"ResponseMetadata": {"HTTPHeaders": headers}}

    error = translate_answer(403, "InvalidSignatureException", "Signature expired", body)

    assert "s ahead: set it" in str(error)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"x-amz-retry-after": "1500"}, 1.5),
        ({"x-amz-retry-after": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Mon, 01 Jan 2024 00:00:00 GMT"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_what_the_service_asks_to_wait_is_read(
    headers: dict[str, str], seconds: float | None
) -> None:
    """Seconds, or the SDK's own milliseconds; nonsense counts as nothing."""
    body = {"ResponseMetadata": {"HTTPHeaders": headers}}

    error = translate_answer(503, "ServiceUnavailable", "", body)

    assert isinstance(error, TransientError)
    assert error.after == seconds


def test_throttling_reasons_are_read() -> None:
    """DynamoDB says since 2025 whether a table, an index, a key range or the account is short."""
    body = {"ThrottlingReasons": [{"reason": "TableWriteKeyRangeThroughputExceeded"}]}

    throttled = translate_answer(400, "ThrottlingException", "", body)

    assert isinstance(throttled, ThrottledError)
    assert throttled.reasons == ("TableWriteKeyRangeThroughputExceeded",)


def test_a_bug_of_ours_is_not_taken_for_an_answer() -> None:
    """A foreign exception that means nothing here is raised as it is."""
    with pytest.raises(ZeroDivisionError):
        translate(ZeroDivisionError())


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://bob:hunter2@127.0.0.1:8000/x", "http://127.0.0.1:8000/x"),
        ("https://bob@[::1]:8000", "https://[::1]:8000"),
    ],
)
def test_an_endpoint_is_shown_without_credentials(url: str, shown: str) -> None:
    """AWS_ENDPOINT_URL may hold a password; no message or report does."""
    assert shown_url(url) == shown
