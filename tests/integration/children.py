"""Start a job's process as the job server does: one line on its stdin, which then stays open."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from pipeline.state.rundir import new_run_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.integration.loads import Job

__all__ = ["CHILD", "Child", "spec_of"]

CHILD = (sys.executable, "-m", "pipeline.jobs.child")

PATIENCE = 60.0


def spec_of(job: Job, **fields: Any) -> dict[str, Any]:
    """Return the whole spec of *job*, as the server would write it, with other *fields*."""
    return {
        "config": str(job.define()),
        "runs": str(job.folder / "runs"),
        "run": new_run_id(),
        "engine": None,
        "limit": None,
        "rate": None,
        "dry_run": False,
        "source": None,
        **fields,
    }


class Child:
    """One process; *line* is what it is told."""

    def __init__(
        self,
        line: bytes,
        variables: Mapping[str, str],
        *,
        cwd: Path,
        argv: Sequence[str] = CHILD,
    ) -> None:
        self.running = subprocess.Popen(
            argv,
            cwd=cwd,
            env={**os.environ, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.running.stdin is not None
        self.running.stdin.write(line)
        self.running.stdin.flush()

    @classmethod
    def of(cls, job: Job, **fields: Any) -> Child:
        """Start the process of *job*."""
        line = json.dumps(spec_of(job, **fields)).encode() + b"\n"
        return cls(line, job.variables, cwd=job.folder)

    def hang_up(self) -> None:
        """End its stdin, as the kernel does when the server dies."""
        assert self.running.stdin is not None
        self.running.stdin.close()

    def ended(self) -> tuple[int, str]:
        """Return its exit code and what it said, once it has ended; stdout has nothing."""
        assert self.running.stdout is not None
        assert self.running.stderr is not None
        try:
            code = self.running.wait(PATIENCE)
            assert self.running.stdout.read() == b""
            return code, self.running.stderr.read().decode()
        finally:
            self.close()

    def killed(self) -> None:
        """Kill it, as the machine does for want of memory."""
        self.running.kill()
        self.running.wait(PATIENCE)
        self.close()

    def close(self) -> None:
        """End it if it has not, and close what connects to it."""
        self.running.kill()
        self.running.wait(PATIENCE)
        for stream in (self.running.stdin, self.running.stdout, self.running.stderr):
            if stream is not None:
                stream.close()
