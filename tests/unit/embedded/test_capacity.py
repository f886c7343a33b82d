"""A table that is short of write units, of chance or by order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pipeline.embedded import EngineSettings
from tests.contract.engine_calls import attributes, key, put, table
from tests.unit.embedded.conftest import opened

if TYPE_CHECKING:
    from tests.contract.engine_calls import Json
    from tests.unit.embedded.conftest import Bench

ARN = "arn:aws:dynamodb:embedded:000000000000:table/items"
UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
PROVISIONED: dict[str, Any] = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": UNITS}


def _puts(count: int, start: int = 0, **more: Any) -> list[Json]:
    return [put(pk={"S": f"p{n}"}, **more) for n in range(start, start + count)]


def _count(bench: Bench) -> int:
    return int(bench.ok("Scan", TableName="items", Select="COUNT")["Count"])


def _reasons(body: Json) -> list[str]:
    listed = body.get("ThrottlingReasons") or body.get("throttlingReasons") or []
    assert all(reason["resource"].startswith(ARN) for reason in listed)
    return [reason["reason"] for reason in listed]


def test_what_is_too_much_comes_back() -> None:
    """Items beyond the table's units come back as they were sent, and are not there."""
    with opened(wcu=10) as bench:
        bench.ok("CreateTable", **table())
        sent = _puts(25, v={"N": "1.0"})
        back = bench.batch(*sent).body["UnprocessedItems"]["items"]
        assert len(back) == 15
        assert [one for one in sent if one in back] == back
        assert _count(bench) == 10
        bench.now += 1.5
        assert len(bench.batch(*back).body["UnprocessedItems"]["items"]) == 5
        assert _count(bench) == 20


@pytest.mark.parametrize(
    ("billing", "error", "reason"),
    [
        (
            PROVISIONED,
            "ProvisionedThroughputExceededException",
            "TableWriteProvisionedThroughputExceeded",
        ),
        ({}, "ThrottlingException", "TableWriteMaxOnDemandThroughputExceeded"),
    ],
    ids=["provisioned", "on-demand"],
)
@pytest.mark.parametrize("operation", ["BatchWriteItem", "PutItem", "DeleteItem"])
def test_nothing_written_is_an_exception(
    operation: str, billing: Json, error: str, reason: str
) -> None:
    """A request of which nothing can be written fails, and says what was short."""
    requests: dict[str, Json] = {
        "BatchWriteItem": {"RequestItems": {"items": _puts(3, start=50)}},
        "PutItem": {"TableName": "items", "Item": {"pk": {"S": "p50"}}},
        "DeleteItem": {"TableName": "items", "Key": {"pk": {"S": "p0"}}},
    }
    with opened(wcu=10) as bench:
        bench.ok("CreateTable", **table(**billing))
        bench.batch(*_puts(10))
        answer = bench(operation, **requests[operation])
        assert (answer.status, answer.error) == (400, error)
        assert _reasons(answer.body) == [reason]
        assert _count(bench) == 10
        bench.now += 1
        bench.ok(operation, **requests[operation])


def test_the_rate_holds_over_time() -> None:
    """Over a minute a table takes its units and one burst, whatever the items weigh."""
    with opened(wcu=50, burst=2) as bench:
        bench.ok("CreateTable", **table())
        consumed = 0.0
        for step in range(600):
            bench.now += 0.1
            item = {"pk": {"S": str(step)}, "v": {"S": "x" * (step % 7) * 1024}}
            answer = bench("PutItem", TableName="items", Item=item, ReturnConsumedCapacity="TOTAL")
            if answer.status == 200:
                consumed += answer.body["ConsumedCapacity"]["CapacityUnits"]
        offered = sum(step % 7 + 1 for step in range(600))
        assert offered < 60 * 50  # what is not asked for is not given
        assert consumed == offered
        for step in range(600):
            bench.now += 0.1
            body = bench.batch(*_puts(25, start=25 * step), ReturnConsumedCapacity="TOTAL").body
            consumed += sum(one["CapacityUnits"] for one in body.get("ConsumedCapacity", []))
        assert 60 * 50 <= consumed - offered <= 62 * 50


def test_an_item_above_the_rate_gets_in() -> None:
    """An item of 400 units gets into a table of 10, which then pays its debt."""
    with opened(wcu=10) as bench:
        bench.ok("CreateTable", **table())
        large = {"pk": {"S": "large"}, "v": {"S": "x" * 400_000}}
        bench.ok("PutItem", TableName="items", Item=large)
        bench.now += 38
        assert bench.batch(*_puts(1)).error == "ThrottlingException"
        bench.now += 2
        bench.ok("PutItem", TableName="items", Item={"pk": {"S": "small"}})


def test_a_hot_key_is_limited_by_its_partition() -> None:
    """A partition key gets a partition's units though the table has more; others get on."""
    keyed = table(AttributeDefinitions=attributes("pk:S", "sk:S"), KeySchema=key("pk", "sk"))
    with opened(wcu=400, partition_wcu=20) as bench:
        bench.ok("CreateTable", **keyed)

        def write(*partitions: str) -> int:
            answer = bench.batch(
                *(put(pk={"S": pk}, sk={"S": f"{n}"}) for n, pk in enumerate(partitions))
            )
            return len(answer.body.get("UnprocessedItems", {}).get("items", []))

        assert write(*["hot"] * 25) == 5
        refused = bench.batch(put(pk={"S": "hot"}, sk={"S": "again"}))
        assert refused.error == "ThrottlingException"
        assert _reasons(refused.body) == ["TableWriteKeyRangeThroughputExceeded"]
        assert write(*(f"cold{n}" for n in range(25))) < 10


def test_a_partition_has_a_thousand_units_unless_told() -> None:
    """With a rate for the table alone a partition gets what the service gives it."""
    with opened(wcu=40_000) as bench:
        bench.ok("CreateTable", **table())
        written = 0
        for _ in range(80):
            item = put(pk={"S": "hot"}, v={"S": "x" * 24 * 1024})
            if bench.batch(item).status != 200:
                break
            written += 25
        assert written == 1000


def test_a_global_index_has_units_of_its_own() -> None:
    """What an index cannot take is not written; items without its key are."""
    indexed = table(
        AttributeDefinitions=attributes("pk:S", "g:S"),
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-g",
                "KeySchema": key("g"),
                "Projection": {"ProjectionType": "ALL"},
                "ProvisionedThroughput": UNITS,
            }
        ],
        **PROVISIONED,
    )
    with opened(index_wcu=5) as bench:
        bench.ok("CreateTable", **indexed)
        back = bench.batch(*_puts(20, g={"S": "g"})).body["UnprocessedItems"]["items"]
        assert len(back) == 15
        refused = bench.batch(*back)
        assert refused.error == "ProvisionedThroughputExceededException"
        assert "global secondary indexes" in refused.message
        assert _reasons(refused.body) == ["IndexWriteProvisionedThroughputExceeded"]
        assert bench.batch(*_puts(20, start=50)).body == {"UnprocessedItems": {}}


def test_tables_do_not_share_units() -> None:
    """Each table has its units, and a table made anew has a new bucket."""
    with opened(wcu=10) as bench:
        bench.ok("CreateTable", **table())
        bench.ok("CreateTable", **table("others"))
        for name in ("items", "others"):
            assert len(bench.batch(*_puts(11), name=name).body["UnprocessedItems"][name]) == 1
        bench.ok("DeleteTable", TableName="items")
        bench.ok("CreateTable", **table())
        assert len(bench.batch(*_puts(11)).body["UnprocessedItems"]["items"]) == 1


def test_unprocessed_by_chance() -> None:
    """The share of items that is set comes back, the same ones for the same seed."""

    def run(seed: int) -> list[Json]:
        with opened(unprocessed=0.2, seed=seed) as bench:
            bench.ok("CreateTable", **table())
            back: list[Json] = []
            for start in range(0, 2500, 25):
                body = bench.batch(*_puts(25, start=start)).body
                back += body["UnprocessedItems"].get("items", [])
            counted = bench.ok("DescribeTable", TableName="items")["Table"]["ItemCount"]
            assert counted == 2500 - len(back)
            return back

    first = run(1)
    assert 400 <= len(first) <= 600
    assert run(1) == first
    assert run(2) != first


def test_throttled_by_chance() -> None:
    """The share of write requests that is set is refused; reads never are."""
    with opened(throttle=0.3) as bench:
        bench.ok("CreateTable", **table())
        refused = 0
        for number in range(500):
            answer = bench.batch(*_puts(1, start=number))
            if answer.status != 200:
                refused += 1
                assert answer.error == "ProvisionedThroughputExceededException"
                assert _reasons(answer.body) == ["TableWriteProvisionedThroughputExceeded"]
            bench.ok("GetItem", TableName="items", Key={"pk": {"S": "p0"}})
        assert 100 <= refused <= 200
        assert _count(bench) == 500 - refused


def test_everything_unprocessed_is_an_exception() -> None:
    """If chance hands back all, the request fails as the service's does."""
    with opened(unprocessed=1.0) as bench:
        bench.ok("CreateTable", **table())
        answer = bench.batch(*_puts(3))
        assert answer.error == "ThrottlingException"
        assert _reasons(answer.body) == ["TableWriteKeyRangeThroughputExceeded"]


def test_a_bad_batch_is_refused_before_it_is_throttled() -> None:
    """A request that is invalid is said to be that, and costs nothing."""
    with opened(throttle=1.0) as bench:
        bench.ok("CreateTable", **table())
        assert bench.batch(put(v={"S": "no key"})).error == "ValidationException"


def test_no_limits_by_default() -> None:
    """Without settings the engine is never short, whatever the table's throughput."""
    with opened() as bench:
        bench.ok("CreateTable", **table(**PROVISIONED))
        for start in range(0, 1000, 25):
            assert bench.batch(*_puts(25, start=start)).body == {"UnprocessedItems": {}}


@pytest.mark.parametrize(
    "wrong",
    [
        {"wcu": 0},
        {"partition_wcu": -1},
        {"index_wcu": float("inf")},
        {"latency": -0.1},
        {"jitter": float("nan")},
        {"burst": -1},
        {"unprocessed": 1.1},
        {"throttle": -0.1},
    ],
)
def test_settings_out_of_range(wrong: Json) -> None:
    """A setting that makes no sense is refused by its name."""
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        EngineSettings(**wrong)
