"""One run of a job at a time: a lock that the kernel gives back when its process dies."""

from __future__ import annotations

import contextlib
import os
import select
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.errors import PreflightError
from pipeline.state.durable import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["JobBusyError", "JobLock", "job_lock"]

_LOOKS, _PAUSE = 5, 0.01
"""How often, and how many seconds apart, a refused run looks for the name of the lock's owner."""


class JobBusyError(PreflightError):
    """Another run of the job has the lock; the text names it. It may end, so waiting may help."""


class JobLock:
    """A lock that is held; its file says by whom, for the one who is refused."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._since = datetime.now(UTC).isoformat(timespec="seconds")

    def name_run(self, run_id: str) -> None:
        """Say that the lock is held by run *run_id*: a resume learns which it is only with it."""
        owner = {
            "run": run_id,
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": self._since,
        }
        text = orjson.dumps(owner) + b"\n"
        # A disk that is full now refuses the run elsewhere, and says so better.
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor, text, 0)
            os.ftruncate(self._descriptor, len(text))


@contextlib.contextmanager
def job_lock(root: Path, name: str, run_id: str) -> Iterator[JobLock]:
    """
    Hold the lock of job *name*, ``<root>/<name>/.lock``, or refuse at once.

    It dies with the process and is never stale. The file stays: removing it would let two runs
    lock two different files of one name. Raise `JobBusyError` if another run has it, and
    `PreflightError` if there can be no lock in this place.
    """
    import fcntl  # noqa: PLC0415 - POSIX only: the package must import elsewhere

    path = root / name / ".lock"
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    try:
        make_folder(path.parent)
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        raise _unlockable(path, error) from error
    try:
        _take(path, descriptor, name)
        lock = JobLock(descriptor)
        lock.name_run(run_id)
        try:
            yield lock
        finally:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, 0)  # or the next owner would be taken for this one
            # Not by closing alone: a forked child may hold the descriptor too.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _take(path: Path, descriptor: int, name: str) -> None:
    """Lock *descriptor*, or raise `JobBusyError` that names who has it."""
    import fcntl  # noqa: PLC0415 - as above

    owner: dict[str, Any] = {}
    for _ in range(_LOOKS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = _owner(descriptor)
        except OSError as error:
            raise _unlockable(path, error) from error
        else:
            return
        if _is_there(owner):
            break
        # Its owner is about to write down who it is. Blocks 50 ms at most, before any work.
        select.select((), (), (), _PAUSE)
    raise JobBusyError(_busy(name, path, owner))


def _owner(descriptor: int) -> dict[str, Any]:
    try:
        owner = orjson.loads(os.pread(descriptor, 4096, 0))
    except (OSError, ValueError):
        return {}
    return owner if isinstance(owner, dict) else {}


def _is_there(owner: dict[str, Any]) -> bool:
    """Tell whether *owner* can be the one who holds the lock now."""
    pid = owner.get("pid")
    if not isinstance(pid, int) or pid <= 0:
        return False
    if owner.get("host") != socket.gethostname():
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _busy(name: str, path: Path, owner: dict[str, Any]) -> str:
    if not _is_there(owner):
        return (
            f"job {name!r} is already running: another run holds {str(path)!r}. Wait for it to "
            "end, or stop it, and run again"
        )
    run, pid, host, since = (owner.get(field) for field in ("run", "pid", "host", "since"))
    return (
        f"job {name!r} is already running: run {run} holds {str(path)!r} since {since} (process "
        f"{pid} on {host}). Wait for it to end, or stop it with `kill -TERM {pid}`, and run again"
    )


def _unlockable(path: Path, error: OSError) -> PreflightError:
    return PreflightError(
        f"the job cannot be locked with {str(path)!r}: {error.strerror}. Choose another place "
        "with --runs-dir, or make this one writable"
    )
