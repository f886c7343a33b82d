"""Batching: limits, linger, and no key in two batches in flight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.batching import Batching
from pipeline.core.pace.lanes import Lanes
from pipeline.core.pace.partitions import Partitions
from tests.fakes import make_item

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.model import Item


def batching(items: int = 25, size: int = 1_000, linger: float = 0.05) -> Batching[Item]:
    """Make a policy with small limits."""
    return Batching(max_items=items, max_bytes=size, linger=linger)


def versions(batch: Sequence[Item] | None) -> list[str]:
    """Show what a batch holds."""
    return [item.wire.decode() for item in batch or ()]


def test_a_full_batch_leaves_at_once_and_the_rest_when_flushed() -> None:
    """51 items make batches of 25, 25 and 1."""
    policy = batching()
    for number in range(51):
        policy.add(make_item(f"k{number}"), 0.0)

    sizes = [len(policy.take(0.0) or ()) for _ in range(3)]

    assert sizes == [25, 25, 0]
    assert len(policy.take(0.0, flush=True) or ()) == 1
    assert policy.idle


def test_bytes_close_a_batch_before_its_count() -> None:
    """A batch never holds more bytes than allowed, and one large item still goes alone."""
    policy = batching(size=10)
    for version in ("aaaa", "bbbb", "cccc", "d" * 30, "e"):
        policy.add(make_item(version), 0.0)

    batches = []
    while (batch := policy.take(0.0, flush=True)) is not None:
        batches.append(versions(batch))

    assert batches == [["aaaa", "bbbb"], ["cccc"], ["d" * 30], ["e"]]


def test_an_item_that_was_replaced_takes_no_room() -> None:
    """The bytes of a superseded item are free again."""
    policy = batching(size=8)
    for key, version in (("a", "aaaa"), ("a", "bbbb"), ("c", "cccc")):
        policy.add(make_item(key, version), 0.0)

    assert versions(policy.take(0.0, flush=True)) == ["bbbb", "cccc"]


def test_a_batch_lingers_no_longer_than_allowed() -> None:
    """A half-full batch is due linger seconds after its first item, not after its last."""
    policy = batching(linger=5.0)
    policy.add(make_item("a"), 10.0)
    policy.add(make_item("b"), 14.0)

    assert policy.due_at == 15.0
    assert policy.take(14.9) is None
    assert versions(policy.take(15.0)) == ["a", "b"]
    assert policy.due_at is None


def test_the_last_of_a_key_wins_within_a_batch() -> None:
    """A key is once in a batch; the older items are attached to the newest, oldest first."""
    policy = batching()
    for version in ("v1", "v2", "v3"):
        policy.add(make_item("key", version), 0.0)
    policy.add(make_item("other"), 0.0)

    batch = policy.take(0.0, flush=True)

    assert versions(batch) == ["v3", "other"]
    assert batch is not None
    assert versions(batch[0].superseded) == ["v1", "v2"]


def test_a_key_in_flight_holds_its_successors_back() -> None:
    """No key is in two batches at once; of those that wait the newest is sent on release."""
    policy = batching(items=1)
    policy.add(make_item("key", "v1"), 0.0)
    first = policy.take(0.0)
    for version in ("v2", "v3"):
        policy.add(make_item("key", version), 0.0)
    policy.add(make_item("other"), 0.0)

    held_back = policy.take(0.0), policy.take(0.0, flush=True)
    released = policy.release([("key",)], 0.0)
    successor = policy.take(0.0)

    assert versions(first) == ["v1"]
    assert [versions(batch) for batch in held_back] == [["other"], []]
    assert released
    assert versions(successor) == ["v3"]
    assert successor is not None
    assert versions(successor[0].superseded) == ["v2"]


def test_a_full_batch_that_waits_for_a_writer_counts_as_in_flight() -> None:
    """A key in a closed batch that nobody took yet must not enter the next one."""
    policy = batching(items=2)
    policy.add(make_item("a", "a1"), 0.0)
    policy.add(make_item("b", "b1"), 0.0)
    policy.add(make_item("a", "a2"), 0.0)
    policy.add(make_item("c", "c1"), 0.0)

    assert versions(policy.take(0.0)) == ["a1", "b1"]
    assert versions(policy.take(0.0, flush=True)) == ["c1"]
    assert not policy.idle
    policy.release([("a",), ("b",)], 0.0)
    assert versions(policy.take(0.0, flush=True)) == ["a2"]
    assert policy.idle


def test_releasing_what_nobody_waits_for_changes_nothing() -> None:
    """Release says whether something may have become due."""
    policy = batching()
    policy.add(make_item("a"), 0.0)
    policy.take(0.0, flush=True)

    assert not policy.release([("a",)], 0.0)
    assert policy.idle


def laned(hot: str = "hot") -> tuple[Batching[Item], Partitions]:
    """Make a policy, and what knows that one partition is hot."""
    partitions = Partitions()
    partitions.expect(hot, 0.0)
    policy: Batching[Item] = Batching(
        max_items=4, max_bytes=1_000, linger=0.05, lanes=Lanes(partitions)
    )
    return policy, partitions


def of(partition: str, version: str) -> Item:
    """Make an item of a partition; its version is its sort key too."""
    item = make_item(version)
    item.key = (partition, version)
    return item


def test_what_is_handed_back_waits_for_its_pace_and_others_go_ahead() -> None:
    """A lane's items are mixed into batches with others, no more than its partition takes."""
    policy, partitions = laned()
    for version in ("h1", "h2", "h3", "h4"):
        policy.add(of("hot", version), 0.0)
    batch = policy.take(0.0)
    policy.hand_back(batch or (), 0.0)
    partitions["hot"].rate = 100.0
    for version in ("a", "b", "c", "d", "e"):
        policy.add(of(version, version), 0.0)

    taken = [versions(policy.take(now)) for now in (0.0, 0.02, 0.05, 0.06)]

    assert taken == [["a", "b", "c", "d"], [], ["h1", "h2", "h3", "e"], []]


def test_when_a_partition_turns_hot_batches_that_wait_are_mixed_again() -> None:
    """What nobody has taken yet of it waits in its lane too, its keys no longer in flight."""
    policy, partitions = laned()
    for version in ("h1", "h2", "h3", "h4", "h5", "h6", "h7", "h8"):
        policy.add(of("hot", version), 0.0)
    first = policy.take(0.0)
    policy.add(of("a", "a"), 0.0)
    partitions["hot"].rate = 100.0

    policy.hand_back(first or (), 0.0)

    assert versions(policy.take(0.0)) == []
    assert versions(policy.take(0.05)) == ["h1", "h2", "h3", "a"]


def test_an_item_that_is_handed_back_is_superseded_by_the_newer_that_waits() -> None:
    """The older never comes after the newer, and stands before what that had replaced."""
    policy, _ = laned()
    policy.add(of("hot", "h"), 0.0)
    batch = policy.take(0.0, flush=True)
    for _ in range(2):
        policy.add(of("hot", "h"), 0.0)

    policy.hand_back(batch or (), 0.0)
    again = policy.take(1.0, flush=True)

    assert batch is not None
    assert again is not None
    assert len(again) == 1
    assert [older is batch[0] for older in again[0].superseded] == [True, False]


def test_lanes_end_when_nothing_comes_for_a_while() -> None:
    """Then batches are filled as before."""
    policy, partitions = laned()
    policy.add(of("hot", "h1"), 0.0)
    policy.hand_back(policy.take(0.0, flush=True) or (), 0.0)
    policy.take(1.0, flush=True)
    assert policy.mixing

    assert policy.take(7.0) is None

    assert not policy.mixing
    assert len(partitions) == 0


def test_batches_made_without_lanes_take_nothing_back() -> None:
    """It is a mistake of ours, and is said."""
    with pytest.raises(TypeError, match="without lanes"):
        batching().hand_back([make_item("a")], 0.0)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(st.integers(0, 40), max_size=20)),
        st.tuples(st.just("add"), st.integers(0, 1_000).map(lambda n: list(range(n, n + 9)))),
        st.tuples(st.sampled_from(["take", "flush", "release", "hand back"]), st.just([])),
    ),
    max_size=30,
)


@given(steps=STEPS, most=st.integers(1, 6))
def test_items_that_come_together_are_batched_as_one_by_one(
    steps: list[tuple[str, list[int]]], most: int
) -> None:
    """Whatever fills, waits, is in flight or hot meanwhile; large items too."""
    assert told(steps, most, together=True) == told(steps, most, together=False)


def told(steps: list[tuple[str, list[int]]], most: int, *, together: bool) -> list[object]:
    """Do *steps*, one a second, and tell what is to be seen after each."""
    partitions = Partitions()
    policy: Batching[Item] = Batching(
        max_items=most, max_bytes=12, linger=3.0, lanes=Lanes(partitions)
    )
    seen: list[object] = []
    flown: list[list[Item]] = []
    for now, (step, numbers) in enumerate(steps):
        items = [make_item(f"k{number}", "x" * (1 + number % 7)) for number in numbers]
        if step == "add" and together:
            policy.extend(items, now)
        elif step == "add":
            for item in items:
                policy.add(item, now)
        elif step in ("take", "flush"):
            batch = policy.take(now, flush=step == "flush")
            flown += [] if batch is None else [batch]
            seen.append([(item.key, item.wire, versions(item.superseded)) for item in batch or ()])
        elif flown and step == "release":
            policy.release([item.key for item in flown.pop(0)], now)
        elif flown:
            for item in flown[0]:
                partitions.expect(item.key[0], now, refused=True)
            policy.hand_back(flown.pop(0), now)
        seen.append((repr(policy), policy.due_at, policy.idle))
    return seen
