"""A file that is not what it was: while it is read, and between a run and its resume."""

from __future__ import annotations

import gzip
import os
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import PreflightError, SourceCorruptError
from pipeline.model import Position
from tests.unit.sources.drive import file_source, read_all, read_part

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.model import Chunk

LINE = b'{"id":"' + b"x" * 90 + b'"}\n'
COUNT = 8_000


def _shrink(path: Path) -> None:
    os.truncate(path, len(LINE) * COUNT // 2 + 5)


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(LINE)


def _replace(path: Path) -> None:
    other = path.with_suffix(".new")
    other.write_bytes(LINE * COUNT)
    other.replace(path)


def _rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(LINE.replace(b"x", b"y"))
    os.utime(path, ns=(0, 1))


def _remove(path: Path) -> None:
    path.unlink()


CHANGES = [_shrink, _grow, _replace, _rewrite, _remove]


async def _read_and_change(path: Path, change: Callable[[Path], None], after: int) -> list[Chunk]:
    source = file_source(path)
    (part,) = await source.parts()
    if after == 0:
        change(path)
    seen: list[Chunk] = []
    async with aclosing(source.read(part)) as chunks:
        async for chunk in chunks:
            seen.append(chunk)
            if len(seen) == after:
                change(path)
    return seen


@pytest.mark.parametrize("after", [0, 1, 5])
@pytest.mark.parametrize("change", CHANGES)
async def test_a_file_that_changes_ends_the_run(
    tmp_path: Path, change: Callable[[Path], None], after: int
) -> None:
    """Whether it shrinks, grows or is another file: it is told, and no clean end."""
    path = tmp_path / "part.jsonl"
    path.write_bytes(LINE * COUNT)

    with pytest.raises(SourceCorruptError, match=r"^'part\.jsonl' (was changed|cannot be read)"):
        await _read_and_change(path, change, after)


async def test_of_a_file_that_shrinks_no_cut_record_is_given(tmp_path: Path) -> None:
    """Half a line at its new end might be a record that decodes, and is not given out."""
    path = tmp_path / "part.csv"
    path.write_bytes(b"id,amount\n" + b"1,123456789\n" * 100_000)
    source = file_source(path)
    (part,) = await source.parts()
    raws: set[bytes] = set()

    async def read() -> None:
        async with aclosing(source.read(part)) as chunks:
            async for chunk in chunks:
                raws.update(record.raw for record in chunk.records)
                os.truncate(path, 450_000 + 5)

    with pytest.raises(SourceCorruptError):
        await read()
    assert raws == {b"1,123456789"}


async def test_what_was_read_of_it_was_read_once(tmp_path: Path) -> None:
    """An untouched file is read to its end, as often as it is asked for."""
    path = tmp_path / "part.jsonl"
    path.write_bytes(LINE * COUNT)
    source = file_source(path)

    for _ in range(2):
        assert sum(len(chunk.records) for chunk in await read_all(source)) == COUNT


async def test_a_reader_may_leave(tmp_path: Path) -> None:
    """Whoever stops reading early is told nothing, and leaves no file open."""
    path = tmp_path / "part.jsonl"
    path.write_bytes(LINE * COUNT)
    open_files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names alone
    source = file_source(path)
    (part,) = await source.parts()

    async with aclosing(source.read(part)) as chunks:
        async for _ in chunks:
            break

    assert len(os.listdir("/proc/self/fd")) == open_files  # noqa: PTH208 - names alone


@pytest.mark.parametrize(
    ("name", "text", "state", "says"),
    [
        ("part.jsonl", LINE, {"expects": "comma"}, "is jsonl and was something else"),
        ("part.csv", b"a\n1\n", {"expects": "comma"}, "is csv and was something else"),
        ("part.csv", b"a\n1\n", None, "is csv and was something else"),
        ("part.json", b"[1]", None, "is json and was something else"),
    ],
)
async def test_a_position_of_another_format_is_refused(
    tmp_path: Path, name: str, text: bytes, state: dict[str, object] | None, says: str
) -> None:
    """Reading on in the middle of something else would make records of nothing."""
    path = tmp_path / name
    path.write_bytes(text)
    source = file_source(path)
    (part,) = await source.parts()

    with pytest.raises(SourceCorruptError, match=says):
        await read_part(source, part, Position(part.name, 2, 1, 1, state))


@pytest.mark.parametrize("packed", [False, True])
async def test_a_position_after_the_end_is_refused(tmp_path: Path, *, packed: bool) -> None:
    """A file that has become shorter than what was read of it is another file."""
    path = tmp_path / "part.jsonl"
    path.write_bytes(gzip.compress(LINE) if packed else LINE)
    source = file_source(path)
    (part,) = await source.parts()

    with pytest.raises(SourceCorruptError, match="not the file that was read before"):
        await read_part(source, part, Position(part.name, 1_000_000, 9, 9))


async def test_a_part_that_is_gone_is_told(tmp_path: Path) -> None:
    """A resume that names a file which the pattern no longer means finds none."""
    (tmp_path / "a.jsonl").write_bytes(LINE)
    source = file_source(tmp_path / "a.jsonl")
    (part,) = await source.parts()
    other = file_source(tmp_path / "*.jsonl")
    (tmp_path / "a.jsonl").rename(tmp_path / "b.jsonl")

    with pytest.raises(PreflightError, match=r"'a\.jsonl' is no part of '\*\.jsonl'"):
        await read_part(other, part)
