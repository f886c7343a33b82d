"""Paths from outside: no name, id, cursor, header or field may lead to a file."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from bench.reliability.attacks.verdict import REFUSED, Attack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.reliability.attacks.verdict import Place
    from bench.reliability.attacks.wire import Told

__all__ = ["FAMILY", "attacks"]

FAMILY: Final = "traversal"

_ROUTES: Final = (
    ("POST", "/api/{}/migrate"),
    ("GET", "/assets/{}"),
    ("GET", "/api/jobs/{}"),
    ("GET", "/api/jobs/{}/log"),
    ("GET", "/api/jobs/{}/errors"),
    ("POST", "/api/jobs/{}/resume"),
    ("GET", "/{}"),
)
_LISTS: Final = ("/api/jobs?pipeline={}", "/api/jobs?before={}", "/api/jobs?state={}")
_FIELDS: Final = ("source", "path", "config", "runs", "schema", "dead_letter", "checkpoint", "file")


def _paths(place: Place) -> Iterator[str]:
    """Give paths out of the service's folders, as they stand in a URL."""
    absolute = str(place.outside)
    name = place.outside.name
    up = "../"
    yield from (up * depth + f"outside/{name}" for depth in (1, 2, 3))
    for dots, slash in (
        ("..", "%2f"),
        ("%2e%2e", "/"),
        ("%2e%2e", "%2f"),
        ("%252e%252e", "%252f"),
        ("..", "%5c"),
        ("....", "//"),
        ("..;", "/"),
        ("%c0%ae%c0%ae", "%c0%af"),
        ("%ef%bc%8e%ef%bc%8e", "%ef%bc%8f"),
        ("..%00", "/"),
        ("%uff0e%uff0e", "%u2215"),
    ):
        yield f"{dots}{slash}{dots}{slash}outside{slash}{name}"
    yield absolute
    yield "/" + absolute
    yield absolute.replace("/", "%2f")
    yield "file:%2f%2f" + absolute.replace("/", "%2f")
    yield "%2fproc%2fself%2fenviron"
    yield "..%2f..%2f..%2f..%2f..%2f..%2f..%2fproc%2fself%2fcmdline"
    yield "%2fdev%2fzero"
    yield ".serve%2fjobs.sqlite"
    yield "..%2fruns%2f.serve%2fjobs.sqlite"
    yield "people.yaml"
    yield "people%00.yaml"
    yield "."
    yield ".."
    yield "%2e%2e"
    yield "~"
    yield "%0a"
    yield "A" * 3000


def _lists_nothing(told: Told) -> str:
    """Allow a list that is empty."""
    document = told.document if told.status == 200 else None
    return "a list that is not empty" if document and document.get("jobs") else ""


def attacks(place: Place) -> Iterator[Attack]:
    """Give some 250 attacks: each path in each place where a name stands, and more."""
    for path in _paths(place):
        for method, route in _ROUTES:
            if route == "/{}" and path in {".", "~"}:
                continue  # this is the page
            target = route.format(path)
            yield Attack(FAMILY, f"{method} {target[:90]}", (place.asks(method, target),))
    names = list(_paths(place))
    for route, path in zip(chain(*[_LISTS] * 40), chain(*[names] * 3), strict=False):
        target = route.format(path)
        sent = (place.asks("GET", target),)
        allowed = REFUSED | {200}
        yield Attack(FAMILY, f"GET {target[:90]}", sent, allowed, _lists_nothing)
    for field in _FIELDS:
        body = b'{"%s": "%s"}' % (field.encode(), str(place.outside).encode())
        headers = [("Content-Type", "application/json")]
        sent = (place.asks("POST", "/api/people/migrate", headers, body),)
        yield Attack(FAMILY, f"a field {field}", sent)
        target = f"/api/people/migrate?{field}={place.outside}"
        yield Attack(FAMILY, f"a parameter {field}", (place.asks("POST", target),))
    for target in ("/api/people/../../migrate", "/assets/../../../", "/assets//etc/passwd"):
        yield Attack(FAMILY, target, (place.asks("GET", target),))
        absolute = f"http://{place.host}{target}"
        yield Attack(FAMILY, f"absolute {target}", (place.asks("GET", absolute),))
    for query in (f"?file={place.outside}", "?index=../outside", f"?../../outside/{place.outside}"):
        target = f"/assets/app.js.map{query}"
        yield Attack(FAMILY, target[:90], (place.asks("GET", target),))
