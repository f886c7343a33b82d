"""Hunt through all that a job left behind: for canaries, for text that acts, for loose modes."""

from __future__ import annotations

import json
import os
import re
import select
import stat
import subprocess
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["acting", "hits", "loose", "on_terminal", "traces"]

_ACTING: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c]"
)
"""Control characters but for tab and line feed, what ends a line, what turns the direction."""

_PAINTING: Final = re.compile("[\x00\x07\x08\x7f-\x9f\u2028\u2029\u200f\u202e\u2066]|\x1b[\\]P_^X]")
"""As `_ACTING`, less what a progress bar needs: carriage returns and ``ESC [``."""

_SEALED: Final = frozenset({"dead-letter.jsonl"})
"""What holds records by design, and may be read by its owner alone."""


def traces(folder: Path) -> Iterator[Path]:
    """Yield every file that shows something to people: streams, logs, reports, checkpoints."""
    for path in sorted(folder.rglob("*")):
        ours = path.suffix in {".out", ".err", ".tty"} or "runs" in path.parts
        if ours and path.is_file() and not path.is_symlink() and path.name not in _SEALED:
            yield path


def hits(folder: Path, canaries: Mapping[str, str]) -> Iterator[str]:
    """Yield where a canary is, plain or escaped as JSON escapes it; *canaries* by their names."""
    for path in traces(folder):
        text = path.read_bytes().decode(errors="replace").lower()
        for name, canary in canaries.items():
            if canary.lower() in text:
                at = text.index(canary.lower())
                yield f"{name} in {path.name}: {text[max(0, at - 120) : at + 40]!r}"


def acting(folder: Path) -> Iterator[str]:
    """Yield where text acts: a log line that is no JSON object, a character that paints."""
    for path in traces(folder):
        if path.name.startswith("checkpoint"):  # the program reads it, and nobody else
            continue
        text = path.read_bytes().decode(errors="surrogateescape")
        pattern = _PAINTING if path.suffix == ".tty" else _ACTING
        if found := pattern.search(text):
            yield f"{found[0]!r} in {path.name}: {text[max(0, found.start() - 80) : found.end()]!r}"
        if path.name == "log.jsonl":
            yield from (f"no log line: {line[:120]!r}" for line in _no_events(text))


def _no_events(text: str) -> Iterator[str]:
    for line in text.removesuffix("\n").split("\n"):
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict) or list(event)[:3] != ["timestamp", "level", "event"]:
            yield line


def loose(runs: Path) -> Iterator[str]:
    """Yield what is in run folders and may be seen by others than its owner."""
    for path in sorted(runs.rglob("*")):
        mode = stat.S_IMODE(path.lstat().st_mode)
        if path.is_symlink() or (path.is_dir() and path.parent == runs.parent):
            continue
        if mode & 0o077:
            yield f"{path.name} has mode {mode:o}"


def on_terminal(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], kept: Path
) -> int:
    """Run *command* on a terminal of its own, keep what it paints in *kept*; give its code."""
    ours, theirs = os.openpty()
    try:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        kept.write_bytes(b"".join(_read(ours)))
        return process.wait(60)
    finally:
        os.close(ours)


def _read(descriptor: int) -> Iterable[bytes]:
    while select.select([descriptor], [], [], 60)[0]:
        try:
            block = os.read(descriptor, 65536)
        except OSError:  # its other end is closed
            return
        if not block:
            return
        yield block
