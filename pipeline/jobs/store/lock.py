"""One server a runs folder: a lock that the kernel gives back when its process dies."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from pipeline.errors import PreflightError
from pipeline.state.durable import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["server_lock"]


@contextlib.contextmanager
def server_lock(folder: Path) -> Iterator[None]:
    """
    Hold ``<folder>/lock`` while the body runs; the file says which process does.

    The file stays: removing it would let two servers lock two different files. Raise
    `PreflightError` if another server has it, or if there can be no lock in this place.
    """
    import fcntl  # noqa: PLC0415 - POSIX only: the package must import elsewhere

    path = folder / "lock"
    try:
        make_folder(folder)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        raise _unlockable(path, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PreflightError(_busy(folder, descriptor)) from None
        except OSError as error:
            raise _unlockable(path, error) from error
        with contextlib.suppress(OSError):  # a full disk is told by the jobs' own file
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        try:
            yield
        finally:
            # Not by closing alone: a forked child may hold the descriptor too.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _busy(folder: Path, descriptor: int) -> str:
    owner = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
    known = owner.isdigit()
    by = f"process {owner}" if known else "another process"
    stop = f"stop it with `kill -TERM {owner}`" if known else "stop it"
    return (
        f"the jobs in {str(folder)!r} are served by {by} already. Use that server, or {stop}, or "
        "give this one another --runs-dir"
    )


def _unlockable(path: Path, error: OSError) -> PreflightError:
    return PreflightError(
        f"the server cannot lock {str(path)!r}: {error.strerror}. Choose another --runs-dir, or "
        "make this one writable"
    )
