"""
Signatures are botocore's, byte for byte, whatever is signed, and those that AWS publishes.

``PIPELINE_SIGNING_EXAMPLES=1000000`` holds the fast signer to the plain one on so many requests.
"""

from __future__ import annotations

import os
import random
import string
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import DeniedError
from pipeline.table.http.endpoint import Endpoint
from pipeline.table.http.signing import Keys, Scope, Signer, authorization

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLES = int(os.environ.get("PIPELINE_SIGNING_EXAMPLES", "2000"))

BASE64 = string.ascii_letters + string.digits + "+/="
TARGET = "DynamoDB_20120810.BatchWriteItem"

hosts = st.one_of(
    st.from_regex(r"[a-zA-Z][a-zA-Z0-9-]{0,20}(\.[a-z0-9]{1,9}){0,3}", fullmatch=True),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
)
ports = st.one_of(st.just(""), st.integers(1, 65_535).map(lambda port: f":{port}"))
paths = st.one_of(
    st.sampled_from(["", "/"]), st.from_regex(r"(/[A-Za-z0-9._~%+=@:,-]{0,6}){1,4}", fullmatch=True)
)
urls = st.builds("{}://{}{}{}".format, st.sampled_from(["http", "https"]), hosts, ports, paths)
words = st.text(BASE64, min_size=1, max_size=60)
keys = st.builds(Keys, words, words, st.one_of(st.none(), words))
moments = st.integers(0, 4_102_444_800)


def host_of(url: str) -> str:
    """Return the host that botocore signs for."""
    name: str = vars(auth)["_host_from_url"](url)
    return name


def headers_of(head: bytes) -> Mapping[str, str]:
    """Read the headers of a request's head."""
    assert head.endswith(b"\r\n\r\n")
    _, *lines = head.decode("ascii").split("\r\n")
    return {name: text for name, _, text in (line.partition(": ") for line in lines if line)}


@settings(max_examples=500)
@given(urls, words, st.binary(max_size=300), keys, moments, st.sampled_from(["us-east-1", "x"]))
def test_a_signature_is_botocores(
    url: str, target: str, body: bytes, signed_by: Keys, now: int, region: str
) -> None:
    """Host, port, path, body, keys, token and time: the header is the same."""
    endpoint = Endpoint.from_url(url)
    head = Signer(endpoint.name, endpoint.path, Scope(region)).head(target, body, signed_by, now)
    ours = headers_of(head)

    plain = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": target}
    request = AWSRequest("POST", url, data=body, headers=plain)
    credentials = Credentials(signed_by.access_key, signed_by.secret_key, signed_by.token)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auth, "get_current_datetime", lambda: datetime.fromtimestamp(now, UTC))
        auth.SigV4Auth(credentials, "dynamodb", region).add_auth(request)

    for name in ("Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Target"):
        assert ours.get(name) == request.headers.get(name)
    assert ours["Host"] == host_of(url)
    assert ours["Content-Length"] == str(len(body))


def test_one_signer_signs_many_requests_as_the_plain_text_does() -> None:
    """Keys, targets, seconds and days change in any order; nothing of before is left."""
    dice = random.Random(7)
    scope = Scope("eu-central-1")
    signer = Signer("example.org:8000", "/a/./b", scope)
    sets = [Keys("A", "s"), Keys("A", "t"), Keys("A", "s", "token"), Keys("A", "s", "u", 1)]
    now = 1_700_000_000
    for _ in range(EXAMPLES):
        now += dice.choice([0, 0, 0, 0, 1, -1, 60, 86_400, -86_400])
        signed_by, target = dice.choice(sets), f"DynamoDB_20120810.{dice.choice('ABC')}"
        body = dice.randbytes(dice.randrange(50))

        sent = dict(headers_of(signer.head(target, body, signed_by, now)))

        told = sent.pop("Authorization")
        assert sent["X-Amz-Date"] == datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        assert sent["X-Amz-Target"] == target
        assert sent.get("X-Amz-Security-Token") == signed_by.token
        for unsigned in ("User-Agent", "Accept-Encoding", "Content-Length"):
            del sent[unsigned]
        assert told == authorization("POST", "/a/./b", sent, body, scope, signed_by)


VECTOR_KEYS = Keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
VECTOR_TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSP"
    "fIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT"
    "7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlz"
    "m8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("method", "path", "more", "body", "signature"),
    [
        ("GET", "/", {}, b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (
            "GET",
            "/example/..",
            {},
            b"",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        ("POST", "/", {}, b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "POST",
            "/",
            FORM,
            b"Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
        (
            "POST",
            "/",
            {"X-Amz-Security-Token": VECTOR_TOKEN},
            b"",
            "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
        ),
    ],
)
def test_the_published_vectors_come_out(
    method: str, path: str, more: Mapping[str, str], body: bytes, signature: str
) -> None:
    """Source: the AWS Signature Version 4 test suite (get-vanilla, post-vanilla and others)."""
    headers = {"Host": "example.amazonaws.com", "X-Amz-Date": "20150830T123600Z", **more}
    scope = Scope("us-east-1", "service")

    told = authorization(method, path, headers, body, scope, VECTOR_KEYS)

    names = ";".join(sorted(name.lower() for name in headers))
    assert told == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )


def test_the_published_key_comes_out() -> None:
    """Source: AWS General Reference, "Deriving the signing key"."""
    key = Scope("us-east-1", "iam").key(VECTOR_KEYS.secret_key, "20150830T000000Z")

    assert key.hex() == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"


@settings(max_examples=20)
@given(keys)
def test_keys_do_not_show(signed_by: Keys) -> None:
    """A traceback, or a log of everything, has neither the secret key nor the token."""
    assert repr(signed_by) == (
        f"Keys(access_key={signed_by.access_key!r}, generation={signed_by.generation})"
    )


@pytest.mark.parametrize("odd", ["a\r\nX-Evil: 1", "a\n", "ä", "a\x00"])
def test_keys_that_are_no_line_of_text_are_refused(odd: str) -> None:
    """They would end the header, and begin another; nobody is told what they are."""
    for signed_by in (Keys(odd, "s"), Keys("a", "s", odd)):
        with pytest.raises(DeniedError, match="aws configure list") as caught:
            Signer("h", "/", Scope("x")).head(TARGET, b"", signed_by)
        assert "Evil" not in str(caught.value)
