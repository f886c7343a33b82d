"""Who may ask: names, sites, tokens, and what every answer says of the server."""

from __future__ import annotations

import pytest

from pipeline.api.guard.access import Access, host_of
from pipeline.api.guard.envelope import Envelope
from pipeline.api.limits import Limits
from tests.unit.api.client import Bench

TOKEN = "correct-horse-battery-staple"
SECURED = Access(token=TOKEN)

ROUTES = [
    ("GET", "/api/pipelines"),
    ("GET", "/api/jobs"),
    ("GET", "/api/jobs/x"),
    ("GET", "/api/jobs/x/events"),
    ("GET", "/api/jobs/x/samples"),
    ("GET", "/api/jobs/x/errors"),
    ("GET", "/api/jobs/x/log"),
    ("POST", "/api/jobs/x/stop"),
    ("POST", "/api/jobs/x/resume"),
    ("POST", "/api/users/migrate"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/nowhere"),
    ("DELETE", "/api/jobs"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_token_is_asked_for_everywhere(method: str, path: str) -> None:
    """401 with how to ask, before anything else is told, such as whether the route is there."""
    bench = Bench(access=SECURED)
    answer = await bench.ask(method, path)
    assert (answer.status, answer.problem) == (401, "unauthorized")
    assert answer.header("www-authenticate") == 'Bearer realm="pipeline"'
    assert not bench.jobs.known

    allowed = await bench.ask(method, path, b"", {"authorization": f"Bearer {TOKEN}"})
    assert allowed.status != 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/", "/assets/app.js"])
async def test_what_tells_of_no_job_is_open(path: str) -> None:
    """A probe has no token, and the page has to be there to ask for it."""
    assert (await Bench(access=SECURED).ask("GET", path)).status == 200


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN.upper()}",
        f"Bearer x, Bearer {TOKEN}",
        f"Bearer {TOKEN}\u00e9",
        f'Bearer "{TOKEN}"',
    ],
)
async def test_nothing_else_is_the_token(value: str) -> None:
    """401, which says that the token is the wrong one; the answer does not repeat it."""
    bench = Bench(access=SECURED)
    answer = await bench.ask("GET", "/api/jobs", b"", {"authorization": value})
    assert answer.status == 401
    assert answer.header("www-authenticate") == 'Bearer realm="pipeline", error="invalid_token"'
    assert TOKEN.encode() not in answer.body


async def test_the_scheme_is_no_secret() -> None:
    """RFC 9110: its case does not matter."""
    bench = Bench(access=SECURED)
    answer = await bench.ask("GET", "/api/jobs", b"", {"authorization": f"bearer {TOKEN}"})
    assert answer.status == 200


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:9", "[0:0:0:0:0:0:0:1]", "localhost."],
)
async def test_loopback_has_its_names_at_any_port(host: str) -> None:
    """A tunnel or a container shows another port than ours."""
    assert (await Bench().ask("GET", "/api/jobs", b"", {"host": host})).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "evil.example@localhost",
        "localhost:80:80",
        "localhost/evil",
        "localhost, evil.example",
        "2130706433",
        "0x7f.1",
        "0.0.0.0",  # noqa: S104 - what is refused
        "[::1].evil.example",
        "[::1",
        "",
        " localhost",
    ],
)
async def test_another_name_is_not_answered(host: str) -> None:
    """Else a page whose name was turned to 127.0.0.1 could ask; the page itself is not given."""
    for path in ("/", "/healthz", "/api/jobs"):
        answer = await Bench().ask("GET", path, b"", {"host": host})
        assert (answer.status, answer.problem) == (421, "wrong-host")


async def test_names_are_added() -> None:
    """By their names alone; the address that the request came to is known by itself."""
    bench = Bench(access=Access(frozenset({"jobs.example.org"})))
    headers = {"host": "Jobs.Example.org:443"}
    assert (await bench.ask("GET", "/api/jobs", b"", headers)).status == 200
    assert Access().judge("/", {"host": "10.0.0.7:8080"}, "10.0.0.7") is None
    assert Access().judge("/", {"host": "10.0.0.7:8080"}, "10.0.0.8") is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("origin", "file://"),
        ("origin", "http://localhost:8081"),
        ("origin", "http://localhost"),
        ("origin", "http://localhost:8080@evil.example"),
        ("origin", "http://localhost:8080, http://evil.example"),
        ("origin", "http://[::1"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "CROSS-SITE"),
    ],
)
@pytest.mark.parametrize("path", ["/api/users/migrate", "/", "/healthz"])
async def test_pages_of_others_are_not_answered(path: str, name: str, value: str) -> None:
    """Whatever they ask for, also with the token: a browser would send what is not theirs."""
    bench = Bench()
    answer = await bench.ask("POST", path, b"", {name: value})
    assert (answer.status, answer.problem) == (403, "foreign-site")
    assert not bench.jobs.known


async def test_its_own_page_is_answered() -> None:
    """With the Origin and the Sec-Fetch-Site that a browser sends for it."""
    own = {"origin": "http://localhost:8080", "sec-fetch-site": "same-origin"}
    assert (await Bench().ask("POST", "/api/users/migrate", b"", own)).status == 202
    typed = {"sec-fetch-site": "none"}
    assert (await Bench().ask("GET", "/", b"", typed)).status == 200


async def test_nobody_is_given_leave_from_elsewhere() -> None:
    """There is no CORS: a preflight is refused, and no answer allows anything."""
    bench = Bench()
    asked = {"origin": "http://evil.example", "access-control-request-method": "POST"}
    for headers in (asked, {}):
        answer = await bench.ask("OPTIONS", "/api/users/migrate", b"", headers)
        assert answer.status in {403, 405}
        assert not [name for name, _ in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/nowhere", 404),
        ("PUT", "/healthz", 405),
        ("GET", "/metrics", 0),
    ],
)
async def test_every_answer_is_wrapped(method: str, path: str, status: int) -> None:
    """Nothing may be framed, sniffed, kept or loaded from elsewhere; nothing says what serves."""
    answer = await Bench().ask(method, path)
    assert status in {0, answer.status}
    assert (answer.header("content-security-policy") or "").startswith("default-src 'none';")
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("x-frame-options") == "DENY"
    assert answer.header("referrer-policy") == "no-referrer"
    assert answer.header("cache-control") == "no-store"
    assert answer.header("x-request-id")
    assert answer.header("server") is None


async def test_methods_that_are_not_there_are_named() -> None:
    """405 with Allow, as a problem too."""
    answer = await Bench().ask("DELETE", "/api/jobs")
    assert (answer.status, answer.problem) == (405, "method-not-allowed")
    assert answer.header("allow") == "GET"


async def test_addresses_and_headers_are_bounded() -> None:
    """By their size and by their number, whoever asks."""
    bench = Bench(limits=Limits(target_bytes=100, head_bytes=500, head_fields=10))
    assert (await bench.ask("GET", "/" + "x" * 100)).problem == "target-too-long"
    assert (await bench.ask("GET", "/api/jobs?" + "x" * 100)).problem == "target-too-long"
    large = await bench.ask("GET", "/healthz", b"", {"x": "y" * 500})
    assert (large.status, large.problem) == (431, "headers-too-large")
    many = {f"x-{number}": "" for number in range(10)}
    assert (await bench.ask("GET", "/healthz", b"", many)).status == 431


async def test_a_body_with_two_ends_is_refused() -> None:
    """Or two readers of one connection see two requests where there is one."""
    framed = {"content-length": "5", "transfer-encoding": "chunked"}
    answer = await Bench().ask("POST", "/api/users/migrate", [b"{}"], framed)
    assert (answer.status, answer.problem) == (400, "bad-request")
    assert answer.header("connection") == "close"


async def test_a_version_that_is_not_spoken_is_refused() -> None:
    """And the connection ends: what follows is nobody's request."""
    answer = await Bench().ask("PRI", "*", version="2.0")
    assert (answer.status, answer.problem) == (505, "unknown-version")
    assert answer.header("connection") == "close"


@pytest.mark.parametrize("path", ["/\n", "/api/jobs\n", "/api/\x00/migrate", "/api/jobs/\x7f"])
async def test_a_line_s_end_is_no_part_of_an_address(path: str) -> None:
    """The framework would find `/` in `/` and a line feed."""
    answer = await Bench().ask("GET", path)
    assert (answer.status, answer.problem) == (404, "not-found")


async def test_a_request_is_logged_without_what_is_in_its_query() -> None:
    """Its id, route and outcome; of the query which parameters there were."""
    bench = Bench(access=SECURED)
    answer = await bench.ask("GET", "/api/jobs?pipeline=secret&token=hunter2")
    (line,) = [facts for event, facts in bench.log.events if event == "http.request"]

    assert line["request"] == answer.header("x-request-id")
    assert (line["method"], line["path"], line["status"]) == ("GET", "/api/jobs", 401)
    assert (line["query"], line["problem"]) == (["pipeline", "token"], "unauthorized")
    assert line["client"] == "127.0.0.1"
    assert "hunter2" not in str(line)
    assert "secret" not in str(line)


async def test_a_fault_of_ours_is_logged_and_not_told() -> None:
    """500 with an id, under which the log has where it happened."""
    bench = Bench()

    async def broken(_: str) -> None:
        raise KeyError("4111-1111")

    bench.jobs.job = broken  # type: ignore[assignment]
    answer = await bench.ask("GET", "/api/jobs/x")
    assert (answer.status, answer.problem) == (500, "internal")
    assert b"4111" not in answer.body
    (facts,) = [facts for event, facts in bench.log.events if event == "http.failed"]
    assert facts["request"] == answer.header("x-request-id")
    assert isinstance(facts["exc_info"], KeyError)


async def test_a_fault_outside_of_the_routes_is_not_told_either() -> None:
    """Where nothing else catches it, the envelope does."""

    async def broken(*_: object) -> None:
        raise KeyError("4111-1111")

    bench = Bench()
    bench.app = Envelope(broken, bench.log, bench.traffic)
    answer = await bench.ask("GET", "/")
    assert (answer.status, answer.problem) == (500, "internal")
    assert b"4111" not in answer.body
    assert "http.failed" in [event for event, _ in bench.log.events]


async def test_an_unread_body_ends_the_connection() -> None:
    """What was not read would be taken for the next request's beginning."""
    bench = Bench()
    refused = await bench.ask("POST", "/api/nobody", [b"x", b"y"])
    assert refused.header("connection") == "close"
    read = await bench.ask("POST", "/api/jobs/x/stop", b"{}")
    assert read.header("connection") is None
    empty = await bench.ask("GET", "/healthz", b"", {"content-length": "0"})
    assert empty.header("connection") is None


@pytest.mark.parametrize(
    ("text", "name"),
    [("a.b:1", "a.b"), ("[::FFFF]:1", "::ffff"), ("A.", "a"), ("a:b", None), ("::1", None)],
)
def test_hosts_are_read(text: str, name: str | None) -> None:
    """Names in lower case, addresses in their shortest form, None for what is neither."""
    assert host_of(text) == name
