"""Connections spread over an endpoint's addresses, and one that is silent holds nobody up."""

from __future__ import annotations

import asyncio
import socket
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import PreflightError
from pipeline.table.http import dialing
from pipeline.table.http.dialing import bundle, context, dial, spread
from pipeline.table.http.endpoint import Endpoint
from pipeline.table.http.response import ExchangeError
from tests.clock import run

FOUR, SIX = socket.AF_INET, socket.AF_INET6


def addresses(*texts: str) -> list[dialing.Address]:
    """Make addresses of either family."""
    return [(SIX if ":" in text else FOUR, (text, 80)) for text in texts]


@pytest.mark.parametrize(
    ("found", "turn", "tried"),
    [
        (["a"], 5, ["a"]),
        (["a", "b", "c"], 0, ["a", "b", "c"]),
        (["a", "b", "c"], 1, ["b", "c", "a"]),
        (["a", "b", "c"], 5, ["c", "a", "b"]),
        (["a", "a", "b"], 1, ["b", "a"]),
        (["::1", "::2", "a", "b"], 0, ["::1", "a", "::2", "b"]),
        (["::1", "a", "b", "c"], 1, ["::1", "b", "c", "a"]),
        (["a", "::1"], 1, ["a", "::1"]),
    ],
)
def test_each_connection_begins_with_another_address(
    found: list[str], turn: int, tried: list[str]
) -> None:
    """Families by turns, the preferred one first (RFC 8305); every address once."""
    assert spread(addresses(*found), turn) == addresses(*tried)


class Net:
    """Addresses that answer, refuse, or are silent, each after its seconds."""

    def __init__(self, **peers: float | OSError) -> None:
        self.peers = peers
        self.tried: list[tuple[float, str]] = []
        self.opened: list[str] = []
        self.closed: list[str] = []

    async def connect(self, loop: asyncio.AbstractEventLoop, address: dialing.Address) -> Any:
        """Stand in for a socket's connection."""
        name = address[1][0]
        self.tried.append((loop.time(), name))
        peer = self.peers[name]
        if isinstance(peer, OSError):
            await asyncio.sleep(0.01)
            raise peer
        await asyncio.sleep(peer)
        self.opened.append(name)
        net = self

        class Sock:
            def close(self) -> None:
                net.closed.append(name)

            name_ = name

        return Sock()


def raced(net: Net, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address that won."""
    monkeypatch.setattr(dialing, "_connect", net.connect)

    async def work() -> str:
        loop = asyncio.get_running_loop()
        won: Any = await dialing._race(loop, addresses(*net.peers))
        return str(won.name_)

    return run(work())


def test_the_first_address_that_answers_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a quarter of a second before another one is tried."""
    net = Net(a=0.2, b=0.0)

    assert raced(net, monkeypatch) == "a"
    assert [name for _, name in net.tried] == ["a"]


def test_a_silent_address_is_overtaken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one is tried beside it after that, and the slower one is given up."""
    net = Net(a=1_000.0, b=0.1, c=0.1)

    assert raced(net, monkeypatch) == "b"
    (first, _), (second, _) = net.tried
    assert second - first == pytest.approx(0.25)
    assert net.opened == ["b"]


def test_an_address_that_refuses_is_passed_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for what has failed."""
    net = Net(a=ConnectionRefusedError(), b=ConnectionRefusedError(), c=0.0)

    assert raced(net, monkeypatch) == "c"
    assert net.tried[-1][0] - net.tried[0][0] == pytest.approx(0.02)


def test_where_all_fail_the_first_fault_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the address which the system prefers."""
    net = Net(a=ConnectionRefusedError("first"), b=OSError("second"))

    with pytest.raises(ConnectionRefusedError, match="first"):
        raced(net, monkeypatch)


def test_two_that_answer_at_once_leave_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """One is taken, the other does not come to be."""
    net = Net(a=0.26, b=0.01)

    won = raced(net, monkeypatch)

    assert [won] == net.opened
    assert net.closed == []


def test_no_connection_within_five_seconds_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever of it takes so long."""
    net = Net(a=1_000.0)
    monkeypatch.setattr(dialing, "_connect", net.connect)

    async def found(*_: object) -> list[dialing.Address]:
        return addresses("a")

    monkeypatch.setattr(dialing, "_resolve", found)

    async def work() -> float:
        loop = asyncio.get_running_loop()
        with pytest.raises(ExchangeError, match="no connection within 5 s"):
            await dial(Endpoint.from_url("http://h"), None, 0, lambda _: None)
        return loop.time()

    assert run(work()) == pytest.approx(5.0)


async def test_a_name_that_nobody_knows_is_told_as_such() -> None:
    """So that a preflight need not ask again."""
    with pytest.raises(socket.gaierror):
        await dial(Endpoint.from_url("http://no.such.host.invalid"), None, 0, lambda _: None)


async def test_nobody_listening_is_told_as_such() -> None:
    """So that a preflight need not ask again."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(ConnectionRefusedError):
            await dial(Endpoint.from_url(f"http://127.0.0.1:{port}"), None, 0, lambda _: None)


@pytest.fixture
def without_bundles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what the environment trusts."""
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("without_bundles")
def test_trust_is_looked_for_where_the_sdk_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given, the variables in their order, the SDK's own file, the system's."""
    from botocore.httpsession import get_cert_path

    assert bundle(None) == get_cert_path(verify=True)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/requests")
    assert bundle(None) == "/requests"
    monkeypatch.setenv("AWS_CA_BUNDLE", "/aws")
    assert bundle(None) == "/aws"
    assert bundle("/given") == "/given"


@pytest.mark.usefixtures("without_bundles")
@pytest.mark.parametrize(
    ("installed", "ends"), [({"certifi", "botocore"}, "certifi"), ({"botocore"}, "botocore")]
)
def test_certifi_comes_before_botocore(
    installed: set[str], ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the SDK, which takes certifi's file where there is one."""
    found = find_spec
    monkeypatch.setattr(
        dialing, "find_spec", lambda name: found(name) if name in installed else None
    )

    path = bundle(None)

    assert path is not None
    assert Path(path).parent.name == ends


@pytest.mark.usefixtures("without_bundles")
def test_without_either_the_system_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python asks OpenSSL where that is."""
    monkeypatch.setattr(dialing, "find_spec", lambda _: None)

    assert bundle(None) is None
    assert context(None).check_hostname


def test_a_folder_may_be_trusted(tmp_path: Path) -> None:
    """As OpenSSL has it; an empty one trusts nobody."""
    assert context(str(tmp_path)).get_ca_certs() == []


def test_old_tls_is_not_spoken(tmp_path: Path) -> None:
    """1.2 at least, names checked."""
    import ssl

    made = context(None)

    assert made.minimum_version == ssl.TLSVersion.TLSv1_2
    assert (made.check_hostname, made.verify_mode) == (True, ssl.CERT_REQUIRED)
    with pytest.raises(PreflightError, match="cannot be used"):
        context(str(tmp_path / "none.pem"))
