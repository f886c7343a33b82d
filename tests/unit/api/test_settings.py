"""How the server may be started: tokens, addresses and names that are refused before it is."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from pipeline.api.server import job_settings
from pipeline.api.settings import Settings, access_of, listen, read_token
from pipeline.errors import PreflightError

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "0123456789abcdef"


def file_with(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "token"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_token_is_read_from_its_file_or_the_environment(tmp_path: Path) -> None:
    """The file counts more; the variable is gone afterwards, so that no child process has it."""
    environment = {"PIPELINE_SERVE_TOKEN": "x" * 20, "OTHER": "1"}
    assert read_token(file_with(tmp_path, f"{TOKEN}\n"), environment) == TOKEN
    assert environment == {"OTHER": "1"}
    assert read_token(None, {"PIPELINE_SERVE_TOKEN": TOKEN}) == TOKEN
    assert read_token(None, {}) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620])
def test_a_file_that_others_reach_is_refused(tmp_path: Path, mode: int) -> None:
    """With the command that mends it."""
    with pytest.raises(PreflightError, match="chmod 600"):
        read_token(file_with(tmp_path, TOKEN, mode), {})


@pytest.mark.parametrize(
    "token", ["", "short", "with spaces in the middle", "x" * 513, "\u00e9" * 20]
)
def test_a_token_that_is_none_is_refused(tmp_path: Path, token: str) -> None:
    """Too short to be a secret, or nothing that a header could hold; it is not repeated."""
    with pytest.raises(PreflightError, match="16 to 512") as caught:
        read_token(file_with(tmp_path, token), {})
    assert not token or token not in str(caught.value)
    with pytest.raises(PreflightError):
        read_token(None, {"PIPELINE_SERVE_TOKEN": token})


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A folder, a pipe that nobody writes to, a file that is not there: told, not waited for."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "absent"):
        with pytest.raises(PreflightError, match="--token-file"):
            read_token(path, {})


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_needs_no_token(host: str) -> None:
    """Any free port is taken where 0 is asked for."""
    if host == "::1" and not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    with listen(Settings(host, 0, None)) as opened:
        assert opened.getsockname()[1] > 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 - what is refused
def test_an_address_for_others_needs_a_token(host: str) -> None:
    """Without one the server does not start; with one it does."""
    with pytest.raises(PreflightError, match="a token is needed"):
        listen(Settings(host, 0, None))
    listen(Settings(host, 0, TOKEN)).close()


def test_an_address_that_is_taken_or_none_is_told() -> None:
    """With what to do about it."""
    with listen(Settings("127.0.0.1", 0, None)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PreflightError, match=f"127.0.0.1:{port} cannot be listened on"):
            listen(Settings("127.0.0.1", port, None))
    for host in ("no.such.host.invalid", "a" * 300, "", "http://127.0.0.1"):
        with pytest.raises(PreflightError, match="--host"):
            listen(Settings(host, 0, TOKEN))


def test_names_that_are_allowed() -> None:
    """Those that were given and the address itself, unless it stands for all of them."""
    settings = Settings("10.1.2.3", 0, TOKEN, ("Jobs.example.org", "[fe80::1]"))
    assert access_of(settings).names == {"jobs.example.org", "fe80::1", "10.1.2.3"}
    assert access_of(Settings("0.0.0.0", 0, TOKEN)).names == frozenset()  # noqa: S104 - as above


@pytest.mark.parametrize("name", ["http://a", "a:80", "a/b", "*", "", "*.example.org", "a b"])
def test_what_is_no_name_is_refused(name: str) -> None:
    """A pattern or a URL would never match, and nobody would know why."""
    with pytest.raises(PreflightError, match="--allow-host"):
        access_of(Settings("127.0.0.1", 0, None, (name,)))


def test_a_token_is_not_shown() -> None:
    """Settings may stand in a traceback or a log."""
    assert TOKEN not in repr(Settings("127.0.0.1", 0, TOKEN))


@pytest.mark.parametrize(("body", "room"), [(1, 1 << 30), (1 << 30, 1 << 30), (1 << 40, 1 << 40)])
def test_the_largest_upload_fits_where_it_waits(tmp_path: Path, body: int, room: int) -> None:
    """There is room for many uploads of any allowed size, and for what they unpack to."""
    given = {"folder": tmp_path, "runs_dir": tmp_path, "jobs": 1, "queue": 1, "auto_resume": False}
    settings = job_settings({**given, "max_body": body})
    limits = (settings.max_body, settings.max_inflated, settings.max_spool)
    assert limits == (body, 8 * room, 16 * room)
