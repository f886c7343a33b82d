"""The proxy does to a request what its plan says, and tells what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.reliability.servers.faults import FAULTS, MALFORMED, PASSING
from bench.reliability.servers.proxy import QUIET, Plan
from tests.unit.bench.conftest import batch, put

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.bench.conftest import Behind

KEYS = [f"k{n}" for n in range(20)]
CARRIED_OUT = {
    "delay",
    "drip",
    "half_body",
    "lost_answer",
    "reset_after",
    "reset_in_body",
    "server_error_after",
}
IN_PART = {"unprocessed"}
NEVER_ANSWERED = {"drip_for_ever", "hang", "hang_after", "hold"}


@pytest.mark.parametrize("name", sorted(FAULTS.keys() - NEVER_ANSWERED))
async def test_a_fault_carries_out_what_it_says(
    name: str, behind: Callable[[Plan], Behind]
) -> None:
    """After one request all, some or none of its items are stored; only a slow answer says so."""
    place = behind(Plan({name: 1.0}, rate=1.0, seconds=0.01))
    status, answer = await place.call("BatchWriteItem", batch(*KEYS))
    stored = await place.stored()
    if name in CARRIED_OUT:
        assert stored == set(KEYS)
    elif name in IN_PART:
        left = answer["UnprocessedItems"]["Board"]
        assert stored == set(KEYS) - {one["PutRequest"]["Item"]["PK"]["S"] for one in left}
    else:
        assert stored == set()
    sound = status == 200 and isinstance((answer or {}).get("UnprocessedItems"), dict)
    assert sound == (name in {"delay", "drip", "unprocessed", "unprocessed_all"} | _SOUND_LOOKING)
    assert place.proxy.counts()["faults"] == {name: 1}


_SOUND_LOOKING = {
    "foreign_key",
    "foreign_key_too",
    "foreign_table",
    "handed_back_nothing",
    "handed_back_null",
    "handed_back_number",
    "handed_back_text",
    "wrong_crc",
}


def test_every_malformed_answer_is_among_what_passes() -> None:
    """A load through the passing faults meets all of the malformed answers too."""
    assert MALFORMED.keys() < PASSING.keys() < FAULTS.keys()


async def test_a_held_request_is_carried_out_later(behind: Callable[[Plan], Behind]) -> None:
    """The client is told nothing, and the engine still gets the write."""
    place = behind(Plan({"hold": 1.0}, rate=1.0, seconds=0.0))
    assert await place.call("BatchWriteItem", batch("a")) == (0, None)
    for _ in range(100):
        if await place.stored():
            break
    assert await place.stored() == {"a"}


async def test_without_a_plan_all_passes(behind: Callable[[Plan], Behind]) -> None:
    """Requests and answers go through unchanged, and are counted."""
    place = behind(QUIET)
    status, answer = await place.call("BatchWriteItem", batch(*KEYS))
    assert (status, answer["UnprocessedItems"]) == (200, {})
    assert place.proxy.counts()["accepted"] == len(KEYS)
    status, _ = await place.call("BatchWriteItem", {"RequestItems": {"Board": [put("")]}})
    assert status == 400


async def test_the_plan_can_be_changed_while_it_runs(behind: Callable[[Plan], Behind]) -> None:
    """A window of throttling has a beginning and an end."""
    place = behind(Plan({"throttled": 1.0}, rate=1.0))
    status, answer = await place.call("BatchWriteItem", batch("a"))
    assert status == 400
    assert answer["ThrottlingReasons"]
    place.proxy.plan = QUIET
    assert (await place.call("BatchWriteItem", batch("a")))[0] == 200


async def test_faults_depend_on_seed_and_batch_alone(behind: Callable[[Plan], Behind]) -> None:
    """Two proxies of one seed do the same to the same batches, in whatever order they come."""
    place = behind(Plan(dict.fromkeys(PASSING, 1.0), rate=0.7, seconds=0.01))
    batches = [[f"{n}-{k}" for k in range(3)] for n in range(6)]
    first = [await place.send_until_taken(keys) for keys in batches]
    place.proxy.attempts.clear()
    again = [await place.send_until_taken(keys[::-1]) for keys in reversed(batches)]
    assert again[::-1] == first
    assert max(first) > 1


async def test_attempts_are_counted_by_batch(behind: Callable[[Plan], Behind]) -> None:
    """The same items in another order are the same batch; part of them is another."""
    place = behind(Plan({"server_error": 1.0}, rate=1.0))
    for keys in (("a", "b"), ("b", "a"), ("a",)):
        await place.call("BatchWriteItem", batch(*keys))
    assert sorted(place.proxy.attempts.values()) == [1, 2]


async def test_only_the_first_sending_meets_a_fault(behind: Callable[[Plan], Behind]) -> None:
    """With first_only the second request of a batch passes."""
    place = behind(Plan({"empty": 1.0}, rate=1.0, first_only=True))
    assert await place.send_until_taken(["a"]) == 2


async def test_a_mark_decides(behind: Callable[[Plan], Behind]) -> None:
    """A batch that holds the mark meets its fault, however often it is sent; others do not."""
    place = behind(Plan(marks={b"<bad>": "validation"}))
    marked = {"RequestItems": {"Board": [put("a"), put("b", text="<bad>")]}}
    for _ in range(2):
        status, answer = await place.call("BatchWriteItem", marked)
        assert (status, answer["__type"].rpartition("#")[2]) == (400, "ValidationException")
    assert await place.send_until_taken(["a"]) == 1


async def test_indexes_are_hidden(behind: Callable[[Plan], Behind]) -> None:
    """DescribeTable tells of no index, but the engine still keeps its rules."""
    place = behind(Plan(hide_indexes=True))
    _, answer = await place.call("DescribeTable", {"TableName": "Board"})
    assert "GlobalSecondaryIndexes" not in answer["Table"]
    assert [one["AttributeName"] for one in answer["Table"]["AttributeDefinitions"]] == ["PK"]
    wrong = {"PutRequest": {"Item": {"PK": {"S": "a"}, "gk": {"N": "1"}}}}
    status, _ = await place.call("BatchWriteItem", {"RequestItems": {"Board": [wrong]}})
    assert status == 400


async def test_it_remembers_what_was_stored(behind: Callable[[Plan], Behind]) -> None:
    """Each different write that the engine carried out is there once, however often it came."""
    place = behind(Plan({"server_error_after": 1.0}, rate=1.0, remember=True))
    for keys in (("a", "b"), ("a", "b"), ("b", "c")):
        await place.call("BatchWriteItem", batch(*keys))
    assert len(place.proxy.stored) == 3
