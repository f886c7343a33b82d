"""Lines out: log lines leave through a thread, so that a blocked reader cannot stop the load."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from typing import Final

__all__ = ["LineWriter"]

_CAPACITY: Final = 10_000
"""Lines that may wait for a slow reader; what comes after is dropped, and counted."""


class LineWriter:
    """
    Write lines to a file descriptor from a thread of its own.

    `write` never waits. If the reader does not keep up, lines are dropped and the number of them
    is in *dropped*; if the descriptor fails (disk full, closed pipe), *error* says so and writing
    ends. The caller decides what either means.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: deque[bytes] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None
        self.dropped = 0
        self.error: OSError | None = None

    def start(self) -> None:
        """Start the thread; it ends with the process if nobody closes it."""
        self._thread = threading.Thread(target=self._drain, name="log", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Queue *line* (without its end)."""
        with self._wake:
            if len(self._lines) >= _CAPACITY:
                self.dropped += 1
                return
            self._lines.append(line)
            self._wake.notify()

    def close(self, patience: float = 2.0) -> None:
        """Write what is queued, but wait no longer than *patience* seconds for the reader."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(patience)

    def _drain(self) -> None:
        while True:
            with self._wake:
                while not self._lines and not self._closing:
                    self._wake.wait()
                if not self._lines:
                    return
                block = b"".join(line + b"\n" for line in self._lines)
                self._lines.clear()
            try:
                _write_all(self._descriptor, block)
            except OSError as error:
                self.error = error
                return


def _write_all(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        with contextlib.suppress(InterruptedError):
            view = view[os.write(descriptor, view) :]
