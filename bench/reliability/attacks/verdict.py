"""What an attack is, what an answer must not hold, and which attacks came through."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

from bench.reliability.attacks.wire import converse, request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from bench.reliability.attacks.wire import Answer, Told

__all__ = ["REFUSED", "Attack", "Book", "Place", "leaks", "strike"]

REFUSED: Final = frozenset({0, *range(400, 500), 501, 505})
"""How an attack may end: refused by the service, or by the end of its connection."""

_LIBRARIES: Final = (
    "Traceback (most recent call last)",
    "site-packages",
    "lib/python",
    "errors.pydantic.dev",
    "pydantic",
    "starlette",
    "uvicorn",
    "fastapi",
    "sqlite3.",
    "botocore",
    "h11.",
    "object at 0x",
    "Invalid HTTP request received",
    "Internal Server Error\n",
)
"""Texts by which a client would know what the service is made of."""

_ALWAYS: Final = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'",
}
"""Headers that every answer of the application has, and how they begin."""

_NEVER: Final = frozenset(
    {
        "server",
        "x-powered-by",
        "x-injected",
        "set-cookie",
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "access-control-allow-methods",
        "access-control-allow-headers",
    }
)


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where the service is, and what an attacker may know of it.

    *job* is the id of a job that has ended, *trap* the URL of a listener that nobody may call,
    *outside* a file that no answer may show, *needles* what no answer may hold, by their names.
    """

    address: tuple[str, int]
    token: str | None
    job: str
    trap: str
    outside: Path
    needles: Mapping[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """What a Host header says."""
        return f"{self.address[0]}:{self.address[1]}"

    def asks(
        self,
        method: str,
        target: str | bytes,
        headers: Iterable[tuple[str, str | bytes]] = (),
        body: bytes = b"",
        *,
        without: frozenset[str] = frozenset(),
    ) -> bytes:
        """Write a request as a good client would, but for *headers*; *without* leaves some out."""
        given = list(headers)
        named = {name.lower() for name, _ in given} | without
        usual = [("Host", self.host), ("Connection", "close")]
        if self.token is not None:
            usual.append(("Authorization", f"Bearer {self.token}"))
        mine = [one for one in usual if one[0].lower() not in named]
        return request(method, target, [*mine, *given], body)

    def ask(self, method: str, target: str, body: bytes = b"", kind: str = "") -> Told:
        """Ask as a good client does."""
        headers = [("Content-Type", kind)] if kind else []
        return converse(self.address, [self.asks(method, target, headers, body)], patience=30)


@dataclass(frozen=True, slots=True)
class Attack:
    """
    One attack: what is sent, and how it may end.

    *also* judges what came back beyond that, and returns what is wrong or an empty text. *answers*
    is the most answers that may come: a second one to a single request is a smuggled one.
    """

    family: str
    what: str
    parts: tuple[bytes, ...]
    allowed: frozenset[int] = REFUSED
    also: Callable[[Told], str] = lambda _: ""
    pause: float = 0
    patience: float = 10
    linger: float = 0
    answers: int = 1


class Book:
    """What was tried and what came through, by families."""

    def __init__(self) -> None:
        self.tried: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self._told: dict[str, list[str]] = {}

    def add(self, family: str, what: str, wrong: Sequence[str], tried: int = 1) -> None:
        """Count an attack, and keep what is wrong about its end."""
        self.tried[family] += tried
        if wrong:
            self.accepted[family] += 1
            self._told.setdefault(family, []).append(f"{what}: {'; '.join(wrong)[:400]}")

    def told(self, most: int) -> str:
        """Say which families came through, and of each some attacks."""
        counts = ", ".join(f"{family} {count}" for family, count in self.accepted.items())
        samples = [f"[{name}] {one}" for name, some in self._told.items() for one in some[:most]]
        return "\n     ".join([f"accepted: {counts}", *samples]) if samples else ""


def strike(place: Place, attack: Attack) -> list[str]:
    """Carry out one attack; return what is wrong about how it ended."""
    told = converse(
        place.address,
        attack.parts,
        pause=attack.pause,
        patience=attack.patience,
        linger=attack.linger,
    )
    sent = b"".join(part[:_BLOCK] for part in attack.parts[:20])
    return [*judge(attack, told), *leaks(place, sent, told)]


_BLOCK = 65536


def judge(attack: Attack, told: Told) -> list[str]:
    """Tell what is wrong about an attack's end, but for what it shows."""
    wrong = []
    final = [one for one in told.answers if one.status >= 200]
    if told.status not in attack.allowed:
        shown = final[0].body[:160] if final else b""
        wrong.append(f"answered {told.status} {shown!r}")
    elif not told.status and not told.closed:
        wrong.append(f"neither answered nor closed within {attack.patience:.0f} s")
    if any(one.status < 0 for one in told.answers):
        wrong.append(f"answered what is no HTTP: {told.raw[:80]!r}")
    if len(final) > attack.answers:
        wrong.append(f"{len(final)} answers: {[one.status for one in final]}")
    more = attack.also(told)
    return [*wrong, *([more] if more else [])]


def leaks(place: Place, sent: bytes, told: Told) -> list[str]:
    """Tell what the answers show that they must not; what the attacker sent is no secret."""
    known = sent.decode("latin-1").lower() + unquote_to_bytes(sent).decode("latin-1").lower()
    text = told.raw.decode(errors="replace")
    shown = [
        f"shows {name}: {_around(text, needle)!r}"
        for name, needle in place.needles.items()
        if needle.lower() in text.lower() and needle.lower() not in known
    ]
    lower = text.lower()
    shown += [
        f"shows a library's text: {_around(text, one)!r}"
        for one in _LIBRARIES
        if one.lower() in lower and one.lower() not in known
    ]
    return shown + [fault for one in told.answers for fault in _loose(one)]


def _around(text: str, needle: str) -> str:
    at = text.lower().index(needle.lower())
    return text[max(0, at - 80) : at + len(needle) + 20]


def _loose(answer: Answer) -> list[str]:
    """Tell which headers an answer has and must not have, or lacks."""
    if answer.status < 200:
        return []
    wrong = [f"header {name}: {value}" for name, value in answer.headers if name in _NEVER]
    if answer.status >= 400:
        wrong += _unproblematic(answer)
    # What is refused before it is a request (400 from the parser) is said by the server itself.
    spoken = answer.header("content-type") == _PROBLEM or answer.status < 400
    for name, begin in _ALWAYS.items() if spoken else ():
        if not (answer.header(name) or "").startswith(begin):
            wrong.append(f"no {name}: {begin}")
    return wrong


_PROBLEM: Final = "application/problem+json"
_ID: Final = re.compile(r"^[A-Za-z0-9:_.-]+$")


def _unproblematic(answer: Answer) -> list[str]:
    """Tell why an error is no problem document."""
    if not answer.whole:
        return []  # the connection ended in it; what was said is judged all the same
    document: Any = answer.document
    if answer.header("content-type") != _PROBLEM:
        return [f"an error {answer.status} that is no {_PROBLEM}"] if answer.body else []
    if not isinstance(document, dict):
        return ["a problem that is no JSON object"]
    wrong = [f"a problem without {name}" for name in _MEMBERS if name not in document]
    if document.get("status") != answer.status:
        wrong.append(f"a problem of status {document.get('status')} under {answer.status}")
    instance = str(document.get("instance", "x"))
    return wrong if _ID.match(instance) else [*wrong, f"instance {instance!r}"]


_MEMBERS: Final = ("type", "title", "status", "detail", "instance")
