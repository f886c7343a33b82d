"""R15: our size of an item is the engine's, to the byte."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING, Any

from bench.reliability.board import Context, Edit, Figures, Mutation, Row, dice
from pipeline.table.rules import ItemRules, KeyAttribute
from pipeline.table.size import MAX_ITEM_BYTES, item_size
from tests.contract.random_items import padded, random_item
from tests.contract.raw import RawTable
from tests.contract.rules_tables import create_request
from tests.contract.test_rules_size import OFFSETS, OVER, SHAPES

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ROW"]

_CONNECTIONS = 4


def _judge(table: RawTable, name: str, item: dict[str, Any], size: int) -> str | None:
    """Return how the engine's verdict on *item* differs from ours, which is that it has *size*."""
    verdict = table.put(item)
    told = OVER if size > MAX_ITEM_BYTES else ""
    same = verdict.text == told and item_size(item) == size
    return None if same else f"{name}, computed {size}: {verdict}"


def _random(table: RawTable, seed: int, start: int, count: int) -> list[str | None]:
    judged = []
    with closing(table.again()) as mine:
        for number in range(start, count, _CONNECTIONS):
            roll = dice(seed, number)
            size = MAX_ITEM_BYTES + roll.choice(OFFSETS)
            item = padded(roll, random_item(roll), size)
            judged.append(_judge(mine, f"item {number}", item, size))
    return judged


def _shapes(table: RawTable, seed: int) -> Iterator[str | None]:
    for name, shape in SHAPES.items():
        for size in (MAX_ITEM_BYTES - 1, MAX_ITEM_BYTES, MAX_ITEM_BYTES + 1):
            item = padded(dice(seed, name), {"pk": {"S": "p"}, **shape}, size)
            yield _judge(table, name, item, size)


def measure(context: Context) -> Figures:
    """Let the engine judge random items, and every shape, right at the limit of 409,600 bytes."""
    count = context.pick(10_000, 500)
    with closing(RawTable(context.engine(), context.access_key(), "sizes")) as table:
        table.create(create_request(ItemRules((KeyAttribute("pk", "S", "partition"),))))
        with ThreadPoolExecutor(_CONNECTIONS) as threads:
            starts = range(_CONNECTIONS)
            tasks = [threads.submit(_random, table, context.seed, n, count) for n in starts]
            judged = [*chain.from_iterable(task.result() for task in tasks)]
        with closing(table.again()) as rested:  # the engine has closed what rested so long
            judged += _shapes(rested, context.seed)
    wrong = [one for one in judged if one is not None]
    return Figures(
        not wrong and len(judged) == count + 3 * len(SHAPES),
        f"{len(wrong)} mismatches of {len(judged):,}",
        {"items": count, "shapes": len(SHAPES), "mismatches": len(wrong)},
        "\n".join(wrong[:5]),
    )


ROW = Row(
    id="R15",
    title="Item sizes.",
    how="10,000 random items of all ten types and 15 shapes, each within two bytes of the limit, "
    "judged by DynamoDB Local.",
    passes="0 mismatches",
    peers="EMR's arithmetic is wrong for N, BOOL, NULL, L and M; Flink's is 0 by design",
    measure=measure,
    mutation=Mutation(
        "a list weighs two bytes instead of three",
        (
            Edit(
                "pipeline/table/size.py",
                "return 3 + sum(1 + _value_size(member, number_size) for member in content)",
                "return 2 + sum(1 + _value_size(member, number_size) for member in content)",
            ),
        ),
    ),
)
