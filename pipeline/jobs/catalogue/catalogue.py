"""The catalogue as the event loop sees it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pipeline.jobs.catalogue.definitions import is_current
from pipeline.jobs.catalogue.folder import named, read_folder
from pipeline.jobs.errors import BadDefinitionError, UnknownPipelineError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline.jobs.catalogue.definitions import Entry
    from pipeline.jobs.catalogue.folder import Listed

__all__ = ["Catalogue"]


class Catalogue:
    """The definitions of *folder*; its files are read in threads, never on the event loop."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._entries: dict[Path, Entry] = {}
        self._listed: dict[str, Listed] = {}
        self._reading = asyncio.Lock()

    @property
    def listed(self) -> list[Listed]:
        """What was found at the last look, by name."""
        return [self._listed[name] for name in sorted(self._listed)]

    def place(self, name: str) -> Path | None:
        """Return `Entry.place` of the definition *name*, as of the last look."""
        listed = self._listed.get(name)
        return None if listed is None else listed.entry.place

    async def refresh(self) -> bool:
        """Look at the folder; tell whether anything is new. Raise OSError if it cannot be."""
        async with self._reading:
            entries = await asyncio.to_thread(
                read_folder, self._folder, self._entries, self._environment
            )
            if entries == self._entries:
                return False
            self._entries, self._listed = entries, named(entries.values())
            return True

    async def current(self, name: str) -> Entry:
        """
        Return the definition *name* as it stands on the disk now.

        Raise `UnknownPipelineError` or `BadDefinitionError`.
        """
        listed = self._listed.get(name)
        if listed is None or not await asyncio.to_thread(is_current, listed.entry):
            try:
                await self.refresh()
            except OSError as error:
                raise UnknownPipelineError("the folder of definitions cannot be read") from error
            listed = self._listed.get(name)
        if listed is None:
            raise UnknownPipelineError(f"no definition is named {name[:100]!r}")
        if listed.problem is not None:
            raise BadDefinitionError(listed.problem)
        return listed.entry
