"""A process of its own that takes a job's lock and gives it back, as it is told on stdin."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from pipeline.errors import PreflightError
from pipeline.state.joblock import job_lock


def main(root: Path) -> None:
    """Obey the lines `take RUN`, `rename RUN`, `drop` and `spawn`; answer each with a line."""
    held = ExitStack()
    for line in sys.stdin:
        order, _, run = line.strip().partition(" ")
        answer = "done"
        if order == "take":
            try:
                lock = held.enter_context(job_lock(root, "job", run))
            except PreflightError as refused:
                answer = f"refused: {refused}"
            else:
                answer = "held"
        elif order == "rename":
            lock.name_run(run)
        elif order == "drop":
            held.close()
        else:
            # A child that lives on: it ends when the test closes the stdin that they share.
            subprocess.Popen(
                [sys.executable, "-c", "input()"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                close_fds=False,
            )
        print(answer, flush=True)  # noqa: T201 - its answer


if __name__ == "__main__":
    main(Path(sys.argv[1]))
