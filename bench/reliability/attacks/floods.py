"""Many at once: connections, streams of events, answers that nobody fetches."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from bench.reliability.attacks.wire import answers_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.reliability.attacks.verdict import Book, Place

__all__ = ["FAMILY", "connections", "streams", "unread", "uploads_at_once"]

FAMILY: Final = "floods"
_SOON: Final = 5.0
"""Seconds in which somebody who asks properly must have an answer, whatever others do."""


@contextmanager
def _open(place: Place, count: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        links = []
        for _ in range(count):
            with suppress(OSError):
                link = stack.enter_context(socket.create_connection(place.address, timeout=5))
                links.append(link)
        yield links


def _send(links: Sequence[socket.socket], block: bytes) -> None:
    for link in links:
        with suppress(OSError):
            link.settimeout(0)
            link.send(block)


def _still_answers(place: Place) -> list[str]:
    """Ask properly, again and again for a while: one answer is enough, if it comes soon."""
    started, status = time.monotonic(), 0
    while time.monotonic() - started < _SOON:
        status = place.ask("GET", "/api/jobs?limit=1").status
        if status == 200:
            return []
        time.sleep(0.1)
    return [f"nobody else is answered for {_SOON:.0f} s (the last status: {status})"]


def connections(place: Place, book: Book, count: int) -> None:
    """Open connections and say nothing on them, or half a head; others are still answered."""
    with _open(place, count):
        book.add(FAMILY, f"{count} silent connections", _still_answers(place))
    with _open(place, count) as links:
        _send(links, place.asks("GET", "/api/jobs")[:-2])
        book.add(FAMILY, f"{count} halves of a head", _still_answers(place))
    with _open(place, count) as links:
        _send(links, place.asks("GET", "/api/pipelines"))
        book.add(FAMILY, f"{count} at once", _still_answers(place))


def uploads_at_once(place: Place, book: Book, count: int, patience: float) -> None:
    """Begin uploads and leave them: the room is not theirs for ever."""
    headers = [("Content-Type", "application/x-ndjson"), ("Transfer-Encoding", "chunked")]
    with _open(place, count) as links:
        _send(links, place.asks("POST", "/api/people/migrate", headers))
        deadline, wrong = time.monotonic() + patience, ["not yet asked"]
        while wrong and time.monotonic() < deadline:
            wrong = _still_answers(place)
        book.add(FAMILY, f"{count} uploads that are left", wrong)


def streams(place: Place, book: Book, job: str, count: int) -> None:
    """Follow a job that goes on, from everywhere: there is an end to how many may."""
    with _open(place, count) as links:
        _send(links, place.asks("GET", f"/api/jobs/{job}/events", [("Connection", "keep-alive")]))
        time.sleep(1.5)  # the streams bring what has been, and what is
        heard = [_hear(link) for link in links]
        open_now = sum(b"text/event-stream" in one for one in heard)
        refused = [answers_in(one) for one in heard if b"application/problem+json" in one]
        odd = {one.status for answers in refused for one in answers} - {429, 503}
        wrong = [f"refused with {sorted(odd)}"] if odd else []
        if not 1 <= open_now < count or not refused:
            wrong.append(f"{open_now} of {count} streams are open, {len(refused)} refused")
        book.add(FAMILY, f"{count} streams", [*wrong, *_still_answers(place)], count)
    book.add(FAMILY, "after the streams", _still_answers(place))


def _hear(link: socket.socket) -> bytes:
    heard = b""
    link.settimeout(0)
    with suppress(OSError):
        while block := link.recv(65536):
            heard += block
    return heard


def unread(place: Place, book: Book, count: int) -> None:
    """Ask for much on many connections and fetch nothing: it must not pile up."""
    asked = place.asks("GET", "/openapi.json", [("Connection", "keep-alive")]) * 500
    with _open(place, count) as links:
        for link in links:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        _send(links, asked)
        book.add(FAMILY, f"{count} who fetch nothing", _still_answers(place))
        time.sleep(1)  # what piles up has the time to
        book.add(FAMILY, f"{count} who still fetch nothing", _still_answers(place))
