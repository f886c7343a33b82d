"""Partitions: hot is what the table refuses while it takes others, and nothing else."""

from __future__ import annotations

import pytest

from pipeline.core.pace.partitions import Partitions
from pipeline.model import Item, Record

KEY_RANGE = "TableWriteKeyRangeThroughputExceeded"
TABLE = "TableWriteProvisionedThroughputExceeded"


def items(partition: str, count: int, *, first: int = 0, size: int = 200) -> list[Item]:
    """Make items of one partition."""
    record = Record(0, 1, 0, 2, b"")
    return [
        Item((partition, f"{n}"), b"", size, record, 0, "p") for n in range(first, first + count)
    ]


def unlike(count: int, first: int = 0) -> list[Item]:
    """Make items of as many partitions."""
    return [items(f"user{n}", 1)[0] for n in range(first, first + count)]


def test_what_alone_is_refused_is_hot() -> None:
    """Half a request is one partition's, and comes back; the other half is written."""
    partitions = Partitions()
    hot = items("hot", 12)

    verdict = partitions.judge([*hot, *unlike(13)], hot[3:], (), 1.0)

    assert verdict == {"hot"}
    assert partitions["hot"].rate == 1_000
    assert partitions.alive(1.5)


def test_what_is_refused_like_all_others_is_the_table() -> None:
    """A third of every partition comes back, again and again: nothing is hot."""
    partitions = Partitions()
    for turn in range(100):
        sent = [*items("a", 9), *items("b", 8), *unlike(8, turn * 8)]
        assert partitions.judge(sent, sent[turn % 3 :: 3], (), turn * 0.01) == frozenset()

    assert len(partitions) == 0


def test_partitions_that_are_all_refused_are_the_table() -> None:
    """Sorted by partition, and the table takes 100 a second in all: after a moment it is blamed."""
    partitions = Partitions()
    blamed = []
    for turn in range(200):
        sent = [item for n in range(8) for item in items(f"p{n}", 3)]
        verdict = partitions.judge(sent, sent[turn % 5 :: 2], (), turn * 0.1)
        blamed.append(not verdict)

    assert all(blamed[5:])


@pytest.mark.parametrize(
    ("reasons", "hot"),
    [([KEY_RANGE], {"hot"}), ([TABLE], set()), ([KEY_RANGE, TABLE], set()), ([], {"hot"})],
)
def test_the_services_reasons_decide_where_there_are_any(reasons: list[str], hot: set[str]) -> None:
    """Only the partition's limit, the table's, or both; without any the comparison decides."""
    partitions = Partitions()
    partitions.judge(unlike(25), (), (), 0.9)
    refused = items("hot", 25)

    assert partitions.judge(refused, refused, reasons, 1.0) == hot


def test_a_key_range_of_many_partition_keys_is_no_hot_key() -> None:
    """Keys all different that share a range of the service's: slowing all of them is right."""
    partitions = Partitions()
    for turn in range(50):
        sent = unlike(25, turn * 25)
        assert partitions.judge(sent, sent, [KEY_RANGE], turn * 0.01) == frozenset()


def test_single_items_that_come_back_are_chance() -> None:
    """One of each request, always of another partition: nothing is hot."""
    partitions = Partitions()
    for turn in range(500):
        sent = unlike(25, turn * 25)
        assert partitions.judge(sent, sent[-1:], (), turn * 0.01) == frozenset()


def test_a_table_that_refuses_everything_is_not_alive() -> None:
    """A second after the last item was accepted nobody is told to go ahead."""
    partitions = Partitions()
    assert not partitions.alive(0.0)
    partitions.judge(unlike(25), (), (), 5.0)
    for turn in range(20):
        refused = items("hot", 25)
        partitions.judge(refused, refused, [KEY_RANGE], 5.1 + turn * 0.1)

    assert partitions.alive(6.0)
    assert not partitions.alive(6.1)


@pytest.mark.parametrize("count", [5, 2])
def test_memory_is_bounded_and_all_is_forgotten(count: int) -> None:
    """Ten thousand partitions, each hot or half suspected of it: few are remembered."""
    partitions = Partitions()
    for turn in range(1_000):
        expected = partitions.expect(f"e{turn}", 0.0)
        assert expected == (turn < 256)
    for turn in range(10_000):
        some = items(f"p{turn}", count)
        partitions.judge([*some, *unlike(25 - count)], some, (), turn * 0.0001)
        assert len(partitions) <= 256
        assert len(partitions._suspects) <= 1_024

    partitions.judge(unlike(25), (), (), 20.0)

    assert repr(partitions) == "<Partitions 0 hot, 0 suspect>"


def pace_of(limit: float, *, seconds: float, start: float = 0.0) -> tuple[Partitions, float, float]:
    """Send to a partition that takes *limit* units a second; return what came of it at the end."""
    partitions = Partitions()
    partitions.judge(items("hot", 25), items("hot", 20), (), start)
    now, level, accepted, refused = start, 0.0, 0.0, 0.0
    hot = partitions["hot"]
    hot.laned = True
    while now < start + seconds:
        now += 0.025
        level = min(level + 0.025 * limit, limit)
        count = int(max(0.0, hot.ready(now)))
        if not count:
            continue
        hot.spend(count)
        taken = min(count, int(level))
        level -= taken
        sent = items("hot", count)
        partitions.judge(sent, sent[taken:], (), now)
        if now > start + seconds / 2:
            accepted += taken
            refused += count - taken
    return partitions, accepted / (seconds / 2), refused / max(1.0, accepted + refused)


@pytest.mark.parametrize("limit", [200, 1_000, 3_000])
def test_a_pace_finds_what_the_partition_takes(limit: float) -> None:
    """Fewer than the rule, the rule, or more where the service has split it: 90 % within 30 s."""
    _, rate, refused = pace_of(limit, seconds=60)

    assert rate >= 0.9 * limit
    assert refused < 0.03


def test_a_partition_that_takes_nothing_is_asked_ever_less() -> None:
    """It is left alone for up to five seconds at a time."""
    _, rate, _ = pace_of(0, seconds=100)

    partitions = Partitions()
    sent = items("hot", 25)
    partitions.judge(sent, sent[5:], (), 0.0)
    hot, asked, now = partitions["hot"], 0, 0.0
    while now < 100:
        now += max(0.001, hot.due_in(1.0, now))
        if hot.ready(now) > 0:
            hot.spend(25)
            asked += 1
            partitions.judge(sent, sent, [KEY_RANGE], now)

    assert rate == 0
    assert asked < 60
