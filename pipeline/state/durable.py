"""Files that are there, whole and under their name, after a power cut as after a crash."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["make_folder", "read_all", "sync_folder", "write_all", "write_new"]

_NO_SUCH_SYNC = {errno.EINVAL, errno.ENOTSUP}
"""What file systems answer that cannot sync a folder (some network and FUSE ones)."""


def read_all(path: Path) -> bytes:
    """Return what *path* holds; a link is not followed. Raise OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def write_all(descriptor: int, block: bytes) -> None:
    """Write all of *block*; the kernel may take it in pieces."""
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]


def write_new(path: Path, block: bytes) -> None:
    """
    Make *path* anew with *block* in it, readable by its owner alone, and on the disk at return.

    What a crash left under that name is removed, never followed if it is a link. Nothing stays
    behind if it fails. Raise OSError.
    """
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        try:
            write_all(descriptor, block)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink()
        raise


def sync_folder(folder: Path) -> None:
    """Return when the names in *folder* are on the disk. Raise OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SUCH_SYNC:
            raise
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """
    Make *folder* for its owner alone, if it is not there; the folders above it as the umask says.

    The names of all that was made are on the disk at return. Raise OSError.
    """
    if folder.is_dir():
        return
    made = [folder]
    while not made[-1].parent.is_dir():
        made.append(made[-1].parent)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for one in reversed(made):
        sync_folder(one.parent)
