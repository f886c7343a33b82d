"""Checkpoints on disk: a run's state in two generations, of which a crash spares one."""

from __future__ import annotations

import contextlib
import hashlib
import json
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.core.text import escape_json
from pipeline.errors import PreflightError, StorageError
from pipeline.state.durable import read_all, sync_folder, write_new
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["CheckpointError", "CheckpointFiles", "Loaded"]

_VERSION = 1

_CURRENT, _PREVIOUS, _NEW = "checkpoint.json", "checkpoint.previous.json", ".checkpoint.new"


class CheckpointError(PreflightError):
    """No generation of a checkpoint can be used; the text says why not, and what to do."""


class _UnsoundError(Exception):
    """A generation is damaged; the text says how."""


class _NewerError(Exception):
    """A generation was written by a newer version of the program."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A checkpoint; *fell_back*: the newest was unusable or gone, this is the one before."""

    document: Mapping[str, Any]
    fell_back: bool


class CheckpointFiles:
    """
    A run's checkpoint on disk: a versioned, checksummed JSON document in two generations.

    A generation is a line ``{"v", "length", "sha256"}`` and a line with the document. The checksum
    covers the version too. Both methods block: call them in a thread, and from one at a time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._current = folder / _CURRENT
        self._previous = folder / _PREVIOUS
        self._current_is_sound: bool | None = None

    def save(self, document: Mapping[str, Any]) -> None:
        """
        Make *document* the newest generation; at return it is on the disk.

        A crash at any instant leaves a sound generation, if there was one: the new one is on the
        disk under another name before the old ones are touched, and a damaged one never takes the
        place of the one before it. Raise `StorageError` if the disk does not take it.
        """
        new = self._folder / _NEW
        try:
            write_new(new, _encode(document))
            if self._rotates():
                self._current_is_sound = None
                self._current.replace(self._previous)
            new.replace(self._current)
            self._current_is_sound = True
            sync_folder(self._folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
            raise StorageError(
                f"the checkpoint cannot be written to {str(self._folder)!r}: {error.strerror}; "
                "the one before it stands. Make room there, and run again to go on from it"
            ) from error

    def load(self) -> Loaded | None:
        """
        Return the newest sound generation, None if there is no checkpoint at all.

        Raise `CheckpointError` if none can be used, or if the newest is that of a newer program:
        going back to an older one would undo what that one did.
        """
        reasons = []
        for path in (self._current, self._previous):
            try:
                document = _read(path)
            except FileNotFoundError:
                reasons.append(f"{path.name} is missing")
            except _UnsoundError as error:
                reasons.append(f"{path.name} {error}")
            except _NewerError as error:
                raise CheckpointError(
                    f"the checkpoint {str(path)!r} {error}. Go on with that version of the "
                    "program, or start over with --fresh, which writes every item again"
                ) from None
            else:
                return Loaded(document, fell_back=path is self._previous)
        if all(reason.endswith("is missing") for reason in reasons):
            return None
        raise CheckpointError(
            f"the folder {str(self._folder)!r} has no usable checkpoint: {', '.join(reasons)}. "
            "How far the run came is not known: start over with --fresh, which writes every item "
            "again"
        )

    def _rotates(self) -> bool:
        """Tell whether the newest generation is worth to become the one before."""
        if self._current_is_sound is None:
            try:
                _read(self._current)
            except (FileNotFoundError, _UnsoundError, _NewerError):
                return False
        return True


def _encode(document: Mapping[str, Any]) -> bytes:
    try:
        body = escape_json(orjson.dumps(document))
    except TypeError:
        # Slower, and takes what orjson does not: integers over 64 bits, lone surrogates.
        body = json.dumps(document, separators=(",", ":")).encode()
    header = {"v": _VERSION, "length": len(body), "sha256": _digest(_VERSION, body)}
    return orjson.dumps(header) + b"\n" + body + b"\n"


def _digest(version: int, body: bytes) -> str:
    digest = hashlib.sha256(b"%d\n" % version)
    digest.update(body)
    return digest.hexdigest()


def _read(path: Path) -> Mapping[str, Any]:
    """Return the document in *path*. Raise FileNotFoundError, _UnsoundError or _NewerError."""
    try:
        block = read_all(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _UnsoundError(f"cannot be read ({error.strerror})") from error
    first, newline, rest = block.partition(b"\n")
    if not newline:
        raise _UnsoundError("is torn" if block else "is empty")
    return _parsed(_check(first, rest))


def _check(first: bytes, rest: bytes) -> bytes:
    """Return the document's text, *rest* without its line end, if the *first* line is right."""
    header = _parsed(first)
    version, length, digest = (header.get(name) for name in ("v", "length", "sha256"))
    if not isinstance(version, int) or not isinstance(length, int) or version < 1:
        raise _UnsoundError("has a damaged first line")
    if len(rest) <= length:
        raise _UnsoundError(f"is torn ({len(rest):,} of {length + 1:,} bytes are there)")
    body = rest[:length]
    ours = digest == _digest(_VERSION, body)
    # A version that its own checksum does not know is a damaged digit, not a newer program.
    if version > _VERSION and not ours:
        raise _NewerError(f"has format version {version}, and this program knows {_VERSION}")
    if version != _VERSION or not ours or rest[length:] != b"\n":
        raise _UnsoundError("does not match its checksum")
    return body


def _parsed(text: bytes) -> Mapping[str, Any]:
    try:
        parsed = _loads(text)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise _UnsoundError("is no JSON object")
    return parsed


def _loads(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return json.loads(text)
