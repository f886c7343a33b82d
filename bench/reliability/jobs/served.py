"""Canaries through the job service: uploads that are refused for every reason, then all it says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from bench.reliability.attacks.arena import NEEDLES, await_end, new_folder, serving
from bench.reliability.attacks.crawl import crawl, log_faults, loose
from bench.reliability.jobs import canaries
from bench.reliability.jobs.watched import WatchedProxy
from bench.reliability.servers.proxy import Plan
from bench.reliability.truth import table_definition

if TYPE_CHECKING:
    from pathlib import Path

    from bench.reliability.attacks.verdict import Place

__all__ = ["serve_canaries"]

_NDJSON: Final = "application/x-ndjson"
_CSV: Final = "text/csv"
_AT_ONCE: Final = {"retry": {"attempts": 2, "base_delay": "1ms", "max_outage": "0s"}}
_ECHO: Final = {
    canaries.ECHO_REFUSAL: (400, "ValidationException", "no such thing: {body}"),
    canaries.ECHO_FAULT: (500, "InternalServerError", "{body}"),
}
_OVER: Final = frozenset({"completed_with_errors", "failed"})


def serve_canaries(folder: Path, engine: str, seed: int) -> dict[str, list[str]]:
    """
    Load canaries through a service whose table repeats them; tell what it shows and writes.

    The result has what R18 counts of each of its runs: hits, acting, loose, odd, files.
    """
    with WatchedProxy(engine, seed, Plan()) as proxy:
        proxy.echo = dict(_ECHO)
        target = {"target": table_definition(proxy.endpoint), "write": _AT_ONCE}
        base = {"source": {"type": "file", "path": "../data/canaries.jsonl"}, **target}
        plain = {"items": [{"key": {"PK": "{id}"}, "omit": ["id"]}]}
        definitions: dict[str, dict[str, Any]] = {
            "json": {**base, **canaries.DEFINITION, "name": "json"},
            "csv": {**base, **canaries.DEFINITION, **plain, "name": "csv"},
        }
        root = new_folder(folder, definitions)
        with serving(root, "http://127.0.0.1:9", token=True) as service:
            # Files are named in logs and reports; what a request must not show is another row's.
            place = replace(service.place, needles=NEEDLES)
            odd = [one for one in (_load(place, *load) for load in _LOADS) if one]
            answers, shown = crawl(place)
        shown += log_faults(service.err, NEEDLES)
    return {
        "hits": shown,
        "acting": [],
        "loose": loose(root / "runs"),
        "odd": odd,
        "files": [str(sum(path.is_file() for path in (root / "runs").rglob("*")))],
        "answers": [str(answers)],
    }


_LOADS: Final = (
    ("json", _NDJSON, canaries.json_source()),
    ("csv", _CSV, canaries.csv_source()),
    ("json", _NDJSON, canaries.hostile_source()),
    ("json", "application/json", b"{}"),
    ("broken", "application/json", b"{}"),
    ("json", _NDJSON, b'{"id": "x", "free": "' + canaries.VALUE.encode()),
)


def _load(place: Place, name: str, kind: str, body: bytes) -> str:
    """Load one source to its end; tell what is odd about it."""
    told = place.ask("POST", f"/api/{name}/migrate", body, kind)
    if name == "broken":
        return "" if told.status == 409 else f"a broken definition: {told.status}"
    if told.status != 202:
        return f"{name}: {told.status} {told.raw[-200:]!r}"
    ended = await_end(place, told.document["id"])
    wrong = f"{name}: {ended['state']} {ended.get('message')}"
    return "" if ended["state"] in _OVER else wrong
