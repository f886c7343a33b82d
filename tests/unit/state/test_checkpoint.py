"""Checkpoints: whatever happens to process, machine or files, none is believed wrongly."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.errors import PreflightError, StorageError
from pipeline.state.checkpoint import CheckpointError, CheckpointFiles, Loaded
from tests.unit.state.disk import Disk, files_of_at_most

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OLDER: dict[str, Any] = {"at": 1}
OLD: dict[str, Any] = {"at": 2}
NEW: dict[str, Any] = {"at": 3, "name": "é", "header": ["a", None]}


def filled(folder: Path) -> Path:
    """Save two checkpoints in *folder*, OLDER and OLD."""
    folder.mkdir(exist_ok=True)
    files = CheckpointFiles(folder)
    files.save(OLDER)
    files.save(OLD)
    return folder


def newest(folder: Path) -> Path:
    return folder / "checkpoint.json"


def previous(folder: Path) -> Path:
    return folder / "checkpoint.previous.json"


def test_the_newest_of_two_generations_is_loaded(tmp_path: Path) -> None:
    """What was saved last comes back as it was; files are for their owner alone; nothing else."""
    files = CheckpointFiles(tmp_path)
    assert files.load() is None

    for document in (OLDER, OLD, NEW):
        files.save(document)
        assert files.load() == Loaded(document, fell_back=False)

    assert {path.name for path in tmp_path.iterdir()} == {
        newest(tmp_path).name,
        "checkpoint.previous.json",
    }
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    newest(tmp_path).unlink()
    assert CheckpointFiles(tmp_path).load() == Loaded(OLD, fell_back=True)


def test_what_json_can_hold_comes_back(tmp_path: Path) -> None:
    """Numbers of any size, half surrogates and every character survive."""
    document = {"large": 2**80, "half": "\udcff", "texts": ["\x00\u2028\U0001f600\n", ""]}
    files = CheckpointFiles(tmp_path)

    files.save(document)

    assert files.load() == Loaded(document, fell_back=False)


def test_a_torn_newest_falls_back_wherever_it_is_torn(tmp_path: Path) -> None:
    """Cut after any byte, the newest is not believed; the one before stands."""
    folder = filled(tmp_path)
    whole = newest(folder).read_bytes()

    for length in range(len(whole)):
        newest(folder).write_bytes(whole[:length])
        assert CheckpointFiles(folder).load() == Loaded(OLDER, fell_back=True), length

    newest(folder).write_bytes(whole + b"\n")
    assert CheckpointFiles(folder).load() == Loaded(OLDER, fell_back=True)


@pytest.mark.parametrize("flip", [0x01, 0x02, 0x80, 0xFF])
def test_a_damaged_newest_falls_back_wherever_it_is_damaged(tmp_path: Path, flip: int) -> None:
    """With any one byte changed the newest is not believed, be it the version's digit."""
    folder = filled(tmp_path)
    whole = newest(folder).read_bytes()

    for at in range(len(whole)):
        newest(folder).write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
        assert CheckpointFiles(folder).load() == Loaded(OLDER, fell_back=True), at


@pytest.mark.parametrize(
    "damage",
    [b"", b"\n", b"{}\n{}\n", b"[]\n", b'{"v":1,"length":-1,"sha256":""}\n\n', b"[" * 99_999],
)
def test_nonsense_is_refused_with_the_reason_and_what_to_do(tmp_path: Path, damage: bytes) -> None:
    """With no sound generation left the run is refused: it never starts from zero in silence."""
    folder = filled(tmp_path)
    newest(folder).write_bytes(damage)
    previous(folder).write_bytes(damage)

    with pytest.raises(
        CheckpointError, match=r"checkpoint\.json .*previous\.json .*--fresh"
    ) as told:
        CheckpointFiles(folder).load()

    assert isinstance(told.value, PreflightError)
    assert repr(str(folder)) in str(told.value)


def test_a_link_and_a_folder_are_no_checkpoints(tmp_path: Path) -> None:
    """What stands under the name and is no file is not followed, and told."""
    other = filled(tmp_path / "other")
    folder = filled(tmp_path / "own")
    newest(folder).unlink()
    newest(folder).symlink_to(newest(other))
    previous(folder).unlink()
    previous(folder).mkdir()

    with pytest.raises(CheckpointError, match=r"cannot be read .*cannot be read"):
        CheckpointFiles(folder).load()


def of_another_kind(folder: Path, _: pytest.MonkeyPatch) -> None:
    """Let a newer program change how checkpoints are told to be whole."""
    first, _newline, rest = newest(folder).read_bytes().partition(b"\n")
    header = {**json.loads(first), "v": 17, "sha256": "of its own kind", "more": 1}
    newest(folder).write_bytes(json.dumps(header).encode() + b"\n" + rest)


def of_our_kind(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Let a newer program change what checkpoints hold, and nothing else."""
    with patch.context() as newer:
        newer.setattr("pipeline.state.checkpoint._VERSION", 17)
        CheckpointFiles(folder).save(NEW)


@pytest.mark.parametrize("write", [of_another_kind, of_our_kind])
def test_a_newer_format_is_refused_and_never_passed_over(
    tmp_path: Path,
    write: Callable[[Path, pytest.MonkeyPatch], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Falling back past a newer program's checkpoint would undo what it did; the text says so."""
    folder = filled(tmp_path)
    write(folder, monkeypatch)

    with pytest.raises(CheckpointError, match=r"version 17, .*knows 1\..*--fresh"):
        CheckpointFiles(folder).load()


@pytest.mark.parametrize("damage", [b"torn", None])
def test_a_damaged_newest_never_replaces_a_sound_previous(
    tmp_path: Path, damage: bytes | None
) -> None:
    """Saving over a torn or missing newest keeps the sound one before as the one before."""
    folder = filled(tmp_path)
    newest(folder).unlink()
    if damage is not None:
        newest(folder).write_bytes(damage)

    CheckpointFiles(folder).save(NEW)

    assert CheckpointFiles(folder).load() == Loaded(NEW, fell_back=False)
    newest(folder).unlink()
    assert CheckpointFiles(folder).load() == Loaded(OLDER, fell_back=True)


def states(start: str) -> list[dict[str, Any] | None]:
    """Say what may be loaded while NEW is saved over *start*."""
    before: dict[str, dict[str, Any]] = {"one": OLDER, "two": OLD, "torn": OLDER}
    return [before.get(start), NEW]


def begin(folder: Path, start: str) -> Path:
    """Make *folder* with what stands there before NEW is saved."""
    folder.mkdir()
    files = CheckpointFiles(folder)
    if start != "none":
        files.save(OLDER)
    if start in ("two", "torn"):
        files.save(OLD)
    if start == "torn":
        newest(folder).write_bytes(b"torn")
    # Left behind by a crash before.
    (folder / ".checkpoint.new").write_bytes(b"left")
    return folder


def loaded(folder: Path) -> dict[str, Any] | None:
    """Load as the next process does."""
    found = CheckpointFiles(folder).load()
    return None if found is None else dict(found.document)


START = pytest.mark.parametrize("start", ["none", "one", "two", "torn"])


@START
def test_a_crash_at_any_system_call_leaves_a_sound_generation(
    tmp_path: Path, start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before any call, or amid a write, the old or the new one is loaded."""
    crash_at = 0
    while True:
        folder = begin(tmp_path / str(crash_at), start)
        disk = Disk(folder, crash_at)
        with disk.watched(monkeypatch):
            CheckpointFiles(folder).save(NEW)
            break
        assert loaded(folder) in states(start), disk.calls
        CheckpointFiles(folder).save(NEW)
        assert loaded(folder) == NEW
        crash_at += 1
    assert crash_at >= 6


@START
def test_a_power_cut_at_any_system_call_leaves_a_sound_generation(
    tmp_path: Path, start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though only what was synced reached the disk; and what was saved is there for good."""
    done = False
    crash_at = 0
    while not done:
        folder = begin(tmp_path / str(crash_at), start)
        disk = Disk(folder, crash_at)
        with disk.watched(monkeypatch):
            CheckpointFiles(folder).save(NEW)
            done = True
        for number, left in enumerate(disk.after_power_cut()):
            ruin = tmp_path / f"{crash_at}-{number}"
            ruin.mkdir()
            for name, text in left.items():
                (ruin / name).write_bytes(text)
            assert loaded(ruin) in ([NEW] if done else states(start)), (disk.calls, left)
        crash_at += 1


def test_bytes_are_synced_before_names_change_and_names_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of calls is the guarantee."""
    disk = Disk(filled(tmp_path))
    with disk.watched(monkeypatch):
        CheckpointFiles(tmp_path).save(NEW)

    assert disk.calls == ["open", "write", "fsync", "replace", "replace", "fsync folder"]


def test_a_full_disk_keeps_the_checkpoint_and_says_so(tmp_path: Path) -> None:
    """The error names the place and what to do; the old one stands and nothing is left behind."""
    folder = filled(tmp_path)
    files = CheckpointFiles(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    with (
        files_of_at_most(1_000),
        pytest.raises(StorageError, match=r"too large.*Make room") as told,
    ):
        files.save({"text": "x" * 5_000})

    assert repr(str(folder)) in str(told.value)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    files.save(NEW)
    assert loaded(folder) == NEW


@pytest.mark.parametrize(
    ("call", "number"),
    [("open", 0), ("fsync", 0), ("replace", 0), ("replace", 1), ("open", 2), ("fsync", 1)],
)
def test_a_failing_disk_keeps_a_sound_generation(
    tmp_path: Path, call: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever call the disk refuses, a sound generation is loaded after it, and can be saved."""
    folder = filled(tmp_path / "run")
    calls = iter(range(100))
    whole = getattr(os, call)

    def refuse(*arguments: Any, **options: Any) -> Any:
        if next(calls) == number:
            raise OSError(28, "No space left on device")
        return whole(*arguments, **options)

    files = CheckpointFiles(folder)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(StorageError, match="No space left"):
            files.save(NEW)
    assert loaded(folder) in (OLDER, OLD, NEW)
    assert not (folder / ".checkpoint.new").exists()
    files.save(NEW)
    assert loaded(folder) == NEW


def test_a_folder_that_cannot_be_synced_is_as_good_as_its_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network file systems sync no folders, and say EINVAL: that is no full disk."""
    whole = os.fsync

    def fsync(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112 - a link of the kernel's
            raise OSError(22, "Invalid argument")
        whole(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    CheckpointFiles(tmp_path).save(NEW)

    assert loaded(tmp_path) == NEW
