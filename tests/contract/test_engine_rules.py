"""The embedded engine judges items as DynamoDB Local does, on the corpus that `test_rules` runs."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.table.rules import Index, ItemRules, KeyAttribute
from pipeline.table.size import MAX_ITEM_BYTES
from tests.contract.random_items import padded, random_item
from tests.contract.rules_corpus import CASES, ON_PURPOSE
from tests.contract.rules_tables import ENGINE_TEXTS, TABLES, create_request

if TYPE_CHECKING:
    from tests.contract.engine_calls import Answer, Calls

OVER = "Item size has exceeded the maximum allowed size"
SEED = 20261122
ITEMS = 100

# Where we know the words of AWS, the engine says those.
AWS_TEXTS = {
    "key_missing": "The provided key element does not match the schema",
    "key_type": "The provided key element does not match the schema",
    "key_not_scalar": "The provided key element does not match the schema",
    "index_key_not_scalar": "One or more parameter values were invalid: Type mismatch for Index",
}
AWS_KEY_TOO_LONG = (
    "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size",
    "One or more parameter values were invalid: Aggregated size of all range keys has exceeded",
)
# DynamoDB Local fails at these with a 500, which looks as if another attempt could help.
SERIALIZATION = {"base64", "type_mismatch", "text_surrogate", "name_surrogate"}


def _texts(rule: str) -> tuple[str, ...]:
    if rule == "set_duplicates":
        return ("One or more parameter values were invalid: Input collection contains duplicates",)
    if rule == "key_too_long":
        return AWS_KEY_TOO_LONG
    return (AWS_TEXTS[rule],) if rule in AWS_TEXTS else ENGINE_TEXTS[rule]


async def _put(engine: Calls, name: str, item: dict[str, Any]) -> Answer:
    return await engine.batch(name, {"PutRequest": {"Item": item}})


async def test_verdicts_on_the_corpus(embedded: Calls) -> None:
    """Every item of the corpus is taken or refused as by DynamoDB Local, in the same words."""
    for name, request in TABLES.items():
        await embedded.ok("CreateTable", {"TableName": name + "-table", **request})
    wrong = []
    for case in CASES:
        answer = await _put(embedded, f"{case.table}-table", case.item)
        if case.rule is None:
            right = answer.status == 200
        elif case.rule in SERIALIZATION:
            right = answer.error == "SerializationException"
        else:
            right = answer.error == "ValidationException"
            right = right and answer.message.startswith(_texts(case.rule))
        if not right:
            wrong.append((case.name, case.rule, answer.status, answer.error, answer.message))
    assert wrong == []


async def test_what_is_refused_on_purpose(embedded: Calls) -> None:
    """What no sound client sends, the engine refuses although DynamoDB Local takes it."""
    await embedded.ok("CreateTable", {"TableName": "text-table", **TABLES["text"]})
    for case in ON_PURPOSE:
        answer = await _put(embedded, "text-table", case.item)
        assert answer.status == 400, case.name


async def test_random_items_at_the_limit(embedded: Calls) -> None:
    """The engine's size of an item is exact, by DynamoDB Local's arithmetic."""
    rules = ItemRules((KeyAttribute("pk", "S", "partition"),))
    await embedded.ok("CreateTable", {"TableName": "sizes", **create_request(rules)})
    for number in range(ITEMS):
        random = Random(SEED + number)
        size = MAX_ITEM_BYTES + random.choice((0, 1))
        item = padded(random, random_item(random), size)
        answer = await embedded("PutItem", {"TableName": "sizes", "Item": item})
        assert answer.message == (OVER if size > MAX_ITEM_BYTES else ""), number


@pytest.mark.parametrize("over", [0, 1])
async def test_a_local_index_counts_its_copy(engine: Calls, over: int) -> None:
    """An item and its copies in local indexes share the 409,600 bytes."""
    key = (KeyAttribute("pk", "S", "partition"), KeyAttribute("sk", "S", "sort"))
    index = Index("local", "lsi", (key[0], KeyAttribute("lk", "S", "sort")))
    await engine.ok(
        "CreateTable", {"TableName": "copies", **create_request(ItemRules(key, (index,)))}
    )
    text = MAX_ITEM_BYTES // 2 - len("pkpskslkltext") + over
    item = {name: {"S": name[0]} for name in ("pk", "sk", "lk")} | {"text": {"S": "x" * text}}
    answer = await engine("PutItem", {"TableName": "copies", "Item": item})
    assert answer.message == (OVER if over else "")


async def test_exact_where_published_formulas_differ(engine: Calls) -> None:
    """An item that only DynamoDB Local's own formula finds too large is refused, not stored."""
    rules = ItemRules((KeyAttribute("pk", "S", "partition"),))
    await engine.ok("CreateTable", {"TableName": "sizes", **create_request(rules)})
    numbers = {"L": [{"N": "-10.05"}] * 5_000}
    item = padded(Random(SEED), {"pk": {"S": "p"}, "v": numbers}, MAX_ITEM_BYTES + 1)
    answer = await engine("PutItem", {"TableName": "sizes", "Item": item})
    assert (answer.error, answer.message) == ("ValidationException", OVER)
