"""Profiling: where the processor time of a run goes, as a page to look at."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from pyinstrument import Profiler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["profiled", "require_writable", "thinned"]

_INTERVAL: Final = 0.001
"""Seconds between two samples, at first."""

_MOST: Final = 20_000
"""Samples that are kept: a run of a day must not fill the memory with them."""

_ELSEWHERE: Final = re.compile(r"""https?://(?!www\.w3\.org/)[^"'\s<>]*""")
"""What the page would load from others: fonts. The names of XML's dialects only look like it."""


class _Bounded(Profiler):
    """
    A profiler that keeps so many samples at most, and joins neighbours for room.

    It reaches into two names that pyinstrument does not document; the tests fail if they move.
    """

    def _sampler_saw_call_stack(self, *sample: Any) -> None:
        super()._sampler_saw_call_stack(*sample)
        session = self._active_session
        if session is not None and len(session.frame_records) >= _MOST:
            session.frame_records[:] = thinned(session.frame_records)


def thinned(records: list[tuple[Any, float]]) -> list[tuple[Any, float]]:
    """Return half of the samples, each with the time of its successor added to its own."""
    after = [seconds for _, seconds in records[1::2]] + [0.0] * (len(records) % 2)
    return [
        (stack, seconds + more) for (stack, seconds), more in zip(records[::2], after, strict=True)
    ]


def require_writable(path: Path) -> None:
    """Open *path* as it will be written, and leave what it holds; raise `OSError` if that fails."""
    with path.open("ab"):
        pass


@contextmanager
def profiled(path: Path, title: str, say: Callable[[str | None], None]) -> Iterator[None]:
    """
    Write where the body's time went to *path*, a page in itself, whatever ends the body.

    Only this thread is looked at, and what waits is not counted as work. *say* is told at the end
    why the page could not be written, None if it was. The body takes about twice its time.
    """
    profiler = _Bounded(_INTERVAL)
    profiler.start(target_description=title)
    try:
        yield
    finally:
        profiler.stop()
        try:
            page = _ELSEWHERE.sub("data:text/css,", profiler.output_html())
            path.write_text(page, encoding="utf-8")
        except OSError as error:
            say(error.strerror)
        else:
            say(None)
