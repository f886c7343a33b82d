"""Dead letters: what will not be in the table, one JSON line each, with its original bytes."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import os
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.core.text import escape_json, shown_key
from pipeline.errors import PreflightError, StorageError
from pipeline.state.durable import sync_folder, write_all
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pipeline.model import Rejection

__all__ = ["DeadLetters", "LettersMark", "dead_letter"]

_VERSION = 1


@dataclass(frozen=True, slots=True)
class LettersMark:
    """How much of a dead-letter file belongs to a watermark: letters, and their bytes."""

    count: int
    length: int


def dead_letter(
    rejection: Rejection, header: tuple[str, ...] | None, *, hash_keys: bool = False
) -> dict[str, Any]:
    """
    Return the dead letter of *rejection* as design 1.3 lays it out.

    *raw* are the record's bytes as text, or *raw_b64* where they are no UTF-8; of an over-long
    record only its first 256 bytes and its *sha256* are there, and it cannot be replayed. *header*
    are the CSV column names of its part. *only*: of the record's items this one alone was wanted.
    """
    record, first = rejection.record, rejection.violations[0]
    letter: dict[str, Any] = {
        "v": _VERSION,
        "part": rejection.part,
        "line": record.line,
        "offset": record.offset,
        "length": record.length,
        "record": record.ordinal,
        "item": rejection.index,
        "kind": rejection.kind,
        "rule": first.rule,
        "field": first.field,
        "message": rejection.message,
        "key": shown_key(rejection.key, hashed=hash_keys),
    }
    try:
        letter["raw"] = record.raw.decode()
    except UnicodeDecodeError:
        letter["raw_b64"] = base64.b64encode(record.raw).decode()
    if record.digest is not None:
        letter["sha256"] = record.digest
    if header is not None:
        letter["header"] = header
    if record.only is not None:
        letter["only"] = record.only
    return letter


class DeadLetters:
    """
    Append dead letters to a file that only its owner may read (0600).

    The file is made with the first letter. One that is there is cut to *start*, what a checkpoint
    says of it, before anything is appended: what stands behind belongs to records that are read
    again. Writing and syncing happen in a thread; an error of the disk is a `StorageError`, since a
    dead letter that is not on disk is a lost record. What was handed over is written even if the
    caller is cancelled; the next call waits for it. After an error every later call raises it too:
    what the kernel could not write it may have forgotten, and a second sync would not tell.
    """

    def __init__(
        self, path: Path, *, start: LettersMark | None = None, hash_keys: bool = False
    ) -> None:
        self.path = path
        self._hash_keys = hash_keys
        self._start = start or LettersMark(0, 0)
        self.count = self._start.count
        self._length = self._start.length
        self._descriptor: int | None = None
        self._writing: asyncio.Future[None] | None = None

    @property
    def mark(self) -> LettersMark:
        """How much stands in the file, or will when what was handed over is written."""
        return LettersMark(self.count, self._length)

    async def resume(self) -> None:
        """
        Cut the file to where the run is gone on from.

        Raise `PreflightError` if it holds less than that: it is not the file that the run left.
        """
        await self._in_turn(self._resume)

    async def append(self, rejections: Iterable[Rejection], header: tuple[str, ...] | None) -> None:
        """Append one line for each rejection."""
        lines = [self._line(one, header) for one in rejections]
        if lines:
            await self._in_turn(self._write, b"".join(lines), len(lines))

    def _line(self, rejection: Rejection, header: tuple[str, ...] | None) -> bytes:
        letter = dead_letter(rejection, header, hash_keys=self._hash_keys)
        return escape_json(orjson.dumps(letter)) + b"\n"

    async def sync(self) -> None:
        """Return when all that was appended is on the disk."""
        await self._in_turn(self._sync)

    async def written(self) -> None:
        """Return when what was handed over is written; raise `StorageError` if it cannot be."""
        if self._writing is not None:
            await asyncio.shield(self._writing)

    async def _in_turn(self, work: Callable[..., None], *arguments: object) -> None:
        """Do *work* in a thread, after what an earlier call may have left running there."""
        await self.written()
        self._writing = asyncio.get_running_loop().run_in_executor(None, work, *arguments)
        await asyncio.shield(self._writing)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _resume(self) -> None:
        if self._start.length or os.path.lexists(self.path):
            try:
                self._open()
            except OSError as error:
                raise StorageError(_advice(self.path, error)) from error

    def _open(self) -> int:
        """Open the file, make it if need be, and cut it to what belongs to it."""
        if self._descriptor is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
            descriptor = os.open(self.path, flags, 0o600)
            try:
                self._cut_to_start(descriptor)
            except BaseException:
                os.close(descriptor)
                raise
            self._descriptor = descriptor
        return self._descriptor

    def _cut_to_start(self, descriptor: int) -> None:
        length = self._start.length
        if length and os.pread(descriptor, 1, length - 1) != b"\n":
            raise PreflightError(
                f"the dead-letter file {str(self.path)!r} is not as the run left it: no letter "
                f"ends at byte {length:,}. Put it back as it was, or start over with --fresh, "
                "which writes every item again"
            )
        if os.fstat(descriptor).st_size != length:
            os.ftruncate(descriptor, length)
            os.fsync(descriptor)
        sync_folder(self.path.parent)

    def _write(self, block: bytes, letters: int) -> None:
        try:
            write_all(self._open(), block)
        except OSError as error:
            self._cut_torn_line()
            raise StorageError(_advice(self.path, error)) from error
        self.count += letters
        self._length += len(block)

    def _cut_torn_line(self) -> None:
        """Leave whole letters only: that some are missing is told, a torn one would mislead."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._length)

    def _sync(self) -> None:
        if self._descriptor is None:
            return
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise StorageError(_advice(self.path, error)) from error


def _advice(path: Path, error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return (
            f"dead letters are not written through a link, and {str(path)!r} is one; remove it and "
            "run again"
        )
    return (
        f"dead letters cannot be written to {str(path)!r}: {error.strerror}; "
        "make room (or choose another place with --runs-dir) and run again"
    )
