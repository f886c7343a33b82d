"""Settings: where to listen, for whom; what is unsafe is refused before anything listens."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import stat
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

from pipeline.api.guard.access import Access, host_of
from pipeline.api.limits import Limits
from pipeline.errors import PreflightError
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path

__all__ = ["TOKEN_VARIABLE", "Settings", "access_of", "listen", "read_token"]

TOKEN_VARIABLE: Final = "PIPELINE_SERVE_TOKEN"  # noqa: S105 - a name
_TOKEN: Final = re.compile(r"[!-~]{16,512}")
_WANTED: Final = "16 to 512 visible ASCII characters without spaces, e.g. of `openssl rand -hex 32`"


@dataclass(frozen=True, slots=True)
class Settings:
    """
    How the server is started.

    *hosts* are names beside loopback's own that a Host header may hold. *max_body* are the bytes
    of an upload.
    """

    host: str
    port: int
    token: str | None = field(repr=False)
    hosts: tuple[str, ...] = ()
    max_body: int = 1 << 30
    limits: Limits = field(default_factory=Limits)


def read_token(path: Path | None, environment: MutableMapping[str, str]) -> str | None:
    """
    Return the token of the file *path*, else of `TOKEN_VARIABLE`, else None.

    The variable is taken out of *environment*: no child process needs it. Raise `PreflightError`
    for a file that others may read, and for a token that can be guessed.
    """
    given = environment.pop(TOKEN_VARIABLE, None)
    if path is None:
        return None if given is None else _checked(given, TOKEN_VARIABLE)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, encoding="latin-1") as file:  # noqa: PTH123 - a descriptor
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise PreflightError(f"--token-file: {str(path)!r} is no regular file")
            if stat.S_IMODE(status.st_mode) & 0o077:
                raise PreflightError(
                    f"--token-file: others may read {str(path)!r}; run `chmod 600` on it"
                )
            text = file.read(1024)
    except OSError as error:
        raise PreflightError(
            f"--token-file: {str(path)!r} cannot be read: {error.strerror}"
        ) from error
    return _checked(text.strip(), f"--token-file {str(path)!r}")


def _checked(token: str, where: str) -> str:
    if _TOKEN.fullmatch(token) is None:
        raise PreflightError(f"{where}: a token needs {_WANTED}")
    return token


def access_of(settings: Settings) -> Access:
    """Return who may ask; raise `PreflightError` for a name that no Host header could hold."""
    names = set()
    for text in settings.hosts:
        name = host_of(text)
        if name is None or name != text.lower().strip("[]").rstrip("."):
            raise PreflightError(
                f"--allow-host: {text!r} is no host name; give a name or an address without a port "
                "or a scheme, e.g. jobs.example.org"
            )
        names.add(name)
    own = host_of(settings.host if ":" not in settings.host else f"[{settings.host}]")
    if own is not None and not _is_wildcard(own):
        names.add(own)
    return Access(frozenset(names), settings.token)


def _is_wildcard(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_unspecified
    except ValueError:
        return False


def listen(settings: Settings) -> socket.socket:
    """
    Open the socket that is served.

    Raise `PreflightError` where that cannot be, and for an address that others can reach without a
    token to keep them out.
    """
    address, family = _address(settings.host, settings.port)
    if settings.token is None and not ipaddress.ip_address(str(address[0])).is_loopback:
        raise PreflightError(
            f"--host {settings.host}: others can reach this address, so a token is needed: give "
            f"--token-file or set {TOKEN_VARIABLE}, or listen on 127.0.0.1"
        )
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(settings.limits.connections)
        opened.setblocking(False)  # noqa: FBT003 - the library's way
    except OSError as error:
        opened.close()
        raise PreflightError(
            f"{settings.host}:{settings.port} cannot be listened on: {error.strerror}; choose "
            "another --port (0: any that is free), or end what listens there"
        ) from error
    return opened


def _address(host: str, port: int) -> tuple[Any, socket.AddressFamily]:
    """Resolve *host*, IPv4 first: what `localhost` means to most clients."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise PreflightError(
            f"--host: {host!r} is no address of this machine; 127.0.0.1 is the safe one, 0.0.0.0 "
            "means all"
        ) from None
    family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    return address, family
