"""
The laws of batching while partitions are hot, over random orders of everything that can happen.

Items come, batches are taken, and each item of a batch is written or handed back, in any order and
at any time. What is written at the end is compared with what came.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from pipeline.core.batching import Batching
from pipeline.core.pace.lanes import Lanes
from pipeline.core.pace.partitions import Partitions
from pipeline.model import Item, Record

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_RANGE = "TableWriteKeyRangeThroughputExceeded"
HOT = ("0", "1")
MOST, SIZE = 4, 60

PLAYS = int(os.environ.get("PIPELINE_TEST_CASES", "3000"))
"""Random plays of a run of this suite; set it to 100000 and be patient, for a proof."""


class Table:
    """A table by hand: what is in flight, what is written, and how each item ended."""

    def __init__(self, policy: Batching[Item], partitions: Partitions) -> None:
        self.policy = policy
        self.partitions = partitions
        self.flying: list[list[Item]] = []
        self.rows: dict[object, int] = {}
        self.ended: list[int] = []
        self.handed_back = 0

    def take(self, now: float, *, flush: bool = False) -> bool:
        """Send a batch, if there is one; it must keep the rules."""
        batch = self.policy.take(now, flush=flush)
        if batch is None:
            return False
        keys = [item.key for item in batch]
        others = {item.key for flying in self.flying for item in flying}
        assert 1 <= len(batch) <= MOST
        assert len(set(keys)) == len(keys)
        assert not others & set(keys)
        assert sum(len(item.wire) for item in batch) <= SIZE or len(batch) == 1
        self.flying.append(batch)
        return True

    def answer(self, dice: random.Random, refused: float, now: float) -> None:
        """Answer one of the requests in flight; of partitions 0 and 1 much is handed back."""
        batch = self.flying.pop(dice.randrange(len(self.flying)))
        back = [item for item in batch if item.key[0] in HOT and dice.random() < refused]
        reasons = [KEY_RANGE] if back else []
        hot = self.partitions.judge(batch, back, reasons, now)
        kept = [item for item in back if item.key[0] not in hot]
        if kept:
            self.flying.append(kept)
        returned = [item for item in back if item.key[0] in hot]
        if returned:
            self.handed_back += len(returned)
            self.policy.hand_back(returned, now)
        written = [item for item in batch if item not in back]
        for item in written:
            versions = [*map(version, item.superseded), version(item)]
            assert versions == sorted(versions)
            assert self.rows.get(item.key, -1) < versions[0]
            self.rows[item.key] = versions[-1]
            self.ended += versions
        self.policy.release([item.key for item in written], now)


def version(item: Item) -> int:
    """Return the number of an item, in the order in which they came."""
    return item.record.ordinal


def play(seed: int) -> Table:
    """Let things happen in a random order, then drain; check what must hold at the end."""
    dice = random.Random(seed)
    partitions = Partitions()
    policy: Batching[Item] = Batching(
        max_items=MOST, max_bytes=SIZE, linger=0.05, lanes=Lanes(partitions)
    )
    table = Table(policy, partitions)
    now, came, last = 0.0, 0, {}
    spread, refused = dice.choice([1, 2, 4, 20]), dice.choice([0.5, 0.9, 1.0])
    for _ in range(dice.choice([20, 60])):
        now += dice.choice([0.0, 0.001, 0.02, 0.3, 8.0])
        what = dice.random()
        if what < 0.5:
            for _ in range(dice.choice([1, 3, 10])):
                key = (str(dice.randrange(4)), str(dice.randrange(spread)))
                record = Record(came, came + 1, 0, 2, b"")
                policy.add(Item(key, b"x" * dice.choice([5, 20, 70]), 100, record, 0, "part"), now)
                last[key] = came
                came += 1
        elif what < 0.75:
            table.take(now)
        elif table.flying:
            table.answer(dice, refused, now)
    for _ in range(10_000):
        if policy.idle and not table.flying:
            break
        if not table.take(now, flush=True):
            if table.flying:
                table.answer(dice, 0.3, now)
            else:
                assert policy.due_at is not None, "something waits, and nobody would ever look"
                now = max(now, policy.due_at)
    assert policy.idle
    assert table.rows == last
    assert sorted(table.ended) == list(range(came))
    return table


def test_whatever_is_handed_back_the_last_of_a_key_wins_and_every_item_ends_once() -> None:
    """In thousands of random plays every item is written in the end, or attached to one that is."""
    handed_back = sum(play(seed).handed_back for seed in range(PLAYS))

    assert handed_back > PLAYS


def _overtaking(policy: Batching[Item], item: Item) -> Item:
    policy._in_flight.discard(item.key)
    return item


def _forgetful(policy: Batching[Item], item: Item) -> Item:
    policy._in_flight.discard(item.key)
    newer = policy._waiting.pop(item.key, None)
    if newer is not None:
        newer.superseded = [*newer.superseded, item]  # the newest of the old ones, it says
    return newer or item


@pytest.mark.parametrize("broken", [_overtaking, _forgetful])
def test_the_law_bites(
    broken: Callable[[Batching[Item], Item], Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A policy that lets an old item pass a newer one, or mixes up their order, is found out."""
    monkeypatch.setattr(Batching, "_unsent", broken)

    with pytest.raises(AssertionError):
        any(play(seed) is None for seed in range(200))
