"""The routes that tell: lists, pages, a job with all there is about it, and the server itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.api.client import Bench


async def started(bench: Bench, count: int = 1) -> list[str]:
    """Start jobs; return their ids, oldest first."""
    return [(await bench.ask("POST", "/api/users/migrate")).json["id"] for _ in range(count)]


async def test_pipelines_are_listed_broken_ones_too() -> None:
    """Each with what is known of it, its jobs by id, and its newest job."""
    bench = Bench()
    (job,) = await started(bench)
    broken, users = (await bench.ask("GET", "/api/pipelines")).json["pipelines"]

    assert (broken["name"], broken["valid"], broken["problem"]) == (
        "broken",
        False,
        "line 3: no such key",
    )
    assert (users["source"], users["table"], users["endpoint"]) == ("file", "Users", "aws")
    assert users["active_jobs"] == [job]
    assert users["last_job"]["id"] == job


async def test_jobs_are_paged_and_filtered() -> None:
    """Newest first; `next` leads through all of them, once each."""
    bench = Bench()
    ids = await started(bench, 5)
    await bench.ask("POST", f"/api/jobs/{ids[1]}/stop")

    seen, cursor = [], ""
    while True:
        page = (await bench.ask("GET", f"/api/jobs?limit=2{cursor}")).json
        seen += [job["id"] for job in page["jobs"]]
        if page["next"] is None:
            break
        cursor = f"&before={page['next']}"
    assert seen == ids[::-1]

    stopped = (await bench.ask("GET", "/api/jobs?state=stopped&pipeline=users")).json["jobs"]
    assert [job["id"] for job in stopped] == [ids[1]]
    assert (await bench.ask("GET", "/api/jobs?pipeline=nobody")).json["jobs"] == []


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "state=over", "before=", "pipeline="])
async def test_what_no_list_has_is_refused(query: str) -> None:
    """422, by the parameter's name."""
    answer = await Bench().ask("GET", f"/api/jobs?{query}")
    assert (answer.status, answer.problem) == (422, "invalid-request")


async def test_a_cursor_that_no_page_gave_leads_nowhere() -> None:
    """404, as for anything else that is not there."""
    answer = await Bench().ask("GET", "/api/jobs?before=never")
    assert (answer.status, answer.problem) == (404, "unknown-page")


async def test_a_job_is_told_with_its_newest_sample_and_its_report() -> None:
    """`live` is {} and `report` null before there is one."""
    bench = Bench()
    (job,) = await started(bench)
    told = (await bench.ask("GET", f"/api/jobs/{job}")).json
    assert (told["live"], told["report"]) == ({}, None)

    bench.jobs.lines = [{"n": 0}, {"n": 1, "settled": 9}]
    bench.jobs.final = {"status": "succeeded", "note": "\ud800 \u2028 caf\u00e9"}
    told = (await bench.ask("GET", f"/api/jobs/{job}")).json
    assert told["live"] == {"n": 1, "settled": 9}
    assert told["report"] == bench.jobs.final


async def test_what_a_text_holds_acts_on_no_terminal() -> None:
    """Line separators, directions and lone surrogates are escaped, the rest is UTF-8."""
    bench = Bench()
    bench.jobs.final = {"note": "\u202e\u2028\ud800\x1bcaf\u00e9"}
    (job,) = await started(bench)
    body = (await bench.ask("GET", f"/api/jobs/{job}")).body
    assert b'"note":"\\u202e\\u2028\\ud800\\u001bcaf\xc3\xa9"' in body


@pytest.mark.parametrize(("part", "name"), [("errors", "errors"), ("log", "lines")])
async def test_lines_are_paged(part: str, name: str) -> None:
    """By `after`; the last page says so."""
    bench = Bench()
    (job,) = await started(bench)
    bench.jobs.lines = [{"line": number} for number in range(5)]

    first = (await bench.ask("GET", f"/api/jobs/{job}/{part}?limit=3")).json
    assert [line["line"] for line in first[name]] == [0, 1, 2]
    rest = (await bench.ask("GET", f"/api/jobs/{job}/{part}?after={first['next']}")).json
    assert [line["line"] for line in rest[name]] == [3, 4]
    assert rest["next"] is None
    assert (await bench.ask("GET", f"/api/jobs/{job}/{part}?after=99")).problem == "unknown-page"


async def test_samples_go_on_after_the_last() -> None:
    """`next` is the number to go on after, the same one where there is nothing new."""
    bench = Bench()
    (job,) = await started(bench)
    bench.jobs.lines = [{"n": number} for number in range(4)]

    page = (await bench.ask("GET", f"/api/jobs/{job}/samples?after=0&limit=2")).json
    assert page == {"samples": [{"n": 1}, {"n": 2}], "next": 2}
    page = (await bench.ask("GET", f"/api/jobs/{job}/samples?after=3")).json
    assert page == {"samples": [], "next": 3}


async def test_stop_and_resume() -> None:
    """202 with the job; 409 in a state where there is nothing to stop or to resume."""
    bench = Bench()
    (job,) = await started(bench)
    assert (await bench.ask("POST", f"/api/jobs/{job}/resume")).problem == "wrong-state"

    stopped = await bench.ask("POST", f"/api/jobs/{job}/stop", b"{}")
    assert (stopped.status, stopped.json["state"]) == (202, "stopped")
    assert stopped.json["links"]["resume"] == f"/api/jobs/{job}/resume"
    again = await bench.ask("POST", f"/api/jobs/{job}/stop")
    assert (again.status, again.problem) == (409, "wrong-state")

    resumed = await bench.ask("POST", f"/api/jobs/{job}/resume")
    assert (resumed.status, resumed.json["state"]) == (202, "running")
    assert resumed.header("location") == f"/api/jobs/{job}"


@pytest.mark.parametrize(
    ("method", "part"),
    [
        ("GET", ""),
        ("GET", "/events"),
        ("GET", "/samples"),
        ("GET", "/errors"),
        ("GET", "/log"),
        ("POST", "/stop"),
        ("POST", "/resume"),
    ],
)
async def test_an_unknown_job_is_unknown_everywhere(method: str, part: str) -> None:
    """404, whatever is asked of it."""
    answer = await Bench().ask(method, f"/api/jobs/nobody{part}")
    assert (answer.status, answer.problem) == (404, "unknown-job")


async def test_ready_is_not_alive() -> None:
    """A server that closes, or has not read its jobs yet, lives but takes none."""
    bench = Bench()
    assert (await bench.ask("GET", "/healthz")).json == {"status": "ok"}
    assert (await bench.ask("GET", "/readyz")).status == 200

    bench.jobs.taking = False
    assert (await bench.ask("GET", "/readyz")).problem == "not-ready"
    bench.jobs.taking = True
    bench.stop.request("sigterm")
    assert (await bench.ask("GET", "/readyz")).status == 503
    assert (await bench.ask("GET", "/healthz")).status == 200


async def test_the_page_is_fetched_once() -> None:
    """Its files come with a tag, and 304 without a body to whoever has them."""
    bench = Bench()
    page = await bench.ask("GET", "/")
    assert (page.status, page.header("content-type")) == (200, "text/html; charset=utf-8")
    script = await bench.ask("GET", "/assets/app.js")
    assert (script.body, script.header("etag")) == (b"1;", '"app"')
    assert script.header("cache-control") == "no-cache"

    again = await bench.ask("GET", "/assets/app.js", b"", {"if-none-match": 'W/"x", "app"'})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    "path",
    ["/assets/index.html", "/assets/nothing.js", "/assets/..", "/assets/../app.py", "/assets/"],
)
async def test_no_other_file_is_served(path: str) -> None:
    """A name that the page does not have is 404, whatever stands on the disk."""
    answer = await Bench().ask("GET", path)
    assert (answer.status, answer.problem) == (404, "not-found")


async def test_metrics_count_jobs_and_requests_by_route() -> None:
    """No label is a stranger's text: unknown paths and methods are counted together."""
    bench = Bench()
    (job,) = await started(bench)
    await bench.ask("GET", f"/api/jobs/{job}")
    await bench.ask("BREW", '/tea"pot')
    await bench.ask("GET", "/nowhere")

    lines = (await bench.ask("GET", "/metrics")).body.decode().splitlines()
    name = "dynamodb_pipeline_http_requests_total"
    assert 'dynamodb_pipeline_jobs{state="running"} 1' in lines
    assert 'dynamodb_pipeline_jobs{state="failed"} 0' in lines
    assert f'{name}{{method="GET",route="/api/jobs/{{id}}",status="200"}} 1' in lines
    assert f'{name}{{method="POST",route="/api/{{pipeline}}/migrate",status="202"}} 1' in lines
    assert f'{name}{{method="other",route="unknown",status="404"}} 1' in lines
    assert f'{name}{{method="GET",route="unknown",status="404"}} 1' in lines
    assert not any("teapot" in line or job in line for line in lines)


async def test_metrics_of_runs_are_those_that_are_active() -> None:
    """A run that loads is there with its newest sample, one that is over no more."""
    bench = Bench()
    first, second = await started(bench, 2)
    bench.jobs.put(replace(bench.jobs.known[first], state="succeeded", run="past"))
    bench.jobs.put(replace(bench.jobs.known[second], run="active"))
    bench.jobs.lines = [{"n": 0, "read": 7, "succeeded": 5}]

    text = (await bench.ask("GET", "/metrics")).body.decode()
    assert 'dynamodb_pipeline_records_read_total{pipeline="users",run="active"} 7' in text
    assert "past" not in text
