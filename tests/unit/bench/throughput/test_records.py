"""The records are the same for every program and in every format."""

from __future__ import annotations

import csv
import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from bench.throughput.installing import PEERS
from bench.throughput.records import FIELDS, FORMATS, Format, record, sized, source_file

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 50


def read(path: Path, form: Format) -> list[dict[str, Any]]:
    """Read a file as somebody who knows nothing of how it was made."""
    if form == "csv":
        with path.open(newline="", encoding="utf-8") as file:
            return [dict(row) for row in csv.DictReader(file)]
    packed = path.read_bytes()
    if form == "jsonl.gz":
        packed = gzip.decompress(packed)
    elif form == "jsonl.zst":
        packed = zstandard.ZstdDecompressor().stream_reader(packed).read()
    return [json.loads(line) for line in packed.splitlines()]


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_holds_the_records_of_its_seed(form: Format, tmp_path: Path) -> None:
    """All formats hold the same records in the same order; a CSV cell is text or its JSON."""
    expected = [record(index) for index in range(COUNT)]
    if form == "csv":
        expected = [
            {
                name: one[name]
                if isinstance(one[name], str)
                else json.dumps(one[name], separators=(",", ":"))
                for name in FIELDS
            }
            for one in expected
        ]
    assert read(source_file(tmp_path, COUNT, form), form) == expected


def test_a_file_is_made_once(tmp_path: Path) -> None:
    """What is there is used again, and a broken attempt leaves no file that looks whole."""
    made = source_file(tmp_path, COUNT)
    made.write_text("kept")
    assert source_file(tmp_path, COUNT).read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == [made.name]


def test_a_record_has_ten_attributes_and_about_250_bytes() -> None:
    """What the figures are said to be about."""
    sizes = [len(json.dumps(record(index), separators=(",", ":"))) for index in range(1_000)]
    assert len(FIELDS) == len(record(0)) == 10
    assert 230 <= sum(sizes) / len(sizes) <= 260


@pytest.mark.parametrize("size", [100, 250, 1_000, 4_000])
def test_a_record_of_a_size_has_it_to_the_byte_and_what_the_schema_asks_for(size: int) -> None:
    """Fields are left out or text is added, but never those that are required."""
    for index in (0, 7, 19_999_999):
        one = sized(record(index), size)
        assert abs(len(json.dumps(one, separators=(",", ":"))) - size) <= len(',"note":""')
        assert {"user_id", "email", "name"} <= one.keys()


def test_the_peers_are_pinned_and_no_pin_names_a_host() -> None:
    """What is measured is exactly known, and any registry may serve it."""
    python = (PEERS / "requirements.txt").read_text(encoding="utf-8")
    for entry in python.replace("\\\n", " ").splitlines():
        assert "==" in entry
        assert "--hash=sha256:" in entry
    node = (PEERS / "node" / "package.json").read_text(encoding="utf-8")
    assert "://" not in python + node
    versions = json.loads(node)["dependencies"].values()
    assert all(version.replace(".", "").isdigit() for version in versions)
    assert not list(PEERS.rglob("package-lock.json"))
