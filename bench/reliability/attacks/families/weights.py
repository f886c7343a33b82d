"""What is too large, too slow, without an end, or too many."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from bench.reliability.attacks.verdict import REFUSED, Attack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.reliability.attacks.verdict import Place

__all__ = ["FAMILY", "SPOOL", "bomb", "heavy", "slow"]

FAMILY: Final = "weights"
SPOOL: Final = 12 << 20
"""Bytes of the largest upload that the service under attack takes."""

_MIGRATE: Final = "/api/people/migrate"
_JSON: Final = ("Content-Type", "application/json")
_LINES: Final = ("Content-Type", "application/x-ndjson")
_CHUNKED: Final = ("Transfer-Encoding", "chunked")
_GZIP: Final = ("Content-Encoding", "gzip")
_MANY: Final = 24 << 20
"""Bytes that an endless sender has to offer: more than the service may grow by."""

_NO_ROOM: Final = REFUSED | {503}
_HTTP: Final = frozenset({400, 413, 415, 422, 0})


def _length(size: int) -> tuple[str, str]:
    return "Content-Length", str(size)


def _chunks(block: bytes, most: int) -> Iterator[bytes]:
    framed = b"%x\r\n%s\r\n" % (len(block), block)
    for _ in range(most // len(block)):
        yield framed


def heavy(place: Place) -> Iterator[Attack]:
    """Give some 40 attacks that are judged as fast as they can be sent."""
    yield from _bodies(place)
    yield from _packed(place)
    yield from _heads(place)


def _bodies(place: Place) -> Iterator[Attack]:
    def post(*headers: tuple[str, str]) -> bytes:
        return place.asks("POST", _MIGRATE, headers)

    spaces, line = b" " * 65_536, b'{"id": "' + b"x" * 65_000 + b'"}\n'
    most = frozenset({413})
    yield Attack(FAMILY, "65,537 bytes", (post(_JSON, _length(65_537)), spaces, b" "), most)
    yield Attack(FAMILY, "10 GiB announced", (post(_JSON, _length(10 << 30)), spaces), most)
    yield Attack(FAMILY, "2^64 announced", (post(_JSON, _length(1 << 64)), spaces), _HTTP)
    sent = (post(_JSON, _CHUNKED), *_chunks(spaces, _MANY))
    yield Attack(FAMILY, "chunks without an end", sent, most)
    sent = (post(_JSON, _CHUNKED), *_chunks(b" ", 70_000))
    yield Attack(FAMILY, "70,000 chunks of a byte", (b"".join(sent),), most)
    sent = (post(_LINES, _length(SPOOL + 1)),)
    yield Attack(FAMILY, "an upload announced as too large", sent, most)
    sent = (post(_LINES, _CHUNKED), *_chunks(line, _MANY))
    yield Attack(FAMILY, "an upload without an end", sent, most)
    sent = (post(_LINES, _CHUNKED), *_chunks(b"x" * 65_536, _MANY))
    yield Attack(FAMILY, "a line without an end", sent, most)
    expecting = ("Expect", "100-continue")
    yield Attack(FAMILY, "leave for 10 GiB", (post(_JSON, _length(10 << 30), expecting),), most)
    sent = (post(_JSON, _length(2), ("Expect", "x")), b"[]")
    yield Attack(FAMILY, "something else expected", sent)
    extension = b"1;" + b"x" * 1_000_000 + b"\r\n \r\n0\r\n\r\n"
    yield Attack(FAMILY, "a chunk extension of 1 MB", (post(_JSON, _CHUNKED), extension))
    many = b"".join(b"1;%s\r\n[\r\n" % (b"x" * 1000) for _ in range(2000))
    yield Attack(FAMILY, "2,000 chunk extensions", (post(_JSON, _CHUNKED), many + b"0\r\n\r\n"))
    trailers = b"0\r\n" + b"X: y\r\n" * 200_000 + b"\r\n"
    yield Attack(FAMILY, "200,000 trailers", (post(_JSON, _CHUNKED), b"1\r\n[\r\n" + trailers))
    sent = (place.asks("GET", "/api/jobs", [_length(10 << 30)]), spaces * 40)
    yield Attack(FAMILY, "a body behind a GET", sent, REFUSED | {200})


def _packed(place: Place) -> Iterator[Attack]:
    """Give uploads that are small and become large, or that are no gzip."""
    zeros = b"\0" * (1 << 20)
    for what, packed in (
        ("zeros a thousandfold", _gzip(zeros, 256)),
        ("one line a thousandfold", _gzip(b'{"id": "' + b"x" * (1 << 20), 256)),
        ("small lines a hundredfold", _gzip(b'{"id": "a"}\n' * 100_000, 200)),
        ("gzip in gzip", gzip.compress(_gzip(zeros, 1024))),
        ("many members", gzip.compress(zeros) * 256),
        ("100,000 empty members", gzip.compress(b"") * 100_000),
    ):
        sent = place.asks("POST", _MIGRATE, [_LINES, _GZIP], packed)
        # It is no more than what an upload may become: the load reads it in constant memory.
        yield Attack(FAMILY, what, (sent,), frozenset({202, 413, 400, 422}), patience=30)
    for what, packed in (
        ("no gzip", b'{"id": "a"}\n'),
        ("zlib", zlib.compress(b'{"id": "a"}\n')),
        ("gzip cut", gzip.compress(b'{"id": "a"}\n' * 1000)[:-20]),
        ("gzip with a wrong checksum", gzip.compress(b'{"id": "a"}\n')[:-8] + b"\0" * 8),
        ("gzip and something behind it", gzip.compress(b'{"id": "a"}\n') + b"more"),
        ("gzip with a name of 100 kB", _named(b"n" * 100_000)),
    ):
        sent = place.asks("POST", _MIGRATE, [_LINES, _GZIP], packed)
        # Verified when it is loaded, before the first write; so a 202 is no success yet.
        yield Attack(FAMILY, what, (sent,), frozenset({202, 400, 422}))
    for coding in ("br", "zstd", "gzip, gzip", "deflate", "compress", "gzip;q=1", "*"):
        headers = [_LINES, ("Content-Encoding", coding)]
        sent = place.asks("POST", _MIGRATE, headers, gzip.compress(b'{"id": "a"}\n'))
        yield Attack(FAMILY, f"an upload as {coding}", (sent,), frozenset({415}))


def bomb(place: Place) -> Iterator[Attack]:
    """Give an upload of less than 10 MB that becomes more than 8 GiB: seconds of unpacking."""
    member = _gzip(b"\0" * (1 << 20), 64)
    packed = member * 132
    sent = place.asks("POST", _MIGRATE, [_LINES, _GZIP, _length(len(packed))])
    parts = (sent, *([member] * 132))
    yield Attack(FAMILY, "8.25 GiB in 9 MB", parts, frozenset({413}), patience=120)


def _gzip(block: bytes, times: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(packer.compress(block) for _ in range(times)), packer.flush()])


def _named(name: bytes) -> bytes:
    packed = gzip.compress(b'{"id": "a"}\n')
    return packed[:3] + b"\x08" + packed[4:10] + name + b"\0" + packed[10:]


def _heads(place: Place) -> Iterator[Attack]:
    def get(*headers: tuple[str, str | bytes], target: str = "/api/jobs") -> tuple[bytes, ...]:
        return (place.asks("GET", target, headers),)

    yield Attack(FAMILY, "1,000 headers", get(*((f"X-{n}", "y") for n in range(1000))))
    yield Attack(FAMILY, "65 headers", get(*((f"X-{n}", "y") for n in range(65))))
    yield Attack(FAMILY, "a header of 1 MB", get(("X", "y" * 1_000_000)))
    yield Attack(FAMILY, "a header's name of 1 MB", get(("X" * 1_000_000, "y")))
    yield Attack(FAMILY, "10 MB of headers", get(*((f"X-{n}", "y" * 1000) for n in range(10_000))))
    yield Attack(FAMILY, "a target of 100 kB", get(target="/api/jobs?" + "a" * 100_000))
    yield Attack(FAMILY, "a target of 10 kB", get(target="/api/" + "a" * 10_000))
    yield Attack(FAMILY, "2,000 parameters", get(target="/api/jobs?" + "a=1&" * 2000))
    yield Attack(FAMILY, "a target of 10 MB", get(target="/" + "a" * 10_000_000))
    yield Attack(FAMILY, "a method of 1 MB", (place.asks("A" * 1_000_000, "/"),))
    yield Attack(FAMILY, "no line's end", (b"G" * 1_000_000,))
    many = get(("Connection", "keep-alive"), target="/healthz")[0] * 3000
    last = get(target="/healthz")[0]
    yield Attack(
        FAMILY, "3,000 requests at once", (many, last), REFUSED | {200}, answers=3001, patience=30
    )
    limits = ("1000000000", "99999999999999999999999999", "-1", "0", "1e9", "0x10", "\uff11", "")
    for limit in limits:
        target = f"/api/jobs?limit={limit}"
        yield Attack(FAMILY, target, get(target=target))
    for part in ("errors", "log", "samples"):
        target = f"/api/jobs/{place.job}/{part}?limit=1000000000"
        yield Attack(FAMILY, target, get(target=target))


def slow(place: Place) -> Iterator[Attack]:
    """Give attacks that want to take for ever; each must be ended by the service."""
    dripping = ("Connection", "keep-alive")
    head = place.asks("GET", "/api/jobs", [dripping])
    letters = tuple(head[n : n + 1] for n in range(100))
    ended = frozenset({0, 408})
    patience = 40.0

    def attack(what: str, parts: tuple[bytes, ...], pause: float) -> Attack:
        return Attack(FAMILY, what, parts, ended, pause=pause, patience=patience)

    yield attack("a connection without a request", (), 0)
    yield attack("a head of a byte a second", letters, 1)
    yield attack("a head that stops", (head[:-2],), 0)
    yield attack("headers without an end", (head[:-2], *((b"X: y\r\n",) * 100)), 0.5)
    endless = Attack(FAMILY, "line ends for ever", (b"\r\n",) * 100, REFUSED, pause=0.5)
    yield replace(endless, patience=patience)
    announced = place.asks("POST", _MIGRATE, [_JSON, _length(1000)])
    yield attack("a body that does not come", (announced,), 0)
    yield attack("a body of a byte a second", (announced, *((b" ",) * 100)), 1)
    chunked = place.asks("POST", _MIGRATE, [_JSON, _CHUNKED])
    yield attack("chunks of a byte a second", (chunked, *((b"1\r\n \r\n",) * 100)), 1)
    upload = place.asks("POST", _MIGRATE, [_LINES, _CHUNKED])
    yield attack("an upload of a line a second", (upload, *((b"4\r\n{}\n\n\r\n",) * 100)), 1)
    upload = place.asks("POST", _MIGRATE, [_LINES, _length(1000)])
    yield attack("an upload that does not come", (upload,), 0)
    yield attack("a chunk's size for ever", (chunked, *((b"0",) * 100)), 0.5)
    yield attack("a chunk of 2^68 bytes", (chunked, b"f" * 17 + b"\r\n[]\r\n"), 0)
    trailers = (chunked, b"2\r\n[]\r\n0\r\n", *((b"X: y\r\n",) * 100))
    yield Attack(FAMILY, "trailers for ever", trailers, REFUSED, pause=0.5, patience=patience)
