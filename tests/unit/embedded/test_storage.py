"""Tables on disk: what survives, who may open them, and in which order keys lie."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import suppress
from decimal import Decimal
from functools import cmp_to_key
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from pipeline.embedded import EngineBusyError, EngineSettings, serve
from pipeline.embedded.engine import Engine
from pipeline.embedded.storage import keys
from pipeline.errors import PreflightError
from tests.contract.engine_calls import Calls, attributes, key, put, table
from tests.unit.embedded.conftest import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.contract.engine_calls import Json

WRITERS = 4
ROOT = Path(__file__).parents[3]
SERVER = """
import asyncio, sys
from pathlib import Path
from pipeline.embedded import serve

async def main():
    async with serve(Path(sys.argv[1])) as endpoint:
        print(endpoint.url, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
FULL = table(
    AttributeDefinitions=attributes("pk:S", "sk:N", "g:S"),
    KeySchema=key("pk", "sk"),
    GlobalSecondaryIndexes=[
        {
            "IndexName": "by-g",
            "KeySchema": key("g"),
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["a"]},
        }
    ],
)


@pytest.fixture
def start_server() -> Iterator[Callable[[Path], tuple[subprocess.Popen[str], str]]]:
    """Give the function that serves a file from a process of its own; all are killed in the end."""
    started: list[subprocess.Popen[str]] = []

    def start(path: Path) -> tuple[subprocess.Popen[str], str]:
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        started.append(server)
        assert server.stdout is not None
        return server, server.stdout.readline().strip()

    yield start
    for server in started:
        server.kill()
        server.wait()
        assert server.stdout is not None
        server.stdout.close()


async def _write_until_killed(
    engine: Calls, server: int, batches: Iterator[int], acknowledged: set[str]
) -> None:
    """Write batches, kill the server at one of them, and note what it has acknowledged."""
    with suppress(aiohttp.ClientError):
        for batch in batches:
            if batch == 60:
                os.kill(server, signal.SIGKILL)
            names = {f"{batch}.{n}" for n in range(25)}
            item = {"sk": {"N": "1"}, "g": {"S": "g"}, "a": {"S": "x" * 500}}
            answer = await engine.batch("items", *(put(pk={"S": name}, **item) for name in names))
            assert answer.body == {"UnprocessedItems": {}}
            acknowledged |= names


async def test_tables_survive_a_kill(
    tmp_path: Path, start_server: Callable[[Path], tuple[subprocess.Popen[str], str]]
) -> None:
    """Every acknowledged write is there after a SIGKILL, in the table, its index and its counts."""
    path = tmp_path / "runs" / "tables.sqlite"
    server, url = start_server(path)
    acknowledged: set[str] = set()
    async with aiohttp.ClientSession() as session:
        engine = Calls("embedded", url, "TEST", session)
        await engine.ok("CreateTable", FULL)
        wanted = {"Enabled": True, "AttributeName": "ttl"}
        await engine.ok(
            "UpdateTimeToLive", {"TableName": "items", "TimeToLiveSpecification": wanted}
        )
        batches = iter(range(10_000))
        async with asyncio.TaskGroup() as group:
            for _ in range(WRITERS):
                group.create_task(_write_until_killed(engine, server.pid, batches, acknowledged))
    server.wait()
    assert len(acknowledged) >= (60 - WRITERS) * 25

    with opened(path) as bench:
        found: set[str] = set()
        indexed: set[str] = set()
        for names, more in ((found, {}), (indexed, {"IndexName": "by-g"})):
            start: Json = {}
            while True:
                page = bench.ok("Scan", TableName="items", **more, **start)
                names |= {item["pk"]["S"] for item in page["Items"]}
                if "LastEvaluatedKey" not in page:
                    break
                start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        assert found >= acknowledged
        assert len(found) - len(acknowledged) in {25 * n for n in range(WRITERS + 1)}
        assert indexed == found
        described = bench.ok("DescribeTable", TableName="items")["Table"]
        assert described["ItemCount"] == len(found)
        assert described["GlobalSecondaryIndexes"][0]["ItemCount"] == len(found)
        shown = bench.ok("DescribeTimeToLive", TableName="items")["TimeToLiveDescription"]
        assert shown == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}


async def test_a_second_process_is_told_who_has_the_file(
    tmp_path: Path, start_server: Callable[[Path], tuple[subprocess.Popen[str], str]]
) -> None:
    """A file that is served is refused, by name and process, until that process is gone."""
    path = tmp_path / "tables.sqlite"
    server, _ = start_server(path)
    with pytest.raises(EngineBusyError) as refused:
        async with serve(path):
            pass
    assert isinstance(refused.value, PreflightError)
    assert str(path) in str(refused.value)
    assert f"process {server.pid}." in str(refused.value)
    server.kill()
    server.wait()
    async with serve(path) as endpoint:
        assert endpoint.url


def test_a_second_engine_of_this_process_is_told_so(tmp_path: Path) -> None:
    """The lock holds inside one process too, and is given back on closing."""
    path = tmp_path / "tables.sqlite"
    second = Engine(path, EngineSettings())
    with opened(path):
        with pytest.raises(EngineBusyError, match=f"this process \\({os.getpid()}\\)"):
            second.open()
        second.close()
    with opened(path):
        pass


def test_a_file_that_is_something_else(tmp_path: Path) -> None:
    """Neither text nor another program's database is touched; the error names the file."""
    text = tmp_path / "notes.txt"
    text.write_text("notes, and enough of them to look like a page of a database" * 20)
    foreign = tmp_path / "foreign.sqlite"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE t (a)")
    connection.close()
    for path in (text, foreign):
        before = path.read_bytes()
        with pytest.raises(PreflightError, match=path.name), opened(path):
            pass
        assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A place where no file can be is a preflight error too."""
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(PreflightError, match=r"tables\.sqlite"),
        opened(tmp_path / "file" / "tables.sqlite"),
    ):
        pass


def test_memory_is_forgotten() -> None:
    """Without a file every engine begins empty."""
    for _ in range(2):
        with opened() as bench:
            bench.ok("CreateTable", **FULL)


def test_all_is_there_after_closing(tmp_path: Path) -> None:
    """Definitions, items, indexes, counts and changes are those of before."""
    path = tmp_path / "tables.sqlite"
    with opened(path) as bench:
        bench.ok("CreateTable", **FULL)
        bench.ok("CreateTable", **table("others"))
        bench.ok("DeleteTable", TableName="others")
        item = {"pk": {"S": "p"}, "sk": {"N": "1"}, "g": {"S": "g"}, "a": {"B": "AA=="}}
        bench.ok("PutItem", TableName="items", Item=item)
        before = bench.ok("DescribeTable", TableName="items")
    assert {file.name for file in tmp_path.iterdir()} == {"tables.sqlite", "tables.sqlite.lock"}
    with opened(path) as bench:
        assert bench.ok("ListTables") == {"TableNames": ["items"]}
        assert bench.ok("DescribeTable", TableName="items") == before
        assert bench.ok("Scan", TableName="items", IndexName="by-g")["Items"] == [item]


def test_a_full_disk_loses_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A write that fails in the middle is answered with a 500 and leaves no trace."""
    with opened(tmp_path / "tables.sqlite") as bench:
        bench.ok("CreateTable", **FULL)
        bench.ok("PutItem", TableName="items", Item={"pk": {"S": "p"}, "sk": {"N": "0"}})
        before = bench.ok("DescribeTable", TableName="items")
        pages = bench.engine._database._run("PRAGMA page_count").fetchone()[0]
        bench.engine._database._run(f"PRAGMA max_page_count = {pages}")
        writes = [
            put(pk={"S": "p"}, sk={"N": str(n)}, g={"S": "g"}, v={"S": "x" * 5000})
            for n in range(25)
        ]
        answer = bench.batch(*writes)
        assert (answer.status, answer.error) == (500, "InternalServerError")
        assert "embedded.failed" in caplog.text
        assert bench("CreateTable", **table("others")).status == 500
        assert bench.ok("ListTables") == {"TableNames": ["items"]}
        assert bench.ok("DescribeTable", TableName="items") == before
        bench.engine._database._run("PRAGMA max_page_count = 1000000")
        assert bench.batch(*writes).body == {"UnprocessedItems": {}}
        bench.ok("CreateTable", **table("others"))


def _number(choose: random.Random) -> str:
    digits = "".join(choose.choices("0123456789", k=choose.randint(1, 38)))
    point = choose.randint(-120, 80)
    return f"{choose.choice(('', '-'))}{digits}E{point}"


def _text(choose: random.Random) -> str:
    return "".join(choose.choices("\0\1\x7f aé\uffff😀", k=choose.randint(1, 4)))


def _bytes(choose: random.Random) -> str:
    return base64.b64encode(
        bytes(choose.choices((0, 1, 254, 255), k=choose.randint(1, 4)))
    ).decode()


KINDS: dict[str, tuple[Callable[[random.Random], str], Callable[[str], Any]]] = {
    "N": (_number, Decimal),
    "S": (_text, str.encode),
    "B": (_bytes, base64.b64decode),
}


@pytest.mark.parametrize("kind", KINDS)
def test_keys_sort_as_their_values(kind: str) -> None:
    """Bytes of keys compare as the service compares the values, also with something behind them."""
    make, value = KINDS[kind]
    choose = random.Random(kind)
    values = [make(choose) for _ in range(300)]
    if kind == "N":
        values += ["0", "-0", "1", "1.0", "1.5", "10", "12", "-1", "-1.5", "-10", "-12"]

    def compare(left: str, right: str) -> int:
        one, other = value(left), value(right)
        return int(one > other) - int(one < other)

    ordered = sorted(values, key=cmp_to_key(compare))
    for left, right in itertools.pairwise(ordered):
        low, high = (keys.sort_key(keys.component({kind: one})) for one in (left, right))
        assert (low < high) == (compare(left, right) < 0), (left, right)
        if low != high:
            assert low + b"\xff" * 9 < high


def test_segments_share_out_all_hashes() -> None:
    """Every row key lies in exactly one segment, whatever their number."""
    for total in (1, 2, 3, 7, 1000, 1_000_000):
        edges = [keys.segment_bounds(n, total) for n in {0, 1, total // 2, total - 1} if n < total]
        assert edges[0][0] == b"\0" * 4
        assert all(high is None or low < high for low, high in edges)
        assert keys.segment_bounds(total - 1, total)[1] is None
        for n in {1, total // 2, total - 1} - {0}:
            if n < total:
                assert keys.segment_bounds(n - 1, total)[1] == keys.segment_bounds(n, total)[0]
