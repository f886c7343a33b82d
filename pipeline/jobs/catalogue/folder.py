"""The folder: every definition in it, and the name that each is listed under."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pipeline.jobs.catalogue.definitions import is_current, read_definition
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pipeline.jobs.catalogue.definitions import Entry

__all__ = ["Listed", "named", "read_folder"]


@dataclass(frozen=True, slots=True)
class Listed:
    """What stands under one *name*: a file's definition, and a *problem* unless it can be run."""

    name: str
    entry: Entry
    problem: str | None


def read_folder(
    folder: Path, known: Mapping[Path, Entry], environment: Mapping[str, str]
) -> dict[Path, Entry]:
    """
    Return an entry for each definition in *folder*; those of *known* that hold are kept.

    Blocks. What is wrong with one file is its entry's problem. Raise OSError if the folder cannot
    be listed.
    """
    with os.scandir(folder) as found:
        names = sorted(
            one.name
            for one in found
            if one.name.endswith((".yaml", ".yml")) and not one.name.startswith(".")
        )
    entries = {}
    for name in names:
        path = folder / name
        entry = known.get(path)
        if entry is None or not is_current(entry):
            entry = read_definition(path, entry, environment)
        entries[path] = entry
    return entries


def named(entries: Iterable[Entry]) -> dict[str, Listed]:
    """
    Give each entry the name that it is listed under.

    A name belongs to the one sound definition that has it; several stand in each other's way. A
    broken one has it only where nothing else does, and otherwise goes by its file's.
    """
    by_name: dict[str, list[Entry]] = {}
    for entry in entries:
        by_name.setdefault(entry.name, []).append(entry)
    listed: list[Listed] = []
    for name, rivals in by_name.items():
        sound = [entry for entry in rivals if entry.valid]
        broken = [entry for entry in rivals if not entry.valid]
        if sound:
            listed.append(Listed(name, sound[0], _rivalry(name, sound)))
        elif len(broken) == 1:
            listed.append(Listed(name, broken[0], broken[0].problem))
            continue
        listed += [Listed(entry.path.name, entry, entry.problem) for entry in broken]
    return {one.name: one for one in listed}


def _rivalry(name: str, sound: list[Entry]) -> str | None:
    if len(sound) == 1:
        return None
    files = ", ".join(entry.path.name for entry in sound)
    return f"{files} all have the name {name!r}; give each its own `name`"
