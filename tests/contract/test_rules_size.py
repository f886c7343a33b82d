"""
Our size of an item is the real engine's, to the byte.

The engine tells an item's size only by refusing what is over 409,600 bytes, so every verdict here
is on a real item of that size. PIPELINE_SIZE_ITEMS sets how many random ones; all of the 10,000
take about a minute.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.table.rules import Index, ItemRules, KeyAttribute
from pipeline.table.size import MAX_ITEM_BYTES, item_size
from tests.contract.random_items import padded, random_item
from tests.contract.raw import RawTable
from tests.contract.rules_tables import create_request
from tests.engine.tables import new_access_key

if TYPE_CHECKING:
    from collections.abc import Iterator

ITEMS = int(os.environ.get("PIPELINE_SIZE_ITEMS", "500"))
CONNECTIONS = 4
SEED = 20261122
OVER = "Item size has exceeded the maximum allowed size"
OFFSETS = (-1, 0, 0, 0, 1, 1, 1, 2)
PK = KeyAttribute("pk", "S", "partition")
SK = KeyAttribute("sk", "S", "sort")
L1 = KeyAttribute("first", "S", "sort")
L2 = KeyAttribute("second", "S", "sort")


@pytest.fixture
def table(dynamodb_local: str) -> Iterator[RawTable]:
    """Give a table with nothing but a partition key."""
    with closing(RawTable(dynamodb_local, new_access_key(), "sizes")) as table:
        table.create(create_request(ItemRules((PK,))))
        yield table


def _mismatches(table: RawTable, start: int, step: int) -> list[str]:
    """Judge every *step*-th of the random items; each is a pure function of its number."""
    with closing(table.again()) as mine:
        return [told for number in range(start, ITEMS, step) for told in _mismatch(mine, number)]


def _mismatch(table: RawTable, number: int) -> Iterator[str]:
    random = Random(SEED + number)
    size = MAX_ITEM_BYTES + random.choice(OFFSETS)
    item = padded(random, random_item(random), size)
    verdict = table.put(item)
    if verdict.text != (OVER if size > MAX_ITEM_BYTES else "") or item_size(item) != size:
        yield f"item {number} of seed {SEED}, computed {size}: {verdict}"


@pytest.mark.timeout(900)
def test_random_items_at_the_limit(table: RawTable) -> None:
    """The engine takes a random nested item exactly if our size of it is within the limit."""
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        tasks = [threads.submit(_mismatches, table, n, CONNECTIONS) for n in range(CONNECTIONS)]
        found = [mismatch for task in tasks for mismatch in task.result()]
    assert found == []


def _wide(count: int, member: dict[str, Any]) -> dict[str, Any]:
    return {"L": [member] * count}


SHAPES: dict[str, dict[str, Any]] = {
    "texts of one to four bytes": {"v": {"S": "aé一😀" * 20_000}},
    "binary": {"v": {"B": "/v8="}},
    "empty texts in a list": {"v": _wide(200_000, {"S": ""})},
    "numbers in a list": {"v": _wide(100_000, {"N": "100"})},
    "booleans in a list": {"v": _wide(100_000, {"BOOL": False})},
    "nulls in a list": {"v": _wide(100_000, {"NULL": True})},
    "lists in a list": {"v": _wide(100_000, {"L": []})},
    "maps in a list": {"v": _wide(100_000, {"M": {}})},
    "map of maps": {"v": {"M": {f"é{i}": {"M": {"a": {"M": {}}}} for i in range(15_000)}}},
    "SS": {"v": {"SS": [f"é{i}" for i in range(40_000)]}},
    "NS": {"v": {"NS": [str(i) for i in range(-30_000, 30_000)]}},
    "BS": {"v": {"BS": [f"{i:04d}" for i in range(10_000)]}},
    "30,000 attributes": {f"a{i}": {"NULL": True} for i in range(30_000)},
    "longest name": {"n" * 65_535: {"S": ""}},
    "every number of digits": {
        "v": {"L": [{"N": s + "7" * n + z} for n in range(1, 39) for s in "-+" for z in ("", "0")]}
    },
}


@pytest.mark.parametrize("shape", SHAPES)
def test_shape_at_the_limit(shape: str, table: RawTable) -> None:
    """Of each shape the largest item is taken, and one with a byte more is not."""
    random = Random(SEED)
    item = {"pk": {"S": "p"}, **SHAPES[shape]}
    assert table.put(padded(random, item, MAX_ITEM_BYTES)).accepted
    over = table.put(padded(random, item, MAX_ITEM_BYTES + 1))
    assert over.text == OVER


LOCAL_INDEXES = {
    "none": (),
    "keys": (Index("one", "lsi", (PK, L1), "KEYS_ONLY"),),
    "all": (Index("one", "lsi", (PK, L1), "ALL"),),
    "some": (Index("one", "lsi", (PK, L1), "INCLUDE", ("v", "absent")),),
    "two": (Index("one", "lsi", (PK, L1), "ALL"), Index("two", "lsi", (PK, L2), "KEYS_ONLY")),
    "global": (Index("one", "gsi", (KeyAttribute("first", "S", "partition"),), "ALL"),),
}
KEYS: dict[str, Any] = {"pk": {"S": "part"}, "sk": {"S": "sorted"}}


@pytest.mark.parametrize("indexed", [True, False], ids=["in the index", "not in it"])
@pytest.mark.parametrize("name", LOCAL_INDEXES)
def test_copies_in_local_indexes_count(name: str, indexed: bool, dynamodb_local: str) -> None:  # noqa: FBT001 - a parameter of pytest
    """With local secondary indexes the rule finds the very byte at which the engine refuses."""
    rules = ItemRules((PK, SK), LOCAL_INDEXES[name])
    base = {**KEYS, "v": {"N": "12"}, "second": {"S": "2"}}
    if indexed:
        base["first"] = {"S": "value of the first"}
    longest = _longest(rules, base)
    fits, over = _with_text(base, longest), _with_text(base, longest + 1)
    assert rules.check(fits) == []
    assert [one.rule for one in rules.check(over)] == ["item_size"]
    with closing(RawTable(dynamodb_local, new_access_key(), f"local-{name}")) as table:
        table.create(create_request(rules))
        assert table.put(fits).accepted
        assert table.put(over).text == OVER


def _with_text(base: dict[str, Any], length: int) -> dict[str, Any]:
    return {**base, "text": {"S": "x" * length}}


def _longest(rules: ItemRules, base: dict[str, Any]) -> int:
    """Find the longest text with which the rules take the item."""
    low, high = 0, MAX_ITEM_BYTES
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (low, middle - 1) if rules.check(_with_text(base, middle)) else (middle, high)
    return low


def test_where_formulas_differ_the_service_judges(table: RawTable) -> None:
    """An item that is too large by the engine's number formula alone is not refused offline."""
    numbers = {"L": [{"N": "-10.05"}] * 5_000}
    random = Random(SEED)
    item = padded(random, {"pk": {"S": "p"}, "v": numbers}, MAX_ITEM_BYTES + 1)
    assert ItemRules((PK,)).check(item) == []
    assert not table.put(item).accepted
