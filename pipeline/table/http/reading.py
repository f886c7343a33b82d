"""Reading: bytes as they come become one whole answer, or are refused."""

from __future__ import annotations

from typing import Final

import httptools

from pipeline.table.http.response import ExchangeError, Response

__all__ = ["AnswerReader"]

_HEAD: Final = 64 * 1024
"""Bytes of heads, announcements (1xx) included, that an answer may have."""

_MOST: Final = 64 * 1024 * 1024
"""Bytes that an answer may have in all: the largest hands back a whole request of 16 MB."""

_FINAL, _SWITCHING = 200, 101
_WITHOUT_BODY: Final = frozenset({204, 304})

_MOST_NAMES: Final = 64

_names: dict[bytes, str] = {}
"""Headers' names as they came, and as they are called: a service uses few, again and again."""


def _name_of(raw: bytes) -> str:
    name = raw.decode("latin-1").lower()
    if len(_names) < _MOST_NAMES:
        _names[raw] = name
    return name


class AnswerReader:
    """
    Read the answers of one connection, one after the other.

    `feed` it what arrives. The answer is whole with the byte that ends it: then `lasting` tells
    whether another may follow on the same connection. That is not so if the server says it will
    close, if the answer has no length, and if anything came behind it.
    """

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.begin()

    def begin(self) -> None:
        """Forget the last answer."""
        self.received = 0
        self.lasting = False
        self._complete = False
        self._in_body = False
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []

    def feed(self, octets: bytes) -> Response | None:
        """Read on; return the answer once it is whole. Raise `ExchangeError` for what is none."""
        try:
            self._parser.feed_data(octets)
        except httptools.HttpParserUpgrade:
            self._complete, self.lasting = True, False
        except httptools.HttpParserError:
            self.lasting = False
            if not self._complete:  # else it is what came behind the answer
                raise ExchangeError("an answer that is no HTTP", "broken") from None
        if self._complete:
            return self._answer()
        self.received += len(octets)
        if self.received > (_MOST if self._in_body else _HEAD):
            raise ExchangeError("an answer that is too long", "too long")
        return None

    def end(self) -> Response | None:
        """Take an answer without a length as ended by its connection: its body tells if it is."""
        if not self._in_body or self._parser.get_status_code() in _WITHOUT_BODY:
            return None
        names = {name.lower() for name, _ in self._headers}
        framed = b"content-length" in names or b"transfer-encoding" in names
        return None if framed else self._answer()

    def _answer(self) -> Response:
        headers: dict[str, str] = {}
        for raw, value in self._headers:
            name = _names.get(raw) or _name_of(raw)
            text = value.decode("latin-1").strip()
            if headers.setdefault(name, text) != text:
                headers[name] = f"{headers[name]}, {text}"
        body = self._body
        return Response(
            self._parser.get_status_code(),
            headers,
            body[0] if len(body) == 1 else b"".join(body),
        )

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Notice a second answer behind the first."""
        if self._complete:
            raise ValueError("an answer too many")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, or a trailer."""
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Notice that what follows is the answer's, unless it only announces one."""
        self._in_body = self._parser.get_status_code() >= _FINAL

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """End the answer, unless it only announced one."""
        status = self._parser.get_status_code()
        if status < _FINAL and status != _SWITCHING:
            self._headers.clear()
            return
        self._complete = True
        self.lasting = self._parser.should_keep_alive()
