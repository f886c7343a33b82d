"""The records that are loaded: made from a seed, the same for every program and format."""

from __future__ import annotations

import csv
import gzip
import json
from random import Random
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["FIELDS", "FORMATS", "SEED", "Format", "record", "sized", "source_file"]

Format = Literal["jsonl", "csv", "jsonl.gz", "jsonl.zst"]
FORMATS: tuple[Format, ...] = get_args(Format)

SEED = 20261122
FIELDS = (
    "user_id",
    "email",
    "name",
    "age",
    "country",
    "balance",
    "active",
    "tags",
    "address",
    "signup_at",
)
"""The attributes of a full record, as they are ordered in each."""

_NAMES = ("Grace Hopper", "Ada Lovelace", "Alan Turing", "Edsger Dijkstra", "Barbara Liskov")
_COUNTRIES = ("DE", "FR", "NL", "US", "JP", "BR")
_CITIES = ("Berlin", "Paris", "Utrecht", "Portland", "Kyoto", "Recife")
_TAGS = ("news", "beta", "vip", "trial", "partner", "archived")
_FILLER = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor "


def record(index: int, seed: int = SEED) -> dict[str, Any]:
    """Make record *index*: ten attributes, about 250 bytes as JSON; a pure function of both."""
    dice = Random(seed * 1_000_003 + index)  # noqa: S311 - test data
    city = dice.randrange(len(_CITIES))
    first = dice.randrange(len(_TAGS) - 1)
    return {
        "user_id": f"u{index:08d}",
        "email": f"user{index}@example{index % 97}.com",
        "name": dice.choice(_NAMES),
        "age": dice.randrange(18, 90),
        "country": _COUNTRIES[city],
        "balance": dice.randrange(1_000_000) / 100,
        "active": dice.random() < 0.7,
        "tags": [_TAGS[first], _TAGS[first + 1]],
        "address": {"city": _CITIES[city], "zip": f"{dice.randrange(100_000):05d}"},
        "signup_at": f"20{dice.randrange(10, 26)}-{dice.randrange(1, 13):02d}-16T12:00:00Z",
    }


def sized(whole: Mapping[str, Any], size: int) -> dict[str, Any]:
    """
    Return *whole* with its JSON brought to *size* bytes: fields left out, or text added.

    Fields are kept in their order as long as they fit; a ``note`` fills what is left.
    """
    kept: dict[str, Any] = {}
    for name, value in whole.items():
        if len(_line({**kept, name: value})) > size:
            break
        kept[name] = value
    missing = size - len(_line({**kept, "note": ""}))
    if missing > 0:
        kept["note"] = (_FILLER * (missing // len(_FILLER) + 1))[:missing]
    return kept


def source_file(
    folder: Path, count: int, form: Format = "jsonl", *, size: int | None = None, seed: int = SEED
) -> Path:
    """Return the file of *count* records in *folder*, made if it is not there."""
    stem = f"users-{seed}-{count}" + ("" if size is None else f"-{size}b")
    path = folder / f"{stem}.{form}"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        _write(partial, form, _records(count, size, seed))
        partial.rename(path)
    return path


def _records(count: int, size: int | None, seed: int) -> Iterator[dict[str, Any]]:
    for index in range(count):
        whole = record(index, seed)
        yield whole if size is None else sized(whole, size)


def _write(path: Path, form: Format, records: Iterator[dict[str, Any]]) -> None:
    if form == "csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, FIELDS, lineterminator="\n")
            table.writeheader()
            table.writerows({name: _cell(one[name]) for name in FIELDS} for one in records)
        return
    lines = (_line(one) + b"\n" for one in records)
    if form == "jsonl.zst":
        import zstandard  # noqa: PLC0415 - only this format needs it

        with path.open("wb") as whole, zstandard.ZstdCompressor(3).stream_writer(whole) as packed:
            for line in lines:
                packed.write(line)
        return
    with gzip.open(path, "wb", 6) if form == "jsonl.gz" else path.open("wb") as plain:
        plain.writelines(lines)


def _line(one: Mapping[str, Any]) -> bytes:
    return json.dumps(one, separators=(",", ":")).encode()


def _cell(value: object) -> str:
    """Text stands as it is, all else as its JSON: what the schema's types turn back."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
