"""Lines out: log lines leave through a thread, so that a blocked reader cannot stop the load."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import select
import stat
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LineWriter", "write_out"]

_MOST_LINES: Final = 10_000
_MOST_BYTES: Final = 8_000_000
"""What may wait for a slow reader; what comes after is dropped, and counted."""

_RETRY_AFTER: Final = 1.0
"""Seconds after which a full disk is tried again, if no line came before."""

_BLOCK: Final = 128
"""Lines that are written at once."""

_PIECE: Final = 4096
"""
Bytes of one write: a pipe takes so many as soon as it has room, so that progress shows. A file is
given all at once: after each write the thread waits for the interpreter, which others keep busy.
"""

_ROUNDS: Final = 3

_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class LineWriter:
    """
    Write lines to a file descriptor from a thread of its own.

    `write` never waits. If the reader does not keep up, or the disk is full, lines are dropped and
    *dropped* counts them; *on_room* is told of them, in that thread, once there is room again.
    *failure* is why nothing can be written, for as long as that is so: it is tried again. *gone*
    says that the reader went away; then nothing is kept for it, nor counted.

    What failed in its middle tears no line: a file that is *owned* (a regular one, open to read
    too) is cut back to its last whole line, also at the start; elsewhere a new line is begun.
    """

    def __init__(
        self,
        descriptor: int,
        *,
        owned: bool = False,
        on_room: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._descriptor = descriptor
        self._owned = owned
        self._on_room = on_room
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._wake = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._block: list[bytes] = []
        self._written = self._begun_at = 0
        self._torn = False
        self._told = 0
        self.dropped = 0
        self.failure: OSError | None = None
        self.gone = False

    @property
    def lost(self) -> int:
        """How many lines were not written, and nobody was told of."""
        if self.gone:
            return 0
        whole, _ = _whole_lines(self._block, self._written - self._begun_at)
        return self.dropped - self._told + len(self._lines) - whole

    def start(self) -> None:
        """Start the thread; it ends with the process if nobody closes it."""
        if self._owned:
            _cut_back(self._descriptor)
        self._thread = threading.Thread(target=self._drain, name="log", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Queue *line* (without its end)."""
        with self._wake:
            if self.gone or self._closing:
                return
            if len(self._lines) >= _MOST_LINES or self._bytes + len(line) > _MOST_BYTES:
                self.dropped += 1
                return
            self._lines.append(line)
            self._bytes += len(line)
            self._wake.notify()

    def close(self, patience: float = 0.7) -> bool:
        """
        Write what is queued, for as long as something gets through every *patience* seconds.

        A reader that dribbles is not waited for without end: three times that is the most. Tell
        whether the thread has ended; if not, it still uses the descriptor, which must stay open.
        """
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread is None:
            return True
        for _ in range(_ROUNDS):
            before = self._written
            self._thread.join(patience)
            if not self._thread.is_alive():
                return True
            if self._written == before:
                break
        return False

    def _drain(self) -> None:
        while not self.gone:
            with self._wake:
                while not self._lines and not self._closing:
                    self._wake.wait()
                if not self._lines:
                    return
                if self.failure is not None and not self._closing:
                    self._wake.wait(_RETRY_AFTER)
                last_try = self._closing
                self._block = list(itertools.islice(self._lines, _BLOCK))
            self._put(self._block)
            if self.failure is not None and last_try:
                return
            self._tell()

    def _put(self, block: list[bytes]) -> None:
        """Write *block*; what of it is not written stays queued."""
        lead = b"\n" if self._torn else b""
        text = lead + b"".join(line + b"\n" for line in block)
        self._begun_at = self._written + len(lead)
        out, error = write_out(self._descriptor, text, self._advance)
        whole, rest = _whole_lines(block, out - len(lead))
        with self._wake:
            self._block = []
            for _ in range(whole):
                self._bytes -= len(self._lines.popleft())
        if out:
            self._torn = rest > 0 and not (self._owned and _cut(self._descriptor, rest))
        self.failure = error
        if error is not None and not self._owned and error.errno not in _NO_ROOM:
            self._give_up()

    def _advance(self, count: int) -> None:
        self._written += count

    def _give_up(self) -> None:
        with self._wake:
            self.gone = True
            self._lines.clear()
            self.failure = None

    def _tell(self) -> None:
        """Tell of dropped lines, once half of what may wait is free again."""
        with self._wake:
            room = len(self._lines) < _MOST_LINES // 2 and self._bytes < _MOST_BYTES // 2
            news = self.dropped - self._told if room and self.failure is None else 0
            self._told += news
        if news:
            self._on_room(news)


def write_out(
    descriptor: int, text: bytes, advance: Callable[[int], None]
) -> tuple[int, OSError | None]:
    """
    Write *text*, waiting as long as it takes; return how much went out, and what stopped it.

    *advance* is told of each piece, in bytes.
    """
    view, out = memoryview(text), 0
    at_once = len(view) if _is_file(descriptor) else _PIECE
    while out < len(view):
        try:
            count = os.write(descriptor, view[out : out + at_once])
        except BlockingIOError:  # somebody who shares the descriptor has made it so
            room = select.poll()
            room.register(descriptor, select.POLLOUT)
            room.poll()
        except OSError as error:
            return out, error
        else:
            out += count
            advance(count)
    return out, None


def _is_file(descriptor: int) -> bool:
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        return False  # writing to it will tell


def _whole_lines(block: list[bytes], out: int) -> tuple[int, int]:
    """Return how many lines of *block* its first *out* bytes hold, and how many are left over."""
    for whole, line in enumerate(block):
        if out <= len(line):
            return whole, max(0, out)
        out -= len(line) + 1
    return len(block), 0


def _cut_back(descriptor: int) -> None:
    """Cut off a last line without an end, which an earlier process left behind."""
    size = end = os.fstat(descriptor).st_size
    while end > 0:
        begin = max(0, end - _PIECE)
        newline = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if newline >= 0:
            end = begin + newline + 1
            break
        end = begin
    if end < size:
        os.ftruncate(descriptor, end)


def _cut(descriptor: int, count: int) -> bool:
    """Cut *count* bytes off the end; tell whether that could be done."""
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, os.fstat(descriptor).st_size - count)
        return True
    return False
