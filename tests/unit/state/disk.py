"""A disk that is watched: where a crash or a power cut may strike, and what it then leaves."""

from __future__ import annotations

import os
import resource
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

__all__ = ["Crash", "Disk", "files_of_at_most"]

_CALLS = ("open", "write", "fsync", "replace", "unlink", "close")


class Crash(BaseException):
    """The process is gone; no handler of an Exception sees it."""


@dataclass
class _File:
    """What was written to a file, and what of it a power cut leaves for sure."""

    written: bytes = b""
    synced: bytes = b""

    def half(self) -> bytes:
        """Give the bytes if half of what is not safe has reached the disk."""
        return self.written[: (len(self.synced) + len(self.written)) // 2]


@dataclass
class Disk:
    """
    Watches the system calls on the files of one *folder* and keeps what a power cut would leave.

    Before call *crash_at* (from 0) the process ends; a write is then half done. A file's bytes are
    safe after its fsync, names after that of the folder; the changes of names before it reach the
    disk in their order, as far as they do.
    """

    folder: Path
    crash_at: int | None = None
    calls: list[str] = field(default_factory=list)
    _safe_names: dict[str, _File] = field(default_factory=dict)
    _changes: list[dict[str, _File]] = field(default_factory=list)
    _opened: dict[int, _File | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in self.folder.iterdir():
            self._safe_names[path.name] = _File(path.read_bytes(), path.read_bytes())

    @contextmanager
    def watched(self, patch: pytest.MonkeyPatch) -> Iterator[None]:
        """Watch what is done in the block; a `Crash` ends it."""
        with patch.context() as here:
            for name in _CALLS:
                here.setattr(os, name, self._watch(name, getattr(os, name)))
            try:
                yield
            except Crash:
                return

    def after_power_cut(self) -> Iterator[dict[str, bytes]]:
        """Give every content of the folder that a power cut now could leave."""
        for names in [self._safe_names, *self._changes]:
            yield {name: file.synced for name, file in names.items()}
            yield {name: file.written for name, file in names.items()}
            yield {name: file.half() for name, file in names.items()}

    @property
    def _names(self) -> dict[str, _File]:
        return self._changes[-1] if self._changes else self._safe_names

    def _watch(self, name: str, call: Any) -> Any:
        def watching(*arguments: Any, **options: Any) -> Any:
            if not self._concerns(name, arguments[0]):
                return call(*arguments, **options)
            if len(self.calls) == self.crash_at:
                if name == "write":
                    call(arguments[0], arguments[1][: len(arguments[1]) // 2])
                raise Crash
            result = call(*arguments, **options)
            self.calls.append(name)
            getattr(self, f"_{name}")(result, *arguments)
            return result

        return watching

    def _concerns(self, name: str, subject: Any) -> bool:
        if name in ("write", "fsync", "close"):
            return subject in self._opened
        return Path(subject) == self.folder or Path(subject).parent == self.folder

    def _open(self, descriptor: int, path: Any, flags: int, *_: Any) -> None:
        if Path(path) == self.folder:
            self._opened[descriptor] = None
            self.calls.pop()
            return
        name = Path(path).name
        if name not in self._names:
            self._changes.append({**self._names, name: _File()})
        self._opened[descriptor] = self._names[name]
        if flags == os.O_RDONLY | os.O_NOFOLLOW:
            self.calls.pop()

    def _write(self, count: int, descriptor: int, block: Any) -> None:
        file = self._opened[descriptor]
        assert file is not None
        file.written += bytes(block[:count])

    def _close(self, _: None, descriptor: int) -> None:
        del self._opened[descriptor]
        self.calls.pop()

    def _fsync(self, _: None, descriptor: int) -> None:
        file = self._opened[descriptor]
        if file is None:
            self.calls[-1] = "fsync folder"
            self._safe_names, self._changes = self._names, []
        else:
            file.synced = file.written

    def _replace(self, _: None, source: Any, target: Any) -> None:
        names = dict(self._names)
        names[Path(target).name] = names.pop(Path(source).name)
        self._changes.append(names)

    def _unlink(self, _: None, path: Any) -> None:
        names = dict(self._names)
        del names[Path(path).name]
        self._changes.append(names)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no file grow beyond *size* bytes: a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
