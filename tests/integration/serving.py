"""A server as a user starts it, a folder of definitions for it, and a client of the library's."""

from __future__ import annotations

import json
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.integration.command import await_event, start

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["LINES", "OVER", "Reply", "Served", "served", "write_folder"]

NOTHING: Mapping[str, str] = {}
LINES = {"Content-Type": "application/x-ndjson"}
OVER = frozenset({"succeeded", "completed_with_errors", "failed", "stopped", "interrupted"})
PATIENCE = 60.0

DEFINITION = """
name: {name}
source: {source}
schema: {{type: object, required: [user_id], properties: {{user_id: {{type: string}}}}}}
items: [{{key: {{PK: "USER#{{user_id}}"}}}}]
target:
  table: {table}
  endpoint: {endpoint}
  create: {{key: {{PK: S}}, if_missing: true}}
{more}
"""


def write_folder(root: Path, endpoint: str = "embedded") -> Path:
    """
    Write definitions: ``users`` (five records), ``people`` (without end), ``slow``, ``broken``.

    What *slow* loads takes a record a second.
    """
    folder = root / "configs"
    folder.mkdir()
    lines = [json.dumps({"user_id": f"u{number}", "n": number}) for number in range(4)]
    (root / "users.jsonl").write_text("\n".join([*lines[:2], '{"user_id": 7}', *lines[2:], ""]))
    endless = "{type: generate, count: 100000000}"
    for name, source, more in (
        ("users", "{type: file, path: ../users.jsonl}", ""),
        ("people", endless, ""),
        ("slow", endless, "write: {rate: 1}"),
    ):
        text = DEFINITION.format(
            name=name, source=source, table=name.title(), endpoint=endpoint, more=more
        )
        (folder / f"{name}.yaml").write_text(text)
    (folder / "broken.yaml").write_text("source: {type: nothing}\n")
    return folder


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        """The last part of the problem's type."""
        assert self.headers["content-type"] == "application/problem+json"
        return str(self.json["type"]).rpartition(":")[2]


@dataclass
class Served:
    """A running server."""

    running: subprocess.Popen[str]
    host: str
    port: int
    token: str | None = None
    told: list[str] = field(default_factory=list)

    def connect(self) -> HTTPConnection:
        """Open a connection."""
        return HTTPConnection(self.host, self.port, timeout=PATIENCE)

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] = NOTHING
    ) -> Reply:
        """Ask on a connection of its own; a *body* that is no bytes or iterator is sent as JSON."""
        given = dict(headers)
        if isinstance(body, dict):
            body, given = json.dumps(body).encode(), {"Content-Type": "application/json", **given}
        if self.token is not None:
            given.setdefault("Authorization", f"Bearer {self.token}")
        connection = self.connect()
        try:
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, found, answer.read())
        finally:
            connection.close()

    def await_job(self, job: str, *states: str) -> Any:
        """Ask for a job until it is in one of *states*; those that are over, if none is given."""
        wanted, deadline = set(states) or OVER, time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            told = self.ask("GET", f"/api/jobs/{job}").json
            if told["state"] in wanted:
                return told
            if told["state"] in OVER:
                break
            threading.Event().wait(0.05)
        raise AssertionError(f"the job is {told['state']}: {told['message']}\n{''.join(self.told)}")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the server by a signal; return its exit code."""
        self.running.send_signal(number)
        return self.running.wait(PATIENCE)


@contextmanager
def served(
    folder: Path, *options: str, variables: Mapping[str, str] = NOTHING, token: str | None = None
) -> Iterator[Served]:
    """Serve *folder* with runs beside it; end the server if the body did not."""
    runs = folder.parent / "runs"
    arguments = ["serve", str(folder), "--port", "0", "--runs-dir", str(runs), *options]
    with start(*arguments, cwd=folder.parent, variables=variables) as running:
        reader: threading.Thread | None = None
        try:
            event = await_event(running, "serve.started")
            url = urlsplit(event["message"].rpartition(" ")[2])
            assert url.hostname is not None
            assert url.port is not None
            server = Served(running, url.hostname, url.port, token)
            assert running.stderr is not None
            reader = threading.Thread(target=server.told.extend, args=(running.stderr,))
            reader.start()
            yield server
        finally:
            if running.poll() is None:
                running.terminate()
            if reader is not None:
                reader.join(PATIENCE)
