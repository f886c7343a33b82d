"""
How soon the job service answers, while a job of its own loads as fast as it can.

    python -m bench.serve [--requests 300] [--rounds 3] [--table null,embedded]

A real service with a job that loads all the time, into a table that takes everything at once (the
null endpoint of the throughput bench) or into the embedded engine. Meanwhile jobs are asked for, at
an even pace, each on a connection that is open already: with no body, with overrides, and with a
hundred records to load. The time runs from the body's last byte to the answer's last. The jobs wait
in the queue behind the first. What the load loses by it is measured beside a load that nobody
disturbs, and beside one that two pages follow: the best of each in all rounds, which take turns.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.throughput.endpoint import CHECKOUT, null_endpoint
from bench.throughput.records import source_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_URL: Final = re.compile(r"http://127\.0\.0\.1:(\d+)")
_PATIENCE: Final = 120.0
_FAST: Final = 160_000
_SLOW: Final = 40_000
"""Records a second that the null endpoint, and the embedded engine, take at most."""

_LOADED: Final = 3_000
"""Records after which a load counts as being at full speed."""

_OVER: Final = frozenset({"succeeded", "completed_with_errors", "failed", "stopped"})
_UPLOAD: Final = b"".join(b'{"user_id":"u%05d","email":"a@b.c"}\n' % n for n in range(100))
_KINDS: Final = {
    "no body": (None, b""),
    "overrides": ("application/json", b'{"limit": 1000, "dry_run": true}'),
    "100 records": ("application/x-ndjson", _UPLOAD),
}


@dataclass
class Asked:
    """What was measured of one kind of request; times in seconds."""

    times: list[float] = field(default_factory=list)
    odd: list[int] = field(default_factory=list)

    def line(self) -> str:
        """Write it as a row's cells."""
        times = sorted(self.times)
        if not times:
            return "- | - | - | 0"
        p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
        told = " | ".join(f"{one * 1e3:.1f}" for one in (statistics.median(times), p99, times[-1]))
        return f"{told} | {len(times)}" + (f", not 202: {self.odd[:3]}" if self.odd else "")


class Client:
    """One connection that stays open."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(
        self, method: str, target: str, body: bytes = b"", kind: str | None = None
    ) -> tuple[int, Any, float]:
        """Ask; give status, document, and seconds from the last byte out to the last byte in."""
        link = self._connection
        if link.sock is None:
            link.connect()  # which sets TCP_NODELAY
        link.putrequest(method, target, skip_accept_encoding=True)
        if kind is not None:
            link.putheader("Content-Type", kind)
        link.putheader("Content-Length", str(len(body)))
        link.endheaders(body or None)
        sent = time.perf_counter()
        answer = link.getresponse()
        text = answer.read()
        seconds = time.perf_counter() - sent
        return answer.status, json.loads(text or b"null"), seconds


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """Serve *folder*'s definitions; give the port."""
    line = [sys.executable, "-m", "pipeline", "serve", "configs", "--port", "0", "--jobs", "1"]
    line += ["--queue", "100000", "--runs-dir", str(folder / "runs")]
    environment = {
        **os.environ,
        "PYTHONPATH": str(CHECKOUT),
        "AWS_ACCESS_KEY_ID": "BENCH",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    err = folder / "err"
    with err.open("wb") as err_to:
        process = subprocess.Popen(line, cwd=folder, env=environment, stderr=err_to)
    try:
        yield _port(process, err)
    finally:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _port(process: subprocess.Popen[bytes], err: Path) -> int:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        if found := _URL.search(err.read_text(errors="replace")):
            return int(found[1])
        time.sleep(0.02)
    raise SystemExit(f"the service did not start: {err.read_text(errors='replace')[-800:]}")


def _folder(stack: ExitStack, endpoint: str, source: Path) -> Path:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-serve-")))
    (folder / "configs").mkdir()
    for name in ("load", "asked"):
        definition = {
            "name": name,
            "source": {"type": "file", "path": str(source)},
            "items": [{"key": {"PK": "{user_id}", "SK": "A"}}],
            "target": {
                "table": "Board",
                "endpoint": endpoint,
                "region": "us-east-1",
                "create": {"key": {"PK": "S", "SK": "S"}, "if_missing": True},
            },
        }
        (folder / "configs" / f"{name}.yaml").write_text(json.dumps(definition))
    return folder


def _settled(live: Any) -> int:
    return int((live or {}).get("settled") or 0)


def _start(client: Client) -> str:
    status, job, _ = client.ask("POST", "/api/load/migrate")
    if status != 202:
        raise SystemExit(f"the load was not taken: {status} {job}")
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        _, now, _ = client.ask("GET", f"/api/jobs/{job['id']}")
        if _settled(now.get("live")) >= _LOADED:
            break
        if now["state"] in _OVER:
            raise SystemExit(f"the load is too short to be measured: {now['state']}")
        time.sleep(0.05)
    return str(job["id"])


def _end(client: Client, job: str) -> float:
    """Wait for the end of the load; give its items a second."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        _, now, _ = client.ask("GET", f"/api/jobs/{job}")
        if now["state"] in _OVER:
            if now["state"] != "succeeded":
                raise SystemExit(f"the load ended as {now['state']}: {now.get('message')}")
            return float(now["report"]["items_per_s"])
        time.sleep(0.1)
    raise SystemExit("the load does not end")


def _alone(port: int) -> float:
    client = Client(port)
    return _end(client, _start(client))


def _asked(port: int, told: Mapping[str, Asked], requests: int, pause: float) -> float:
    """Ask for jobs while one loads; keep the times in *told*, give the load's rate."""
    client, other = Client(port), Client(port)
    job = _start(client)
    begun = time.monotonic()
    for number in range(requests):
        name = [*_KINDS][number % len(_KINDS)]
        kind, body = _KINDS[name]
        status, _, seconds = other.ask("POST", "/api/asked/migrate", body, kind)
        told[name].times.append(seconds)
        if status != 202:
            told[name].odd.append(status)
        time.sleep(max(0.0, begun + (number + 1) * pause - time.monotonic()))
    _, now, _ = client.ask("GET", f"/api/jobs/{job}")
    if now["state"] in _OVER:
        raise SystemExit(f"the load was over before {requests} requests: give it more --records")
    return _end(client, job)


@contextmanager
def _followed(port: int, job: str) -> Iterator[None]:
    """Follow a job on a connection of its own, as a page does."""
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(f"GET /api/jobs/{job}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())

        def read() -> None:
            with suppress(OSError):
                while link.recv(65536):
                    pass

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        yield
        with suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)
        thread.join()


def _watched(port: int) -> float:
    client = Client(port)
    job = _start(client)
    with _followed(port, job), _followed(port, job):
        return _end(client, job)


def _measure(name: str, endpoint: str, source: Path, given: argparse.Namespace) -> None:
    rates: dict[str, float] = {}
    told = {kind: Asked() for kind in _KINDS}
    each: dict[str, Callable[[int], float]] = {
        "alone": _alone,
        "with two who follow it": _watched,
        f"asked {1 / given.pause:.0f} times a second": lambda port: _asked(
            port, told, -(-given.requests // given.rounds), given.pause
        ),
    }
    for _ in range(given.rounds):
        for how, load in each.items():
            with ExitStack() as stack, served(_folder(stack, endpoint, source)) as port:
                rates[how] = max(load(port), rates.get(how, 0))
    print(f"\ninto {name}\n")
    print("| POST /api/{pipeline}/migrate | p50 ms | p99 ms | max ms | requests |")
    print("|---|---|---|---|---|")
    whole = Asked()
    for kind, one in told.items():
        print(f"| {kind} | {one.line()} |")
        whole.times += one.times
        whole.odd += one.odd
    print(f"| all | {whole.line()} |")
    print("\n| the load meanwhile | items/s | of alone |")
    print("|---|---|---|")
    for how, rate in rates.items():
        print(f"| {how} | {rate:,.0f} | {rate / rates['alone']:.0%} |")


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.serve")
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--records", type=int, help="Of a load; as many as the requests take.")
    parser.add_argument("--pause", type=float, default=0.02, help="Seconds between requests.")
    parser.add_argument("--table", default="null,embedded", help="null, embedded or both.")
    given = parser.parse_args()
    line = " ".join(["python -m bench.serve", *sys.argv[1:]])
    print(f"{line}: {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory(prefix="bench-serve-source-") as scratch:
        for name in given.table.split(","):
            with ExitStack() as stack:
                null = name == "null"
                seconds = given.requests / given.rounds * given.pause + 0.5
                records = given.records or int(seconds * (_FAST if null else _SLOW))
                source = source_file(Path(scratch), records)
                endpoint = stack.enter_context(null_endpoint()) if null else "embedded"
                _measure("a table that takes all" if null else name, endpoint, source, given)


if __name__ == "__main__":
    main()
