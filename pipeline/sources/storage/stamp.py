"""Whether a path still leads to the file that was looked at."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from pipeline.errors import SourceCorruptError
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["DiskFile", "Stamp", "changed", "check", "check_all", "open_at_once", "unreadable"]

_TICK_NS = 10_000_000
"""A file system's clock may stand still for so long (a kernel's tick): 10 ms."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """
    What tells that a path still leads to the same bytes.

    *changed_ns* also moves with a mode, an owner or a link, which are no change of the bytes: alone
    it is a reason to look at them again, and no verdict.
    """

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """Take the stamp of a file."""
        return cls(
            status.st_dev,
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
        )

    def unsettled_s(self, now_ns: int) -> float:
        """
        Give the seconds to wait until every write leaves the file another time than it has.

        The time of a file is that of the kernel's last tick: what is written in the same tick as
        *now_ns* does not show.
        """
        age = now_ns - self.modified_ns
        return (_TICK_NS - age) / 1e9 if 0 <= age < _TICK_NS else 0


@dataclass(frozen=True, slots=True)
class DiskFile:
    """A file as it was when it was looked at; *head* is the SHA-256 (hex) of its first 64 KB."""

    path: Path
    name: str
    stamp: Stamp
    head: str


def open_at_once(path: str, flags: int) -> int:
    """
    Open for reading, as an opener of `open`, and never wait.

    A pipe that took the place of a file would wait for its writer, in a thread that nobody can
    stop. It is for the caller to look at what was opened.
    """
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def check(file: DiskFile, status: os.stat_result) -> None:
    """Raise `SourceCorruptError` if *status* is that of another file, or of one written to."""
    was, now = file.stamp, Stamp.of(status)
    if (now.device, now.inode) != (was.device, was.inode) or not stat.S_ISREG(status.st_mode):
        what = "is another file now"
    elif now.size != was.size:
        what = f"had {was.size:,} bytes and has {now.size:,}"
    elif now.modified_ns != was.modified_ns:
        what = "was written to"
    else:
        return
    raise changed(file.name, what)


def check_all(files: Mapping[str, DiskFile], found: Mapping[str, Path]) -> None:
    """
    Raise `SourceCorruptError` if one of *files* was written to, is gone, or is not all there is.

    *found* is what there is now; both are by name.
    """
    for name in sorted(found.keys() ^ files.keys()):
        raise changed(name, "appeared, and was not read" if name in found else "is gone")
    for name, file in files.items():
        try:
            check(file, file.path.stat())
        except OSError as error:
            raise unreadable(name, error) from error


def changed(name: str, what: str) -> SourceCorruptError:
    """Make the error for a file that did not hold still."""
    return SourceCorruptError(
        f"{name!r} was changed while the source was read: it {what}; run again when nothing "
        "writes to it"
    )


def unreadable(name: str, error: OSError) -> SourceCorruptError:
    """Make the error for a file that the system does not give."""
    return SourceCorruptError(f"{name!r} cannot be read to its end: {error.strerror}")
