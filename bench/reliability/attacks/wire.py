"""HTTP as exact bytes: what no well-behaved client would send, and all that comes back."""

from __future__ import annotations

import json
import select
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Answer", "Told", "answers_in", "converse", "request"]

_BLOCK = 65536
_MOST_KEPT = 8 << 20
"""Bytes of answers that are kept: more than any answer of the service has."""

_NO_BODY = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; *whole* says that all of its body came. Names of headers are in small letters."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    whole: bool

    def header(self, name: str) -> str | None:
        """Return the first header of that name."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def document(self) -> Any:
        """The body as JSON; None if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Told:
    """
    What came back on a connection.

    *closed* says that the other side ended it. *seconds* run from the last byte sent to the last
    byte received, *sent* counts the bytes that went out before that.
    """

    raw: bytes
    answers: tuple[Answer, ...]
    closed: bool
    seconds: float
    sent: int

    @property
    def status(self) -> int:
        """The first final answer's status; 0 where none came."""
        return next((one.status for one in self.answers if one.status >= 200), 0)

    @property
    def document(self) -> Any:
        """The first final answer's body as JSON."""
        return next((one.document for one in self.answers if one.status >= 200), None)


def request(
    method: str,
    target: str | bytes,
    headers: Iterable[tuple[str, str | bytes]] = (),
    body: bytes = b"",
    *,
    framed: bool = True,
) -> bytes:
    """Write one request; *framed* adds the length of a body that is there."""
    lines = [method.encode("latin-1") + b" " + _bytes(target) + b" HTTP/1.1"]
    lines += [name.encode("latin-1") + b": " + _bytes(value) for name, value in headers]
    if framed and body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def converse(
    address: tuple[str, int],
    parts: Iterable[bytes],
    *,
    pause: float = 0,
    patience: float = 10,
    linger: float = 0,
) -> Told:
    """
    Send *parts*, *pause* seconds apart, and read at the same time.

    It ends when the other side closes, when *patience* seconds have passed, or *linger* seconds
    after all was sent and a whole answer was there.
    """
    try:
        link = socket.create_connection(address, timeout=patience)
    except OSError:
        return Told(b"", (), closed=True, seconds=0, sent=0)
    with link:
        link.settimeout(0)
        return _Conversation(link, iter(parts), pause).run(patience, linger)


class _Conversation:
    """One connection on its way."""

    def __init__(self, link: socket.socket, parts: Iterator[bytes], pause: float) -> None:
        self._link = link
        self._parts = parts
        self._pause = pause
        self._out = b""
        self._all_sent = False
        self._next_at = 0.0
        self._heard = bytearray()
        self._closed = False
        self._sent = 0
        self._sent_at = time.monotonic()
        self._heard_at = self._sent_at

    def run(self, patience: float, linger: float) -> Told:
        deadline = time.monotonic() + patience
        quiet_at: float | None = None
        while not self._closed and (now := time.monotonic()) < deadline:
            self._refill(now)
            wanted = [self._link] if self._out else []
            readable, writable, _ = select.select([self._link], wanted, [], self._wait(now))
            if readable:
                self._read()
                quiet_at = None
            if writable and not self._closed:
                self._write()
            if self._all_sent and not readable:
                answers = answers_in(bytes(self._heard))
                if any(one.whole and one.status >= 200 for one in answers):
                    quiet_at = time.monotonic() if quiet_at is None else quiet_at
                    if time.monotonic() - quiet_at >= linger:
                        break
        raw = bytes(self._heard)
        seconds = max(0.0, self._heard_at - self._sent_at)
        return Told(raw, answers_in(raw), self._closed, seconds, self._sent)

    def _wait(self, now: float) -> float:
        return min(0.02, max(0.0, self._next_at - now)) if not self._all_sent else 0.02

    def _refill(self, now: float) -> None:
        if self._out or self._all_sent or now < self._next_at:
            return
        part = next(self._parts, None)
        self._next_at = now + self._pause
        self._out, self._all_sent = part or b"", part is None

    def _write(self) -> None:
        try:
            count = self._link.send(self._out[: 1 << 20])
        except BlockingIOError:
            return
        except OSError:  # it takes no more, but may have answered
            self._out, self._all_sent = b"", True
            return
        self._out = self._out[count:]
        self._sent += count
        self._sent_at = time.monotonic()

    def _read(self) -> None:
        block = b""
        with suppress(ConnectionError):
            block = self._link.recv(_BLOCK)
        self._heard_at = time.monotonic()
        self._closed = not block or len(self._heard) > _MOST_KEPT
        self._heard += block


def answers_in(raw: bytes) -> tuple[Answer, ...]:
    """Read all the answers that stand in *raw*; what is no HTTP is an answer of status -1."""
    answers: list[Answer] = []
    while raw:
        head, found, rest = raw.partition(b"\r\n\r\n")
        if not found:
            break
        status_line, *lines = head.decode("latin-1").split("\r\n")
        words = status_line.split(" ", 2)
        if not (words[0].startswith("HTTP/1.") and len(words) > 1 and words[1].isdigit()):
            answers.append(Answer(-1, (), raw[:200], whole=False))
            break
        pairs = [line.partition(":") for line in lines]
        headers = tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)
        status = int(words[1])
        body, raw, whole = _body(status, headers, rest)
        answers.append(Answer(status, headers, body, whole))
    return tuple(answers)


def _body(
    status: int, headers: Sequence[tuple[str, str]], rest: bytes
) -> tuple[bytes, bytes, bool]:
    """Split *rest* into one body and what stands behind it; tell whether it is whole."""
    named = dict(headers)
    if status < 200 or status in _NO_BODY:
        return b"", rest, True
    if "chunked" in named.get("transfer-encoding", ""):
        return _dechunk(rest)
    length = int(named.get("content-length", len(rest)))
    return rest[:length], rest[length:], len(rest) >= length


def _dechunk(rest: bytes) -> tuple[bytes, bytes, bool]:
    body = b""
    while True:
        size, found, rest = rest.partition(b"\r\n")
        if not found:
            return body, b"", False
        length = int(size.partition(b";")[0] or b"0", 16)
        if not length:
            return body, rest[2:], True
        body, rest = body + rest[:length], rest[length + 2 :]
