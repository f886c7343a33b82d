"""An endpoint is read from its URL as the SDK reads it; what our transport cannot do is told."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from pipeline.errors import PreflightError
from pipeline.table.http.endpoint import Endpoint, proxied


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://localhost", ("http", "localhost", 80, "localhost", "/")),
        ("http://localhost:80/", ("http", "localhost", 80, "localhost", "/")),
        ("http://localhost:8000", ("http", "localhost", 8000, "localhost:8000", "/")),
        ("https://A.Example:443", ("https", "a.example", 443, "a.example", "/")),
        ("https://a.example:80", ("https", "a.example", 80, "a.example:80", "/")),
        ("http://[::1]:8000/", ("http", "::1", 8000, "[::1]:8000", "/")),
        ("http://[2001:DB8::1]", ("http", "2001:db8::1", 80, "[2001:db8::1]", "/")),
        ("http://h/some/path", ("http", "h", 80, "h", "/some/path")),
        ("http://h/some/", ("http", "h", 80, "h", "/some/")),
        ("http://user:secret@h:1", ("http", "h", 1, "h:1", "/")),
        ("http://bücher.test", ("http", "xn--bcher-kva.test", 80, "xn--bcher-kva.test", "/")),
    ],
)
def test_an_endpoint_is_read(url: str, endpoint: tuple[str, str, int, str, str]) -> None:
    """Host, port, ``Host`` header and path; a name is lower case, and the usual port left out."""
    scheme, *rest = endpoint
    assert astuple(Endpoint.from_url(url)) == (scheme == "https", *rest)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8000",
        "ftp://h",
        "http://",
        "http://h:secret",
        "http://h:99999",
        "http://h/?secret=1",
        "http://h/a b",
        "http://h/ü",
        "http://[::1",
        "http://h h/",
        "http://ü" + "x" * 80,
    ],
)
def test_what_is_no_url_is_told_and_not_repeated(url: str) -> None:
    """It may hold a password."""
    with pytest.raises(PreflightError, match=r"target\.endpoint") as caught:
        Endpoint.from_url(url)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("variables", "url", "expected"),
    [
        ({}, "http://h", False),
        ({"HTTP_PROXY": "http://p"}, "http://h", True),
        ({"http_proxy": "http://p"}, "http://h", True),
        ({"HTTP_PROXY": "http://p"}, "https://h", False),
        ({"HTTPS_PROXY": "http://p"}, "https://h:8443", True),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "h,x"}, "https://h", False),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": ".h"}, "https://a.h", False),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "*"}, "https://a.h", False),
        ({"ALL_PROXY": "http://p"}, "https://h", False),
    ],
)
def test_a_proxy_is_noticed_where_the_sdk_would_use_it(
    variables: dict[str, str], url: str, *, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the scheme's variable, in either case, unless NO_PROXY has the host."""
    from botocore.utils import get_environ_proxies

    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert proxied(url) is expected
    assert (url.partition(":")[0] in get_environ_proxies(url)) is expected
