"""Keys that are refused in the middle of a load are found again where the SDK looks for them."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import orjson
import pytest

from pipeline.errors import DeniedError
from tests.integration.raw_server import OK, Exchange, RawServer, http, say
from tests.integration.test_answers import items
from tests.integration.test_wire import deliver, table_at

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.senders import Where


@pytest.fixture(autouse=True)
def no_keys_of_the_user(where: Where, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the machine's own configuration out, and name the files that a test may write."""
    where.own_keys = True
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)


def write_keys(path: Path, key: str) -> None:
    """Put *key* in a credentials file."""
    path.write_text(f"[default]\naws_access_key_id={key}\naws_secret_access_key=s3cr3t-{key}\n")


def takes_only(*keys: str) -> RawServer:
    """Make a server that refuses every other access key as expired."""

    async def script(exchange: Exchange) -> None:
        found = re.search(rb"Credential=([^/]+)/", exchange.head)
        assert found is not None
        if found[1].decode() in keys:
            await exchange.send(http(OK))
        else:
            body = {"__type": "x#ExpiredTokenException", "message": f"{found[1].decode()} expired"}
            await exchange.send(http(orjson.dumps(body), status=400))

    return RawServer(script)


async def test_a_renewed_file_is_read_and_nothing_is_lost(where: Where, tmp_path: Path) -> None:
    """The file changes while five writers work: one refusal each at most, all is written."""
    write_keys(tmp_path / "credentials", "OLDKEY")
    server = takes_only("NEWKEY")
    batches = [items(number) for number in range(20)]
    async with (
        server.running(),
        table_at(server.url, where, connections=6) as table,
    ):
        write_keys(tmp_path / "credentials", "NEWKEY")
        written, metrics = await deliver(table, batches, workers=5)

    assert len(written) == 20
    assert metrics.requests <= 25


async def test_a_process_is_asked_once_for_all_writers(where: Where, tmp_path: Path) -> None:
    """credential_process: a first time at the start, a second time for five that are refused."""
    script, calls = tmp_path / "give.py", tmp_path / "calls"
    script.write_text(
        "import json, pathlib\n"
        f"calls = pathlib.Path({str(calls)!r})\n"
        "number = len(calls.read_text()) if calls.exists() else 0\n"
        "calls.write_text('x' * (number + 1))\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': f'KEY{number}', 'SecretAccessKey': 's'}))\n"
    )
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {sys.executable} {script}\n")
    server = takes_only("KEY1")
    batches = [items(number) for number in range(20)]
    async with (
        server.running(),
        table_at(server.url, where, connections=6) as table,
    ):
        written, _ = await deliver(table, batches, workers=5)

    assert len(written) == 20
    assert calls.read_text() == "xx"


async def test_a_clock_that_is_wrong_is_told(where: Where, tmp_path: Path) -> None:
    """Other keys would not mend it: the answer's own date says by how much."""
    write_keys(tmp_path / "credentials", "KEY")
    body = b'{"__type":"x#RequestExpired","message":"expired"}'
    late = http(body, status=400, headers="Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n")
    async with RawServer(say(late)).running() as server, table_at(server.url, where) as table:
        with pytest.raises(DeniedError, match=r"this machine's clock is \d+ s ahead: set it"):
            await table.write(items(1))


async def test_a_refusal_shows_no_key(where: Where, tmp_path: Path) -> None:
    """What the service repeats of the keys is taken out; the message says what to do."""
    write_keys(tmp_path / "credentials", "OLDKEY")
    server = takes_only("NOBODYS")
    async with server.running(), table_at(server.url, where) as table:
        with pytest.raises(DeniedError, match="renew the credentials") as caught:
            await table.write(items(1))

    assert "OLDKEY" not in str(caught.value)
    assert caught.value.code == "ExpiredTokenException"
    assert caught.value.__context__ is None
