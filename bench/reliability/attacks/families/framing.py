"""Where one request ends and the next begins: no bytes may be read as two things."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.reliability.attacks.verdict import REFUSED, Attack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.reliability.attacks.verdict import Place
    from bench.reliability.attacks.wire import Told

__all__ = ["FAMILY", "attacks"]

FAMILY: Final = "framing"

_KEPT: Final = frozenset({"connection"})
_MIGRATE: Final = "/api/people/migrate"
_ACTING: Final = ("%1b%5b31m", "%c2%9b31m", "%7f", "%00", "%e2%80%a8", "%e2%80%ae", "%c2%85", "%ff")
"""What paints a terminal, ends a line or turns the text, where a log shows it as it came."""

_LINGER: Final = 0.15
_BAD_CHUNK: Final = b'a\r\n{"nope":1}\r\n'
"""A body that is refused for what it says: a job that begins was hidden behind it."""


def attacks(place: Place) -> Iterator[Attack]:
    """Give some 60 attacks; where a second request hides in the first, it must not be answered."""
    hidden = place.asks("POST", _MIGRATE, [("Connection", "close")])
    for what, headers, body in _framings(hidden):
        given = [("Content-Type", "application/json"), *headers]
        head = place.asks("POST", _MIGRATE, given, without=_KEPT)
        sent = (head + body,)
        yield Attack(FAMILY, what, sent, REFUSED, _no_job, linger=_LINGER, patience=4)
    for what, asked in _lines(place):
        yield Attack(FAMILY, what, (asked,), REFUSED, _no_job, linger=_LINGER, patience=4)
    # A fold may be read as a space (RFC 9112, 5.2), and as nothing else.
    folded = place.asks("GET", "/api/jobs?limit=1").replace(
        b"Host: ", b"X: a\r\n Host: b\r\nHost: ", 1
    )
    yield Attack(FAMILY, "an obsolete fold", (folded,), REFUSED | {200}, linger=_LINGER, patience=4)
    for what, name, value in _splits():
        asked = place.asks("GET", "/api/jobs?limit=1", [(name, value)])
        yield Attack(FAMILY, what, (asked,), REFUSED | {200}, linger=_LINGER)
    for target in (
        "/api/jobs/%0d%0aX-Injected:%201",
        "/%0d%0aX-Injected:%201",
        "/api/%0d%0aX-Injected:%201/migrate",
        "/api/jobs?before=%0d%0aX-Injected:%201",
        "/assets/%0aX-Injected:1",
        "/api/people%0d%0aX-Injected:%201/migrate",
        *(f"/api/a{one}b/migrate" for one in _ACTING),
    ):
        method = "POST" if target.endswith("migrate") else "GET"
        yield Attack(FAMILY, target, (place.asks(method, target),))


def _no_job(told: Told) -> str:
    return "a job was begun" if any(one.status == 202 for one in told.answers) else ""


def _framings(hidden: bytes) -> Iterator[tuple[str, list[tuple[str, str | bytes]], bytes]]:
    """Give headers that frame a body in two ways, and the body."""
    ended = _BAD_CHUNK + b"0\r\n\r\n" + hidden
    length, chunked = "Content-Length", "Transfer-Encoding"
    size = str(len(ended))
    yield "length and chunks", [(length, size), (chunked, "chunked")], ended
    yield "chunks and length", [(chunked, "chunked"), (length, size)], ended
    yield "a short length and chunks", [(length, "4"), (chunked, "chunked")], ended
    for value in (
        "xchunked",
        "chunked, identity",
        "identity, chunked",
        "gzip, chunked",
        "chunked, chunked",
        "identity",
        "chunked;q=1",
        "\x0bchunked",
        b"chunked\x00",
        '"chunked"',
        "",
    ):
        yield f"coding {value!r}", [(length, size), (chunked, value)], ended
        yield f"only coding {value!r}", [(chunked, value)], ended
    yield "the coding twice", [(chunked, "chunked"), (chunked, "identity")], ended
    yield "a space before the colon", [("Transfer-Encoding ", "chunked"), (length, size)], ended
    yield "a tab before the colon", [("Transfer-Encoding\t", "chunked"), (length, size)], ended
    yield "an underscore", [("Transfer_Encoding", "chunked"), (length, size)], ended
    yield "two lengths", [(length, "0"), (length, size)], ended
    yield "two lengths, the other way", [(length, size), (length, "0")], ended
    for value in (
        "+5",
        "-1",
        "0x5",
        "5 5",
        "5, 6",
        "1e1",
        "\u0665",
        "5;",
        "",
        "9" * 30,
        "0005x",
        "²",
    ):
        yield f"a length of {value!r}", [(length, value)], b'{"a"' + hidden
    for what, chunk in (
        ("0x", b"0x2\r\n{}\r\n"),
        ("a sign", b"+2\r\n{}\r\n"),
        ("below 0", b"-2\r\n{}\r\n"),
        ("an underscore", b"1_0\r\n{}\r\n"),
        ("no digits", b"\r\n{}\r\n"),
        ("no hexadecimal", b"zz\r\n{}\r\n"),
        ("larger still", b"f" * 400 + b"\r\n{}\r\n"),
        ("something behind the chunk", b"2\r\n{}xx\r\n"),
        ("a line feed alone", b"2\n{}\n"),
    ):
        yield f"a chunk's size: {what}", [(chunked, "chunked")], chunk + ended


def _lines(place: Place) -> Iterator[tuple[str, bytes]]:
    """Give requests whose lines are not as they must be."""
    host, asked = place.host.encode(), place.asks("POST", _MIGRATE)
    yield "HTTP/0.9", b"GET /api/jobs\r\n\r\n"
    yield "HTTP/1.2 and no more", asked.replace(b"HTTP/1.1", b"HTTP/9.9")
    yield "no version", asked.replace(b" HTTP/1.1", b"")
    yield "HTTP/2's preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    yield "TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200
    yield "two spaces", asked.replace(b"POST /", b"POST  /")
    yield "a space in the target", asked.replace(b"/migrate", b"/mig rate")
    yield "a control character in the target", asked.replace(b"/migrate", b"/migrate\x01")
    yield "NUL in the target", asked.replace(b"/migrate", b"/migrate\x00")
    yield "a fold first", asked.replace(b"Host: ", b" X: a\r\nHost: ", 1)
    yield "a header without a name", asked.replace(b"Host: ", b": x\r\nHost: ", 1)
    yield "a header without a colon", asked.replace(b"Host: ", b"nothing\r\nHost: ", 1)
    yield "a space in a name", asked.replace(b"Host: ", b"X Y: a\r\nHost: ", 1)
    yield "a return alone", asked.replace(host, host + b"\rX: y", 1)
    yield "NUL in a value", asked.replace(host, host + b"\x00", 1)
    yield "another character in a name", asked.replace(b"Host: ", b"X\xe9: a\r\nHost: ", 1)
    yield "no target at all", b"POST\r\nHost: " + host + b"\r\n\r\n"
    yield "an asterisk", asked.replace(b"/api/people/migrate", b"*")
    yield "small letters", asked.replace(b"POST", b"post")


def _splits() -> Iterator[tuple[str, str, bytes]]:
    """Give values that would end a line if somebody wrote them into one."""
    yield "a line separator", "X-Request-Id", "a\u2028X-Injected: 1".encode()
    yield "next line", "X-Request-Id", "a\x85X-Injected: 1".encode()
    yield "escapes", "X-Request-Id", b"%0d%0aX-Injected:%201"
    yield "escapes in the agent", "User-Agent", b"\\r\\nX-Injected: 1"
    yield "a word of Unicode", "X-Request-Id", "嘊嘍X-Injected: 1".encode()
