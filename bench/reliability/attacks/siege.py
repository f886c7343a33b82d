"""The whole attack, in order, and what came of it."""

from __future__ import annotations

import gzip
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from bench.reliability.attacks import abuse, floods
from bench.reliability.attacks.arena import NEEDLES, Service, await_end, new_folder, serving, trap
from bench.reliability.attacks.crawl import crawl, log_faults, loose
from bench.reliability.attacks.families import bombs, doors, framing, outbound, traversal, weights
from bench.reliability.attacks.verdict import Book, strike
from bench.reliability.attacks.wire import converse
from bench.reliability.jobs import canaries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from bench.reliability.attacks.arena import Trap
    from bench.reliability.attacks.verdict import Attack, Place

__all__ = ["Siege", "lay_siege"]

_Aftermath: TypeAlias = tuple[tuple[float, str], int, dict[str, int]]
"""The longest stall, bytes grown, and bytes grown by the end of each phase."""

_QUEUE: Final = 30
_FULL_HOUSE: Final = 256
"""Connections that the service has at once, at most: `pipeline.api.limits`."""

_LINES: Final = "application/x-ndjson"
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Siege:
    """
    What came of it, over two services: one that asks for a token, one on its user's own machine.

    *stall* is the longest in seconds, with where it was; *grown* bytes, *grown_by* the same after
    each of the phases of either service; *calls* those of the trap.
    """

    book: Book
    stall: tuple[float, str]
    grown: int
    grown_by: Mapping[str, int]
    calls: int


def lay_siege(folder: Path, *, crowd: int, waiting: bool) -> Siege:
    """
    Attack two services, one after the other, each over its own doors.

    *crowd* is how many come at once, *waiting* says that also what takes half a minute is tried.
    """
    book = Book()
    with trap() as caught:
        first = _with_token(new_folder(folder / "token"), caught, book, crowd, waiting=waiting)
        second = _without_token(new_folder(folder / "loopback"), caught, book)
        calls = caught.calls
    book.add("outbound", "the trap", [f"{calls} calls"] if calls else [])
    stall = max(first[0], second[0])
    grown = max(first[1], second[1])
    return Siege(book, stall, grown, {**first[2], **second[2]}, calls)


def _with_token(root: Path, caught: Trap, book: Book, crowd: int, *, waiting: bool) -> _Aftermath:
    more = ("--queue", str(_QUEUE))
    with serving(root, caught.url, *more, token=True) as service:
        place = _settle(service, book)
        with ThreadPoolExecutor(16) as slowly:
            pending = slowly.map(lambda one: (one, strike(place, one)), weights.slow(place))
            for attacks in (
                doors.strangers(place),
                traversal.attacks(place),
                outbound.attacks(place),
                bombs.attacks(place),
                framing.attacks(place),
                abuse.cursors(place),
                weights.heavy(place),
            ):
                _storm(service, book, attacks)
            for attack, wrong in pending:
                book.add(attack.family, attack.what, wrong)
        _crowds(service, book, crowd, waiting=waiting)
        _abuses(place, book)
        service.mark("abuse")
        return _aftermath(service, book)


def _without_token(root: Path, caught: Trap, book: Book) -> _Aftermath:
    with serving(root, caught.url, token=False) as service:
        place = _settle(service, book)
        _storm(service, book, doors.browsers(place))
        _definitions(service, place, book)
        service.mark("definitions")
        return _aftermath(service, book)


def _settle(service: Service, book: Book) -> Place:
    """Use the service as it is meant to be used: what follows is held against this."""
    place = service.place
    told = place.ask("POST", "/api/canaries/migrate", canaries.json_source(), _LINES)
    job = str((told.document or {}).get("id"))
    wrong = [] if told.status == 202 else [f"an upload: {told.status} {told.raw[-300:]!r}"]
    if not wrong:
        ended = await_end(place, job)
        if ended["state"] != "completed_with_errors":
            wrong.append(f"the upload's job: {ended['state']} {ended.get('message')}")
    book.add("good", "an upload", wrong)
    book.add("good", "a job", _good_job(place))
    place = replace(place, job=job)
    _use(place)
    service.place = place
    service.take_breath()
    return place


def _use(place: Place) -> None:
    """
    Use what there is as a busy day does, mistakes too: memory is held against this.

    As many connections at once as it takes, eight uploads, every page of every job, and each kind
    of refusal.
    """
    crawl(place)
    packed = gzip.compress(b'{"id": "a"}\n' * 100_000)
    given = [("Content-Type", _LINES), ("Content-Encoding", "gzip")]
    upload = place.asks("POST", "/api/canaries/migrate?dry_run=true", given, packed)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: converse(place.address, [upload]), range(8)))
    abuse.stop_all(place)
    floods.connections(place, Book(), _FULL_HOUSE)
    for _ in range(20):
        place.ask("POST", "/api/people/migrate", b'{"wrong": 1, "limit": -1}', _JSON)
        place.ask("POST", "/api/people/migrate", b"wrong", "text/plain")
        place.ask("POST", "/api/nobody/migrate")
        place.ask("GET", "/api/jobs/nobody/errors?after=x&limit=0")
        for number, part in enumerate(("", "/log", "/errors", "/samples", "/events")):
            place.ask("GET", f"/api/jobs/nobody{number}{part}")
        place.ask("POST", "/api/jobs/nobody/stop")
        place.ask("GET", "/assets/nothing.js")
        place.ask("PUT", "/nothing")


def _good_job(place: Place) -> list[str]:
    """See that who asks properly is served: a service that refuses everything is not safe."""
    body = b'{"limit": 10, "dry_run": true}'
    told = place.ask("POST", "/api/people/migrate", body, _JSON)
    if told.status != 202:
        return [f"a good job: {told.status} {told.raw[-300:]!r}"]
    ended = await_end(place, told.document["id"])
    return [] if ended["state"] == "succeeded" else [f"a good job: {ended['state']}"]


def _count(place: Place) -> int:
    return len(place.ask("GET", "/api/jobs?limit=200").document["jobs"])


def _storm(service: Service, book: Book, attacks: Iterable[Attack]) -> None:
    """Carry out attacks one after the other; none of them may have begun a job."""
    place, allowed, family = service.place, 0, ""
    before = _count(place)
    for attack in attacks:
        wrong, family = strike(place, attack), attack.family
        allowed += not wrong and 202 in attack.allowed
        book.add(family, attack.what, wrong)
    begun = _count(place) - before
    if begun > allowed:
        book.add(family, "jobs", [f"{begun - allowed} jobs were begun"], 0)
    if service.process.poll() is not None:
        last = service.err.read_text(errors="replace")[-500:]
        raise AssertionError(f"the service is gone after {family}: {last}")
    service.mark(family)
    abuse.stop_all(place)


def _crowds(service: Service, book: Book, crowd: int, *, waiting: bool) -> None:
    place = service.place
    floods.connections(place, book, crowd)
    service.mark("connections")
    floods.unread(place, book, 40)
    service.mark("unread")
    told = place.ask("POST", "/api/slow/migrate", b'{"limit": 5000}', _JSON)
    if told.status == 202:
        floods.streams(place, book, told.document["id"], 120)
        service.mark("streams")
    abuse.stop_all(place)
    if waiting:
        _storm(service, book, weights.bomb(place))
        floods.uploads_at_once(place, book, 300, 40)
        service.mark("uploads")


def _definitions(service: Service, place: Place, book: Book) -> None:
    """Drop hostile definitions into the folder; each is listed as broken, and hurts no other."""
    folder = service.root / "configs"
    names = []
    for name, text in bombs.definitions():
        (folder / f"zz-{name}.yaml").write_bytes(text)
        names.append(f"zz-{name}")
    for name in names:
        told = place.ask("POST", f"/api/{name}/migrate")
        wrong = [] if told.status in {404, 409} else [f"answered {told.status}"]
        book.add(bombs.FAMILY, f"definition {name}", wrong)
    listed = place.ask("GET", "/api/pipelines").document["pipelines"]
    broken = [one["name"] for one in listed if not one["valid"]]
    wrong = [] if len(broken) == len(names) + 1 else [f"broken are {broken} of {len(listed)}"]
    book.add(bombs.FAMILY, "the list", wrong)
    book.add("good", "a job beside hostile definitions", _good_job(place))
    count, shown = crawl(place)
    book.add("crawl", "all answers", shown[:5], count)
    for name in names:
        (folder / f"{name}.yaml").unlink()


def _abuses(place: Place, book: Book) -> None:
    count, shown = crawl(place)
    book.add("crawl", "all answers", shown[:5], count)
    abuse.guess_ids(place, book)
    abuse.reuse_keys(place, book)
    abuse.fill_the_queue(place, book, _QUEUE)


def _uploads(place: Place) -> int:
    """Count the jobs that may be gone on with, and so need their upload."""
    jobs = place.ask("GET", "/api/jobs?limit=200").document["jobs"]
    return sum(job["upload"] is not None and job["state"] not in _WRITTEN for job in jobs)


_WRITTEN: Final = frozenset({"succeeded", "completed_with_errors"})


def _aftermath(service: Service, book: Book) -> _Aftermath:
    """Judge what is left: files, the log, memory; and that the service still serves."""
    book.add("good", "a job afterwards", _good_job(service.place))
    abuse.stop_all(service.place)
    grown = service.grown
    changed, wanted = service.changed(), _uploads(service.place)
    book.add("traversal", "files outside the runs", [f"changed: {changed[:5]}"] if changed else [])
    spool = service.root / "runs" / ".serve" / "spool"
    service.close()
    left = [path.name for path in spool.rglob("*") if path.is_file()]
    wrong = [f"{len(left)} files for {wanted} jobs"] if len(left) > wanted else []
    book.add("weights", "the spool", wrong)
    open_files = loose(service.root / "runs")
    book.add("traversal", "modes", open_files[:5])
    needles = {**NEEDLES, "a cookie": "ZqCookieQz7731"}
    book.add("log", "the service's log", log_faults(service.err, needles))
    if service.exit_code not in {0, 143}:
        book.add("good", "the end", [f"exit code {service.exit_code}"])
    if service.closing_s > 10:
        book.add("good", "the end", [f"{service.closing_s:.1f} s from SIGTERM to the end"])
    return service.stall(), grown, service.grown_by
