"""
Signing: AWS Signature Version 4 for one host, with all that does not change made once.

`authorization` is the plain text of the standard, and what `Signer` is held to; both agree with
botocore byte for byte. Source: AWS IAM User Guide, "Create a signed AWS API request".
"""

from __future__ import annotations

import hmac
import sys
import time
from dataclasses import field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Protocol

from pipeline import __version__
from pipeline.errors import DeniedError
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Credentials", "Fixed", "Keys", "Scope", "Signer", "authorization"]

_ALGORITHM: Final = "AWS4-HMAC-SHA256"

_AGENT: Final = (
    f"dynamodb-pipeline/{__version__} python/{sys.version_info[0]}.{sys.version_info[1]}"
)


@dataclass(frozen=True, slots=True)
class Keys:
    """
    What requests are signed with now; *token* only with temporary ones.

    *generation* counts how often they were replaced, so that those who are refused together have
    them replaced once. Neither the secret key nor the token shows in a traceback.
    """

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    generation: int = 0


class Credentials(Protocol):
    """Where the keys come from, and who is told that they are refused."""

    async def current(self) -> Keys:
        """Return the keys to sign with now, refreshed if they are about to expire."""

    async def refused(self, generation: int) -> str:
        """
        Replace the keys of *generation*, which the service refused, unless somebody has.

        Return why that was not possible, "" if it was; a text without a credential in it.
        """


class Fixed:
    """Credentials that stay as they are; *keys* are those of a variable, or made up."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def current(self) -> Keys:
        """Return the keys."""
        return self._keys

    async def refused(self, _generation: int, /) -> str:
        """Do nothing: there are no others."""
        return ""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a signature is good for."""

    region: str
    service: str = "dynamodb"

    def on(self, date: str) -> str:
        """Return the credential scope of the day of *date* (``20260131T235959Z``)."""
        return f"{date[:8]}/{self.region}/{self.service}/aws4_request"

    def key(self, secret_key: str, date: str) -> bytes:
        """Return the key that signs for the day of *date*."""
        key = f"AWS4{secret_key}".encode()
        for word in self.on(date).split("/"):
            key = hmac.digest(key, word.encode(), "sha256")
        return key


def authorization(
    method: str, path: str, headers: Mapping[str, str], body: bytes, scope: Scope, keys: Keys
) -> str:
    """
    Return the ``Authorization`` of a request without a query; all of *headers* are signed.

    *headers* have ``X-Amz-Date`` among them, and ``X-Amz-Security-Token`` if *keys* have a token;
    *path* is as it goes on the wire.
    """
    plain = {name.lower(): " ".join(text.split()) for name, text in headers.items()}
    names = ";".join(sorted(plain))
    date = plain["x-amz-date"]
    canonical = "\n".join(
        [
            method,
            canonical_path(path),
            "",
            *(f"{name}:{plain[name]}" for name in sorted(plain)),
            "",
            names,
            sha256(body).hexdigest(),
        ]
    )
    to_sign = "\n".join([_ALGORITHM, date, scope.on(date), sha256(canonical.encode()).hexdigest()])
    signature = hmac.digest(scope.key(keys.secret_key, date), to_sign.encode(), "sha256").hex()
    credential = f"{keys.access_key}/{scope.on(date)}"
    return f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"


def canonical_path(path: str) -> str:
    """Return *path* as it is signed: without dots and empty parts, escaped once more."""
    from urllib.parse import quote  # noqa: PLC0415 - once a signer

    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del kept[-1:]
        elif part not in ("", "."):
            kept.append(part)
    end = "/" if kept and path.endswith("/") else ""
    return quote("/" + "/".join(kept) + end, safe="/~")


@dataclass(slots=True)
class _Second:
    """All of a request's head that is the same for a second: for one target and one set of keys."""

    second: int
    keys: Keys
    canonical: Any
    inner: Any
    outer: Any
    head: bytes


class Signer:
    """
    Write the heads of signed POSTs of DynamoDB's JSON protocol to *host* and *path*.

    *host* is the value of the ``Host`` header: lower case, with the port unless it is the scheme's
    own. The body is hashed once, and of the rest only what depends on it is made for each request:
    the key is derived once a day, the head once a second.
    """

    def __init__(self, host: str, path: str, scope: Scope) -> None:
        self._host = host
        self._path = path
        self._scope = scope
        self._day = ""
        self._day_keys: Keys | None = None
        self._signing_key = b""
        self._seconds: dict[str, _Second] = {}

    def head(self, target: str, body: bytes, keys: Keys, now: float | None = None) -> bytes:
        """
        Return request line and headers, with the empty line after them.

        *target* is the operation with its version, ``DynamoDB_20120810.BatchWriteItem``; *now* are
        seconds since the epoch, by this machine's clock if left out. Raise `DeniedError` for keys
        that cannot stand in a header.
        """
        second = int(time.time() if now is None else now)
        made = self._seconds.get(target)
        if made is None or made.second != second or (made.keys is not keys and made.keys != keys):
            made = self._seconds[target] = self._make(target, keys, second)
        canonical = made.canonical.copy()
        canonical.update(sha256(body).hexdigest().encode())
        inner, outer = made.inner.copy(), made.outer.copy()
        inner.update(canonical.hexdigest().encode())
        outer.update(inner.digest())
        signature = outer.hexdigest().encode()
        return b"%b%b\r\nContent-Length: %d\r\n\r\n" % (made.head, signature, len(body))

    def _make(self, target: str, keys: Keys, second: int) -> _Second:
        told = keys.access_key + (keys.token or "")
        if not (told.isascii() and told.isprintable()):
            raise DeniedError(
                "the access key or the session token is not a line of ASCII; `aws configure list` "
                "shows where they come from",
                code="Credentials",
            )
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "Host": self._host,
            "X-Amz-Date": date,
            "X-Amz-Target": target,
        }
        if keys.token:
            headers["X-Amz-Security-Token"] = keys.token
        signed = sorted((name.lower(), " ".join(text.split())) for name, text in headers.items())
        names = ";".join(name for name, _ in signed)
        fields = "".join(f"{name}:{text}\n" for name, text in signed)
        scope = self._scope.on(date)
        lines = [
            f"POST {self._path} HTTP/1.1",
            *(f"{name}: {text}" for name, text in headers.items()),
            f"User-Agent: {_AGENT}",
            "Accept-Encoding: identity",
        ]
        lines.append(
            f"Authorization: {_ALGORITHM} Credential={keys.access_key}/{scope}, "
            f"SignedHeaders={names}, Signature="
        )
        canonical = f"POST\n{canonical_path(self._path)}\n\n{fields}\n{names}\n"
        to_sign = f"{_ALGORITHM}\n{date}\n{scope}\n".encode()
        return _Second(
            second,
            keys,
            sha256(canonical.encode()),
            *_begun(self._key_of(keys, date), to_sign),
            "\r\n".join(lines).encode(),
        )

    def _key_of(self, keys: Keys, date: str) -> bytes:
        if self._day != date[:8] or self._day_keys != keys:
            self._signing_key = self._scope.key(keys.secret_key, date)
            self._day, self._day_keys = date[:8], keys
        return self._signing_key


_BLOCK: Final = 64
"""Bytes that SHA-256 takes in at once; an HMAC pads its key to it (RFC 2104)."""


def _begun(key: bytes, text: bytes) -> tuple[Any, Any]:
    """
    Return the two hashes of an HMAC under *key*, begun: the inner one with *text*, the outer one.

    What comes behind *text* goes into copies of them, which takes less than half of `hmac.digest`.
    """
    padded = key.ljust(_BLOCK, b"\0")  # a derived key is shorter than a block
    inner = sha256(bytes(octet ^ 0x36 for octet in padded) + text)
    return inner, sha256(bytes(octet ^ 0x5C for octet in padded))
