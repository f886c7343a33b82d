"""Behaviours: what each table is short of, by settings of its own or else by the engine's."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.embedded import answers
from pipeline.embedded.capacity import Capacity
from pipeline.embedded.parameters import Parameters
from pipeline.embedded.service import Mishaps
from pipeline.embedded.settings import EngineSettings
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection

    from pipeline.embedded.storage.database import Database

__all__ = ["Behaviour", "Behaviours"]

_NAMES = {field.name for field in fields(EngineSettings)}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Settings, and what goes on by them: the capacity that is left, the dice."""

    settings: EngineSettings
    capacity: Capacity
    mishaps: Mishaps


class Behaviours:
    """
    The behaviour of every table; used in the engine's one thread only.

    A table without settings of its own shares the engine's: one pair of dice for all of these, as
    long as nobody asks for more. With *kept* the settings of tables stand in the file too, so that
    an engine that takes the place of a dead one goes on by them.
    """

    def __init__(self, settings: EngineSettings, database: Database, *, kept: bool) -> None:
        self._default = _behaviour(settings)
        self._database = database
        self._kept = kept
        self._of_tables: dict[str, Behaviour] = {}

    def load(self) -> None:
        """Read what tables were given, where that is kept."""
        if not self._kept:
            return
        for name, text in self._database.saved_settings():
            settings = EngineSettings(**msgspec.json.decode(text))
            self._of_tables[name] = _behaviour(settings)

    def of(self, table: str) -> Behaviour:
        """Return how *table* behaves, be it there or not."""
        return self._of_tables.get(table, self._default)

    def slowest(self, tables: Collection[str]) -> EngineSettings:
        """Return the settings that an answer about *tables* is held back by."""
        if not self._of_tables or not tables:
            return self._default.settings
        settings = (self.of(table).settings for table in tables)
        return max(settings, key=lambda one: one.latency + one.jitter)

    def configure(self, request: bytes) -> dict[str, Any]:
        """
        Give a table settings of its own: ``{"TableName": ..., "Settings": {"wcu": 500, ...}}``.

        The service has no such call. What is left out of the settings is as by default. The table
        need not exist; whoever asks last has it, with fresh capacity and dice.
        """
        known = {"TableName", "Settings"}
        parameters = Parameters(msgspec.json.decode(request), "ConfigureTable", known)
        name = parameters.table_name()
        settings = _settings(parameters.get("Settings", dict) or {})
        if self._kept:
            self._database.save_settings(name, msgspec.json.encode(asdict(settings)))
        self._of_tables[name] = _behaviour(settings)
        return {}


def _behaviour(settings: EngineSettings) -> Behaviour:
    return Behaviour(settings, Capacity(settings), Mishaps(settings))


def _settings(given: dict[str, Any]) -> EngineSettings:
    if unknown := sorted(given.keys() - _NAMES):
        raise answers.unsupported("ConfigureTable", unknown)
    for name, value in given.items():
        whole = type(value) is int
        optional = value is None and name.endswith("wcu")
        if not (whole or optional or (type(value) is float and name != "seed")):
            raise answers.validation(f"The setting {name} is a number")
    try:
        return EngineSettings(**given)
    except ValueError:
        raise answers.validation("A setting is out of its range") from None
