"""
Files that match a glob: as the standard library's `glob`, but without its silence.

That passes over a folder which cannot be listed, and walks round and round where a link leads back
to a folder above it; here the one is an error of the system and so is the other.
"""

from __future__ import annotations

import errno
import os
import stat
from fnmatch import fnmatchcase
from glob import has_magic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["matches"]

_ANY_DEPTH = "**"


def matches(pattern: Path, root: Path) -> list[Path]:
    """
    Give what *pattern*, taken from *root* if it is relative, matches; in any order, each once.

    ``**`` stands for any number of folders; names that begin with a dot match only a dot. Raises
    `OSError` for a folder that cannot be listed, ``ELOOP`` for one that a link makes endless.
    """
    start = root / pattern.anchor
    return list(dict.fromkeys(_expand(start, pattern.relative_to(pattern.anchor).parts)))


def _expand(base: Path, parts: Sequence[str]) -> Iterator[Path]:
    if not parts:
        yield base
        return
    part, rest = parts[0], parts[1:]
    if part == _ANY_DEPTH:
        for folder in _folders(base, ()):
            yield from _expand(folder, rest or ("*",))
    elif has_magic(part):
        for name in _names(base):
            if fnmatchcase(name, part) and (part.startswith(".") or not name.startswith(".")):
                yield from _expand(base / name, rest)
    elif os.path.lexists(base / part):
        yield from _expand(base / part, rest)


def _folders(base: Path, above: tuple[tuple[int, int], ...]) -> Iterator[Path]:
    """Give *base* and every folder below it; *above* are those that it lies in."""
    if not _is_folder(base):
        return
    status = base.stat()
    this = (status.st_dev, status.st_ino)
    if this in above:
        raise OSError(errno.ELOOP, "the link leads back to a folder above it", str(base))
    yield base
    for name in _names(base):
        if not name.startswith("."):
            yield from _folders(base / name, (*above, this))


def _names(folder: Path) -> list[str]:
    return os.listdir(folder) if _is_folder(folder) else []  # noqa: PTH208 - names alone


def _is_folder(path: Path) -> bool:
    """Tell whether *path* leads to a folder; where that cannot be told, raise `OSError`."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link to itself is as broken as one to nowhere
            return False
        raise
