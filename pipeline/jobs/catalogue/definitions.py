"""One definition of the folder: what is known of it, and whether that still holds."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.errors import DefinitionError
from pipeline.jobs.texts import shown
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.config import Definition

__all__ = ["Entry", "is_current", "read_definition"]

_NAME: Final = re.compile(
    rb"^name:[ \t]*[\"']?([A-Za-z0-9_-]{1,100})[\"']?[ \t]*(?:#.*)?\r?$", re.MULTILINE
)
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9_-]+")
_REFERENCE: Final = re.compile(rb"\$ref[\"']?[ \t]*:[ \t]*[\"']?([^\s\"'#,}][^\s\"',}]*)")
_GLOB: Final = re.compile(r"[*?\[]")
_MOST_REFERENCES: Final = 100
_MOST_BYTES: Final = 1024 * 1024 + 1
"""More than a definition, or a schema file, may have."""

_SETTLED_NS: Final = 2_000_000_000
"""What is younger than this may have changed again without its times telling."""

_Mark = tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One file of the folder: what its definition says, or the *problem* with it.

    *place* is the folder of a source's files where the definition names one by its whole path.
    *marks* tell whether the file, or a schema file that it names, has changed since; one that is
    not *settled* may have all the same. *digest* is that of their contents.
    """

    path: Path
    name: str
    source: str | None
    table: str | None
    endpoint: str | None
    place: Path | None
    problem: str | None
    marks: Mapping[Path, _Mark]
    settled: bool
    digest: bytes

    @property
    def valid(self) -> bool:
        """Whether its definition can be run."""
        return self.problem is None


def is_current(entry: Entry) -> bool:
    """Tell whether *entry* holds still, by its files' times. Blocks."""
    return entry.settled and all(_mark(path) == mark for path, mark in entry.marks.items())


def read_definition(path: Path, before: Entry | None, environment: Mapping[str, str]) -> Entry:
    """
    Return the entry of the file *path*, parsed anew unless its content is that of *before*.

    Blocks. Whatever is wrong is the entry's problem; nothing is raised.
    """
    looked_at = time.time_ns()
    mark = _mark(path)
    text = _content(path, mark)
    marks = {path: mark}
    for reference in _REFERENCE.findall(text)[:_MOST_REFERENCES]:
        one = path.parent / os.fsdecode(reference)
        marks[one] = _mark(one)
    digest = hashlib.sha256(text)
    for one in list(marks)[1:]:
        digest.update(hashlib.sha256(_content(one, marks[one])).digest())
    limit = looked_at - _SETTLED_NS
    settled = all(one is None or max(one[:2]) < limit for one in marks.values())
    if before is not None and before.digest == digest.digest():
        return replace(before, marks=marks, settled=settled)
    name = _probable_name(path, text)
    blank = Entry(path, name, None, None, None, None, None, marks, settled, b"")
    entry = replace(blank, digest=digest.digest())
    if mark is not None and not stat.S_ISREG(mark[-1]):
        return replace(entry, problem=f"{path.name}: it is no regular file")
    return _checked(entry, environment)


def _checked(entry: Entry, environment: Mapping[str, str]) -> Entry:
    from pipeline.config import load  # noqa: PLC0415 - a server answers before it has all of it

    path = entry.path
    try:
        definition = load(path, environment=environment)
    except DefinitionError as error:
        return replace(entry, problem=shown(str(error), [path.parent]))
    except Exception as error:  # noqa: BLE001 - one definition must not cost the others
        return replace(entry, problem=f"{path.name}: {type(error).__name__} while it was read")
    return replace(
        entry,
        name=definition.name,
        source=definition.source.type,
        table=definition.target.table,
        endpoint=_endpoint(definition),
        place=_place(definition),
    )


def _endpoint(definition: Definition) -> str:
    endpoint = definition.target.endpoint
    if endpoint is None:
        return "aws"
    return "embedded" if endpoint == "embedded" else "url"


def _place(definition: Definition) -> Path | None:
    source = definition.source
    if source.type != "file" or not source.path.text.startswith(("/", "~")):
        return None
    return Path(_GLOB.split(str(source.path.resolved))[0].rpartition("/")[0])


def _probable_name(path: Path, text: bytes) -> str:
    """Return the name that a definition would have if it were sound."""
    found = _NAME.search(text)
    if found is not None:
        return found[1].decode()
    return _NOT_IN_A_NAME.sub("-", path.stem)[:100] or "pipeline"


def _mark(path: Path) -> _Mark:
    """Return what changes when a file does, None if it cannot be looked at."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    times = status.st_mtime_ns, status.st_ctime_ns
    return (*times, status.st_size, status.st_ino, status.st_dev, status.st_mode)


def _content(path: Path, mark: _Mark) -> bytes:
    if mark is None or not stat.S_ISREG(mark[-1]):
        return b"\0none"
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except OSError:
        return b"\0unreadable"  # whatever loads it says why
