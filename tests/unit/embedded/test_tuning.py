"""Several loads in one engine: each table is as short of things as its own definition says."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from pipeline.embedded import EngineSettings, configure, serve
from pipeline.embedded.tuning import remote
from pipeline.embedded.tuning.private import CONFIGURE
from pipeline.errors import PreflightError
from tests.contract.engine_calls import Calls, put, table
from tests.unit.embedded.conftest import opened

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.embedded.engine import Engine
    from tests.unit.embedded.conftest import Bench


def told(engine: Engine, name: str, **settings: Any) -> tuple[int, Any]:
    """Give a table settings of its own; return the answer."""
    body = json.dumps({"TableName": name, "Settings": settings}).encode()
    reply = engine.reply(CONFIGURE, body)
    return reply.status, json.loads(reply.body)


def back(bench: Bench, name: str, count: int = 25) -> int:
    """Write a batch; return how many items came back, all of them if it was refused."""
    sent = [put(pk={"S": f"p{n}"}) for n in range(count)]
    answer = bench.batch(*sent, name=name)
    if answer.status != 200:
        return count
    return len(answer.body["UnprocessedItems"].get(name, ()))


def test_each_table_has_its_own_capacity() -> None:
    """What one table uses up is not missed by another, and a third one is never short."""
    with opened() as bench:
        for name in ("slow", "fast", "free"):
            bench.ok("CreateTable", **table(TableName=name))
        assert told(bench.engine, "slow", wcu=5) == (200, {})
        assert told(bench.engine, "fast", wcu=20, burst=0.5) == (200, {})
        assert [back(bench, name) for name in ("slow", "fast", "free")] == [20, 15, 0]
        assert [back(bench, name) for name in ("slow", "fast", "free")] == [25, 25, 0]
        bench.now += 1
        assert [back(bench, name) for name in ("slow", "fast", "free")] == [20, 15, 0]


def test_each_table_has_its_own_dice() -> None:
    """Chance strikes the table that asked for it, the same way each time it asks."""
    with opened() as bench:
        for name in ("unlucky", "refused", "free"):
            bench.ok("CreateTable", **table(TableName=name))
        told(bench.engine, "refused", throttle=1)
        seen = []
        for _ in range(2):
            told(bench.engine, "unlucky", unprocessed=0.5, seed=7)
            seen.append([back(bench, "unlucky") for _ in range(5)])
            assert (back(bench, "refused"), back(bench, "free")) == (25, 0)
        assert seen[0] == seen[1]
        assert any(0 < count < 25 for count in seen[0])


def test_a_batch_over_tables_meets_the_dice_of_each() -> None:
    """One table that refuses costs the whole request, as with the service."""
    with opened() as bench:
        for name in ("refused", "free"):
            bench.ok("CreateTable", **table(TableName=name))
        told(bench.engine, "refused", throttle=1)
        one = [put(pk={"S": "p"})]
        answer = bench("BatchWriteItem", RequestItems={"free": one, "refused": one})
        assert answer.error == "ProvisionedThroughputExceededException"
        assert bench.ok("Scan", TableName="free")["Count"] == 0


def test_whoever_asks_last_has_it() -> None:
    """What is left out goes back to what it is by default; the engine's own is not mixed in."""
    with opened(wcu=5) as bench:
        bench.ok("CreateTable", **table())
        assert back(bench, "items") == 20
        told(bench.engine, "items", wcu=10)
        assert back(bench, "items") == 15
        told(bench.engine, "items")
        assert back(bench, "items") == 0


def test_a_deleted_table_leaves_its_settings_and_no_debt() -> None:
    """It was configured before it was made, and may be made again."""
    with opened() as bench:
        told(bench.engine, "items", wcu=5)
        for _ in range(2):
            bench.ok("CreateTable", **table())
            assert back(bench, "items") == 20
            bench.ok("DeleteTable", TableName="items")


@pytest.mark.parametrize(
    "request_",
    [
        {"TableName": "items", "Settings": {"speed": 1}},
        {"TableName": "items", "Settings": {"wcu": "5"}},
        {"TableName": "items", "Settings": {"wcu": True}},
        {"TableName": "items", "Settings": {"wcu": -1}},
        {"TableName": "items", "Settings": {"latency": None}},
        {"TableName": "items", "Settings": {"seed": 0.5}},
        {"TableName": "items", "Settings": []},
        {"TableName": "items", "Settings": {}, "Region": "x"},
        {"TableName": "no name", "Settings": {}},
        {"Settings": {}},
        [],
    ],
)
def test_what_is_no_setting_is_refused(request_: Any) -> None:
    """A misspelt rehearsal is no rehearsal: nothing of it is taken."""
    with opened() as bench:
        bench.ok("CreateTable", **table())
        told(bench.engine, "items", wcu=5)
        reply = bench.engine.reply(CONFIGURE, json.dumps(request_).encode())
        assert reply.status == 400, reply
        assert back(bench, "items") == 20


def test_only_an_engine_of_many_keeps_settings(tmp_path: Path) -> None:
    """One that takes a dead one's place goes on by them; one that is served alone does not."""
    file = tmp_path / "tables.sqlite"
    for kept, expected in ((True, [20, 20]), (False, [0, 20]), (True, [20, 20])):
        with opened(file, kept=kept) as bench:
            if bench("DescribeTable", TableName="items").status == 400:
                bench.ok("CreateTable", **table())
                told(bench.engine, "items", wcu=5)
            first = back(bench, "items")
            told(bench.engine, "items", **{**asdict(EngineSettings()), "wcu": 5})
            assert [first, back(bench, "items")] == expected


async def test_latency_is_the_tables_own() -> None:
    """An answer about a table comes no sooner than its own settings say, over HTTP too."""
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession() as session, serve(None) as endpoint:
        calls = Calls("embedded", endpoint.url, "TEST", session)
        await configure(endpoint.url, "slow", EngineSettings(latency=0.2))
        for name in ("slow", "free"):
            await calls("CreateTable", table(TableName=name))
        began = loop.time()
        await calls("DescribeTable", {"TableName": "slow"})
        assert loop.time() - began >= 0.2  # a lower bound, which no machine is too slow for


def test_the_slowest_table_of_a_request_holds_its_answer_back() -> None:
    """A batch over two tables takes as long as the slower one, and else the engine's."""
    with opened(latency=0.5) as bench:
        for name in ("slow", "fast", "plain"):
            bench.ok("CreateTable", **table(TableName=name))
        told(bench.engine, "slow", latency=3)
        told(bench.engine, "fast", latency=0.1)
        one = [put(pk={"S": "p"})]

        def held(operation: str, request: Any) -> float:
            target = f"DynamoDB_20120810.{operation}"
            reply = bench.engine.reply(target, json.dumps(request).encode())
            assert reply.settings is not None
            return reply.settings.latency

        assert held("BatchWriteItem", {"RequestItems": {"slow": one, "fast": one}}) == 3
        assert held("BatchWriteItem", {"RequestItems": {"fast": one}}) == 0.1
        assert held("Scan", {"TableName": "plain"}) == 0.5
        assert held("Scan", {"TableName": "nowhere"}) == 0.5
        assert held("ListTables", {}) == 0.5


async def test_an_engine_that_is_not_there_is_told_of(
    unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while: it may be about to come back."""
    monkeypatch.setattr(remote, "_PATIENCE", 0.2)
    url = f"http://127.0.0.1:{unused_tcp_port}"
    with pytest.raises(PreflightError, match=f"{unused_tcp_port} does not answer .Connection"):
        await configure(url, "items", EngineSettings(wcu=5))


async def test_a_server_that_is_no_engine_is_told_of() -> None:
    """What has no such call is asked once."""
    asked = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(PreflightError, match="refused the settings of table 'items'"):
            await configure(url, "items", EngineSettings())
    assert len(asked) == 1
