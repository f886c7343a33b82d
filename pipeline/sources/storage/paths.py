"""From a file, folder or glob to the files it means, in name order."""

from __future__ import annotations

import os
import stat
from glob import has_magic
from pathlib import Path

from pipeline.errors import PreflightError
from pipeline.sources.storage.wildcards import matches

__all__ = ["find_files"]

_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def find_files(pattern: str, root: Path) -> dict[str, Path]:
    """
    Give the regular files that *pattern* means, sorted by name; links are followed.

    Names are relative to *root*, or absolute if *pattern* is. A folder means the files in it; a
    name that begins with a dot (in a folder also with an underscore, as ``_SUCCESS`` does) is
    hidden. Raises `PreflightError` if there is no file, or something that is no file.
    """
    try:
        return _find(pattern, root)
    except OSError as error:
        where = f" ({_text(error.filename)!r})" if error.filename else ""
        raise PreflightError(f"{pattern!r} cannot be read: {error.strerror}{where}") from error
    except (ValueError, RuntimeError) as error:  # a NUL, or the home of somebody unknown
        raise PreflightError(f"{pattern!r} is no path: {error}; check source.path") from error


def _find(pattern: str, root: Path) -> dict[str, Path]:
    if "\0" in pattern:
        raise ValueError("it holds a NUL")  # which Python words in a new way now and then
    path = Path(pattern).expanduser()
    full = root / path
    base = None if path.is_absolute() else root
    if full.is_dir():
        found = _in_folder(full, pattern)
    elif has_magic(pattern) and not os.path.lexists(full):
        found = [match for match in matches(path, root) if not match.is_dir()]
        if not found:
            raise PreflightError(
                f"no file matches {pattern!r} in {_show(root)!r}; check source.path"
            )
    else:
        found = [full]
    for file in found:
        _check(file, _name(file, base))
    return dict(sorted((_name(file, base), file) for file in found))


def _in_folder(folder: Path, pattern: str) -> list[Path]:
    names = os.listdir(folder)  # noqa: PTH208 - names alone
    entries = [folder / name for name in names if not name.startswith((".", "_"))]
    folders = sorted(entry.name for entry in entries if entry.is_dir())
    if folders:
        raise PreflightError(
            f"folder {pattern!r} holds the folder {folders[0]!r}, and folders in folders are not "
            f"read; name the files by a glob such as {pattern.rstrip('/') + '/**/*.jsonl'!r}"
        )
    if not entries:
        raise PreflightError(f"folder {pattern!r} holds no file; check source.path")
    return entries


def _check(file: Path, name: str) -> None:
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        if file.is_symlink():
            raise PreflightError(f"{name!r} is a link to a file that does not exist") from None
        full = _show(file)
        where = "" if full == name else f" ({full!r})"
        raise PreflightError(f"{name!r} does not exist{where}; check source.path") from None
    if not stat.S_ISREG(mode):
        kind = next((kind for is_kind, kind in _KINDS if is_kind(mode)), "no file")
        raise PreflightError(
            f"{name!r} is {kind}, and only regular files can be read; "
            "to read from a pipe, use source.type: stdin"
        )


def _name(file: Path, base: Path | None) -> str:
    path = file if base is None else Path(os.path.relpath(file, base))
    return _text(path.as_posix())


def _show(path: Path) -> str:
    return _text(str(path.absolute()))


def _text(name: str | bytes) -> str:
    """Write a file's name, whatever its bytes are, as text."""
    return os.fsencode(name).decode(errors="backslashreplace")
