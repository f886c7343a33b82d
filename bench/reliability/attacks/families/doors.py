"""Who may ask: tokens, and browsers that are made to ask by somebody else's page."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from bench.reliability.attacks.verdict import REFUSED, Attack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.reliability.attacks.verdict import Place
    from bench.reliability.attacks.wire import Told

__all__ = ["browsers", "strangers"]

_TOKENS: Final = "tokens"
_BROWSERS: Final = "browsers"
_MIGRATE: Final = "/api/people/migrate"
_NO_TOKEN: Final = frozenset({401})
_EVIL: Final = "http://evil.example"


def _routes(place: Place) -> Iterator[tuple[str, str]]:
    """Give every route that must ask for a token, with a job that is there and one that is not."""
    yield "GET", "/api/pipelines"
    yield "GET", "/api/jobs"
    yield "GET", "/metrics"
    yield "GET", "/openapi.json"
    yield "POST", _MIGRATE
    yield "POST", "/api/nobody/migrate"
    for job in (place.job, "A" * 22):
        yield "GET", f"/api/jobs/{job}"
        for part in ("events", "samples", "errors", "log"):
            yield "GET", f"/api/jobs/{job}/{part}"
        yield "POST", f"/api/jobs/{job}/stop"
        yield "POST", f"/api/jobs/{job}/resume"


def _credentials(token: str) -> Iterator[tuple[str, str | bytes]]:
    """Give values of Authorization that are not the token."""
    middle = token[: len(token) // 2] + "x" + token[len(token) // 2 + 1 :]
    yield "nothing", ""
    yield "a scheme alone", "Bearer"
    yield "an empty token", "Bearer "
    yield "the token without a scheme", token
    yield "another scheme", f"Basic {token}"
    yield "Basic", "Basic " + base64.b64encode(f":{token}".encode()).decode()
    yield "Digest", f'Digest username="{token}"'
    yield "the first half", f"Bearer {token[: len(token) // 2]}"
    yield "all but the last", f"Bearer {token[:-1]}"
    yield "one more", f"Bearer {token}x"
    yield "another letter", f"Bearer {middle}"
    yield "the token twice", f"Bearer {token}{token}"
    yield "two tokens", f"Bearer wrong, Bearer {token}"
    yield "other case", f"Bearer {token.swapcase()}"
    yield "in quotes", f'Bearer "{token}"'
    yield "percent-encoded", "Bearer " + "".join(f"%{ord(one):02x}" for one in token)
    yield "base64", "Bearer " + base64.b64encode(token.encode()).decode()
    yield "no ASCII", f"Bearer {token}é"
    yield "no UTF-8", b"Bearer \xff\xfe"
    yield "a token of 7,000 letters", "Bearer " + "x" * 7000
    yield "null", "Bearer null"
    yield "undefined", "Bearer undefined"
    yield "none", "Bearer None"
    yield "a JWT without a signature", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0."
    yield "SQL", "Bearer ' OR '1'='1"


def _asks_for_it(told: Told) -> str:
    """Hold a 401 to RFC 9110: it must say how to ask."""
    final = [one for one in told.answers if one.status == 401]
    asked = final and (final[0].header("www-authenticate") or "").startswith("Bearer")
    return "" if asked else "a 401 without WWW-Authenticate: Bearer"


def strangers(place: Place) -> Iterator[Attack]:
    """Give some 60 attacks on a service with a token, by somebody who has none."""
    assert place.token is not None
    bare = frozenset({"authorization"})
    for method, route in _routes(place):
        sent = place.asks(method, route, without=bare)
        yield Attack(_TOKENS, f"{method} {route}", (sent,), _NO_TOKEN, _asks_for_it)
    for what, value in _credentials(place.token):
        sent = place.asks("GET", "/api/jobs", [("Authorization", value)])
        yield Attack(_TOKENS, what, (sent,), frozenset({400, 401}))
    for name in ("token", "access_token", "authorization", "api_key"):
        target = f"/api/jobs?{name}={place.token}"
        sent = place.asks("GET", target, without=bare)
        yield Attack(_TOKENS, f"in ?{name}", (sent,), _NO_TOKEN)
    for name in ("Cookie", "X-Api-Key", "X-Auth-Token", "Proxy-Authorization", "X-Authorization"):
        value = f"token={place.token}" if name == "Cookie" else f"Bearer {place.token}"
        sent = place.asks("GET", "/api/jobs", [(name, value)], without=bare)
        yield Attack(_TOKENS, f"in {name}", (sent,), _NO_TOKEN)
    for target in ("//api/jobs", "/API/JOBS", "/api/jobs/", "/healthz/../api/jobs", "/api//jobs"):
        sent = place.asks("GET", target, without=bare)
        yield Attack(_TOKENS, f"past the door by {target}", (sent,), frozenset({400, 401, 404}))
    for name in ("X-Original-URL", "X-Rewrite-URL"):
        sent = place.asks("GET", "/healthz", [(name, "/api/jobs")], without=bare)
        yield Attack(_TOKENS, f"past the door by {name}", (sent,), frozenset({200}), _no_jobs)


def _no_jobs(told: Told) -> str:
    return "jobs are shown" if b'"jobs"' in told.raw else ""


def _hosts(place: Place) -> Iterator[str]:
    """Give Host headers of pages that made a browser believe that they live here."""
    address, port = place.address
    yield "evil.example"
    yield f"evil.example:{port}"
    yield f"{address}.evil.example:{port}"
    yield f"localhost.evil.example:{port}"
    yield f"evil.example@{address}:{port}"
    yield f"{address}:{port}@evil.example"
    yield f"{address}:{port}.evil.example"
    yield f"{address}:{port}/evil.example"
    yield f"{address}:{port}#evil.example"
    yield f"{address}:{port}, evil.example"
    yield f"2130706433:{port}"
    yield f"0x7f.1:{port}"
    yield f"0.0.0.0:{port}"
    yield f"10.0.0.1:{port}"
    yield f"[::1].evil.example:{port}"
    yield f"127.0.0.1\t.evil.example:{port}"
    yield ""
    yield " "


def _pages(place: Place) -> Iterator[tuple[str, str]]:
    """Give headers by which a browser says that another page asks."""
    address, port = place.address
    for origin in (
        _EVIL,
        "null",
        "file://",
        f"http://{address}:{port + 1}",
        f"http://{address}",
        f"http://{address}:{port}.evil.example",
        f"http://evil.example:{port}",
        f"http://localhost.evil.example:{port}",
        f"http://{address}:{port}@evil.example",
        f"{_EVIL}?http://{address}:{port}",
        f"http://{address}:{port}, {_EVIL}",
        "chrome-extension://abcdefghijklmnop",
    ):
        yield "Origin", origin
    yield "Sec-Fetch-Site", "cross-site"
    yield "Sec-Fetch-Site", "same-site"
    yield "Sec-Fetch-Site", "CROSS-SITE"


_SIMPLE: Final = (
    ("text/plain", b'{"dry_run": true}'),
    ("text/plain;charset=UTF-8", b'{"dry_run": true}'),
    ("application/x-www-form-urlencoded", b"dry_run=true"),
    ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="a"'),
    ("", b'{"dry_run": true}'),
    ("text/plain; application/json", b'{"dry_run": true}'),
    ("text/plain, application/json", b'{"dry_run": true}'),
    ("application/octet-stream", b'{"dry_run": true}'),
)
"""What a page of anybody may send without being asked for leave; none of it is JSON or records."""


def browsers(place: Place) -> Iterator[Attack]:
    """Give some 100 attacks on a service without a token, through the browser of its user."""
    job, host = place.job, frozenset({"host"})
    for name in _hosts(place):
        for method, target in (("GET", "/api/jobs"), ("POST", _MIGRATE), ("GET", "/")):
            sent = place.asks(method, target, [("Host", name)])
            yield Attack(_BROWSERS, f"{method} {target} at {name!r}", (sent,))
    sent = place.asks("GET", "/api/jobs", [("Host", place.host), ("Host", "evil.example")])
    yield Attack(_BROWSERS, "two hosts", (sent,))
    sent = place.asks("GET", "/api/jobs", [("Host", "evil.example"), ("Host", place.host)])
    yield Attack(_BROWSERS, "two hosts, the good one behind", (sent,))
    yield Attack(_BROWSERS, "no host", (place.asks("GET", "/api/jobs", without=host),))
    target = f"http://evil.example:{place.address[1]}/api/jobs"
    yield Attack(_BROWSERS, "another host in the target", (place.asks("GET", target),))
    for name, value in _pages(place):
        for method, target in (("POST", _MIGRATE), ("GET", "/api/jobs"), ("GET", "/metrics")):
            sent = place.asks(method, target, [(name, value)])
            yield Attack(_BROWSERS, f"{method} {target}, {name}: {value}", (sent,))
        sent = place.asks("POST", f"/api/jobs/{job}/stop", [(name, value)])
        yield Attack(_BROWSERS, f"stop, {name}: {value}", (sent,))
    for kind, body in _SIMPLE:
        headers = [("Content-Type", kind)] if kind else []
        sent = place.asks("POST", _MIGRATE, headers, body)
        yield Attack(_BROWSERS, f"a form's {kind!r}", (sent,))
    yield from _methods(place)


def _methods(place: Place) -> Iterator[Attack]:
    """Give methods that nobody offers, and a page's question whether it may ask."""
    for method in ("TRACE", "TRACK", "PUT", "DELETE", "PATCH", "DEBUG", "PROPFIND", "A" * 100):
        for target in ("/", "/api/jobs", _MIGRATE):
            secret = [("Cookie", "session=ZqCookieQz7731")]
            sent = place.asks(method, target, secret)
            yield Attack(_BROWSERS, f"{method[:9]} {target}", (sent,), REFUSED, _no_echo)
    for target in ("/api/jobs", _MIGRATE):
        asked = [("Origin", _EVIL), ("Access-Control-Request-Method", "POST")]
        sent = place.asks("OPTIONS", target, asked)
        yield Attack(_BROWSERS, f"leave for {target}", (sent,))
    for name in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"):
        sent = place.asks("GET", f"/api/jobs/{place.job}/stop", [(name, "POST")])
        yield Attack(_BROWSERS, f"stop by {name}", (sent,))
    for target in (f"{_MIGRATE}?_method=POST", f"/api/jobs/{place.job}/resume?_method=POST"):
        yield Attack(_BROWSERS, f"GET {target}", (place.asks("GET", target),))


def _no_echo(told: Told) -> str:
    return "the request comes back" if b"ZqCookieQz7731" in told.raw else ""
