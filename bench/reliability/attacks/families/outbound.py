"""Addresses from outside: no request may make the service call anybody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from bench.reliability.attacks.verdict import REFUSED, Attack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.reliability.attacks.verdict import Place

__all__ = ["FAMILY", "attacks"]

FAMILY: Final = "outbound"

_MIGRATE: Final = "/api/people/migrate"


def _addresses(place: Place) -> Iterator[str]:
    """Give URLs of the trap and of what runs near a service, in every spelling."""
    port = urlsplit(place.trap).port
    yield place.trap
    for host in (
        "localhost",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "①②⑦.⓪.⓪.①",
        "localtest.me",
        "user@127.0.0.1",
    ):
        yield f"http://{host}:{port}/"
    yield f"//127.0.0.1:{port}/"
    yield f"http://127.0.0.1:{port}#@dynamodb.us-east-1.amazonaws.com/"
    yield f"http://dynamodb.us-east-1.amazonaws.com@127.0.0.1:{port}/"
    yield f"http:127.0.0.1:{port}"
    yield "http://169.254.169.254/latest/meta-data/iam/security-credentials/"
    yield "http://2852039166/latest/meta-data/"
    yield "http://[fd00:ec2::254]/latest/meta-data/"
    yield "http://metadata.google.internal/computeMetadata/v1/"
    yield "http://169.254.170.2/v2/credentials"
    yield "http://10.0.0.1/"
    yield "http://192.168.0.1/"
    yield f"gopher://127.0.0.1:{port}/_GET"
    yield f"dict://127.0.0.1:{port}/"
    yield f"ftp://127.0.0.1:{port}/"
    yield "s3://bucket/key"
    yield "file:///etc/passwd"
    yield "embedded"


def _documents(address: str) -> Iterator[dict[str, Any]]:
    yield {"endpoint": address}
    yield {"target": {"endpoint": address}}
    yield {"source": {"type": "s3", "path": address}}


def attacks(place: Place) -> Iterator[Attack]:
    """Give some 120 attacks: each address in fields, parameters and headers."""
    kind = ("Content-Type", "application/json")
    for address in _addresses(place):
        for document in _documents(address):
            sent = place.asks("POST", _MIGRATE, [kind], json.dumps(document).encode())
            yield Attack(FAMILY, json.dumps(document)[:90], (sent,))
        target = f"{_MIGRATE}?endpoint={quote(address)}"
        yield Attack(FAMILY, target[:90], (place.asks("POST", target),))
    yield from _forwarding(place)


def _forwarding(place: Place) -> Iterator[Attack]:
    """Give requests that ask for a proxy, and headers that speak of other addresses."""
    near = urlsplit(place.trap).netloc
    yield Attack(FAMILY, "CONNECT", (place.asks("CONNECT", near),))
    for method in ("GET", "POST"):
        target = f"{place.trap}{'/' if method == 'GET' else _MIGRATE}"
        yield Attack(FAMILY, f"{method} as a proxy", (place.asks(method, target),))
    callback = {"webhook": place.trap, "callback_url": place.trap, "notify": place.trap}
    for name, address in callback.items():
        body = json.dumps({name: address}).encode()
        headers = [("Content-Type", "application/json")]
        yield Attack(FAMILY, name, (place.asks("POST", _MIGRATE, headers, body),))
    healthy = REFUSED | {200}
    for name in (
        "X-Forwarded-Host",
        "X-Forwarded-For",
        "Forwarded",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Forwarded-Prefix",
        "X-Amz-Endpoint",
        "Referer",
        "Destination",
        "Proxy",
        "traceparent",
    ):
        value = f"host={near}" if name == "Forwarded" else place.trap
        sent = place.asks("GET", "/api/jobs?limit=1", [(name, value)])
        yield Attack(FAMILY, f"header {name}", (sent,), healthy)
