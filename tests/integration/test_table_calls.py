"""Table calls: the same over our own transport as through the SDK, what they answer and refuse."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import PreflightError
from pipeline.table.access import open_access
from pipeline.table.aws import admin
from pipeline.table.aws.connection import ConnectionSettings
from pipeline.table.creation import IndexSpec, TableSpec
from tests.engine import tables
from tests.integration.raw_server import OK, RawServer, Script, http, say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from pipeline.table.access import Access
    from pipeline.table.description import TableDescription
    from pipeline.table.plain import Wanted

TLS = Path(__file__).with_name("tls")
EITHER = pytest.mark.parametrize("wanted", ["http", "sdk"])
CREATE = TableSpec(
    name="Orders",
    key={"PK": "S", "SK": "N"},
    indexes=(IndexSpec(name="by-email", kind="gsi", key={"email": "S"}),),
    ttl="expires",
)


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Have keys in the environment, and nothing of the machine's own configuration."""
    for name in os.environ:
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    for name, value in tables.credentials_of("TESTKEY").items():
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "_TRIES", 1)


@asynccontextmanager
async def access(url: str, wanted: Wanted) -> AsyncIterator[Access]:
    settings = ConnectionSettings("us-east-1", url, 2, timeout=20.0)
    async with open_access(settings, wanted) as opened:
        assert opened.transport == wanted
        yield opened


async def refusal(server: RawServer, wanted: Wanted, tls: ssl.SSLContext | None = None) -> str:
    """Return how a description that fails is told."""
    async with server.running(tls), access(server.url, wanted) as opened:
        with pytest.raises(PreflightError) as caught:
            await admin.describe(opened.calls, "Users")
    assert caught.value.__cause__ is None
    return str(caught.value).replace(server.url, "URL")


def error(code: str, message: str, status: int = 400) -> Script:
    """Script an answer that refuses."""
    return say(http(json.dumps({"__type": f"x#{code}", "message": message}).encode(), status))


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (error("UnrecognizedClientException", "The security token is invalid."), "access key"),
        (error("InvalidSignatureException", "key TESTKEY x"), "the secret key is wrong"),
        (error("AccessDeniedException", "User is not authorized"), "allow dynamodb:BatchWriteItem"),
        (error("ValidationException", "1 validation error"), "1 validation error"),
        (error("SubscriptionRequiredException", "sign up"), "not known to pass by itself"),
        (error("InternalServerError", "oops", 500), "URL does not answer (InternalServerError)"),
        (say(http(b"<html>", 302, "Location: http://elsewhere/\r\n")), "URL does not answer"),
        (say(http(b"<html>no</html>")), "URL does not answer"),
        (say(http(b"{}")), "URL does not answer (an answer that describes no table)"),
        (say(http(OK)), "URL does not answer (an answer that describes no table)"),
    ],
)
@EITHER
async def test_what_is_no_description_is_told(script: Script, told: str, wanted: Wanted) -> None:
    """Refused, failed, or not DynamoDB at all: one sentence with what to do, no key in it."""
    text = await refusal(RawServer(script), wanted)

    assert told in text
    assert "TESTKEY" not in text
    assert "\n" not in text


@EITHER
async def test_no_such_table_is_none(wanted: Wanted) -> None:
    """Which is no failure: it may be created."""
    server = RawServer(error("ResourceNotFoundException", "Requested resource not found"))

    async with server.running(), access(server.url, wanted) as opened:
        assert await admin.describe(opened.calls, "Users") is None


@EITHER
async def test_nothing_listens(wanted: Wanted, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused connection and an unknown name are told at once, not tried again."""
    monkeypatch.setattr(admin, "_TRIES", 100)
    for url, advice in (
        ("http://127.0.0.1:9", "docker compose"),
        ("http://nobody.invalid:8000", "no address is known for its name"),
    ):
        async with access(url, wanted) as opened:
            with pytest.raises(PreflightError, match=f"does not answer .*{advice}"):
                await admin.describe(opened.calls, "Users")


async def test_a_proxy_that_is_down_is_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not as a table that does not answer: it may be up, and reachable without the proxy."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with access("http://table.invalid:8000", "sdk") as opened:
        with pytest.raises(PreflightError, match=r"the proxy on the way to .* NO_PROXY"):
            await admin.describe(opened.calls, "Users")


@EITHER
async def test_a_server_without_tls_is_asked_in_tls(wanted: Wanted) -> None:
    """The scheme is what to look at, not whether the server runs."""

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(http(b"", 400))
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with access(url, wanted) as opened:
            with pytest.raises(PreflightError, match="http:// instead of https://"):
                await admin.describe(opened.calls, "Users")


@EITHER
async def test_certificates_that_cannot_be_read_are_told(
    wanted: Wanted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Over either transport, before anything is sent."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "absent.pem"))
    with pytest.raises(PreflightError, match=r"certificates in .*absent.pem.* cannot be used"):
        async with access("https://127.0.0.1:9", wanted) as opened:
            await admin.describe(opened.calls, "Users")


@pytest.mark.parametrize("certificate", ["stranger", "elsewhere", "expired"])
@EITHER
async def test_a_server_that_is_not_trusted(
    certificate: str, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another's certificate is told with where the right ones are named."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(TLS / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / f"{certificate}.pem")

    assert "AWS_CA_BUNDLE" in await refusal(RawServer(say(http(OK))), wanted, context)


@EITHER
async def test_an_expired_token_is_tried_once_more(
    wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have been renewed meanwhile; if not, it is told."""
    monkeypatch.setattr(admin, "_TRIES", 4)
    server = RawServer(error("ExpiredTokenException", "The security token has expired"))

    assert "renew the credentials" in await refusal(server, wanted)
    assert len(server.requests) == 2


async def test_a_table_is_the_same_over_both(
    dynamodb_local: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Created with index and TTL over one transport, it is described alike over the other."""
    monkeypatch.setattr(admin, "_TRIES", 4)
    found: list[TableDescription | None] = []
    ways: tuple[tuple[Wanted, Wanted], ...] = (("http", "sdk"), ("sdk", "http"))
    for maker, looker in ways:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", tables.new_access_key())
        async with access(dynamodb_local, maker) as opened:
            made = await admin.create(opened.calls, CREATE)
        async with access(dynamodb_local, looker) as opened:
            seen = await admin.describe(opened.calls, "Orders", with_ttl=True)
        assert seen == made
        found.append(seen)
    assert all(one is not None and one.ttl == "expires" for one in found)


PROXIED = {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("variables", "transport"),
    [
        ({}, "http"),
        (PROXIED, "sdk"),
        ({**PROXIED, "NO_PROXY": "127.0.0.1"}, "http"),
        ({"HTTPS_PROXY": "http://127.0.0.1:9"}, "http"),
        ({"AWS_PROFILE": "known"}, "http"),
        ({"AWS_SESSION_TOKEN": "token"}, "http"),
    ],
)
async def test_auto_takes_the_sdk_where_it_has_to(
    variables: dict[str, str], transport: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And says why; our own by name is then refused, with what to do."""
    (tmp_path / "config").write_text("[profile known]\n")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = ConnectionSettings("us-east-1", "http://127.0.0.1:8000", 2)

    async with open_access(settings, "auto") as opened:
        assert opened.transport == transport
        assert ("NO_PROXY" in opened.fallback) == (transport == "sdk")
    if transport == "sdk":
        with pytest.raises(PreflightError, match=r"transport is http, but a proxy is set"):
            async with open_access(settings, "http"):
                pass


async def test_a_rehearsal_needs_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded engine runs in this process; nothing of the environment counts there."""
    for name, value in PROXIED.items():
        monkeypatch.setenv(name, value)
    settings = ConnectionSettings("us-east-1", "http://127.0.0.1:8000", 2, rehearsal=True)

    async with open_access(settings, "http") as opened:
        assert opened.transport == "http"


def command(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_validate_says_where_the_sdk_will_be_used(tmp_path: Path) -> None:
    """A note where it is left open, a refusal where our own is asked for by name."""
    (tmp_path / "job.yaml").write_text("source: {type: stdin}\ntarget: {table: Users}\n")
    proxied = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}

    plain = command("validate", "job.yaml", cwd=tmp_path)
    noted = command("validate", "job.yaml", cwd=tmp_path, **proxied)
    refused = command(
        "validate", "job.yaml", "--set", "target.transport=http", cwd=tmp_path, **proxied
    )

    right = "job.yaml: the definition is right\n"
    assert (plain.returncode, plain.stdout, plain.stderr) == (0, right, "")
    assert (noted.returncode, noted.stdout) == (0, right)
    assert "will go through the AWS SDK" in noted.stderr
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "name the host in NO_PROXY" in refused.stderr


def started(log: Sequence[str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(log[0])
    assert found["event"] == "run.started"
    return found


@pytest.mark.parametrize(("wanted", "transport"), [("auto", "http"), ("sdk", "sdk")])
def test_the_log_says_which_transport_it_is(
    wanted: str, transport: str, dynamodb_local: str, tmp_path: Path
) -> None:
    """In the first line of a run."""
    (tmp_path / "job.yaml").write_text(
        "source: {type: generate, count: 30}\nitems: [{key: {PK: '{user_id}'}}]\ntarget:\n"
        f"  {{table: T{transport}, endpoint: '{dynamodb_local}', transport: {wanted},\n"
        "  create: {key: {PK: S}, if_missing: true}}\n"
    )
    key = tables.new_access_key()

    done = command("run", "job.yaml", cwd=tmp_path, AWS_ACCESS_KEY_ID=key)

    assert done.returncode == 0, done.stderr
    assert started(done.stderr.splitlines())["transport"] == transport
