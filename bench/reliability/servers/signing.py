"""
Verify AWS Signature Version 4, from AWS's description of it ("Create a signed AWS API request").

Nothing of botocore is used: a stub that asks the signer how to verify agrees with any mistake.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.reliability.servers.wire import Message

__all__ = ["signature_error"]

_FORM = re.compile(
    rb"AWS4-HMAC-SHA256 Credential=(?P<key>\w+)/(?P<scope>(?P<day>\d{8})/(?P<region>[\w-]+)/"
    rb"(?P<service>\w+)/aws4_request), ?SignedHeaders=(?P<headers>[\w;-]+), ?"
    rb"Signature=(?P<signature>[0-9a-f]{64})"
)
_REQUIRED = {b"host", b"x-amz-date", b"x-amz-target"}
"""Headers that must be signed: what the request does, when, and to whom."""


def signature_error(request: Message, secret: str) -> str | None:
    """Return why the signature of *request* is wrong, None if it is right."""
    given = _FORM.fullmatch(request.headers.get(b"authorization", b""))
    if given is None:
        return "the Authorization header has another form"
    names = given["headers"].split(b";")
    if not set(names) >= _REQUIRED or names != sorted(names):
        return f"these headers are signed, in this order: {given['headers'].decode()}"
    if any(name not in request.headers for name in names):
        return "a header that is signed was not sent"
    date = request.headers[b"x-amz-date"]
    if date[:8] != given["day"] or given["service"] != b"dynamodb":
        return "the scope is of another day or service"
    right = hmac.new(
        _signing_key(secret, given["day"], given["region"], given["service"]),
        _text_to_sign(request, names, given["scope"]),
        hashlib.sha256,
    ).hexdigest()
    if not hmac.compare_digest(right.encode(), given["signature"]):
        return "the signature does not match"
    return None


def _text_to_sign(request: Message, names: list[bytes], scope: bytes) -> bytes:
    method, path, _ = request.first.split(b" ")
    headers = b"".join(name + b":" + request.headers[name] + b"\n" for name in names)
    payload = hashlib.sha256(request.body).hexdigest().encode()
    canonical = b"\n".join((method, path, b"", headers, b";".join(names), payload))
    digest = hashlib.sha256(canonical).hexdigest().encode()
    return b"\n".join((b"AWS4-HMAC-SHA256", request.headers[b"x-amz-date"], scope, digest))


@cache
def _signing_key(secret: str, day: bytes, region: bytes, service: bytes) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in (day, region, service, b"aws4_request"):
        key = hmac.digest(key, part, "sha256")
    return key
