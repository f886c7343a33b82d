"""The client of the attacks reads what comes, whole or not, and its judge sees what is wrong."""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from bench.reliability.attacks.crawl import log_faults, loose
from bench.reliability.attacks.families import bombs, doors, framing, outbound, traversal, weights
from bench.reliability.attacks.verdict import Attack, Place, judge, leaks
from bench.reliability.attacks.wire import Told, answers_in, converse, request

if TYPE_CHECKING:
    from pathlib import Path

PROBLEM = {"type": "urn:x", "title": "t", "status": 404, "detail": "d", "instance": "urn:uuid:1"}
GUARDED = (
    "X-Content-Type-Options: nosniff\r\nContent-Security-Policy: default-src 'none'; x\r\n"
    "Content-Type: application/problem+json\r\n"
)


def _told(status: int, body: bytes = b"", headers: str = GUARDED) -> Told:
    head = f"HTTP/1.1 {status} X\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    raw = head.encode() + body
    return Told(raw, answers_in(raw), closed=True, seconds=0, sent=0)


def _place(tmp_path: Path) -> Place:
    needles = {"a secret": "hidden-thing"}
    return Place(("127.0.0.1", 1), "token", "j", "http://127.0.0.1:2", tmp_path / "x", needles)


def test_answers_are_read_one_after_the_other() -> None:
    """Lengths and chunks end an answer; what is cut off is not whole; what is no HTTP is -1."""
    raw = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"
    raw += b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    raw += b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"
    told = answers_in(raw)
    assert [one.status for one in told] == [100, 200, 404, 200]
    assert [one.body for one in told] == [b"", b"ab", b"abc", b"ab"]
    assert [one.whole for one in told] == [True, True, True, False]
    assert answers_in(b"nonsense\r\n\r\n")[0].status == -1


def test_a_conversation_reads_while_it_sends() -> None:
    """An answer that comes before all was sent is kept, and the end of the connection is seen."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            link, _ = listening.accept()
            link.recv(10)
            link.sendall(b"HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n")
            link.close()

        thread = threading.Thread(target=answer)
        thread.start()
        told = converse(listening.getsockname(), [b"x" * (1 << 20)] * 64, patience=10)
        thread.join()
    assert told.status == 413 or told.closed
    assert told.closed


def test_a_refusal_is_no_fault(tmp_path: Path) -> None:
    """What is refused with a problem document, and shows nothing, is as it must be."""
    told = _told(404, json.dumps(PROBLEM).encode())
    assert judge(Attack("f", "w", (b"",)), told) == []
    assert leaks(_place(tmp_path), b"", told) == []


@pytest.mark.parametrize(
    "told",
    [
        _told(202, b"{}"),
        _told(500, json.dumps({**PROBLEM, "status": 500}).encode()),
        Told(b"", (), closed=False, seconds=0, sent=0),
        Told(b"nonsense\r\n\r\n", answers_in(b"nonsense\r\n\r\n"), closed=True, seconds=0, sent=0),
    ],
    ids=["taken", "broken", "neither answered nor closed", "no HTTP"],
)
def test_what_is_no_refusal_is_a_fault(told: Told) -> None:
    """An attack must be refused, by an answer or by the end of the connection."""
    assert judge(Attack("f", "w", (b"",)), told)


@pytest.mark.parametrize(
    "told",
    [
        _told(404, json.dumps({**PROBLEM, "detail": "Hidden-Thing"}).encode()),
        _told(404, json.dumps({**PROBLEM, "detail": "x.py in site-packages"}).encode()),
        _told(404, json.dumps({**PROBLEM, "status": 400}).encode()),
        _told(404, b"Not Found"),
        _told(404, json.dumps(PROBLEM).encode(), GUARDED + "Server: x\r\n"),
        _told(404, json.dumps(PROBLEM).encode(), GUARDED + "Access-Control-Allow-Origin: *\r\n"),
        _told(404, json.dumps(PROBLEM).encode(), GUARDED[GUARDED.index("\n") + 1 :]),
        _told(404, json.dumps({"status": 404}).encode()),
    ],
    ids=["secret", "library", "status", "text", "server", "cors", "unguarded", "members"],
)
def test_what_an_answer_shows_is_judged(told: Told, tmp_path: Path) -> None:
    """Secrets, texts of libraries, headers, and errors that are no problem documents are seen."""
    assert leaks(_place(tmp_path), b"", told)


def test_what_the_attacker_sent_is_no_secret(tmp_path: Path) -> None:
    """A name that comes back, plain or percent-decoded, tells nobody anything."""
    told = _told(404, json.dumps({**PROBLEM, "detail": "no hidden-thing"}).encode())
    assert leaks(_place(tmp_path), b"GET /hidden%2dthing HTTP/1.1", told) == []


def test_there_are_as_many_attacks_as_the_board_says(tmp_path: Path) -> None:
    """Each family has its number, and no two of its attacks are one."""
    place = _place(tmp_path)
    for family, least in (
        (traversal.attacks, 200),
        (outbound.attacks, 60),
        (bombs.attacks, 40),
        (weights.heavy, 20),
        (doors.strangers, 20),
        (doors.browsers, 40),
        (framing.attacks, 40),
    ):
        attacks = list(family(place))
        assert len(attacks) >= least, family.__module__
        assert len({one.parts for one in attacks}) == len(attacks), family.__module__


def test_a_log_is_judged(tmp_path: Path) -> None:
    """Behind its first line a log has events only, without control characters and secrets."""
    log = tmp_path / "err"
    good = '{"event":"http.request","path":"/a\\u001b"}\n'
    log.write_text("http://127.0.0.1:1\n" + good)
    assert log_faults(log, {"a secret": "hidden"}) == []
    for bad in ("no event\n", '{"event":"\x1b"}\n', '{"event":"Hidden"}\n', "{}\n"):
        log.write_text("http://127.0.0.1:1\n" + good + bad)
        assert log_faults(log, {"a secret": "hidden"}), bad


def test_loose_modes_are_seen(tmp_path: Path) -> None:
    """A file in a runs folder that others may read is named."""
    file = tmp_path / "name" / "run" / "report.json"
    file.parent.mkdir(parents=True, mode=0o700)
    file.touch(mode=0o600)
    assert loose(tmp_path) == []
    file.chmod(0o640)
    assert loose(tmp_path) == ["name/run/report.json has mode 640"]


def test_a_request_is_written_as_it_is_meant() -> None:
    """Nothing is put right: bytes that are no header stay none."""
    sent = request("GET", "/", [("A ", b"\xff")], b"ab")
    assert sent == b"GET / HTTP/1.1\r\nA : \xff\r\nContent-Length: 2\r\n\r\nab"
