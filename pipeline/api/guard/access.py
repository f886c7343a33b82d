"""Who may ask: by which name, from which page, with which token."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pipeline.api.problems import Problem
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pipeline.api.limits import Limits

__all__ = ["OPEN", "Access", "Guard", "host_of"]

OPEN: Final = frozenset({"/", "/healthz", "/readyz"})
"""What is answered without a token, beside the page's assets: nothing of it tells of a job."""

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST: Final = re.compile(
    r"(?P<name>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>\d{1,5}))?"
)
_FRAMES: Final = frozenset({b"content-length", b"transfer-encoding"})
"""Two ends of one body: whoever sends both hides a second request from one of two readers."""

_OWN_SITE: Final = frozenset({"same-origin", "none"})


@dataclass(frozen=True, slots=True)
class Access:
    """
    The rules: *names* that a Host header may hold beside loopback's own, and the *token*, if any.

    Names are in lower case, without a port: which port a tunnel or a container gives to the
    outside, nobody here knows, and a name is what an attacker's page would have to have.
    """

    names: frozenset[str] = frozenset()
    token: str | None = None

    def judge(
        self, path: str, headers: Mapping[str, str], address: str | None = None
    ) -> Problem | None:
        """
        Return why a request is refused, None if it is not.

        *headers* are by lower-case name; *address* is the one of ours that the request came to.
        """
        return self._name(headers, address) or _site(headers) or self._bearer(path, headers)

    def _name(self, headers: Mapping[str, str], address: str | None) -> Problem | None:
        host = host_of(headers.get("host", ""))
        if host is not None and (host in _LOOPBACK or host in self.names or host == address):
            return None
        return Problem(
            "wrong-host",
            "the Host header names no server that runs here; if this one goes by that name, "
            "start it with --allow-host NAME",
        )

    def _bearer(self, path: str, headers: Mapping[str, str]) -> Problem | None:
        if self.token is None or path in OPEN or path.startswith("/assets/"):
            return None
        given = headers.get("authorization")
        if given is None:
            return _unauthorized("send the header `Authorization: Bearer TOKEN`", "")
        scheme, _, token = given.partition(" ")
        if scheme.lower() == "bearer" and _same(token.strip(), self.token):
            return None
        return _unauthorized(
            "the Authorization header does not hold this server's token", ', error="invalid_token"'
        )


def _same(given: str, wanted: str) -> bool:
    """Compare in a time that tells nothing of *wanted*, its length included."""
    digests = [hashlib.sha256(one.encode("latin-1", "replace")).digest() for one in (given, wanted)]
    return hmac.compare_digest(*digests)


def _unauthorized(detail: str, error: str) -> Problem:
    return Problem(
        "unauthorized", detail, (), {"WWW-Authenticate": f'Bearer realm="pipeline"{error}'}
    )


def _site(headers: Mapping[str, str]) -> Problem | None:
    """Refuse what a browser sends for a page that is not ours; programs send no such headers."""
    foreign = headers.get("sec-fetch-site", "none") not in _OWN_SITE
    origin = headers.get("origin")
    if not foreign and (origin is None or _place(origin) == headers.get("host", "").lower()):
        return None
    return Problem("foreign-site", "a browser sent this for a page that is not this server's own")


def _place(origin: str) -> str | None:
    """Return an origin's host and port as a Host header spells them."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() if parts.scheme in {"http", "https"} else None


def host_of(text: str) -> str | None:
    """Return the name in a Host header in lower case, an address in its shortest form."""
    found = _HOST.fullmatch(text)
    if found is None:
        return None
    name = found["name"].strip("[]").lower().rstrip(".")
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name


class Guard:
    """Ask `Access` about every request, and bound its address and its headers; pure ASGI."""

    def __init__(self, app: Any, access: Access, limits: Limits) -> None:
        self._app = app
        self._access = access
        self._limits = limits

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """Pass the request on, or raise the `Problem` with it."""
        problem = self._size(scope) or self._access.judge(
            scope["path"], _by_name(scope["headers"]), (scope.get("server") or (None,))[0]
        )
        if problem is not None:
            raise problem
        await self._app(scope, receive, send)

    def _size(self, scope: Mapping[str, Any]) -> Problem | None:
        limits, headers = self._limits, scope["headers"]
        if scope["http_version"] not in {"1.0", "1.1"}:
            return Problem("unknown-version", "HTTP/1.1 is", headers={"Connection": "close"})
        if _FRAMES.issubset(name for name, _ in headers):
            detail = "a body has a Content-Length or a Transfer-Encoding, not both"
            return Problem("bad-request", detail, headers={"Connection": "close"})
        if not scope["path"].isprintable():
            return Problem("not-found", "no address holds characters that do not print")
        if len(scope["raw_path"]) + len(scope["query_string"]) > limits.target_bytes:
            return Problem("target-too-long", f"more than {limits.target_bytes} bytes")
        size = sum(len(name) + len(value) + 4 for name, value in headers)
        if len(headers) > limits.head_fields or size > limits.head_bytes:
            most = f"{limits.head_fields} headers and {limits.head_bytes} bytes of them"
            return Problem("headers-too-large", f"at most {most} are taken")
        return None


def _by_name(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """
    Return headers by name; of one that stands there twice both, so that neither passes for it.

    Which of two tokens, hosts or origins is meant, a proxy before us may see otherwise than we.
    """
    found: dict[str, str] = {}
    for raw, value in headers:
        name, text = raw.decode("latin-1"), value.decode("latin-1")
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found
