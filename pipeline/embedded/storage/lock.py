"""One engine a file: a lock that the kernel gives back when its process dies."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pipeline.errors import PreflightError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["EngineBusyError", "FileLock"]


class EngineBusyError(PreflightError):
    """Another process serves this file; the text names it and says what to do."""


class FileLock:
    """
    An exclusive lock on ``<file>.lock`` beside *path*, which holds its owner's process id.

    The lock file stays when the lock is given back: removing it would let two owners lock two
    different files of one name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """
        Take the lock or say at once who has it.

        :raises EngineBusyError: another engine has it, be it of this process.
        :raises PreflightError: there can be no file in this place.
        """
        import fcntl  # noqa: PLC0415 - POSIX only: the package must import elsewhere

        lock = self._path.with_name(f"{self._path.name}.lock")
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise PreflightError(
                f"cannot keep the embedded engine's tables in {str(self._path)!r}: "
                f"{error.strerror}. Choose another place, or make this one writable"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.read(descriptor, 20).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise EngineBusyError(_busy(self._path, owner)) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; harmless without it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _busy(path: Path, owner: str) -> str:
    by = f"process {owner}" if owner else "another process"
    if owner == str(os.getpid()):
        by = f"this process ({owner})"
    return (
        f"the embedded engine's tables in {str(path)!r} are being served by {by}. Wait for it to "
        f"end or stop it, send your requests to its endpoint, or choose another file."
    )
