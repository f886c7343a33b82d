"""A folder that does not hold still while its files are read, one after the other."""

from __future__ import annotations

import os
import shutil
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import SourceCorruptError
from pipeline.sources import FileSpec, open_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LINE = b'{"id":1}\n'


async def _read_folder(folder: Path, change: Callable[[], object], *, at: str) -> list[str]:
    """Read all of *folder* and change it after the first chunk of part *at*; name what was read."""
    source = open_source(FileSpec("*.jsonl", folder))
    read: list[str] = []
    for part in await source.parts():
        async with aclosing(source.read(part)) as chunks:
            async for _ in chunks:
                read.append(part.name)
                if part.name == at:
                    change()
    return read


@pytest.mark.parametrize("at", ["a.jsonl", "b.jsonl", "d.jsonl"])
async def test_a_folder_holds_still_as_a_whole(tmp_path: Path, at: str) -> None:
    """A file that appears would be missing from the load, one that changes or goes is not whole."""
    for name in "abd":
        (tmp_path / f"{name}.jsonl").write_bytes(LINE)
    first, middle = tmp_path / "a.jsonl", tmp_path / "c.jsonl"

    assert await _read_folder(tmp_path, int, at=at) == ["a.jsonl", "b.jsonl", "d.jsonl"]
    with pytest.raises(
        SourceCorruptError, match=r"^'c\.jsonl' was changed .* it appeared, and was"
    ):
        await _read_folder(tmp_path, lambda: middle.write_bytes(LINE), at=at)
    with pytest.raises(
        SourceCorruptError, match=r"^'c\.jsonl' (was changed .* gone|cannot be read)"
    ):
        await _read_folder(tmp_path, middle.unlink, at=at)
    with pytest.raises(SourceCorruptError, match=r"^'a\.jsonl' was changed .* it was written to"):
        await _read_folder(tmp_path, lambda: os.utime(first), at=at)
    with pytest.raises(SourceCorruptError, match=r"^'a\.jsonl' was changed .* it had 9 bytes and"):
        await _read_folder(tmp_path, lambda: first.write_bytes(b""), at=at)


async def test_a_folder_that_goes_is_told(tmp_path: Path) -> None:
    """As a whole, by the pattern that no longer means anything."""
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(LINE)
    (folder / "b.jsonl").write_bytes(b"")

    with pytest.raises(SourceCorruptError, match=r"^'b\.jsonl' cannot be read to its end: No such"):
        await _read_folder(folder, lambda: shutil.rmtree(folder), at="a.jsonl")
