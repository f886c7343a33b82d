"""What is asked properly, but too cleverly: ids, keys, cursors, and more than there is room for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from bench.reliability.attacks.verdict import REFUSED, Attack, leaks
from bench.reliability.attacks.wire import converse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.reliability.attacks.verdict import Book, Place
    from bench.reliability.attacks.wire import Told

__all__ = ["cursors", "fill_the_queue", "guess_ids", "reuse_keys", "stop_all"]

_MIGRATE: Final = "/api/people/migrate"
_JSON: Final = ("Content-Type", "application/json")
_LINES: Final = ("Content-Type", "application/x-ndjson")
_SMALL: Final = b'{"limit": 1, "dry_run": true}'
_SHORTEST_ID: Final = 22
"""Letters of base 64 that hold 128 bits."""


def _post(place: Place, key: str | bytes | None, body: bytes = _SMALL, **how: Any) -> Told:
    headers = [how.get("kind", _JSON), *([("Idempotency-Key", key)] if key is not None else [])]
    target = how.get("target", _MIGRATE)
    return converse(place.address, [place.asks("POST", target, headers, body)])


def _id(told: Told) -> str:
    document = told.document
    return str(document.get("id")) if told.status == 202 and isinstance(document, dict) else ""


def stop_all(place: Place) -> None:
    """Stop every job that is not over: the attacks begin with none."""
    for state in ("queued", "running"):
        listed = place.ask("GET", f"/api/jobs?state={state}&limit=200").document
        for job in listed["jobs"] if isinstance(listed, dict) else ():
            place.ask("POST", f"/api/jobs/{job['id']}/stop")


def guess_ids(place: Place, book: Book) -> None:
    """Take the ids of 12 jobs; none may tell of another, and a near one is nobody's."""
    ids = [_id(_post(place, None)) for _ in range(12)]
    wrong = []
    if not all(len(one) >= _SHORTEST_ID for one in ids) or len(set(ids)) < len(ids):
        wrong.append(f"ids {ids[:3]}")
    same = [at for at, letters in enumerate(zip(*ids, strict=False)) if len(set(letters)) < 3]
    if same:
        wrong.append(f"the ids are alike at {same}")
    book.add("ids", "12 ids", wrong)
    for near in (ids[0][:-1], ids[0] + "A", ids[0].swapcase(), ids[0][::-1], "1", "latest", "*"):
        told = place.ask("GET", f"/api/jobs/{near}")
        book.add("ids", near, [] if told.status in REFUSED else [f"answered {told.status}"])
    stop_all(place)


def reuse_keys(place: Place, book: Book) -> None:
    """Ask the same thing at once and again, and other things under the same key."""
    with ThreadPoolExecutor(12) as pool:
        ids = {*pool.map(lambda _: _id(_post(place, "the-same-key")), range(12))}
    wrong = [] if len(ids) == 1 and "" not in ids else [f"{len(ids)} jobs under one key"]
    book.add("keys", "12 at once", wrong, 12)
    lines = {"kind": _LINES, "target": "/api/canaries/migrate"}
    first = _id(_post(place, "an-upload", b'{"id": "a"}\n', **lines))
    book.add("keys", "an upload", [] if first else ["refused"])
    again = _id(_post(place, "an-upload", b'{"id": "a"}\n', **lines))
    book.add("keys", "the upload again", [] if again == first else ["another job"])
    for what, told in (
        ("other overrides", _post(place, "the-same-key", b'{"limit": 2, "dry_run": true}')),
        ("no body", _post(place, "the-same-key", b"")),
        ("another pipeline", _post(place, "the-same-key", target="/api/slow/migrate")),
        ("another upload", _post(place, "an-upload", b'{"id": "b"}\n', **lines)),
        ("300 letters", _post(place, "k" * 300)),
        ("5,000 letters", _post(place, "k" * 5000)),
        ("nothing", _post(place, "")),
        ("no ASCII", _post(place, "schlüssel")),
        ("a control character", _post(place, b"a\x01b")),
        ("NUL", _post(place, b"a\x00b")),
        ("a tab", _post(place, b"a\tb")),
    ):
        wrong = [] if told.status in REFUSED else [f"answered {told.status}"]
        book.add("keys", what, [*wrong, *leaks(place, b"", told)])
    stop_all(place)


def fill_the_queue(place: Place, book: Book, room: int) -> None:
    """Ask for more jobs than there is room for; say when to ask again, and go on answering."""
    answers = [_post(place, None) for _ in range(room + 10)]
    full = [one for told in answers for one in told.answers if one.status == 429]
    wrong = [] if len(full) >= 5 else [f"{len(full)} refused of {room + 10}"]
    if not all((one.header("retry-after") or "").isdigit() for one in full):
        wrong.append("no Retry-After")
    odd = {told.status for told in answers} - {202, 429}
    book.add("queue", "more than there is room for", [*wrong, *map(str, odd)], room + 10)
    stop_all(place)


def cursors(place: Place) -> Iterator[Attack]:
    """Give cursors that no answer gave; none may show a part of a line."""
    numbers = (
        "1",
        "2",
        "77",
        "1000",
        "-1",
        "18446744073709551616",
        "1e3",
        "0x10",
        "½",
        "\u0661",
        "a",
    )
    strange = ("", "%00", "..%2f", "' OR 1=1 --", "1;DROP TABLE jobs", "[]", "{}", "null", "1 ")
    for part in ("errors", "log", "samples"):
        for cursor in (*numbers, *strange):
            target = f"/api/jobs/{place.job}/{part}?after={cursor.replace(' ', '%20')}"
            # The first line of each file is longer than that, so that no line begins there.
            inside = part != "samples" and cursor in {"1", "2", "77"}
            allowed = REFUSED if inside else REFUSED | {200}
            yield Attack("cursors", target, (place.asks("GET", target),), allowed, _whole_lines)
    for cursor in (*numbers[4:], *strange[1:]):
        target = f"/api/jobs?before={cursor.replace(' ', '%20')}"
        yield Attack("cursors", target, (place.asks("GET", target),), REFUSED | {200}, _few)
    for name in ("pipeline", "state"):
        for value in strange[1:]:
            target = f"/api/jobs?{name}={value.replace(' ', '%20')}"
            yield Attack("cursors", target, (place.asks("GET", target),), REFUSED | {200}, _none)
    for value in ("-5", "x", "999999999999999999999999", "1\x00", ""):
        headers = [("Last-Event-ID", value)]
        sent = place.asks("GET", f"/api/jobs/{place.job}/events", headers)
        yield Attack("cursors", f"Last-Event-ID {value!r}", (sent,), REFUSED | {200})


def _lines(told: Told) -> list[Any] | None:
    document = told.document if told.status == 200 else None
    if not isinstance(document, dict):
        return None
    names = ("errors", "lines", "samples", "jobs")
    return next((document[name] for name in names if name in document), None)


def _whole_lines(told: Told) -> str:
    """Every line that is shown is a whole one, whatever the cursor was."""
    lines = _lines(told)
    if lines is None:
        return "" if told.status != 200 else "an answer without lines"
    return "" if all(isinstance(line, dict) and line for line in lines) else f"{lines[:1]!r}"[:80]


def _few(told: Told) -> str:
    lines = _lines(told) or []
    return "" if len(lines) <= 50 else f"{len(lines)} jobs"


def _none(told: Told) -> str:
    return f"{len(lines)} jobs" if (lines := _lines(told)) else ""
