"""
Run DynamoDB Local as a Java process that listens on 127.0.0.1 alone and never outlives the tests.

The jars come from Maven Central by `mvn`, once per version of `pom.xml`, into
`$PIPELINE_TEST_CACHE`, by default a folder of ours in the user's cache.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.engine.readiness import EngineAbsent, await_answer

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CACHE_VARIABLE", "server"]

CACHE_VARIABLE = "PIPELINE_TEST_CACHE"
HERE = Path(__file__).parent
POM = HERE / "pom.xml"
LAUNCHER = HERE / "Loopback.java"
OLDEST_JAVA = 17
FETCH_TIMEOUT = 900.0
STOP_TIMEOUT = 10.0


@contextmanager
def server() -> Iterator[str]:
    """Start the engine, in memory, on a free port; yield its URL; stop it, whatever happened."""
    java = _java()
    jars = _jars()
    with tempfile.TemporaryFile() as log:
        process, endpoint = _launch(java, jars, log.fileno())
        try:
            await_answer(endpoint, lambda: _obituary(process, log.fileno()))
            yield endpoint
        finally:
            _stop(process)


def _java() -> str:
    java = shutil.which("java")
    if java is None:
        raise EngineAbsent("no `java` on the PATH")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', told)
    if version is None or int(version[1]) < OLDEST_JAVA:
        first_line = told.partition("\n")[0]
        raise EngineAbsent(f"Java {OLDEST_JAVA} or newer is needed, found: {first_line}")
    return java


def _jars() -> Path:
    """Give the folder of the engine's jars, fetched where it is missing."""
    folder = _cache() / f"dynamodb-local-{hashlib.sha256(POM.read_bytes()).hexdigest()[:16]}"
    if folder.is_dir():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise EngineAbsent("no `mvn` on the PATH to fetch the engine's jars")
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="fetching-", dir=folder.parent))
    try:
        _fetch(maven, scratch)
        with suppress(OSError):  # another test run was faster; its folder is as good
            scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _cache() -> Path:
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen)
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "dynamodb-pipeline-tests"


def _fetch(maven: str, folder: Path) -> None:
    # The pom is copied because Maven may write beside it, and a checkout may be read-only.
    pom = shutil.copy(POM, folder)
    command = [maven, "-q", "-B", "-f", pom, "dependency:copy-dependencies"]
    try:
        done = subprocess.run(
            [*command, f"-DoutputDirectory={folder}"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=FETCH_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        raise EngineAbsent(f"mvn did not fetch the jars within {FETCH_TIMEOUT:.0f} s") from None
    if done.returncode:
        raise EngineAbsent(f"mvn could not fetch the jars: {(done.stdout + done.stderr)[-600:]}")


def _launch(java: str, jars: Path, log: int) -> tuple[subprocess.Popen[bytes], str]:
    port = _free_port()
    command = [java, "-Xmx1g", f"-Djava.library.path={jars}", "-Dexit.with.parent=true"]
    command += ["-cp", f"{jars}/*", str(LAUNCHER), "-inMemory", "-disableTelemetry"]
    process = subprocess.Popen(
        [*command, "-port", str(port)],
        stdin=subprocess.PIPE,  # held open and never written: the engine ends when this run does
        stdout=log,
        stderr=log,
        start_new_session=True,  # Ctrl-C is for the tests; they stop the engine when they end
    )
    return process, f"http://127.0.0.1:{port}"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _obituary(process: subprocess.Popen[bytes], log: int) -> str | None:
    if process.poll() is None:
        return None
    told = os.pread(log, 1_000_000, 0)[-600:].decode(errors="replace")
    return f"the Java process ended with code {process.returncode}: {told}"


def _stop(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdin is not None:
        process.stdin.close()
