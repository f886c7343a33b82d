"""A file that is not what it was: while it is read, and between a run and its resume."""

from __future__ import annotations

import gzip
import os
import random
import shutil
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest
import zstandard

from pipeline.errors import PreflightError, SourceCorruptError
from pipeline.model import Position
from pipeline.sources import Cut
from tests.unit.sources.drive import file_source, read_all, read_part

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.model import Chunk

LINE = b'{"id":"' + b"x" * 90 + b'"}\n'
COUNT = 8_000


def _zstd(text: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(text)


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


def _rewrite_now(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(LINE.replace(b"x", b"y"))


def _rewrite_and_set_back(path: Path) -> None:
    was = path.stat()
    _rewrite_now(path)
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


def _put_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _put_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _put_a_link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def _put_a_link(path: Path) -> None:
    path.rename(path.with_suffix(".old"))
    shutil.copy2(path.with_suffix(".old"), path.with_suffix(".new"))
    path.symlink_to(path.with_suffix(".new"))


CHANGES = [
    _shrink,
    _grow,
    _replace,
    _rewrite,
    _rewrite_now,
    _rewrite_and_set_back,
    _remove,
    _put_a_pipe,
    _put_a_folder,
    _put_a_link_to_itself,
    _put_a_link,
]


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


@pytest.mark.parametrize("packer", [gzip.compress, _zstd])
@pytest.mark.parametrize("change", CHANGES)
async def test_a_compressed_file_that_changes_ends_the_run(
    tmp_path: Path, change: Callable[[Path], None], packer: Callable[[bytes], bytes]
) -> None:
    """As a plain one, also where its compressed bytes end cleanly in the middle of the change."""
    path = tmp_path / "part.jsonl"
    noise = random.Random(5).randbytes(len(LINE) * COUNT // 2).hex().encode()
    lines = b"".join(b'{"id":"%b"}\n' % noise[at : at + 90] for at in range(0, len(noise), 90))
    path.write_bytes(packer(lines))

    with pytest.raises(
        SourceCorruptError, match=r"^'part\.jsonl' (was changed|cannot be read|is )"
    ):
        await _read_and_change(path, change, 1)


@pytest.mark.parametrize("change", [_shrink, _grow, _replace, _rewrite, _remove, _put_a_pipe])
@pytest.mark.parametrize("packed", [False, True])
async def test_a_change_before_reading_is_told_by_all(
    tmp_path: Path, change: Callable[[Path], None], *, packed: bool
) -> None:
    """Verifying, hashing and taking a fingerprint are as strict as reading."""
    path = tmp_path / "part.jsonl"
    path.write_bytes(gzip.compress(LINE * COUNT) if packed else LINE * COUNT)
    source = file_source(path)
    (part,) = await source.parts()
    change(path)

    for look in (
        lambda: source.verify(part, _ignore),
        lambda: source.digest(part, _ignore),
        lambda: source.stretch(part, Position(part.name, 9, 1, 1), 9),
        lambda: read_part(source, part),
    ):
        with pytest.raises(SourceCorruptError, match=r"^'part\.jsonl' (was changed|cannot be)"):
            await look()


def _ignore(_: int) -> None:
    pass


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("packed", [False, True])
async def test_a_change_while_it_is_verified_is_told(
    tmp_path: Path, change: Callable[[Path], None], *, packed: bool
) -> None:
    """As one while it is read."""
    path = tmp_path / "part.jsonl"
    path.write_bytes(gzip.compress(LINE * COUNT, 0) if packed else LINE * COUNT)
    source = file_source(path)
    (part,) = await source.parts()
    told: list[int] = []

    def passed(read: int) -> None:
        if not told:
            change(path)
        told.append(read)

    with pytest.raises(SourceCorruptError, match=r"^'part\.jsonl' (was changed|cannot be read)"):
        await source.verify(part, passed)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("before", [False, True])
async def test_another_file_than_the_verified_one_is_told(
    tmp_path: Path, *, packed: bool, before: bool
) -> None:
    """What is loaded is what was verified, even if size and time are the same."""
    path = tmp_path / "part.jsonl"
    texts = [LINE * 1_000 + b'{"id":"%b"}\n' % letter for letter in (b"x", b"y")]
    first, second = [gzip.compress(text, 0) if packed else text for text in texts]
    path.write_bytes(first)
    source = file_source(path)
    (part,) = await source.parts()
    await (source.digest if before else source.verify)(part, _ignore)
    was = path.stat()
    with path.open("r+b") as file:
        file.write(second)
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))

    assert len(first) == len(second)
    with pytest.raises(SourceCorruptError, match="holds other bytes than before"):
        await read_part(source, part)


def _chmod(path: Path) -> None:
    path.chmod(0o600)


def _link(path: Path) -> None:
    path.with_suffix(".link").hardlink_to(path)


def _copy_away(path: Path) -> None:
    shutil.copy2(path, path.with_suffix(".copy"))


@pytest.mark.parametrize("after", [0, 1, 5])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("change", [_chmod, _link, _copy_away])
async def test_what_is_no_change_of_the_bytes_is_none(
    tmp_path: Path, change: Callable[[Path], None], after: int, *, packed: bool
) -> None:
    """A new mode or a backup in the middle of a load is no reason to fail it."""
    path = tmp_path / "part.jsonl"
    path.write_bytes(gzip.compress(LINE * COUNT) if packed else LINE * COUNT)

    seen = await _read_and_change(path, change, after)

    assert sum(len(chunk.records) for chunk in seen) == COUNT


async def test_a_permission_that_is_lost_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at a part and its turn to be read, hours may pass."""
    path = tmp_path / "part.jsonl"
    path.write_bytes(LINE)
    source = file_source(path)
    (part,) = await source.parts()

    def refuse(*_arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)

    with pytest.raises(SourceCorruptError, match="cannot be read to its end: Permission denied"):
        await read_part(source, part)


async def test_a_change_is_told_when_the_next_block_is_read(tmp_path: Path) -> None:
    """Of a file that is written to no record is given that was not read before."""
    path = tmp_path / "part.jsonl"
    path.write_bytes(LINE * COUNT)
    source = file_source(path, cut=Cut(block=8 * 1024, records=10))
    (part,) = await source.parts()
    seen = 0

    async def read() -> None:
        nonlocal seen
        async with aclosing(source.read(part)) as chunks:
            async for chunk in chunks:
                if not seen:
                    _rewrite_now(path)
                seen += len(chunk.records)

    with pytest.raises(SourceCorruptError, match="was written to"):
        await read()
    assert 0 < seen < 8 * 1024 // len(LINE) + 10


async def test_no_write_can_hide_in_a_tick_of_the_clock(tmp_path: Path) -> None:
    """When a file has been looked at, its time has passed: whoever writes then gives it another."""
    path = tmp_path / "part.jsonl"
    path.write_bytes(LINE)
    source = file_source(path)

    (part,) = await source.parts()

    written = part.identity["mtime_ns"]
    assert isinstance(written, int)
    assert time.time_ns() - written >= 10_000_000


@pytest.mark.parametrize("packer", [bytes, gzip.compress, _zstd])
async def test_an_empty_part_is_a_part(tmp_path: Path, packer: Callable[[bytes], bytes]) -> None:
    """It is verified, has an identity, gives nothing, and must not grow either."""
    path = tmp_path / "part.jsonl"
    path.write_bytes(packer(b""))
    source = file_source(path)
    (part,) = await source.parts()

    assert await read_part(source, part) == []
    assert part.identity["size"] == len(packer(b""))
    assert await source.verify(part, _ignore)
    _grow(path)
    with pytest.raises(SourceCorruptError):
        await read_part(source, part)


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
