"""What the service says is shown without what it repeats."""

from __future__ import annotations

import pytest

from pipeline.table.aws.scrub import redact, scrub


def wire(value: str) -> bytes:
    """Make a write with *value* as an attribute."""
    return b'{"PutRequest":{"Item":{"PK":{"S":"u1"},"field":%s}}}' % value.encode()


@pytest.mark.parametrize(
    "text",
    [
        "The security token included in the request is expired",
        "One or more parameter values were invalid: Type mismatch for Index Key gk Expected: S",
        "Item size has exceeded the maximum allowed size",
        "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z",
        "User: arn:aws:iam::123456789012:user/Alice is not authorized: dynamodb:BatchWriteItem",
    ],
)
def test_what_helps_is_left(text: str) -> None:
    """Names of attributes, tables and people who must act are no secrets of the data."""
    assert scrub(text, [wire('{"S":"4111111111111111"}')]) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Input collection [ab, ab] contains duplicates", "Input collection […] contains dupl"),
        (
            "1 error: Value '{Users=[WriteRequest(item={PK=Value(s=x)})]}' at 'req' failed",
            "1 error: Value '…' at 'req' failed",
        ),
        (
            "does not match. The Canonical String for this request should be\n'POST\n/\n\nx'",
            "does not match. …",
        ),
        ("The key AKIAIOSFODNN7EXAMPLE is unknown", "The key … is unknown"),
        ("The key ASIAIOSFODNN7EXAMPLE is unknown", "The key … is unknown"),
        (
            "Authorization=AWS4-HMAC-SHA256 Credential=abc/20260101/x, Signature=5d67",
            "Authorization=…, Signature=…",
        ),
        ("x-amz-security-token: FwoGZXIvYXdzE end", "x-amz-security-token: … end"),
        ("x-amz-security-token:FwoG/ZXIv+YX==", "x-amz-security-token:…"),
        ("two\nlines\tand   more", "two lines and more"),
        ("x" * 1_000, "x" * 300 + "…"),
    ],
)
def test_quotations_and_credentials_are_taken_out(text: str, shown: str) -> None:
    """Bracketed echoes, canonical strings, keys and tokens; one line; 300 characters."""
    assert scrub(text).startswith(shown)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('{"S":"hunter2"}', "refused for hunter2"),
        ('{"S":"abc"}', "refused for abc"),
        ('{"N":"4711"}', "refused for 4711"),
        ('{"B":"aHVudGVyMg=="}', "refused for aHVudGVyMg=="),
        ('{"B":"aHVudGVyMg=="}', "refused for hunter2"),
        ('{"SS":["hunter2","x"]}', "refused for hunter2"),
        ('{"NS":["4711","1"]}', "refused for 4711"),
        ('{"BS":["aHVudGVyMg=="]}', "refused for aHVudGVyMg=="),
        ('{"L":[{"M":{"a":{"S":"hunter2"}}}]}', "refused for hunter2"),
        ('{"M":{"hunter2":{"BOOL":true}}}', "refused for hunter2"),
        ('{"S":"two\\nlines"}', "refused for two\nlines"),
        ('{"S":"two\\nlines"}', "refused for two\\nlines"),
        ('{"S":"gr\\u00fc\\u00dfe"}', "refused for gr\\xfc\\xdfe"),
        ('{"S":"gr\\u00fc\\u00dfe"}', "refused for gr\u00fc\u00dfe"),
    ],
)
def test_a_value_is_taken_out_in_every_spelling(value: str, text: str) -> None:
    """Texts, numbers, binaries, members and nested names; plain or escaped."""
    assert scrub(text, [wire(value)]) == "refused for …"


def test_a_part_of_a_long_value_is_taken_out() -> None:
    """A service that cuts what it quotes shows nothing of it for that."""
    value = "the quick brown fox jumps over the lazy dog " * 100

    shown = scrub(f"refused: {value[50:90]}...", [wire(f'{{"S":"{value}"}}')])

    assert shown == "refused: …..."


def test_of_very_large_requests_no_text_is_shown() -> None:
    """Comparing would stall the loop."""
    assert scrub("refused", [wire('{"S":"%s"}' % ("x" * 600_000))] * 2) == ""


def test_secrets_are_taken_out_by_value() -> None:
    """Whatever they look like; None is no secret."""
    assert redact("key k3y, token t0ken, None", ("k3y", "t0ken", None)) == "key …, token …, None"
