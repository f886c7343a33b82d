"""Tables as definitions want them, made on the real engine."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from pipeline.table.creation import IndexSpec, TableSpec, differences
from pipeline.table.description import TableDescription
from tests.contract.raw import RawTable
from tests.engine.tables import new_access_key

if TYPE_CHECKING:
    from pipeline.table.rules import KeyType

PLAIN = TableSpec("contract", {"pk": "S", "sk": "N"})
GLOBAL = IndexSpec("by-mail", "gsi", {"mail": "S", "sk": "N"}, ("name", "city"))
LOCAL = IndexSpec("by-date", "lsi", {"pk": "S", "date": "B"}, "keys_only")
INDEXED = replace(PLAIN, indexes=(GLOBAL, LOCAL))
FULL = replace(
    INDEXED, billing="provisioned", wcu=10, rcu=5, indexes=(replace(GLOBAL, wcu=3), LOCAL)
)
TWENTY = replace(PLAIN, indexes=tuple(replace(GLOBAL, name=f"i-{i}") for i in range(20)))


@pytest.mark.parametrize(
    "spec",
    [
        PLAIN,
        replace(PLAIN, key={"k" * 255: "B"}),
        INDEXED,
        FULL,
        replace(TWENTY, indexes=tuple(replace(one, projection="all") for one in TWENTY.indexes)),
        replace(PLAIN, indexes=tuple(replace(LOCAL, name=f"i-{i}") for i in range(5))),
    ],
    ids=["plain", "long name", "indexed", "full", "twenty global", "five local"],
)
def test_a_table_is_what_its_definition_wants(spec: TableSpec, dynamodb_local: str) -> None:
    """What is created from a definition shows no difference to it, but shows one to another."""
    with closing(RawTable(dynamodb_local, new_access_key(), spec.name)) as table:
        table.create(spec.request())
        description = TableDescription.from_response(table.describe())
    assert spec.problems() == []
    assert differences(spec, description) == []
    other = replace(spec, key={**spec.key, "more": "S"}, indexes=())
    assert len(differences(other, description)) == 1 + len(spec.indexes)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (replace(PLAIN, name="ab"), "Invalid table/index name"),
        (replace(PLAIN, name="x" * 256), "Invalid table/index name"),
        (replace(PLAIN, name="a b c"), "Invalid table/index name"),
        (replace(PLAIN, key={}), ""),
        (replace(PLAIN, key={"k" * 256: "S"}), "Names of key attributes"),
        (replace(PLAIN, key={"k": cast("KeyType", "M")}), ""),
        (replace(PLAIN, billing="provisioned", wcu=1, rcu=0), "Table read and write throughput"),
        (
            replace(TWENTY, indexes=(*TWENTY.indexes, GLOBAL)),
            "GlobalSecondaryIndex count exceeds the per-table limit",
        ),
        (
            replace(PLAIN, indexes=tuple(replace(LOCAL, name=f"i-{i}") for i in range(6))),
            "Cannot have more than 5 local secondary indexes per table",
        ),
        (replace(PLAIN, indexes=(GLOBAL, GLOBAL)), "Two global secondary indices have the same"),
        (replace(INDEXED, key={"pk": "S"}), "Local Secondary indices are not allowed on hash"),
        (
            replace(PLAIN, indexes=(replace(LOCAL, key={"sk": "N", "date": "S"}),)),
            "Local Secondary indices must have the same hash key",
        ),
        (
            replace(PLAIN, indexes=(replace(LOCAL, key={"pk": "S"}),)),
            "Local secondary indices must have a range key",
        ),
        (replace(PLAIN, indexes=(replace(GLOBAL, projection=()),)), "If Projection type INCLUDE"),
        (
            replace(PLAIN, indexes=(replace(GLOBAL, projection=("a", "a")),)),
            "Cannot have two attributes with the same name",
        ),
    ],
)
def test_what_we_call_a_problem_the_engine_refuses(
    spec: TableSpec, says: str, dynamodb_local: str
) -> None:
    """A definition with a problem is one that the engine would not create."""
    assert spec.problems()
    with closing(RawTable(dynamodb_local, new_access_key(), spec.name)) as table:
        verdict = table.call("CreateTable", spec.request())
    assert not verdict.accepted
    assert verdict.text.startswith(says)
