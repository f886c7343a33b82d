"""How fast a run may write: what its definition says, and what the table has."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.compose.pace import following, given_rate, make_crew, make_pace, most_workers
from pipeline.config import load
from pipeline.core.pace.gate import Pace
from pipeline.errors import PreflightError, TransientError
from pipeline.table.description import TableDescription
from tests.clock import run
from tests.fakes import ListLog

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.config import Definition

KEY = {
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "TableName": "Users",
    "TableStatus": "ACTIVE",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
}
PROVISIONED = {"ProvisionedThroughput": {"WriteCapacityUnits": 500, "ReadCapacityUnits": 1}}
ON_DEMAND = {
    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
    "ProvisionedThroughput": {"WriteCapacityUnits": 0, "ReadCapacityUnits": 0},
}


def describe(**more: Any) -> TableDescription:
    """Describe a table."""
    return TableDescription.from_response({**KEY, **more})


def define(folder: Path, write: str) -> Definition:
    """Load a definition with *write*."""
    path = folder / "users.yaml"
    path.write_text(
        "source: {type: generate, count: 1}\n"
        f"target: {{table: Users, region: us-east-1}}\nwrite: {{{write}}}\n"
    )
    return load(path, environment={})


@pytest.mark.parametrize(
    ("write", "units"),
    [
        ("workers: 5", None),
        ("rate: null", None),
        ("rate: 100", 100),
        ("rate: {wcu: 1}", 1),
        ("rate: {share: 60%}", 300),
        ("rate: {share: 0.5%}", 2.5),
    ],
)
def test_a_rate_is_a_number_or_a_share(tmp_path: Path, write: str, units: float | None) -> None:
    """A share is one of the provisioned capacity."""
    assert given_rate(define(tmp_path, write), describe(**PROVISIONED)) == units


def test_a_share_of_an_on_demand_table_is_one_of_its_maximum(tmp_path: Path) -> None:
    """Where it has none there is nothing to take a share of, and the message says what to do."""
    definition = define(tmp_path, "rate: {share: 50%}")
    limited = describe(**ON_DEMAND, OnDemandThroughput={"MaxWriteRequestUnits": 3_000})

    assert given_rate(definition, limited) == 1_500
    for maximum in ({}, {"OnDemandThroughput": {"MaxWriteRequestUnits": -1}}):
        with pytest.raises(PreflightError, match=r"'Users' is on-demand.*rate: \{wcu: 2000\}"):
            given_rate(definition, describe(**ON_DEMAND, **maximum))


def test_auto_has_a_bound(tmp_path: Path) -> None:
    """Connections and writers are made for it; a number is what it says."""
    auto, fixed = define(tmp_path, "workers: auto"), define(tmp_path, "workers: 7")

    assert (most_workers(auto), make_crew(auto).limit) == (128, 5)
    assert (most_workers(fixed), make_crew(fixed).limit) == (7, None)


def test_with_the_plain_policy_nothing_is_learnt(tmp_path: Path) -> None:
    """Every answer counts there, as it always did."""
    plain = define(tmp_path, "retry: {max_outage: 0}")

    assert make_pace(plain, None, describe()).learnt is None
    assert make_pace(define(tmp_path, "workers: 5"), None, describe()).learnt is not None


def test_a_changed_capacity_is_followed() -> None:
    """The table is looked at every minute; one that cannot be described keeps its rate."""
    answers: list[float | Exception] = [300.0, TransientError("500"), 600.0]
    pace, log, seen = Pace(rate=300.0), ListLog(), []

    async def current() -> float | None:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def main() -> None:
        async with following(current, pace, log):
            for _ in range(3):
                await asyncio.sleep(61)
                seen.append(pace.given)

    run(main())

    assert seen == [300.0, 300.0, 600.0]
    assert ("pace.rate_changed", {"before": 300.0, "units_per_s": 600.0}) in log.events
