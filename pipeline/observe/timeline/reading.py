"""Reading the timeline: of a run that goes on, of one that is over, of one that was killed."""

from __future__ import annotations

import json
import os
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["FILE", "last_number", "read_samples"]

FILE: Final = "timeline.jsonl"

_BLOCK: Final = 1 << 16
"""Bytes that are read at once; the newest two minutes of a run are within them."""


def read_samples(folder: Path, after: int = -1, most: int = 1000) -> list[dict[str, Any]]:
    """
    Return the lines of the run in *folder* that come after line number *after*, oldest first.

    At most *most* of them. A line that is not whole yet, and one that is no sample, are left out;
    a run without a timeline has no lines. It takes the time of what is returned, and of a search
    by halves in a long file. Raise OSError if the file is there and cannot be read.
    """
    if most < 1:
        return []
    try:
        descriptor = os.open(folder / FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return []
    try:
        later = (
            sample
            for sample in _samples(descriptor, _start(descriptor, after))
            if sample["n"] > after
        )
        return list(islice(later, most))
    finally:
        os.close(descriptor)


def last_number(descriptor: int) -> int:
    """Return the number of the last whole line in an open timeline, -1 if there is none."""
    size = os.fstat(descriptor).st_size
    reach = _BLOCK
    while True:
        begin = max(0, size - reach)
        last = -1
        for sample in _samples(descriptor, begin):
            last = sample["n"]
        if last >= 0 or begin == 0:
            return last
        reach *= 2  # garbage at the end: look further back


def _start(descriptor: int, after: int) -> int:
    """
    Return an offset from which on no line after number *after* is missed.

    Numbers grow with the offset, so half of what is left can be passed over at each look. The end
    comes first: whoever follows a run asks for that.
    """
    low, high = 0, os.fstat(descriptor).st_size
    middle = max(0, high - _BLOCK)
    while high - low > _BLOCK:
        first = next(_samples(descriptor, middle), None)
        if first is None or first["n"] > after:
            high = middle
        else:
            low = middle
        middle = (low + high) // 2
    return low


def _samples(descriptor: int, offset: int) -> Iterator[dict[str, Any]]:
    """Yield the samples in whole lines that begin after *offset*, or at the file's very start."""
    rest, first = b"", offset > 0
    while block := os.pread(descriptor, _BLOCK, offset):
        offset += len(block)
        *lines, rest = (rest + block).split(b"\n")
        for line in lines[1:] if first and lines else lines:
            sample = _sample(line)
            if sample is not None:
                yield sample
        first = first and not lines
        if len(rest) > _BLOCK:  # no line of ours
            rest, first = b"", True


def _sample(line: bytes) -> dict[str, Any] | None:
    try:
        sample = json.loads(line)
    except ValueError:
        return None
    whole = isinstance(sample, dict) and type(sample.get("n")) is int
    return sample if whole else None
