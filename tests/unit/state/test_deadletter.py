"""Dead letters on disk: after a crash the file holds what the checkpoint says, and goes on."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import PreflightError, StorageError
from pipeline.model import Rejection, Violation
from pipeline.state.deadletter import DeadLetters, LettersMark
from tests.fakes import make_record
from tests.unit.state.disk import Disk, files_of_at_most

if TYPE_CHECKING:
    from collections.abc import Iterable


def refused(*ordinals: int) -> list[Rejection]:
    """Refuse records."""
    why = (Violation("schema", "rule", "why", "field"),)
    return [Rejection(make_record(ordinal), "part", 0, why) for ordinal in ordinals]


async def append(letters: DeadLetters, ordinals: Iterable[int], *, resume: bool = True) -> None:
    """Append and sync as a run does."""
    if resume:
        await letters.resume()
    try:
        await letters.append(refused(*ordinals), None)
        await letters.sync()
    finally:
        letters.close()


def ordinals_in(path: Path) -> list[int]:
    return [json.loads(line)["record"] for line in path.read_text().splitlines()]


def begun(path: Path) -> tuple[LettersMark, LettersMark]:
    """Write letters 0 to 2, then 3 and 4; return the marks between and after."""

    async def main() -> tuple[LettersMark, LettersMark]:
        letters = DeadLetters(path)
        await letters.resume()
        await letters.append(refused(0, 1, 2), None)
        between = letters.mark
        await append(letters, [3, 4], resume=False)
        return between, letters.mark

    return asyncio.run(main())


def test_the_mark_says_what_stands_in_the_file(tmp_path: Path) -> None:
    """A count of letters and of bytes; nothing is made before the first letter."""
    path = tmp_path / "dead-letter.jsonl"
    assert DeadLetters(path).mark == LettersMark(0, 0)

    between, after = begun(path)

    text = path.read_bytes()
    assert (between.count, after.count) == (3, 5)
    assert text[: between.length].count(b"\n") == 3
    assert (text[between.length - 1 : between.length], after.length) == (b"\n", len(text))
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("torn", [b"", b'{"v":1,"part'])
def test_a_resumed_file_is_cut_to_its_mark_and_goes_on(tmp_path: Path, torn: bytes) -> None:
    """Letters of records that are read again, and half of one, are not there twice or for ever."""
    path = tmp_path / "dead-letter.jsonl"
    between, _ = begun(path)
    with path.open("ab") as file:
        file.write(torn)

    letters = DeadLetters(path, start=between)
    asyncio.run(append(letters, [7]))

    assert ordinals_in(path) == [0, 1, 2, 7]
    assert letters.mark == LettersMark(4, path.stat().st_size)


@pytest.mark.parametrize("resume", [True, False])
@pytest.mark.parametrize("start", [None, LettersMark(0, 0)])
def test_leftovers_of_a_run_without_letters_are_cut(
    tmp_path: Path, start: LettersMark | None, *, resume: bool
) -> None:
    """A crash before the first checkpoint leaves letters that belong to nothing."""
    path = tmp_path / "dead-letter.jsonl"
    begun(path)

    asyncio.run(append(DeadLetters(path, start=start), [9], resume=resume))

    assert ordinals_in(path) == [9]


def test_a_resume_alone_cuts_the_file(tmp_path: Path) -> None:
    """Also if no letter follows; and it makes no file where none is needed."""
    path = tmp_path / "dead-letter.jsonl"
    between, _ = begun(path)

    asyncio.run(append(DeadLetters(path, start=between), []))
    asyncio.run(append(DeadLetters(tmp_path / "none"), []))

    assert ordinals_in(path) == [0, 1, 2]
    assert not (tmp_path / "none").exists()


def shorten(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def rewrite(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


@pytest.mark.parametrize("change", [Path.unlink, shorten, rewrite])
def test_a_file_that_is_not_what_the_run_left_is_refused(tmp_path: Path, change: object) -> None:
    """It was removed, cut or rewritten: letters are missing, and nothing could bring them back."""
    assert callable(change)
    path = tmp_path / "dead-letter.jsonl"
    _, after = begun(path)
    change(path)

    with pytest.raises(PreflightError, match=r"not as the run left it: .*--fresh") as told:
        asyncio.run(append(DeadLetters(path, start=after), [7]))

    assert repr(str(path)) in str(told.value)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Whoever plants a link does not get strangers' records, nor other files overwritten."""
    target = tmp_path / "target"
    target.write_text("precious")
    path = tmp_path / "dead-letter.jsonl"
    path.symlink_to(target)

    for resume in (True, False):
        with pytest.raises(StorageError, match="through a link"):
            asyncio.run(append(DeadLetters(path), [1], resume=resume))

    assert target.read_text() == "precious"


def test_synced_letters_survive_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their bytes are on the disk, and so is the name of their file."""
    path = tmp_path / "dead-letter.jsonl"
    disk = Disk(tmp_path)

    with disk.watched(monkeypatch):
        asyncio.run(append(DeadLetters(path), [1, 2]))

    assert disk.calls == ["open", "fsync folder", "write", "fsync"]
    assert all(left == {path.name: path.read_bytes()} for left in disk.after_power_cut())


def test_a_device_that_is_full_is_told() -> None:
    """The error says what the system says, and what to do."""
    with pytest.raises(StorageError, match=r"/dev/full.*No space left.*make room"):
        asyncio.run(append(DeadLetters(Path("/dev/full")), [1]))


def test_a_full_disk_leaves_whole_letters(tmp_path: Path) -> None:
    """The letter that did not fit is not there in part, and is not counted."""
    path = tmp_path / "dead-letter.jsonl"
    _, after = begun(path)
    letters = DeadLetters(path, start=after)

    with files_of_at_most(after.length + 20), pytest.raises(StorageError, match="too large"):
        asyncio.run(append(letters, [7]))

    assert ordinals_in(path) == [0, 1, 2, 3, 4]
    assert letters.mark == after


def test_a_sync_that_failed_once_is_never_believed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel may have dropped what it could not write: a later sync would lie."""
    path = tmp_path / "dead-letter.jsonl"

    async def main() -> None:
        letters = DeadLetters(path)
        await letters.append(refused(1), None)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fail)
            with pytest.raises(StorageError):
                await letters.sync()
        with pytest.raises(StorageError):
            await letters.sync()
        letters.close()

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    asyncio.run(main())
