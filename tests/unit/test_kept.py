"""What waits in queues by the thousand takes the memory that is counted for it."""

from __future__ import annotations

import asyncio
import os
import sys
import tracemalloc
from typing import TYPE_CHECKING

import orjson
import pytest

from pipeline.core.text import exact
from pipeline.observe.logs import open_stderr_log
from pipeline.sources import GenerateSpec, open_source
from pipeline.table.description import TableDescription
from pipeline.table.encoding import Encoder
from pipeline.table.rules import KeyAttribute
from tests.unit.sources.drive import read_all

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT = 500
BESIDE = 700
"""Bytes for the objects around one text: a record, a key, a place in a list."""


def _kept(make: Callable[[], list[int]]) -> float:
    """Run *make*, which gives the lengths of what it keeps; return the bytes beside each."""
    make()  # what is imported and compiled once
    tracemalloc.start()
    try:
        lengths = make()
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(lengths) >= COUNT
    return (taken - sum(lengths)) / len(lengths)


HOLD: list[object] = []


@pytest.mark.parametrize("length", [10, 300, 1_000, 5_000])
def test_exact_bytes_take_their_own_size(length: int) -> None:
    """The same bytes, in a buffer that fits, at any length."""

    def make() -> list[int]:
        HOLD[:] = [exact(orjson.dumps("x" * length)) for _ in range(COUNT)]
        assert HOLD[0] == b'"%b"' % (b"x" * length)
        return [length] * COUNT

    assert _kept(make) < 100


def test_generated_records_take_their_own_size() -> None:
    """Records wait in the first queue."""

    def make() -> list[int]:
        HOLD[:] = asyncio.run(read_all(open_source(GenerateSpec(COUNT, 1))))
        return [record.length for chunk in HOLD for record in chunk.records]  # type: ignore[attr-defined]

    assert _kept(make) < BESIDE


def test_encoded_items_take_their_own_size() -> None:
    """Items wait in batches, each with the bytes that go on the wire."""
    encoder = Encoder(TableDescription("t", "ACTIVE", (KeyAttribute("PK", "S", "partition"),)))

    def make() -> list[int]:
        encoded = [encoder.encode({"PK": str(number), "v": [None]}) for number in range(COUNT)]
        encoded += [encoder.encode_fused({"PK": str(number)}) for number in range(COUNT)]
        HOLD[:] = encoded
        return [len(one.wire) for one in encoded]

    assert _kept(make) < BESIDE


def test_log_lines_take_their_own_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines wait for a reader that hangs, up to 10,000 of them: 40 MB if each took a page."""
    ends = os.pipe()

    class Hanging:
        def fileno(self) -> int:
            return ends[1]

    monkeypatch.setattr(sys, "stderr", Hanging())
    try:
        with open_stderr_log("info") as log:

            def make() -> list[int]:
                for number in range(2 * COUNT):  # the pipe takes some of them
                    log.info("http.request", status=200, request=number)
                return [100] * COUNT

            assert _kept(make) < BESIDE
            os.set_blocking(ends[0], False)
            while True:
                try:
                    os.read(ends[0], 1 << 20)
                except BlockingIOError:
                    break
            os.close(ends[0])
    finally:
        os.close(ends[1])
