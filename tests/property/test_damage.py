"""Damaged files: told, or harmless; and the same verdict whether verified or read."""

from __future__ import annotations

import asyncio
import gzip
import os
import random
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import SourceCorruptError
from pipeline.sources import Cut
from tests.unit.sources.drive import file_source, read_part, records_of

if TYPE_CHECKING:
    from collections.abc import Callable

DICE = random.Random(20)
TEXT = b"".join(b'{"id":"%s"}\n' % DICE.randbytes(9).hex().encode() for _ in range(9_000))
SHORT = TEXT[: TEXT.index(b"\n", 700) + 1]
SKIPPABLE = b"\x53\x2a\x4d\x18\x09\x00\x00\x00a comment"


def _gzip(text: bytes) -> bytes:
    return gzip.compress(text, mtime=0)  # the same bytes whenever it runs


def _zstd(text: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(text)


def _unchecked(text: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(text)


PACKERS: dict[str, Callable[[bytes], bytes]] = {"gz": _gzip, "zst": _zstd}
Mutation = tuple[str, int, int, bytes]


def _mutate(packed: bytes, mutation: Mutation) -> bytes:
    """Damage *packed* in one way, at a place, to an extent."""
    kind, where, size, noise = mutation
    if not packed:  # all of it was cut off before
        return noise if kind == "tail" else packed
    at = where % len(packed)
    size = 1 + size % 512
    before, here, after = packed[:at], packed[at : at + size], packed[at + size :]
    mutants = {
        "cut": before,
        "flip": before + bytes([packed[at] ^ 1 << size % 8]) + packed[at + 1 :],
        "tail": packed + noise,
        "swap": before + after[:size] + here + after[size:],
        "hole": before + bytes(len(here)) + after,
        "lost": before + after,
        "twice": before + here + here + after,
    }
    return mutants[kind]


KINDS = ("cut", "flip", "tail", "swap", "hole", "lost", "twice")


class _Verdicts:
    """What verifying and reading have against a file, and the text that was read."""

    def __init__(self, path: Path, block: int) -> None:
        self._source = file_source(path, format="jsonl", cut=Cut(block=block))
        self.verified: str | None = None
        self.read: str | None = None
        self.text = b""

    async def find(self) -> None:
        """Look at the file in both ways."""
        try:
            (part,) = await self._source.parts()
        except SourceCorruptError as damage:
            self.verified = self.read = str(damage)
            return
        try:
            verified = await self._source.verify(part, lambda _: None)
            assert verified is not None
        except SourceCorruptError as damage:
            self.verified = str(damage)
        try:
            chunks = await read_part(self._source, part)
            self.text = b"".join(record.raw + b"\n" for record in records_of(chunks))
        except SourceCorruptError as damage:
            self.read = str(damage)


def _judge(packed: bytes, name: str, block: int = 256 * 1024) -> bytes | None:
    """
    Give the text of a file of *packed* bytes; None: it is damaged.

    Fails where verifying and reading do not agree about that.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(packed)
        os.utime(path, (1, 1))  # long ago, so that nobody waits for the clock's next tick
        verdicts = _Verdicts(path, block)
        asyncio.run(verdicts.find())
    assert verdicts.verified == verdicts.read
    assert verdicts.read is None or name in verdicts.read
    return verdicts.text if verdicts.read is None else None


def _corpus(packed: bytes, seed: int) -> list[Mutation]:
    """Give 60 different mutations, as many of each kind."""
    dice = random.Random(seed)
    return [
        (
            KINDS[number % len(KINDS)],
            dice.randrange(len(packed) - 1_024),
            dice.randrange(512),
            noise,
        )
        for number, noise in enumerate(dice.randbytes(1 + size) for size in range(60))
    ]


@pytest.mark.parametrize("ending", PACKERS)
def test_of_sixty_damaged_files_none_loads_wrong(ending: str) -> None:
    """Each is told to be damaged, or holds exactly what the whole one does."""
    packed = PACKERS[ending](TEXT)
    told = 0

    for mutation in _corpus(packed, seed=14):
        mutant = _mutate(packed, mutation)
        assert mutant != packed
        text = _judge(mutant, f"part.jsonl.{ending}")
        assert text in (None, TEXT), mutation
        told += text is None

    assert told >= 58  # a flipped bit in a header's time or name does no harm
    assert _judge(packed, f"part.jsonl.{ending}") == TEXT


MUTATIONS = st.tuples(
    st.sampled_from(KINDS),
    st.integers(0, 5_000),
    st.integers(0, 511),
    st.binary(min_size=1, max_size=9) | st.just(bytes(700)) | st.just(SKIPPABLE),
)
BLOCKS = st.sampled_from([16, 100, 256 * 1024])


@pytest.mark.parametrize("ending", PACKERS)
@settings(max_examples=60)
@given(mutation=MUTATIONS, block=BLOCKS)
def test_damage_is_told_or_harmless(ending: str, mutation: Mutation, block: int) -> None:
    """Verified or read, in blocks of any size, a damaged file never gives anything but its text."""
    packed = PACKERS[ending](SHORT)
    mutant = _mutate(packed, mutation)

    assert _judge(mutant, f"part.jsonl.{ending}", block) in (None, SHORT)


PIECES: dict[str, st.SearchStrategy[bytes]] = {
    "gz": st.sampled_from([_gzip(SHORT), _gzip(b""), gzip.compress(SHORT, 0)]),
    "zst": st.sampled_from([_zstd(SHORT), _zstd(b""), SKIPPABLE, _unchecked(SHORT)]),
}
PADDINGS = {"gz": st.sampled_from([b"", b"\0" * 30]), "zst": st.just(b"")}


@pytest.mark.parametrize("ending", PACKERS)
@settings(max_examples=60)
@given(choice=st.data())
def test_verifying_and_reading_agree(ending: str, choice: st.DataObject) -> None:
    """Whatever members, frames and padding a file has, and whatever is broken of them."""
    pieces = choice.draw(st.lists(PIECES[ending], min_size=1, max_size=4))
    packed = b"".join(pieces) + choice.draw(PADDINGS[ending])
    mutations = choice.draw(st.lists(MUTATIONS, max_size=2))
    block = choice.draw(BLOCKS)

    whole = _judge(packed, "part", block)
    for mutation in mutations:
        packed = _mutate(packed, mutation)
    _judge(packed, f"part.jsonl.{ending}", block)

    assert whole is not None
    assert whole.count(SHORT) * len(SHORT) == len(whole)
