"""Frames out: a terminal is written to by a thread, so that Ctrl-S cannot stop the load."""

from __future__ import annotations

import io
import threading
from collections import deque
from typing import Final

from pipeline.observe.lines import write_out

__all__ = ["FrameWriter"]

_PENDING: Final = 8


class FrameWriter(io.TextIOBase):
    """
    A text stream in front of a terminal's *descriptor*; what is flushed at once is a frame.

    Nothing waits but a thread of its own. A terminal that takes nothing costs frames, oldest first:
    each one paints over the one before, so that the last is what counts.
    """

    encoding = "utf-8"

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._texts: list[str] = []
        self._frames: deque[bytes] = deque(maxlen=_PENDING)
        self._wake = threading.Condition()
        self._ending = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; it ends with the process if nobody ends it."""
        self._thread = threading.Thread(target=self._drain, name="frames", daemon=True)
        self._thread.start()

    def end(self, patience: float = 0.5) -> None:
        """Show what is left, but wait no longer than *patience* seconds for the terminal."""
        self.flush()
        with self._wake:
            self._ending = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(patience)

    def isatty(self) -> bool:
        """Say that it is a terminal, which whoever made this knew."""
        return True

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True

    def write(self, text: str, /) -> int:
        """Add *text* to the frame."""
        self._texts.append(text)
        return len(text)

    def flush(self) -> None:
        """Show the frame, as soon as the terminal takes it."""
        if not self._texts:
            return
        frame = "".join(self._texts).encode(errors="backslashreplace")
        self._texts.clear()
        with self._wake:
            self._frames.append(frame)
            self._wake.notify()

    def _drain(self) -> None:
        while True:
            with self._wake:
                while not self._frames and not self._ending:
                    self._wake.wait()
                if not self._frames:
                    return
                frame = self._frames.popleft()
            _, error = write_out(self._descriptor, frame, lambda _: None)
            if error is not None:  # the terminal is gone, and nobody looks any more
                return
