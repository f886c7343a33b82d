"""Accounts: what is settled of the chunks that the watermark has not passed."""

from __future__ import annotations

import asyncio

import pytest

from pipeline.model import Checked, Chunk, Position, Record
from pipeline.stages.accounts import Accounts


def chunk_of(first: int, count: int) -> Chunk:
    """Give a chunk of records of ten bytes."""
    records = [
        Record(first + n, first + n, 10 * (first + n), 10, b"0123456789") for n in range(count)
    ]
    end = first + count
    return Chunk("part", records, Position("part", 10 * end, end, end))


def test_what_is_settled_beyond_the_watermark_is_estimated() -> None:
    """By the share of a chunk's items that are, of its records and of its bytes."""

    async def scene() -> None:
        accounts = Accounts(chunks=10, memory=1_000_000)
        first = await accounts.open(chunk_of(0, 10), 100)
        second = await accounts.open(chunk_of(10, 30), 400)
        assert accounts.beyond(0) == (0.0, 0.0)
        accounts.checked(Checked(second, 60, []))  # two of each record
        accounts._marks.settle(second, 20)
        assert accounts.beyond(0) == pytest.approx((10.0, 100.0))
        accounts.checked(Checked(first, 10, []))
        accounts._marks.settle(first, 5)
        assert accounts.beyond(0) == pytest.approx((15.0, 150.0))
        accounts._marks.settle(first, 5)
        assert len(list(accounts.passed())) == 1
        assert accounts.beyond(100) == pytest.approx((10.0, 100.0))

    asyncio.run(scene())
