"""Run the program as its users do: a process, its exit code, what it prints; and kill it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["CHECKOUT", "TRANSPORT_VARIABLE", "Ended", "Job", "Running", "over"]

CHECKOUT = Path(__file__).resolve().parents[2]

TRANSPORT_VARIABLE = "PIPELINE_BENCH_TRANSPORT"
"""``sdk`` or ``http``: over what every job of the board writes; left out, as the program does."""
"""The tree under test: a mutant's rows run in a copy, and so find its package here."""

SECRET = "scoreboard-secret-key"  # noqa: S105 - of a made-up account


@dataclass(frozen=True, slots=True)
class Ended:
    """
    A process that has ended; *code* is negative where a signal killed it.

    *hung* says that it had to be killed at the row's limit. *peak* is its largest resident size in
    bytes. *files* is where its two streams lie, for who wants more than `errors`.
    """

    code: int
    seconds: float
    hung: bool
    peak: int
    out: str
    err_file: Path

    @property
    def report(self) -> Mapping[str, Any] | None:
        """The report on stdout; None if there is none."""
        try:
            document = json.loads(self.out)
        except json.JSONDecodeError:
            return None
        return document if isinstance(document, dict) else None

    @property
    def err(self) -> str:
        """All that it wrote to stderr."""
        return self.err_file.read_text(errors="replace")

    @property
    def log(self) -> Iterator[Mapping[str, Any]]:
        """The log lines on stderr; what is no JSON object is left out."""
        for line in self.err.splitlines():
            try:
                event = json.loads(line)
            except json.JSONDecodeError:
                continue
            if isinstance(event, dict):
                yield event

    def told(self) -> str:
        """Say in a line what came of it, for a row that is red."""
        report = self.report or {}
        names = ("status", "total", "succeeded", "superseded", "rejected", "failed", "message")
        shown = {name: report[name] for name in names if report.get(name) is not None}
        tail = "" if shown else f"; stderr ends: {self.err[-600:]!r}"
        return f"exit {self.code}{', HUNG' if self.hung else ''} {shown}{tail}"


@dataclass(slots=True)
class Running:
    """A process on its way."""

    process: subprocess.Popen[bytes]
    out_file: Path
    err_file: Path
    started: float = field(default_factory=time.monotonic)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; none is sent to a process that is gone."""
        if self.process.returncode is None:
            # Popen's own would reap a process that has just ended, and `wait` find nothing.
            os.kill(self.process.pid, number)

    def wait(self, limit: float) -> Ended:
        """Wait for the end; kill it after *limit* seconds, and say so."""
        deadline = time.monotonic() + limit
        hung, peak = False, 0
        while (ended := os.waitpid(self.process.pid, os.WNOHANG))[0] == 0:
            if not hung and time.monotonic() > deadline:
                hung = True
                self.signal(signal.SIGKILL)
            peak = max(peak, self._peak())
            time.sleep(0.01)
        _, status = ended
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return Ended(
            self.process.returncode,
            time.monotonic() - self.started,
            hung,
            peak,
            self.out_file.read_text(errors="replace"),
            self.err_file,
        )

    def _peak(self) -> int:
        """Read the kernel's high-water mark; that of wait4 would begin with the parent's memory."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_bytes()
        except OSError:
            return 0
        marks = [line for line in status.splitlines() if line.startswith(b"VmHWM:")]
        return int(marks[0].split()[1]) * 1024 if marks else 0

    def alive_after(self, seconds: float) -> bool:
        """Wait *seconds*, less if it ends before; tell whether it still runs."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return False
            time.sleep(0.002)
        return True


def over(definition: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return *definition* with the transport that PIPELINE_BENCH_TRANSPORT names, if it does."""
    transport = os.environ.get(TRANSPORT_VARIABLE)
    if not transport or "target" not in definition:
        return definition
    return {**definition, "target": {**definition["target"], "transport": transport}}


@dataclass(slots=True)
class Job:
    """
    One definition in a folder of its own, run as often as wanted.

    *definition* is written as JSON, which is YAML. Streams go to files, so that a process never
    waits for its reader.
    """

    folder: Path
    definition: Mapping[str, Any]
    access_key: str
    environment: Mapping[str, str] = field(default_factory=dict)
    launcher: Sequence[str] = ("-m", "pipeline")
    _count: int = 0

    @property
    def config(self) -> Path:
        """The definition's file."""
        return self.folder / "job.yaml"

    @property
    def runs(self) -> Path:
        """The folder of this job's runs."""
        return self.folder / "runs" / str(self.definition.get("name", "job"))

    def start(self, *arguments: str, command: str = "run") -> Running:
        """Start ``python -m pipeline COMMAND job.yaml ARGUMENTS``."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config.write_text(json.dumps(over(self.definition), indent=1))
        self._count += 1
        out, err = (self.folder / f"{self._count}.{name}" for name in ("out", "err"))
        line = [sys.executable, *self.launcher, command, str(self.config), *arguments]
        with out.open("wb") as out_to, err.open("wb") as err_to:
            process = subprocess.Popen(
                line,
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=out_to,
                stderr=err_to,
            )
        return Running(process, out, err)

    def run(self, *arguments: str, limit: float = 120, command: str = "run") -> Ended:
        """Run to the end, or kill after *limit* seconds."""
        return self.start(*arguments, command=command).wait(limit)

    def run_to_the_end(
        self,
        strike: Callable[[int], tuple[float, signal.Signals] | None],
        *,
        limit: float = 120,
    ) -> list[Ended]:
        """
        Run, strike, and run again until an execution ends by itself; return all, in order.

        *strike* tells for each execution (from 0) after how many seconds it gets which signal, or
        None for the one that is left alone. Each execution has *limit* seconds to its end.
        """
        ended: list[Ended] = []
        while True:
            blow = strike(len(ended))
            running = self.start()
            struck = blow is not None and running.alive_after(blow[0])
            if struck and blow is not None:
                running.signal(blow[1])
            ended.append(running.wait(limit))
            if not struck or ended[-1].hung:
                return ended

    def letters(self, report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Read the dead letters of the run that *report* tells of."""
        if not report.get("dead_letter"):
            return []
        with (self.folder / report["dead_letter"]).open("rb") as lines:
            return [json.loads(line) for line in lines]

    def _environment(self) -> dict[str, str]:
        kept = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR")
        return {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "HOME": str(self.folder),
            "PYTHONPATH": str(CHECKOUT),
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            **self.environment,
        }
