"""
A stage for the page: a server that says what a test wants it to say.

For what the real one cannot be brought to do at will: lose its connection, stream nothing, answer
with markup. It serves the page's own files with the headers that the real one sends.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["CSP", "Scene", "job", "pipeline_of", "sample", "staged"]

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
FOLDERS = [
    Path(pipeline.__file__).parent / "api" / "page",
    Path(pipeline.__file__).parent / "observe" / "page",
]
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css"}
OVER = {"succeeded", "completed_with_errors", "failed", "stopped", "interrupted"}


@dataclass
class Scene:
    """What the server knows, and how it behaves; a test changes it while the page looks."""

    pipelines: list[dict[str, Any]] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    samples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    errors: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    logs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    token: str | None = None
    streams: bool = True
    """Whether a stream of events says anything; a proxy that keeps answers back says nothing."""
    answer: Callable[[str, str], tuple[int, dict[str, Any]] | None] = lambda _method, _path: None
    """An answer that comes before the scene's own."""
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def detail(self, one: Mapping[str, Any]) -> dict[str, Any]:
        """Return the whole document of a job."""
        samples = self.samples.get(one["id"], [])
        report = self.reports.get(one["id"]) if one["state"] in OVER else None
        return {**one, "live": samples[-1] if samples else {}, "report": report}


def pipeline_of(name: str, **facts: Any) -> dict[str, Any]:
    """Return a pipeline as the API lists it."""
    return {
        "name": name,
        "source": "file",
        "table": name.capitalize(),
        "endpoint": "embedded",
        "valid": True,
        "problem": None,
        "active_jobs": [],
        "last_job": None,
        **facts,
    }


def job(name: str, **facts: Any) -> dict[str, Any]:
    """Return a job as the API lists it."""
    return {
        "id": f"job-of-{name}",
        "pipeline": name,
        "state": "running",
        "created_at": "2026-03-01T02:03:04.512Z",
        "started_at": "2026-03-01T02:03:04.530Z",
        "ended_at": None,
        "overrides": {"limit": None, "rate": None, "dry_run": False},
        "upload": None,
        "run": "20260301T020304Z-1f2e3d",
        "attempts": 1,
        "exit_code": None,
        "message": None,
        "resumable": False,
        "queue_position": None,
        **facts,
    }


def sample(number: int, **facts: Any) -> dict[str, Any]:
    """Return line *number* of a timeline, of a load of 1,000 items a second."""
    settled = number * 1000
    return {
        "n": number,
        "at": 1772330584.5 + number,
        "attempt": 1,
        "elapsed_s": float(number),
        "read": settled + 500,
        "settled": settled,
        "succeeded": settled,
        "superseded": 0,
        "rejected": 0,
        "failed": 0,
        "requests": number * 40,
        "retries": 0,
        "throttled": 0,
        "consumed_wcu": float(settled),
        "source_bytes": settled * 236,
        "source_bytes_total": 100_000 * 236,
        "records_total": None,
        "records_settled": settled,
        "items_per_s": 1000.0,
        "throttled_per_s": 0.0,
        "p50_ms": 4.1,
        "p99_ms": 11.9,
        "pace": None,
        "in_flight": None,
        "activity": None,
        "eta_s": 100.0 - number,
        **facts,
    }


@contextmanager
def staged(scene: Scene, port: int = 0) -> Iterator[str]:
    """Serve *scene* on the loopback; yield its address. At the end all connections are closed."""
    server = _Server(("127.0.0.1", port), _Answer)
    server.scene = scene
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    scene: Scene

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.over = threading.Event()


class _Answer(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.0"  # a connection an answer: the end of the scene ends them all

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        """Answer a request."""
        scene = self.server.scene
        url = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        scene.asked.append((self.command, self.path, dict(self.headers), body))
        if url.path == "/" or url.path.startswith("/assets/"):
            self._file(url.path.rpartition("/")[2] or "index.html")
            return
        wanted = None if scene.token is None else f"Bearer {scene.token}"
        if wanted is not None and self.headers.get("Authorization") != wanted:
            self._problem(401, "A token is needed", "send Authorization: Bearer")
            return
        given = scene.answer(self.command, self.path)
        if given is not None:
            status, document = given
            self._json(status, document)
            return
        self._api(url.path.split("/")[2:], {k: v[0] for k, v in parse_qs(url.query).items()})

    do_POST = do_GET  # noqa: N815 - a name of the library

    def _api(self, path: list[str], query: dict[str, str]) -> None:
        scene = self.server.scene
        if path == ["pipelines"]:
            self._json(200, {"pipelines": scene.pipelines})
        elif path == ["jobs"]:
            wanted = [(k, query[k]) for k in ("state", "pipeline") if k in query]
            jobs = [one for one in scene.jobs if all(one[k] == v for k, v in wanted)]
            start, limit = int(query.get("before", "0")), int(query.get("limit", "50"))
            more = str(start + limit) if len(jobs) > start + limit else None
            self._json(200, {"jobs": jobs[start : start + limit], "next": more})
        elif path[0] == "jobs":
            known = [one for one in scene.jobs if one["id"] == path[1]]
            if not known:
                self._problem(404, "There is no such job", "no job has this id")
                return
            self._job(known[0], path[2:], query)
        else:
            self._json(202, scene.jobs[0])

    def _job(self, one: dict[str, Any], path: list[str], query: dict[str, str]) -> None:
        scene, name, after = self.server.scene, one["id"], int(query.get("after", "-1"))
        if not path:
            self._json(200, scene.detail(one))
        elif path == ["samples"]:
            samples = [line for line in scene.samples.get(name, []) if line["n"] > after]
            self._json(200, {"samples": samples, "next": samples[-1]["n"] if samples else after})
        elif path in (["errors"], ["log"]):
            kept = scene.errors if path == ["errors"] else scene.logs
            lines, start, limit = kept.get(name, []), max(0, after), int(query.get("limit", "50"))
            end = start + limit
            more = end if len(lines) > end else None
            member = "errors" if path == ["errors"] else "lines"
            self._json(200, {member: lines[start:end], "next": more})
        elif path == ["events"]:
            self._events(one, int(self.headers.get("Last-Event-ID", "-1")))
        else:
            one["state"] = {"stop": "stopping", "resume": "running"}[path[0]]
            self._json(202, one)

    def _events(self, one: dict[str, Any], after: int) -> None:
        scene = self.server.scene
        self._head(200, "text/event-stream", None)
        told: dict[str, Any] | None = None
        while not self.server.over.is_set():
            if scene.streams:
                if one != told:
                    told = dict(one)
                    self._event("job", None, one)
                for line in [x for x in scene.samples.get(one["id"], []) if x["n"] > after]:
                    after = line["n"]
                    self._event("sample", after, line)
                if one["state"] in OVER:
                    self._event("end", None, {})
                    return
            time.sleep(0.02)

    def _event(self, kind: str, number: int | None, document: Mapping[str, Any]) -> None:
        told = "" if number is None else f"id: {number}\n"
        self.wfile.write(f"event: {kind}\n{told}data: {json.dumps(document)}\n\n".encode())

    def _file(self, name: str) -> None:
        for folder in FOLDERS:
            path = folder / name
            if path.is_file():
                self._head(200, TYPES[path.suffix], None)
                self.wfile.write(path.read_bytes())
                return
        self._problem(404, "There is nothing at this address", name)

    def _problem(self, status: int, title: str, detail: str) -> None:
        self._json(status, {"title": title, "status": status, "detail": detail})

    def _json(self, status: int, document: Mapping[str, Any]) -> None:
        body = json.dumps(document).encode()
        self._head(status, "application/json", len(body))
        self.wfile.write(body)

    def _head(self, status: int, kind: str, length: int | None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Security-Policy", CSP)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
