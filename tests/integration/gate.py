"""A gate before DynamoDB Local: it counts what passes, and can be shut at any write."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

__all__ = ["Gate", "gate_before"]

PATIENCE = 60.0
"""Seconds after which a test that waits for a request gives up."""

PASSED_ON = {"content-type", "x-amz-crc32", "x-amzn-requestid"}


class Gate:
    """
    What came through, and what is to come of the next BatchWriteItem requests.

    *written* are the items of every request that was carried out. A request behind a shut gate is
    neither carried out nor answered; one that is *lost* is carried out, and not answered. One that
    is *refused* gets HTTP 500. *calls* counts requests by their operation.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.url = ""
        self.calls: Counter[str] = Counter()
        self.written: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._left: int | None = None
        self._losing = False
        self._refusing = False
        self._closed = False

    def shut_after(self, requests: int, *, losing: bool = False) -> None:
        """Let *requests* more writes pass; every second one after them is lost if *losing*."""
        with self._changed:
            self._left, self._losing = requests, losing

    def refuse(self) -> None:
        """Answer every write with a server fault from now on."""
        with self._changed:
            self._refusing = True

    def open(self) -> None:
        """Let everything pass that waits, and all that comes."""
        with self._changed:
            self._left, self._refusing = None, False
            self._changed.notify_all()

    def close(self) -> None:
        """Let the threads go that hold requests back."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def forget(self) -> None:
        """Count from nothing again."""
        with self._changed:
            self.calls.clear()
            self.written.clear()

    def await_shut(self, running: subprocess.Popen[Any]) -> None:
        """Return when a write of *running* stands before the shut gate."""
        with self._changed:
            while self._left is None or self._left >= 0:
                self._changed.wait(0.1)
                if running.poll() is not None:
                    told = running.communicate()[1][-2_000:]
                    raise AssertionError(f"it ended with code {running.returncode}: {told}")

    @property
    def is_shut(self) -> bool:
        """Whether a write stands before the shut gate, or was lost behind it."""
        with self._changed:
            return self._left is not None and self._left < 0

    def await_close(self) -> None:
        """Hold back what is not to be answered, until nobody can wait for it any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed)

    def carry(self, operation: str, body: bytes, headers: dict[str, str]) -> _Reply | None:
        """Do with a request what is to be done; None: it gets no answer."""
        losing = False
        with self._changed:
            self.calls[operation] += 1
            if operation == "BatchWriteItem":
                if self._refusing:
                    return _Reply(500, {}, b'{"__type":"InternalServerError"}')
                losing = self._wait()
                if self._closed:
                    return None
        reply = self._forward(body, headers)
        if operation == "BatchWriteItem" and reply.status == 200:
            (puts,) = json.loads(body)["RequestItems"].values()
            with self._changed:
                self.written += puts
        return None if losing else reply

    def _wait(self) -> bool:
        """Wait behind a shut gate; True: the request is to be carried out and lost."""
        if self._left is None:
            return False
        self._left -= 1
        self._changed.notify_all()
        if self._losing and self._left < 0 and self._left % 2:
            return True
        self._changed.wait_for(lambda: self._closed or self._left is None or self._left >= 0)
        return False

    def _forward(self, body: bytes, headers: dict[str, str]) -> _Reply:
        connection = http.client.HTTPConnection(urlsplit(self.upstream).netloc, timeout=PATIENCE)
        try:
            connection.request("POST", "/", body, headers)
            answer = connection.getresponse()
            kept = {name: text for name, text in answer.getheaders() if name.lower() in PASSED_ON}
            return _Reply(answer.status, kept, answer.read())
        finally:
            connection.close()


class _Reply:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that was killed does not wait for its answer."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        """Pass a request on."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        reply = self.server.gate.carry(operation, body, dict(self.headers.items()))
        if reply is None:
            self.server.gate.await_close()
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, text in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, *_: object) -> None:
        """Keep stderr free."""


@contextmanager
def gate_before(upstream: str) -> Iterator[Gate]:
    """Serve a gate before the engine at *upstream* while the body runs."""
    gate = Gate(upstream)
    server = _Server(gate)
    gate.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield gate
    finally:
        gate.close()
        server.shutdown()
        thread.join()
        server.server_close()
