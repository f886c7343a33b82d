"""Endpoint: where requests go, read from its URL, and whether this transport can go there."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from pipeline.errors import PreflightError
from pipeline.values import dataclass

__all__ = ["Endpoint", "proxied"]

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    One server: *host* to connect to and to check a certificate for, without brackets.

    *name* is the value of the ``Host`` header, *path* what requests name, never empty.
    """

    secure: bool
    host: str
    port: int
    name: str
    path: str

    @classmethod
    def from_url(cls, url: str) -> Endpoint:
        """
        Read *url* (``http`` or ``https``); its path is kept, its user name is not sent.

        Raise `PreflightError` for what is no such URL, without repeating it: it may hold a
        password.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
            if host and not host.isascii():
                host = host.encode("idna").decode()
        except ValueError:
            host, port = None, None
        if not host or parts.scheme not in _PORTS or parts.query or not _plain(host + parts.path):
            raise PreflightError(
                "target.endpoint is no URL of a server: give http(s)://host[:port][/path]"
            )
        name = f"[{host}]" if ":" in host else host
        usual = _PORTS[parts.scheme]
        if port not in (None, usual):
            name = f"{name}:{port}"
        return cls(parts.scheme == "https", host, port or usual, name, parts.path or "/")


def _plain(text: str) -> bool:
    """Tell whether *text* can stand in a request's head: printable ASCII, no blank."""
    return text.isascii() and text.isprintable() and " " not in text


def proxied(url: str) -> bool:
    """
    Tell whether the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY) sends *url* through a proxy.

    This transport knows no proxies; the SDK's does.
    """
    if not any(name.lower() in ("http_proxy", "https_proxy", "all_proxy") for name in os.environ):
        return False
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - rarely asked for

    parts = urlsplit(url)
    return parts.scheme in getproxies() and not proxy_bypass(parts.netloc)
