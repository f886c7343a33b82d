"""Torn files: what can be done to the files of a run that was killed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["Torn", "torns"]


@dataclass(frozen=True, slots=True)
class Torn:
    """What is done to a killed run's files; *refused* says that it cannot be gone on with."""

    what: str
    tear: Callable[[Path], object]
    refused: bool = False


def torns() -> Iterator[Torn]:
    """Yield every way to tear a run's files; each is called with the run's folder."""
    for name in ("checkpoint.json", "checkpoint.previous.json"):
        yield Torn(f"{name} cut in half", _cut(name))
        yield Torn(f"a bit flipped in {name}", _flip(name))
    yield Torn("checkpoint.json empty", lambda run: (run / "checkpoint.json").write_bytes(b""))
    yield Torn("checkpoint.json removed", lambda run: (run / "checkpoint.json").unlink())
    yield Torn("a torn new checkpoint", lambda run: (run / ".checkpoint.new").write_bytes(b'{"v'))
    yield Torn("both checkpoints torn", _both(_cut), refused=True)
    yield Torn("a bit flipped in both checkpoints", _both(_flip), refused=True)
    yield Torn("both checkpoints removed", _both(_remove), refused=True)
    yield Torn("a checkpoint of a newer version", _newer, refused=True)
    yield Torn("half a letter at the end", _append("dead-letter.jsonl", b'{"v":1,"part":"sou'))
    yield Torn("a letter too many", _append("dead-letter.jsonl", b'{"v":1,"record":1,"raw":""}\n'))
    yield Torn("the letters cut", _cut("dead-letter.jsonl"), refused=True)
    yield Torn("the letters removed", _remove("dead-letter.jsonl"), refused=True)
    yield Torn("the log torn", _cut("log.jsonl"))
    yield Torn("the lock file overwritten", lambda run: (run.parent / ".lock").write_bytes(b"\0x"))
    yield Torn("the link to the newest run removed", lambda run: (run.parent / "latest").unlink())


def _cut(name: str) -> Callable[[Path], None]:
    def cut(run: Path) -> None:
        block = (run / name).read_bytes()
        (run / name).write_bytes(block[: len(block) // 2])

    return cut


def _flip(name: str) -> Callable[[Path], None]:
    def flip(run: Path) -> None:
        block = bytearray((run / name).read_bytes())
        block[len(block) * 2 // 3] ^= 4
        (run / name).write_bytes(bytes(block))

    return flip


def _remove(name: str) -> Callable[[Path], None]:
    return lambda run: (run / name).unlink()


def _append(name: str, block: bytes) -> Callable[[Path], None]:
    def append(run: Path) -> None:
        with (run / name).open("ab") as file:
            file.write(block)

    return append


def _both(tear: Callable[[str], Callable[[Path], None]]) -> Callable[[Path], None]:
    def both(run: Path) -> None:
        for name in ("checkpoint.json", "checkpoint.previous.json"):
            tear(name)(run)

    return both


def _newer(run: Path) -> None:
    first, _, rest = (run / "checkpoint.json").read_bytes().partition(b"\n")
    header = json.loads(first)
    header["v"], header["sha256"] = 99, "0" * 64
    (run / "checkpoint.json").write_bytes(json.dumps(header).encode() + b"\n" + rest)
