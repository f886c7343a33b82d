"""The service under attack: a process of its own, with secrets in its folder and a trap beside."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.reliability.attacks.families.weights import SPOOL
from bench.reliability.attacks.verdict import Place
from bench.reliability.jobs import canaries
from bench.reliability.probe import VARIABLE
from bench.reliability.running import CHECKOUT
from bench.reliability.truth import table_definition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["NEEDLES", "Service", "Trap", "await_end", "new_folder", "serving", "trap", "tree"]

_NEEDLES: Final = {
    "the secret key": "ZqSecretKeyQz7731",
    "the session token": "ZqSessionTokenQz7731",
    "a password": "ZqPasswordQz7731",
    "a file from outside": "ZqOutsideQz7731",
    "the token": "ZqTokenQz7731",
}
NEEDLES: Final[Mapping[str, str]] = {
    **_NEEDLES,
    "an item's value": canaries.VALUE,
    "an item's number": canaries.NUMBER,
}
"""What nobody may see in an answer or in the service's log."""

_TOKEN: Final = "ZqTokenQz7731-" + "k" * 24
_URL: Final = re.compile(r"http://(127\.0\.0\.1):(\d+)")
_PATIENCE: Final = 60.0
_OVER: Final = frozenset({"succeeded", "completed_with_errors", "failed", "stopped", "interrupted"})

_PEOPLE: Final[dict[str, Any]] = {
    "name": "people",
    "source": {"type": "generate", "count": 100_000},
    "items": [{"key": {"PK": "{user_id}"}}],
    "target": table_definition("embedded", "People"),
    "errors": {"max_rejected": "100%"},
}
_DEFINITIONS: Final[Mapping[str, dict[str, Any]]] = {
    "people": _PEOPLE,
    "slow": {**_PEOPLE, "name": "slow", "write": {"rate": {"wcu": 1}}},
    "canaries": {
        "name": "canaries",
        "source": {"type": "file", "path": "../data/canaries.jsonl"},
        **canaries.DEFINITION,
        "target": table_definition("embedded", "Canaries"),
    },
    "broken": {
        "name": "broken",
        "source": {"type": "file", "path": "../data/nothing.jsonl", "password": "ZqPasswordQz7731"},
        "items": [],
        "target": table_definition("http://user:ZqPasswordQz7731@127.0.0.1:9"),
    },
}


NOTHING: Final[Mapping[str, Any]] = {}


def new_folder(root: Path, more: Mapping[str, Mapping[str, Any]] = NOTHING) -> Path:
    """
    Make a folder with definitions, *more* of them too, data, and files outside of both.

    It is *root*, which is returned.
    """
    for name in ("configs", "data", "outside", "home"):
        (root / name).mkdir(parents=True)
    for name, definition in {**_DEFINITIONS, **more}.items():
        (root / "configs" / f"{name}.yaml").write_text(json.dumps(definition, indent=1))
    (root / "data" / "canaries.jsonl").write_bytes(canaries.json_source())
    secret = {"secret": _NEEDLES["a file from outside"]}
    (root / "outside" / "secret.json").write_text(json.dumps(secret))
    outside = {**_PEOPLE, "name": "ZqOutsideQz7731"}
    (root / "outside" / "secret.yaml").write_text(json.dumps(outside))
    token = root / "token"
    token.write_text(_TOKEN + "\n")
    token.chmod(0o600)
    return root


@dataclass(slots=True)
class Service:
    """
    A service on its way, and what it was before the attacks.

    *place* is where it is attacked; *grown* and the files of `ended` are read when it is over.
    """

    process: subprocess.Popen[bytes]
    root: Path
    place: Place
    err: Path
    seen: Path
    begun_at: float = 0.0
    _resident: int = 0
    grown_by: dict[str, int] = field(default_factory=dict)
    exit_code: int | None = None
    closing_s: float = 0.0
    tree_before: Mapping[str, str] = field(default_factory=dict)

    def take_breath(self) -> None:
        """Take the memory and the files as they are now for what they are without attacks."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")  # the peak begins anew
        self._resident = self._status("VmRSS")
        self.tree_before = tree(self.root)
        self.begun_at = time.time()

    @property
    def grown(self) -> int:
        """Bytes by which the peak of its memory exceeds what it was before the attacks."""
        return self._status("VmHWM") - self._resident

    def mark(self, phase: str) -> None:
        """Note how much the peak had grown at the end of *phase*."""
        self.grown_by[phase] = self.grown

    def _status(self, name: str) -> int:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in text.splitlines() if line.startswith(f"{name}:"))
        return int(line.split()[1]) * 1024

    def changed(self) -> list[str]:
        """Name the files outside the runs folder that are not as they were."""
        before, now = self.tree_before, tree(self.root)
        names = before.keys() | now.keys()
        return sorted(name for name in names if before.get(name) != now.get(name))

    def stall(self) -> tuple[float, str]:
        """Give the longest stall of the event loop under attack, and where it was."""
        stalls = json.loads(self.seen.read_text())["stalls"] if self.seen.exists() else []
        late = [(length, where) for length, at, where in stalls if at >= self.begun_at]
        return max(late, default=(_UNSEEN, "the probe saw nothing"))

    def close(self) -> None:
        """End it as an operator does; after 15 s as nobody should have to."""
        if self.exit_code is not None:
            return
        started = time.monotonic()
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGTERM)
        try:
            self.exit_code = self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.exit_code = self.process.wait(10)
        self.closing_s = time.monotonic() - started


_UNSEEN: Final = 3600.0


def tree(root: Path) -> dict[str, str]:
    """Take a picture of all files of *root* that are not the runs' own."""
    picture = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if name.partition("/")[0] in {"runs", "served.err", "probe.json"} or not path.is_file():
            continue
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        picture[name] = f"{digest} {path.stat().st_mode:o} {path.stat().st_mtime_ns}"
    return picture


@contextmanager
def serving(root: Path, trap_url: str, *arguments: str, token: bool) -> Iterator[Service]:
    """Serve *root*, watched by the probe; the service has been asked nothing yet."""
    err, seen = root / "served.err", root / "probe.json"
    line = [sys.executable, "-m", "bench.reliability.probe", "serve", "configs", "--port", "0"]
    line += ["--runs-dir", str(root / "runs"), "--max-body", str(SPOOL), "--jobs", "2"]
    line += ["--token-file", str(root / "token")] if token else []
    with err.open("wb") as err_to:
        process = subprocess.Popen(
            [*line, *arguments],
            cwd=root,
            env=_environment(root, seen),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=err_to,
        )
    try:
        address = _address(process, err)
        place = Place(
            address,
            _TOKEN if token else None,
            job="A" * 22,
            trap=trap_url,
            outside=root / "outside" / "secret.json",
            needles=_needles(root),
        )
        service = Service(process, root, place, err, seen)
        try:
            yield service
        finally:
            service.close()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)


def _needles(root: Path) -> dict[str, str]:
    machine = {"the machine's path": root, "the program's path": CHECKOUT}
    paths = {**machine, "Python's path": sys.prefix}
    return {**NEEDLES, **{name: str(path) for name, path in paths.items()}}


def _environment(root: Path, seen: Path) -> dict[str, str]:
    kept = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "HOME": str(root / "home"),
        "PYTHONPATH": str(CHECKOUT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_ACCESS_KEY_ID": "ATTACKED",
        "AWS_SECRET_ACCESS_KEY": _NEEDLES["the secret key"],
        "AWS_SESSION_TOKEN": _NEEDLES["the session token"],
        "AWS_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        VARIABLE: str(seen),
    }


def _address(process: subprocess.Popen[bytes], err: Path) -> tuple[str, int]:
    """Wait until the service says where it is."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if found := _URL.search(err.read_text(errors="replace")):
            return found[1], int(found[2])
        time.sleep(0.02)
    raise AssertionError(f"no service: {err.read_text(errors='replace')[-1000:]}")


def await_end(place: Place, job: str, patience: float = _PATIENCE) -> dict[str, Any]:
    """Wait until a job is over, and return it."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        document = place.ask("GET", f"/api/jobs/{job}").document
        if isinstance(document, dict) and document.get("state") in _OVER:
            return document
        time.sleep(0.05)
    raise AssertionError(f"job {job} is not over after {patience:.0f} s: {document}")


class Trap:
    """A listener that nobody may call; it counts who does."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(0.1)
        self._over = False
        self.calls = 0
        port = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def _listen(self) -> None:
        while not self._over:
            with suppress(TimeoutError):
                link, _ = self._listening.accept()
                self.calls += 1
                link.close()

    def start(self) -> None:
        """Listen."""
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._over = True
        self._thread.join()
        self._listening.close()


@contextmanager
def trap() -> Iterator[Trap]:
    """Give a trap that listens."""
    one = Trap()
    one.start()
    try:
        yield one
    finally:
        one.close()
