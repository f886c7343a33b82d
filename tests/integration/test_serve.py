"""The command ``serve`` as its users meet it: jobs over HTTP, events, uploads, its end."""

from __future__ import annotations

import gzip
import json
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.command import pipeline
from tests.integration.serving import LINES, Served, served, write_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPResponse
    from pathlib import Path

TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture(name="server")
def _server(tmp_path: Path) -> Iterator[Served]:
    with served(write_folder(tmp_path)) as server:
        yield server


def events_of(answer: HTTPResponse, until: str = "end") -> list[tuple[str, Any]]:
    """Read (event, data) up to event *until*, or the stream's end."""
    found: list[tuple[str, Any]] = []
    name = ""
    for raw in answer:
        field, _, value = raw.decode().strip().partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            found.append((name, json.loads(value)))
            if name == until:
                return found
    return found


def test_a_job_from_its_request_to_its_report(server: Served) -> None:
    """202 with its address, where it is followed to a report that accounts for every record."""
    begun = server.ask("POST", "/api/users/migrate")
    assert begun.status == 202
    home = begun.headers["location"]
    assert home == f"/api/jobs/{begun.json['id']}"

    connection = server.connect()
    connection.request("GET", f"{home}/events")
    told = events_of(connection.getresponse())
    connection.close()
    assert told[0][0] == "job"
    assert told[-1] == ("end", {"state": "completed_with_errors"})
    numbers = [line["n"] for name, line in told if name == "sample"]
    assert numbers == list(range(len(numbers)))
    assert numbers

    job = server.ask("GET", home).json
    assert (job["state"], job["exit_code"]) == ("completed_with_errors", 1)
    assert (job["report"]["succeeded"], job["report"]["rejected"]) == (4, 1)
    assert job["live"]["succeeded"] == 4

    (letter,) = server.ask("GET", f"{home}/errors").json["errors"]
    assert (letter["line"], letter["kind"], letter["field"]) == (3, "schema", "user_id")
    assert not letter.keys() & {"raw", "raw_b64", "header"}
    lines = server.ask("GET", f"{home}/log?limit=200").json["lines"]
    assert "run.finished" in {line["event"] for line in lines} or lines
    assert server.ask("GET", "/api/jobs").json["jobs"][0]["id"] == job["id"]


@pytest.mark.parametrize("packed", [False, True])
def test_records_in_the_body_are_loaded(server: Served, packed: bool) -> None:  # noqa: FBT001
    """As they come, in chunks, gzip or not; the definition's schema judges them."""
    text = b"".join(b'{"user_id": "x%d"}\n' % number for number in range(500)) + b"{}\n"
    body = gzip.compress(text) if packed else text
    headers = {**LINES, **({"Content-Encoding": "gzip"} if packed else {})}
    pieces = (body[at : at + 1000] for at in range(0, len(body), 1000))
    begun = server.ask("POST", "/api/users/migrate", pieces, headers)

    assert begun.status == 202
    assert begun.json["upload"]["bytes"] == len(body)
    job = server.await_job(begun.json["id"])
    assert (job["report"]["succeeded"], job["report"]["rejected"]) == (500, 1)


def test_csv_in_the_body_is_loaded(server: Served) -> None:
    """With its header; a dry run writes nothing and says so."""
    headers = {"Content-Type": "text/csv"}
    begun = server.ask("POST", "/api/users/migrate?dry_run=true", b"user_id\na\nb\n", headers)
    report = server.await_job(begun.json["id"])["report"]
    assert (report["succeeded"], report["dry_run"]) == (2, True)


def test_a_job_is_stopped_and_resumed(server: Served) -> None:
    """Softly; the same job goes on under its id where it stood."""
    job = server.ask("POST", "/api/slow/migrate", {"limit": 40, "rate": 10}).json["id"]
    server.await_job(job, "running")
    assert server.ask("POST", f"/api/jobs/{job}/resume").problem == "wrong-state"
    assert server.ask("POST", f"/api/jobs/{job}/stop").status == 202
    stopped = server.await_job(job, "stopped")
    assert stopped["resumable"]
    assert stopped["links"]["resume"]

    assert server.ask("POST", f"/api/jobs/{job}/resume").status == 202
    ended = server.await_job(job, "succeeded")
    assert ended["attempts"] == 2
    assert ended["report"]["succeeded"] == 40


def test_a_sigterm_ends_streams_and_jobs(server: Served) -> None:
    """Within ten seconds, with exit code 0; a stream that was open ends, without `end`."""
    job = server.ask("POST", "/api/people/migrate").json["id"]
    server.await_job(job, "running")
    connection = server.connect()
    connection.request("GET", f"/api/jobs/{job}/events")
    answer = connection.getresponse()
    assert events_of(answer, "job")
    upload = server.connect()
    upload.putrequest("POST", "/api/users/migrate")
    upload.putheader("Content-Type", "application/x-ndjson")
    upload.putheader("Transfer-Encoding", "chunked")
    upload.endheaders(b"3\r\n{}\n\r\n")

    begun = time.monotonic()
    server.running.send_signal(signal.SIGTERM)
    assert "end" not in {name for name, _ in events_of(answer)}
    assert upload.getresponse().status == 503
    assert server.running.wait(30) == 0
    assert time.monotonic() - begun < 10
    connection.close()
    upload.close()


def test_a_server_that_comes_back_knows_its_jobs(tmp_path: Path) -> None:
    """What ran is interrupted, and goes on when it is asked to."""
    folder = write_folder(tmp_path)
    with served(folder) as server:
        job = server.ask("POST", "/api/slow/migrate", {"limit": 30, "rate": 10}).json["id"]
        server.await_job(job, "running")
        assert server.end() == 0
    with served(folder) as server:
        assert server.ask("GET", f"/api/jobs/{job}").json["state"] == "interrupted"
        server.ask("POST", f"/api/jobs/{job}/resume")
        assert server.await_job(job, "succeeded")["report"]["succeeded"] == 30


def test_a_token_keeps_others_out(tmp_path: Path) -> None:
    """Of a file or of the environment; with one another address may be listened on."""
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o600)
    folder = write_folder(tmp_path)
    options = ("--token-file", str(file), "--host", "0.0.0.0")  # noqa: S104 - what is tested
    with served(folder, *options, token=TOKEN) as server:
        server.host = "127.0.0.1"
        assert server.ask("GET", "/api/jobs").status == 200
        wrong = {"Authorization": "Bearer wrong"}
        assert server.ask("GET", "/api/jobs", headers=wrong).status == 401
        assert server.ask("GET", "/healthz", headers=wrong).status == 200
        assert server.ask("GET", "/", headers={"Host": "evil.example"}).status == 421


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--host", "0.0.0.0"), "a token is needed"),  # noqa: S104 - what is refused
        (("--host", "no.such.host.invalid"), "no address"),
        (("--allow-host", "http://a"), "--allow-host"),
        (("--token-file", "absent"), "--token-file"),
        (("--max-body", "much"), "no size"),
        (("--jobs", "0"), "--jobs"),
    ],
)
def test_what_is_unsafe_does_not_start(tmp_path: Path, options: tuple[str, ...], says: str) -> None:
    """Exit code 2, and what to do about it."""
    ended = pipeline("serve", write_folder(tmp_path), *options, cwd=tmp_path)
    assert ended.code == 2
    assert says in ended.err
    assert "Traceback" not in ended.err


def test_two_servers_do_not_share_a_folder_of_runs(server: Served, tmp_path: Path) -> None:
    """The second one is refused before it answers anything."""
    arguments = ("--port", "0", "--runs-dir", tmp_path / "runs")
    ended = pipeline("serve", tmp_path / "configs", *arguments, cwd=tmp_path)
    assert ended.code == 2
    assert "another" in ended.err
    assert server.ask("GET", "/readyz").status == 200


def test_its_lines_are_json_and_hold_no_query(server: Served) -> None:
    """One line for each request, that a program reads."""
    server.ask("GET", "/api/jobs?pipeline=hunter2")
    server.ask("GET", "/nowhere")
    assert server.end() == 0
    lines = [json.loads(line) for line in server.told]
    told = [line for line in lines if line["event"] == "http.request"]
    assert [(line["path"], line["status"]) for line in told] == [
        ("/api/jobs", 200),
        ("/nowhere", 404),
    ]
    assert "hunter2" not in "".join(server.told)


def test_metrics_have_the_runs_and_the_queue(server: Served) -> None:
    """What Prometheus scrapes: the active run's counters, jobs by state, requests by route."""
    job = server.ask("POST", "/api/people/migrate").json["id"]
    connection = server.connect()
    connection.request("GET", f"/api/jobs/{job}/events")
    assert events_of(connection.getresponse(), "sample")
    connection.close()
    text = server.ask("GET", "/metrics").body.decode()
    assert 'dynamodb_pipeline_records_read_total{pipeline="people",run="' in text
    assert 'dynamodb_pipeline_jobs{state="running"} 1' in text
    assert 'route="/api/{pipeline}/migrate",status="202"} 1' in text
