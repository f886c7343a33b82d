"""
Sources with a known truth: good records, repeated keys, and records that must be refused.

What a record holds is a function of its ordinal, so that the truth needs no memory but the last
ordinal of each key. One record in twenty-five has the key of an earlier one; half of these follow
at once, so that both stand in one batch, half come from anywhere before.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Final, Literal, cast

import zstandard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Corpus", "Form", "expected_item", "make_corpus", "sound_text"]

Form = Literal["jsonl", "csv", "jsonl.gz", "csv.gz", "jsonl.zst", "csv.zst"]

_OVERLONG_KEY: Final = 2_100
"""Bytes of a key that no table takes; 2,048 is the limit."""

_KINDS: Final = ("malformed", "schema", "mapping", "rule")


@dataclass(frozen=True)
class Corpus:
    """
    A source file and its truth.

    *newest* is the ordinal of the last good record of each key. *refused* is the kind of refusal by
    the ordinal of each bad record. *raws* are the bad records' own bytes, by ordinal. *last* is the
    ordinal of the last good record, which is always written.
    """

    path: Path
    form: Form
    records: int
    newest: dict[str, int] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    raws: dict[int, bytes] = field(default_factory=dict)
    last: int = -1

    @property
    def good(self) -> int:
        """How many records can be written."""
        return self.records - len(self.refused)

    @property
    def repeated(self) -> int:
        """How many good records have the key of an earlier one: so many can be superseded."""
        return self.good - len(self.newest)


def sound_text(ordinal: int) -> str:
    """Return the text of record *ordinal*; some have line ends, quotes, commas, beyond ASCII."""
    text = f"text of {ordinal * 2654435761 % 2**32:08x}"
    if ordinal % 97 == 0:
        return f'{text}\nwith, "quotes" and \u00fc\u4e2d\U0001f600'
    return text


def expected_item(key: str, ordinal: int) -> dict[str, dict[str, str]]:
    """Return the item that record *ordinal* becomes, as a scan shows it."""
    return {"PK": {"S": key}, "n": {"N": str(ordinal)}, "text": {"S": sound_text(ordinal)}}


def make_corpus(
    path: Path, form: Form, records: int, *, seed: int, bad: float = 0.01, repeated: float = 0.04
) -> Corpus:
    """Write *records* to *path*, a share of them *bad* or *repeated*; the same for equal seeds."""
    dice = random.Random(seed)  # noqa: S311 - a seeded corpus
    corpus = Corpus(path, form, records)
    keys: list[str] = []
    write = _row_of(form)
    last = -1
    with _open(path, form) as file:
        if form.startswith("csv"):
            file.write(b"id,n,text\n")
        for ordinal in range(records):
            if keys and dice.random() < bad:
                kind = dice.choice(_KINDS)
                raw = write(ordinal, kind, dice.choice(keys))
                corpus.refused[ordinal] = kind
                corpus.raws[ordinal] = raw
            else:
                key = _key(ordinal)
                if keys and dice.random() < repeated:
                    key = keys[-1] if dice.random() < 0.5 else dice.choice(keys)
                keys.append(key)
                corpus.newest[key] = last = ordinal
                raw = write(ordinal, "good", key)
            file.write(raw + b"\n")
    object.__setattr__(corpus, "last", last)
    return corpus


def _key(ordinal: int) -> str:
    return f"K{ordinal * 2246822519 % 2**32:08x}"


def _open(path: Path, form: Form) -> IO[bytes]:
    if form.endswith(".gz"):
        return cast("IO[bytes]", gzip.open(path, "wb", compresslevel=1))
    if form.endswith(".zst"):
        return cast("IO[bytes]", zstandard.open(path, "wb"))
    return path.open("wb")


def _row_of(form: Form) -> Callable[[int, str, str], bytes]:
    return _csv_row if form.startswith("csv") else _json_row


def _fields(ordinal: int, kind: str, key: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"id": key, "n": ordinal, "text": sound_text(ordinal)}
    if kind == "schema":
        fields["n"] = -1 - ordinal
    elif kind == "mapping":
        fields["id"] = None
    elif kind == "rule":
        fields["id"] = f"{ordinal}".ljust(_OVERLONG_KEY, "x")
    return fields


def _json_row(ordinal: int, kind: str, key: str) -> bytes:
    row = json.dumps(_fields(ordinal, kind, key), ensure_ascii=ordinal % 2 == 0).encode()
    return row[:-1] if kind == "malformed" else row


def _csv_row(ordinal: int, kind: str, key: str) -> bytes:
    out = io.StringIO()
    cells = list(_fields(ordinal, kind, key).values())
    if kind == "malformed":
        cells.append("one too many")
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue().encode()
