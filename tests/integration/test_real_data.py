"""
Public data into the real engine, compared with its source value by value.

Truth is the source file, read with nothing but the standard library, and a full scan. By default
the samples are loaded; CI sets AIRPORTS and CITIES to the whole files (28,298 and 171,075 rows).
"""

from __future__ import annotations

import csv
import gzip
import json
import os
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine import tables
from tests.integration.command import CONFIGS, pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SAMPLES = CONFIGS / "samples"
KNOWN_ROWS = {"AIRPORTS": 28_298, "CITIES": 171_075}


@dataclass(frozen=True)
class RealLoad:
    """A definition, its table, its source and what the source should become."""

    name: str
    table: str
    variable: str
    sample: str
    expect: Callable[[Path], Mapping[tuple[str, str], Mapping[str, Any]]]

    @property
    def path(self) -> Path:
        """The whole file where the environment names it, else the sample."""
        return Path(os.environ.get(self.variable) or SAMPLES / self.sample)


def number(text: str) -> dict[str, str]:
    """Return the stored form of a decimal: plain digits, no trailing zeros."""
    plain = format(Decimal(text), "f")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return {"N": "0" if plain == "-0" else plain}


def expected_airports(path: Path) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return each row of *path* as the item it should be, by key."""
    items: dict[tuple[str, str], Mapping[str, Any]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            present = {name: value for name, value in row.items() if value}
            item: dict[str, Any] = {name: {"S": value} for name, value in present.items()}
            for name in {"elevation", "lat", "lon"} & present.keys():
                item[name] = number(present[name])
            region = f"{row['country']}#{row['subd']}#{row['city']}"
            key = (f"AIRPORT#{row['icao']}", "AIRPORT")
            item |= {"PK": {"S": key[0]}, "SK": {"S": key[1]}}
            item |= {"entity": {"S": "Airport"}, "region": {"S": region}}
            items[key] = item
    return items


def expected_cities(path: Path) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return each line of *path* as the item it should be, by key."""
    items: dict[tuple[str, str], Mapping[str, Any]] = {}
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        for line in file:
            city = json.loads(line)
            item: dict[str, Any] = {name: {"S": value} for name, value in city.items()}
            lat, lng = number(city["lat"]), number(city["lng"])
            place = f"{city['name']}#{city['admin2']}#{lat['N']},{lng['N']}"
            key = (f"{city['country']}#{city['admin1']}", f"CITY#{place}")
            item |= {"lat": lat, "lng": lng, "entity": {"S": "City"}}
            item |= {"PK": {"S": key[0]}, "SK": {"S": key[1]}}
            items[key] = item
    return items


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "load",
    [
        RealLoad("airports", "Airports", "AIRPORTS", "airports.csv", expected_airports),
        RealLoad("cities", "Cities", "CITIES", "cities.jsonl", expected_cities),
    ],
    ids=lambda load: load.name,
)
async def test_every_row_is_in_the_table_as_it_stands_in_the_source(
    load: RealLoad,
    dynamodb_local: str,
    credentials: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Load the whole file; a full scan equals it, none superseded, none rejected."""
    path = load.path
    items = load.expect(path)
    monkeypatch.setenv(load.variable, str(path.absolute()))
    monkeypatch.setenv("DYNAMODB_ENDPOINT", dynamodb_local)

    ended = pipeline("run", CONFIGS / f"{load.name}.yaml", cwd=tmp_path)

    assert ended.code == 0, ended.err[-2_000:]
    report = ended.report
    assert report["succeeded"] == report["total"] == report["records"] == len(items)
    if path.parent != SAMPLES:
        assert len(items) == KNOWN_ROWS[load.variable]
    async with tables.connect(dynamodb_local, credentials["AWS_ACCESS_KEY_ID"]) as client:
        scanned = await tables.scan_all(client, load.table)
    assert len(scanned) == len(items)
    wrong = [item for item in scanned if items[item["PK"]["S"], item["SK"]["S"]] != item]
    assert wrong == []
