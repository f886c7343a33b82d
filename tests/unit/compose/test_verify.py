"""Verification: whole parts before the first write, and the same bytes in every attempt."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from typing import TYPE_CHECKING

import pytest

from pipeline.compose.resumption.verify import Verification
from pipeline.compose.stages import Input
from pipeline.errors import SourceCorruptError
from pipeline.observe.metrics import Metrics
from pipeline.sources.base import FileSpec
from pipeline.sources.file import FileSource
from tests.fakes import ListLog

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NOTHING: Mapping[str, str] = {}


def verify(
    path: Path,
    known: Mapping[str, str] = NOTHING,
    wanted: str | None = None,
    *,
    inflate: bool = True,
) -> dict[str, str]:
    """Verify the file *path* as a run does before its first write."""

    async def main() -> dict[str, str]:
        source = FileSource(FileSpec(path.name, path.parent))
        read = Input(source, await source.parts())
        return await Verification(known, wanted, Metrics(), ListLog(), inflate=inflate).run(read)

    return asyncio.run(main())


def sha256(path: Path) -> str:
    """Take the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_compressed_parts_are_read_whole_and_plain_ones_are_not(tmp_path: Path) -> None:
    """What has no checksum of its own is read once, where nothing is expected of it."""
    plain, packed = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"
    plain.write_bytes(b'{"id":1}\n')
    packed.write_bytes(gzip.compress(b'{"id":1}\n'))

    assert verify(plain) == {}
    assert verify(packed) == {"b.jsonl.gz": sha256(packed)}
    assert verify(packed, inflate=False) == {}
    assert verify(plain, wanted=sha256(plain)) == {"a.jsonl": sha256(plain)}


@pytest.mark.parametrize("inflate", [True, False])
def test_a_part_that_was_verified_before_must_be_the_same_still(
    tmp_path: Path, *, inflate: bool
) -> None:
    """Whatever its size and time say: an attempt goes on with the bytes of the first one."""
    path = tmp_path / "b.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"id":1}\n'))

    assert verify(path, {path.name: sha256(path)}, inflate=inflate) == {path.name: sha256(path)}
    with pytest.raises(SourceCorruptError, match="is not the file that this run began with"):
        verify(path, {path.name: "0" * 64}, inflate=inflate)


def test_what_is_expected_is_held_against_the_file(tmp_path: Path) -> None:
    """Before the first write, and naming both."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id":1}\n')

    with pytest.raises(SourceCorruptError, match=f"{sha256(path)}, and source.expect says 0000"):
        verify(path, wanted="0" * 64)
