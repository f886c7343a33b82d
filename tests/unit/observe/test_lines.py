"""Lines out: a reader that hangs stops nothing, and a disk that is full tears no line."""

from __future__ import annotations

import os
import resource
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pipeline.observe.frames import FrameWriter
from pipeline.observe.lines import LineWriter, write_out

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINES = [b"%d %s" % (number, b"x" * 90) for number in range(50)]


@pytest.fixture(name="pipe")
def _pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond *size* bytes while the body runs."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def test_a_reader_that_hangs_costs_lines_not_time(pipe: tuple[int, int]) -> None:
    """Writing never waits: lines beyond the buffer are dropped, and every one is accounted for."""
    lines = LineWriter(pipe[1])
    lines.start()
    for _ in range(40_000):
        lines.write(b"x" * 200)

    assert not lines.close(patience=0.05)
    assert lines.dropped >= 40_000 - 10_000 - 70_000 // 200
    assert lines.lost >= 40_000 - 70_000 // 200


def test_few_long_lines_are_bounded_by_their_bytes(pipe: tuple[int, int]) -> None:
    """What waits for a reader takes no more memory for being in large pieces."""
    lines = LineWriter(pipe[1])
    lines.start()
    for _ in range(40):
        lines.write(b"x" * 1_000_000)
    lines.close(patience=0.05)

    assert lines.dropped >= 32


def test_dropped_lines_are_told_once_there_is_room(pipe: tuple[int, int]) -> None:
    """When the reader comes back the number of what it missed follows what it gets."""
    told: list[int] = []

    def tell(count: int) -> None:
        told.append(count)
        lines.write(b"dropped %d" % count)

    lines = LineWriter(pipe[1], on_room=tell)
    lines.start()
    for _ in range(20_000):
        lines.write(b"x" * 99)
    assert lines.dropped
    assert not told

    text = b""
    while not text.endswith(b"dropped %d\n" % lines.dropped):
        text += os.read(pipe[0], 1_000_000)
    assert lines.close()
    assert told == [lines.dropped]
    assert text.count(b"x" * 99 + b"\n") + lines.dropped == 20_000
    assert lines.lost == 0


def test_a_reader_that_is_gone_is_no_failure() -> None:
    """A closed pipe ends the writing; nothing is kept for it, nor counted."""
    reader, writer = os.pipe()
    os.close(reader)
    lines = LineWriter(writer)
    lines.start()
    lines.write(b"x")
    assert lines.close()
    os.close(writer)

    assert lines.gone
    assert (lines.failure, lines.lost) == (None, 0)


def test_a_pipe_that_does_not_block_is_waited_for(pipe: tuple[int, int]) -> None:
    """Whoever shares the pipe may have made it so; no line is lost by that."""
    os.set_blocking(pipe[1], False)
    lines = LineWriter(pipe[1])
    lines.start()
    for _ in range(5_000):
        lines.write(b"x" * 99)

    size = 0
    while size < 500_000:
        size += len(os.read(pipe[0], 1_000_000))
    assert lines.close()
    assert (size, lines.lost) == (500_000, 0)


def test_a_full_disk_is_known_and_tears_no_line(tmp_path: Path) -> None:
    """Of a line that did not fit nothing is left, and what is missing is counted."""
    path = tmp_path / "log"
    with opened(path) as descriptor:
        lines = LineWriter(descriptor, owned=True)
        lines.start()
        with room_for(1_050):
            for line in LINES:
                lines.write(line)
            assert lines.close()

    assert path.read_bytes() == b"".join(line + b"\n" for line in LINES[:11])
    assert lines.failure is not None
    assert lines.failure.strerror == "File too large"
    assert lines.lost == len(LINES) - 11


@pytest.mark.parametrize("owned", [True, False])
def test_room_on_a_full_disk_is_used(tmp_path: Path, owned: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Once there is room again all lines follow, in order; a torn one is written anew."""
    path = tmp_path / "log"
    with opened(path) as descriptor:
        lines = LineWriter(descriptor, owned=owned)
        lines.start()
        with room_for(1_050):
            for line in LINES[:-1]:
                lines.write(line)
            while lines.failure is None:
                os.sched_yield()
        lines.write(LINES[-1])
        assert lines.close()

    written = path.read_bytes().splitlines()
    torn = [line for line in written if line not in LINES]
    assert torn == ([] if owned else [LINES[11][: 1_050 - 11 * 93 - 1]])
    assert [line for line in written if line in LINES] == LINES
    assert lines.failure is None
    assert lines.lost == 0


@pytest.mark.parametrize(
    ("left", "kept"),
    [
        (b"", b""),
        (b"one\n", b"one\n"),
        (b"one\ntw", b"one\n"),
        (b"tw", b""),
        (b"one\n" + b"x" * 10_000, b"one\n"),
        (b"x" * 4096, b""),
    ],
)
def test_what_a_crash_tore_is_cut_off(tmp_path: Path, left: bytes, kept: bytes) -> None:
    """A half line that an earlier process left behind does not spoil the next one."""
    path = tmp_path / "log"
    path.write_bytes(left)
    with opened(path) as descriptor:
        lines = LineWriter(descriptor, owned=True)
        lines.start()
        lines.write(b"next")
        assert lines.close()

    assert path.read_bytes() == kept + b"next\n"


def test_a_terminal_that_takes_nothing_costs_frames_not_time(pipe: tuple[int, int]) -> None:
    """Drawing never waits; the last frame is what counts, and it is shown once that is possible."""
    frames = FrameWriter(pipe[1])
    frames.start()
    for number in range(1_000):
        frames.write(f"\r{number:5}" + " " * 500)
        frames.flush()
    frames.write("the end")
    frames.end(patience=0.05)

    shown = b""
    while not shown.endswith(b"the end"):
        shown += os.read(pipe[0], 100_000)
    assert shown.count(b"\r") < 300


def test_a_file_is_given_all_at_once_and_a_pipe_in_pieces(
    tmp_path: Path, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each write more costs a turn of the interpreter, for which a busy server lets others wait."""
    text = b"x" * 40_000
    sizes: list[int] = []
    write = os.write

    def noting(descriptor: int, piece: bytes) -> int:
        sizes.append(len(piece))
        return write(descriptor, piece)

    monkeypatch.setattr(os, "write", noting)
    with opened(tmp_path / "log.jsonl") as file:
        assert write_out(file, text, lambda _: None) == (len(text), None)
    assert sizes == [len(text)]

    sizes.clear()
    assert write_out(pipe[1], text, lambda _: None) == (len(text), None)
    assert max(sizes) == 4096
