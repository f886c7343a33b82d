"""A port for Prometheus: the metrics of one run, for as long as its process lasts."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, AF_INET6
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any, Final

from pipeline.observe.prometheus.text import CONTENT_TYPE, exposition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pipeline.observe.prometheus.text import Labelled
    from pipeline.observe.timeline import Sample

__all__ = ["Exporter", "serving"]

_PATIENCE: Final = 1.0
"""Seconds that a scrape waits for the run; then it gets what it got the last time."""

_SLOWEST: Final = 5.0
"""Seconds without a byte from whoever asks after which he is given up."""

_MOST_AT_ONCE: Final = 16

_POLL: Final = 0.1


class Exporter:
    """The metrics of the run that it follows; nothing before, and the last of them after it."""

    def __init__(self) -> None:
        self.url = ""
        self._labels: Mapping[str, str] = {}
        self._ask: Callable[[], Sample] | None = None
        self._last: Sample | None = None

    @contextmanager
    def following(self, labels: Mapping[str, str], look: Callable[[], Sample]) -> Iterator[None]:
        """
        Show what *look* returns while the body runs on this loop, and its last answer afterwards.

        It is called on the loop, when somebody asks, so that the counters stand still meanwhile.
        """
        loop = asyncio.get_running_loop()

        def ask() -> Sample:
            answer: Future[Sample] = Future()
            loop.call_soon_threadsafe(lambda: answer.set_result(look()))
            return answer.result(_PATIENCE)

        self._labels, self._last, self._ask = labels, look(), ask
        try:
            yield
        finally:
            self._ask, self._last = None, look()

    def samples(self) -> Sequence[Labelled]:
        """Return the newest sample that is to be had, if there is any; from any thread."""
        ask = self._ask
        if ask is not None:
            # Else the loop is busy, or has just ended.
            with suppress(RuntimeError, TimeoutError):
                self._last = ask()
        last = self._last
        return [] if last is None else [(self._labels, last.as_json())]


@contextmanager
def serving(address: str, port: int) -> Iterator[Exporter]:
    """
    Answer Prometheus on *address* and *port* (0: any that is free) while the body runs.

    It happens in threads of its own. Raise OSError if nobody can listen there.
    """
    exporter = Exporter()
    server = _server(address, port, exporter)
    host = f"[{address}]" if ":" in address else address
    exporter.url = f"http://{host}:{server.server_address[1]}/metrics"
    thread = threading.Thread(
        target=server.serve_forever, args=(_POLL,), name="metrics", daemon=True
    )
    thread.start()
    try:
        yield exporter
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _server(address: str, port: int, exporter: Exporter) -> _Server:
    class Answers(_Conversation):
        def text(self) -> bytes:
            return exposition(exporter.samples())

    class Bound(_Server):
        address_family = AF_INET6 if ":" in address else AF_INET

    return Bound((address, port), Answers)


class _Conversation(BaseHTTPRequestHandler):
    """One question and its answer; nothing of it is logged."""

    timeout = _SLOWEST

    def text(self) -> bytes:
        """Return what is asked for."""
        raise NotImplementedError

    def do_GET(self) -> None:
        found = self.path.partition("?")[0] == "/metrics"
        text = self.text() if found else b"the metrics are under /metrics\n"
        self.send_response(HTTPStatus.OK if found else HTTPStatus.NOT_FOUND)
        self.send_header("Content-Type", CONTENT_TYPE if found else "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(text)

    def version_string(self) -> str:
        """Tell nobody which Python this is."""
        return "pipeline"

    def log_message(self, *_: Any) -> None:
        """Leave stderr to the log lines of the run."""


class _Server(ThreadingHTTPServer):
    """A server that a stranger can neither fill with threads nor make write to stderr."""

    def __init__(self, *arguments: Any) -> None:
        self._room = threading.BoundedSemaphore(_MOST_AT_ONCE)
        super().__init__(*arguments)

    def server_bind(self) -> None:
        """Bind without asking the name service what this machine is called."""
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, if there are not too many."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and make room for the next."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: somebody went away in the middle."""
