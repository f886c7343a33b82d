"""The route that starts jobs: what it takes, what it refuses, and in which words."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.jobs.errors import BadUploadError, QueueFullError, SpoolFullError, StoreError
from pipeline.jobs.model import Overrides
from tests.unit.api.client import Bench

if TYPE_CHECKING:
    from tests.unit.api.client import Answer

JSON = {"content-type": "application/json"}
LINES = {"content-type": "application/x-ndjson"}
MIGRATE = "/api/users/migrate"


def only_job(bench: Bench) -> Any:
    (job,) = bench.jobs.known.values()
    return job


def refused(answer: Answer, status: int, name: str) -> Any:
    """Hold *answer* to be problem *name*; return it."""
    assert (answer.status, answer.problem) == (status, name)
    return answer.json


async def test_an_empty_post_starts_the_definition_as_it_is() -> None:
    """202, where the job is, and the job."""
    bench = Bench()
    answer = await bench.ask("POST", MIGRATE)

    assert answer.status == 202
    assert answer.header("location") == f"/api/jobs/{answer.json['id']}"
    assert answer.header("idempotency-replayed") is None
    assert only_job(bench).overrides == Overrides()
    assert answer.json["created_at"] == "2026-03-01T12:00:00.500Z"
    assert answer.json["links"]["stop"] == f"/api/jobs/{answer.json['id']}/stop"
    assert answer.json["links"]["resume"] is None


async def test_a_whole_number_may_be_written_with_a_point() -> None:
    """In JSON 5.0 is a whole number, and 1e3 too."""
    bench = Bench()
    await bench.ask("POST", MIGRATE, b'{"limit": 1e3}', JSON)
    assert only_job(bench).overrides == Overrides(limit=1000)


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
async def test_overrides_stand_in_json(kind: str) -> None:
    """Each of the three is taken, and nothing else is changed."""
    bench = Bench()
    body = b'{"limit": 5, "rate": 2.5, "dry_run": true}'
    answer = await bench.ask("POST", MIGRATE, body, {"content-type": kind})

    assert answer.status == 202
    assert only_job(bench).overrides == Overrides(5, 2.5, dry_run=True)


async def test_overrides_stand_in_the_query_which_wins() -> None:
    """What a URL says counts for every kind of body; an empty body may call itself a form."""
    bench = Bench()
    await bench.ask("POST", f"{MIGRATE}?limit=7&dry_run=true", b'{"limit": 5, "rate": 9}', JSON)
    assert only_job(bench).overrides == Overrides(7, 9.0, dry_run=True)

    bench = Bench()
    form = {"content-type": "application/x-www-form-urlencoded"}
    await bench.ask("POST", f"{MIGRATE}?rate=1e3", b"", form)
    assert only_job(bench).overrides == Overrides(rate=1000.0)


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        (b'{"limit": "5"}', "limit", "must be a whole number"),
        (b'{"limit": true}', "limit", "must be a whole number"),
        (b'{"limit": 1.5}', "limit", "must be a whole number"),
        (b'{"limit": -1}', "limit", "must be at least 0"),
        (b'{"limit": 9007199254740992}', "limit", "must be at most 9007199254740991"),
        (b'{"rate": 0}', "rate", "must be at least 1"),
        (b'{"rate": 1e400}', "rate", "must be a finite number"),
        (b'{"rate": NaN}', "rate", "must be a finite number"),
        (b'{"dry_run": 1}', "dry_run", "must be true or false"),
        (b'{"dry_run": null}', "dry_run", "must be true or false"),
        (
            b'{"target": {"endpoint": "http://evil"}}',
            "target",
            "is not known here; known are limit, rate and dry_run",
        ),
        (b'{"limit": 1, "limit": 2}', "limit", "is there twice"),
        (b'{"dry_run": true, "dry_r\\u0075n": false}', "dry_run", "is there twice"),
        (b"[]", "body", "must be a JSON object"),
        (b"{", "body", "is no JSON"),
        (b"[" * 60_000, "body", "is no JSON"),
        (b'{"limit":\xff}', "body", "is no JSON"),
    ],
)
async def test_a_wrong_override_is_told_by_its_name(body: bytes, field: str, message: str) -> None:
    """422 with the field; no job, and nothing of what was sent in the answer."""
    bench = Bench()
    problem = refused(await bench.ask("POST", MIGRATE, body, JSON), 422, "invalid-request")

    assert {"field": field, "message": message} in problem["errors"]
    assert field in problem["detail"]
    assert "evil" not in json.dumps(problem)
    assert not bench.jobs.known


@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        ("dryrun=true", "dryrun", "is no parameter here"),
        ("limit=1&limit=2", "limit", "is there twice"),
        ("limit=1.0", "limit", "must be a whole number"),
        ("limit=1_000", "limit", "must be a whole number"),
        ("limit=%D9%A1", "limit", "must be a whole number"),
        ("limit=", "limit", "must be a whole number"),
        ("limit=-1", "limit", "must be at least 0"),
        ("rate=inf", "rate", "must be a number"),
        ("rate=0.5", "rate", "must be at least 1"),
        ("dry_run=yes", "dry_run", "must be true or false"),
    ],
)
async def test_a_misspelt_parameter_starts_nothing(query: str, field: str, message: str) -> None:
    """A `dryrun=true` that is passed over would write to the table."""
    bench = Bench()
    problem = refused(await bench.ask("POST", f"{MIGRATE}?{query}"), 422, "invalid-request")

    assert problem["errors"] == [{"field": field, "message": message}]
    assert not bench.jobs.known


async def test_records_are_spooled_as_they_come() -> None:
    """Each piece is written when it comes, in its format and compression, and then submitted."""
    bench = Bench()
    headers = {**LINES, "content-encoding": "gzip"}
    answer = await bench.ask("POST", f"{MIGRATE}?limit=3", [b"abc", b"", b"defg"], headers)

    assert answer.status == 202
    assert answer.json["upload"] == {"format": "jsonl", "compression": "gzip", "bytes": 7}
    assert only_job(bench).overrides == Overrides(limit=3)
    assert bench.jobs.open_spools == 0


async def test_csv_is_taken_uncompressed_too() -> None:
    """text/csv without a coding, or with `identity`."""
    bench = Bench()
    headers = {"content-type": "text/csv; charset=UTF-8", "content-encoding": "identity"}
    answer = await bench.ask("POST", MIGRATE, b"id\n1\n", headers)
    assert answer.json["upload"] == {"format": "csv", "compression": "none", "bytes": 5}


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "text/plain"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/yaml"},
        {"content-type": "text/csv; charset=latin-1"},
        {"content-type": "text/plain, application/json"},
        {"content-type": ""},
        {},
        {**JSON, "content-encoding": "gzip"},
        {**LINES, "content-encoding": "br"},
        {**LINES, "content-encoding": "gzip, gzip"},
    ],
)
async def test_another_kind_of_body_is_refused_with_what_is_taken(headers: dict[str, str]) -> None:
    """415, with the header that says which types or codings there are."""
    bench = Bench()
    answer = await bench.ask("POST", MIGRATE, b'{"limit": 1}', headers)

    refused(answer, 415, "unsupported-media-type")
    assert answer.header("accept-post") or answer.header("accept-encoding")
    assert not bench.jobs.known


async def test_a_body_that_is_too_large_is_not_read_to_its_end() -> None:
    """413 by its announced length before any of it, else as soon as it is too long."""
    bench = Bench(most=100)
    announced = {**LINES, "content-length": "101"}
    refused(await bench.ask("POST", MIGRATE, b"x", announced), 413, "too-large")
    assert bench.jobs.spools == []

    pieces = [b"x" * 60] * 1000
    refused(await bench.ask("POST", MIGRATE, pieces, LINES), 413, "too-large")
    assert bench.jobs.spools[0].size == 120
    assert bench.jobs.open_spools == 0

    json_pieces = [b" " * 40_000] * 1000
    refused(await bench.ask("POST", MIGRATE, json_pieces, JSON), 413, "too-large")


async def test_a_key_gives_the_same_job_again() -> None:
    """The second answer says that it is a replay; another request under the key is refused."""
    bench = Bench()
    key = {"idempotency-key": "k" * 255}
    first = await bench.ask("POST", MIGRATE, b"", key)
    second = await bench.ask("POST", MIGRATE, b"", key)

    assert second.json["id"] == first.json["id"]
    assert second.status == 202
    assert second.header("idempotency-replayed") == "true"
    refused(await bench.ask("POST", f"{MIGRATE}?limit=1", b"", key), 409, "key-reused")


@pytest.mark.parametrize("key", ["", "k" * 256, "a b", "a\tb", "schl\u00fcssel", "a\x01"])
async def test_a_key_is_visible_ascii(key: str) -> None:
    """Anything else is refused by its name."""
    bench = Bench()
    answer = await bench.ask("POST", MIGRATE, b"", {"idempotency-key": key})
    problem = refused(answer, 422, "invalid-request")
    assert problem["errors"][0]["field"] == "Idempotency-Key"


@pytest.mark.parametrize(
    ("raised", "status", "name", "after"),
    [
        (QueueFullError("full", 12.2), 429, "queue-full", "13"),
        (QueueFullError("full", 0), 429, "queue-full", "1"),
        (SpoolFullError("secret"), 503, "spool-full", "30"),
        (StoreError("secret"), 503, "storage", "30"),
        (BadUploadError("the gzip stream ends early"), 422, "bad-upload", None),
        (RuntimeError("secret"), 500, "internal", None),
    ],
)
async def test_what_the_service_refuses_is_told(
    raised: Exception, status: int, name: str, after: str | None
) -> None:
    """Each by its own problem; where it passes, with the time after which to ask again."""
    bench = Bench()
    bench.jobs.raised = raised
    answer = await bench.ask("POST", MIGRATE, b"", {})

    refused(answer, status, name)
    assert answer.header("retry-after") == after
    assert b"secret" not in answer.body
    assert ("http.failed" in [event for event, _ in bench.log.events]) == (status == 500)


async def test_unknown_and_broken_pipelines() -> None:
    """404 and 409, the latter with what is wrong with the definition."""
    bench = Bench()
    refused(await bench.ask("POST", "/api/nobody/migrate"), 404, "unknown-pipeline")
    problem = refused(await bench.ask("POST", "/api/broken/migrate"), 409, "broken-definition")
    assert problem["detail"] == "line 3: no such key"


async def test_a_large_upload_for_nobody_is_not_taken() -> None:
    """It is refused before its first byte; what is small may be for a definition that is new."""
    bench = Bench(most=10**9)
    announced = {**LINES, "content-length": "1000000"}
    unknown = await bench.ask("POST", "/api/nobody/migrate", b"x", announced)
    refused(unknown, 404, "unknown-pipeline")
    broken = await bench.ask("POST", "/api/broken/migrate", [b"x", b"y"], LINES)
    refused(broken, 409, "broken-definition")
    assert bench.jobs.spools == []

    refused(await bench.ask("POST", "/api/nobody/migrate", b"x", LINES), 404, "unknown-pipeline")
    assert bench.jobs.spools[0].size == 1


async def test_a_large_upload_that_finds_no_place_is_not_taken() -> None:
    """It is refused before its first byte; but under a key its job may be there already."""
    bench = Bench(most=10**9)
    bench.jobs.full = QueueFullError("3 jobs wait already", 12.2)
    refused(await bench.ask("POST", MIGRATE, [b"x", b"y"], LINES), 429, "queue-full")
    assert bench.jobs.spools == []

    keyed = {**LINES, "idempotency-key": "again"}
    assert (await bench.ask("POST", MIGRATE, [b"x", b"y"], keyed)).status == 202


async def test_a_server_that_closes_waits_for_no_upload() -> None:
    """The upload is given up at once, its file with it, and the client is told."""
    bench = Bench()
    first = asyncio.Event()

    class Forever(list[bytes]):
        def pop(self, _: Any = 0) -> bytes:
            first.set()
            return super().pop(0)

    async with asyncio.TaskGroup() as group:
        asking = group.create_task(upload_that_stops(bench, first))
        await first.wait()
        bench.stop.request("sigterm")
    refused(asking.result(), 503, "closing")
    assert bench.jobs.open_spools == 0
    assert not bench.jobs.known


@pytest.mark.parametrize("headers", [LINES, {"content-type": "application/json"}])
async def test_a_client_that_leaves_is_no_fault_of_ours(headers: dict[str, str]) -> None:
    """Nothing of its body is kept, and the log tells of a bad request, not of a failed server."""
    bench, gone = Bench(), asyncio.Event()
    gone.set()
    answer = await bench.ask("POST", MIGRATE, [], headers, gone=gone)
    assert (answer.status, answer.problem) == (400, "bad-request")
    assert bench.jobs.open_spools == 0
    assert not bench.jobs.known
    assert [event for event, _ in bench.log.events] == ["http.request"]


async def upload_that_stops(bench: Bench, first: asyncio.Event) -> Answer:
    """Send one piece of two; the second never comes."""
    from tests.unit.api import client

    answer = client.Answer()
    scope = client.scope_of(
        "POST", MIGRATE, {"host": "localhost", "transfer-encoding": "chunked", **LINES}
    )
    sent = iter([b"{}\n"])

    async def receive() -> dict[str, Any]:
        piece = next(sent, None)
        if piece is None:
            first.set()
            await asyncio.Event().wait()
        return {"type": "http.request", "body": piece, "more_body": True}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = [(name.decode(), it.decode()) for name, it in message["headers"]]
        else:
            answer.body += message["body"]

    await bench.app(scope, receive, send)
    return answer
